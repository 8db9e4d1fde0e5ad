// Queue of DEPTH words; a word can leave in the cycle after it entered, its room is free in the cycle after it left.
module riscv_queue #(
    parameter int WIDTH = 8,
    parameter int DEPTH = 2
) (
    input  logic             clk,
    input  logic             rst_n,
    input  logic             push,
    output logic             is_full,
    input  logic [WIDTH-1:0] in_data,
    output logic             out_valid,
    input  logic             out_ready,
    output logic [WIDTH-1:0] out_data
);
    localparam int BITS = DEPTH > 1 ? $clog2(DEPTH) : 1;

    logic [WIDTH-1:0] data_mem [0:2**BITS-1];
    logic [BITS-1:0] head, tail;
    logic [BITS:0] n_words;

    assign is_full = n_words == (BITS + 1)'(DEPTH);
    assign out_valid = n_words != 0;
    assign out_data = data_mem[head];

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            head <= 0;
            tail <= 0;
            n_words <= 0;
        end else begin
            if (push) begin
                data_mem[tail] <= in_data;
                tail <= tail == BITS'(DEPTH - 1) ? 0 : tail + 1;
            end
            if (out_valid && out_ready) head <= head == BITS'(DEPTH - 1) ? 0 : head + 1;
            n_words <= n_words + (BITS + 1)'(push) - (BITS + 1)'(out_valid && out_ready);
        end
    end
endmodule
