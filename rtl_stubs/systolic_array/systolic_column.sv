// Column of a systolic array: cells, and the one output through which their sums leave.
module systolic_column #(
    parameter int ROWS = 4
) (
    input  logic               clk,
    input  logic               rst_n,
    input  logic               enable,        // a step; nothing moves without it
    input  logic               weights_stay,  // else sums stay
    input  logic [ROWS*10-1:0] a_in,          // from the column to the left, 10 bits a row: first, last, operand
    output logic [ROWS*10-1:0] a_out,
    input  logic [8:0]         b_in,          // take token, operand
    output logic               is_given,
    output logic [31:0]        given
);
    /* verilator no_inline_module */  // code of one column, not of all: wide arrays build in half the time

    logic [ROWS-1:0] has_sum;
    logic [ROWS*32-1:0] sums;
    wire [8:0] b [0:ROWS];
    wire [31:0] sum [0:ROWS];

    assign b[0] = b_in;
    assign sum[0] = 0;
    for (genvar r = 0; r < ROWS; r++) begin : g_cell
        systolic_cell #(.IS_LAST_ROW(r == ROWS - 1)) one (
            .clk, .rst_n, .enable, .weights_stay,
            .a_in(a_in[r*10 +: 8]), .last_in(a_in[r*10+8]), .first_in(a_in[r*10+9]),
            .a_out(a_out[r*10 +: 8]), .last_out(a_out[r*10+8]), .first_out(a_out[r*10+9]),
            .b_in(b[r][7:0]), .take_in(b[r][8]), .b_out(b[r+1][7:0]), .take_out(b[r+1][8]),
            .sum_in(sum[r]), .sum_out(sum[r+1]), .is_given(has_sum[r]), .given(sums[r*32 +: 32])
        );
    end

    assign is_given = has_sum != 0;
    always_comb begin  // one cell at most gives in a step, the others give 0
        given = 0;
        for (int r = 0; r < ROWS; r++) given = given | sums[r*32 +: 32];
    end
endmodule
