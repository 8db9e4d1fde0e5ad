// Takes the words of a valid/ready stream into a memory. Part of benches, not of the hardware.
//
// It is ready for word i from gap(i) + 1 cycles after word i - 1 was accepted, for word 0 from cycle gap(0), whether or
// not a word is offered. Gaps repeat from the start. The testbench writes gap_mem and the counts while run is low and
// reads data_mem, word and checksum when done is high.
module stream_sink #(
    parameter int WIDTH = 8,
    parameter int DEPTH = 1024
) (
    input  logic             clk,
    input  logic             run,
    input  logic             valid,
    output logic             ready,
    input  logic [WIDTH-1:0] data,
    output logic             done,
    output logic [31:0]      checksum
);
    localparam int PADDED = (WIDTH + 31) / 32 * 32;
    logic [WIDTH-1:0] data_mem [0:DEPTH-1];
    logic [15:0] gap_mem [0:DEPTH-1];
    logic [31:0] n_words, n_gaps;
    logic [31:0] word, gap;
    logic [15:0] wait_left;
    logic [31:0] next_gap;
    logic [PADDED-1:0] padded;
    logic [31:0] folded;

    assign ready = run && wait_left == 0;
    assign done = word >= n_words;
    assign next_gap = gap + 1 >= n_gaps ? 0 : gap + 1;
    assign padded = PADDED'(data);

    always_comb begin
        folded = 0;
        for (int i = 0; i < PADDED / 32; i++) folded = folded ^ padded[i*32 +: 32];
    end

    always_ff @(posedge clk) begin
        if (!run) begin
            word <= 0;
            gap <= 0;
            wait_left <= gap_mem[0];
            checksum <= 0;
        end else if (wait_left != 0) begin
            wait_left <= wait_left - 1;
        end else if (valid) begin
            data_mem[word[$clog2(DEPTH)-1:0]] <= data;
            word <= word + 1;
            gap <= next_gap;
            wait_left <= gap_mem[next_gap[$clog2(DEPTH)-1:0]];
            checksum <= {checksum[30:0], checksum[31]} ^ folded;
        end
    end
endmodule
