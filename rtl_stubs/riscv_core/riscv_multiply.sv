// Multiplies and divides, one at a time: a product MULTIPLY cycles, a quotient 32 / DIVIDE + 2 cycles after it started.
//
// Started in cycle c, it is busy until the cycle before c + that many, in which done is high and the result is there.
module riscv_multiply #(
    parameter int MULTIPLY = 2,  // cycles of a product, from 2 up
    parameter int DIVIDE   = 1   // bits of a quotient per cycle: 1, 2 or 4
) (
    input  logic        clk,
    input  logic        rst_n,
    input  logic        start,
    input  logic        starts_divide,
    input  logic [1:0]  function_low,  // lowest bits of funct3
    input  logic [31:0] a,
    input  logic [31:0] b,
    output logic        busy,
    output logic        done,
    output logic [31:0] result
);
    localparam int STEPS = 32 / DIVIDE;

    logic [7:0] left;
    logic is_divide, is_remainder, is_high, negates;
    logic [32:0] wide_a, wide_b;      // operands of a product, with the sign they count with
    logic [31:0] divisor, quotient, remainder, next_quotient, next_remainder, answer;
    logic [32:0] rest;
    logic [63:0] product;
    logic is_signed;

    assign busy = left != 0;
    assign done = left == 1;
    assign product = $signed({{31{wide_a[32]}}, wide_a}) * $signed({{31{wide_b[32]}}, wide_b});
    assign answer = is_remainder ? remainder : quotient;
    assign is_signed = !function_low[0];  // of a division

    always @* begin
        result = is_high ? product[63:32] : product[31:0];
        if (is_divide) result = negates ? -answer : answer;
    end

    always @* begin  // restoring division, DIVIDE bits
        next_quotient = quotient;
        next_remainder = remainder;
        rest = 0;
        for (int i = 0; i < DIVIDE; i++) begin
            rest = {next_remainder, next_quotient[31]};
            next_quotient = {next_quotient[30:0], rest >= {1'b0, divisor}};
            if (rest >= {1'b0, divisor}) rest = rest - {1'b0, divisor};
            next_remainder = rest[31:0];
        end
    end

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            left <= 0;
        end else if (start) begin
            left <= starts_divide ? 8'(STEPS + 1) : 8'(MULTIPLY - 1);
            is_divide <= starts_divide;
            is_high <= function_low != 0;
            wide_a <= {a[31] && function_low != 3, a};
            wide_b <= {b[31] && !function_low[1], b};
            is_remainder <= function_low[1];
            // The remainder has the sign of the dividend; by zero, the quotient stays all ones.
            negates <= is_signed && (function_low[1] ? a[31] : a[31] != b[31] && b != 0);
            quotient <= is_signed && a[31] ? -a : a;
            divisor <= is_signed && b[31] ? -b : b;
            remainder <= 0;
        end else if (busy) begin
            left <= left - 1;
            if (left > 1) begin
                quotient <= next_quotient;
                remainder <= next_remainder;
            end
        end
    end
endmodule
