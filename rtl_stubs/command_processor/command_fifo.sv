// FIFO of a few words in registers. A word can leave in the cycle after it entered.
module command_fifo #(
    parameter int WIDTH        = 8,
    parameter int DEPTH        = 4,  // 1 or more
    parameter int FREE_AT_ONCE = 1   // 1: a place is free in the cycle in which its word leaves; 0: in the next one
) (
    input  logic             clk,
    input  logic             rst_n,
    input  logic             in_valid,
    output logic             in_ready,
    input  logic [WIDTH-1:0] in_data,
    output logic             out_valid,
    input  logic             out_ready,
    output logic [WIDTH-1:0] out_data
);
    localparam int INDEX = DEPTH == 1 ? 1 : $clog2(DEPTH);
    localparam int COUNT = $clog2(DEPTH + 1);

    logic [WIDTH-1:0] word [0:DEPTH-1];
    logic [INDEX-1:0] head, tail;
    logic [COUNT-1:0] n_words;
    logic enters, leaves;

    function automatic logic [INDEX-1:0] next(input logic [INDEX-1:0] place);
        return place == INDEX'(DEPTH - 1) ? 0 : place + 1;
    endfunction

    assign in_ready = n_words != COUNT'(DEPTH) || (FREE_AT_ONCE != 0 && out_ready);
    assign out_valid = n_words != 0;
    assign out_data = word[head];
    assign enters = in_valid && in_ready;
    assign leaves = out_valid && out_ready;

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            head <= 0;
            tail <= 0;
            n_words <= 0;
        end else begin
            n_words <= n_words + COUNT'(enters) - COUNT'(leaves);
            if (enters) begin
                word[tail] <= in_data;
                tail <= next(tail);
            end
            if (leaves) head <= next(head);
        end
    end
endmodule
