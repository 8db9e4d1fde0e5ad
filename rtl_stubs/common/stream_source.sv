// Plays the words of a memory into a valid/ready stream. Part of benches, not of the hardware.
//
// Word i is offered gap(i) + 1 cycles after word i - 1 was accepted, word 0 in cycle gap(0). Gaps repeat from the start
// when there are fewer of them than words. The testbench writes data_mem, gap_mem and the two counts while run is low.
module stream_source #(
    parameter int WIDTH = 8,
    parameter int DEPTH = 1024
) (
    input  logic             clk,
    input  logic             run,
    output logic             valid,
    input  logic             ready,
    output logic [WIDTH-1:0] data
);
    logic [WIDTH-1:0] data_mem [0:DEPTH-1];
    logic [15:0] gap_mem [0:DEPTH-1];
    logic [31:0] n_words, n_gaps;
    logic [31:0] word, gap;
    logic [15:0] wait_left;
    logic [31:0] next_gap;

    assign valid = run && word < n_words && wait_left == 0;
    assign data = data_mem[word[$clog2(DEPTH)-1:0]];
    assign next_gap = gap + 1 >= n_gaps ? 0 : gap + 1;

    always_ff @(posedge clk) begin
        if (!run) begin
            word <= 0;
            gap <= 0;
            wait_left <= gap_mem[0];
        end else if (wait_left != 0) begin
            wait_left <= wait_left - 1;
        end else if (valid && ready) begin
            word <= word + 1;
            gap <= next_gap;
            wait_left <= gap_mem[next_gap[$clog2(DEPTH)-1:0]];
        end
    end
endmodule
