// Cell of a systolic array: multiplies what comes from the left by a weight that stays or by what comes from above.
//
// Operands move on by one cell per step. Where weights stay, a cell has two: the one at work, and the next one, which
// it takes out of the column when the take token comes by and puts to work with the first operand of its tile. The
// token goes half as fast as the weights, so that row r takes the weight that entered as number r.
module systolic_cell #(
    parameter bit IS_LAST_ROW = 0
) (
    input  logic               clk,
    input  logic               rst_n,
    input  logic               enable,        // a step; nothing moves without it
    input  logic               weights_stay,  // else sums stay
    input  logic signed [7:0]  a_in,
    input  logic               first_in,      // a is the first of its tile
    input  logic               last_in,       // a completes a sum
    output logic signed [7:0]  a_out,
    output logic               first_out,
    output logic               last_out,
    input  logic signed [7:0]  b_in,
    input  logic               take_in,
    output logic signed [7:0]  b_out,
    output logic               take_out,
    input  logic signed [31:0] sum_in,
    output logic signed [31:0] sum_out,
    output logic               is_given,      // the sum leaves through the output of the column
    output logic signed [31:0] given          // that sum, else 0
);
    logic signed [7:0] weight, next_weight, weight_now;
    logic signed [31:0] product, sum_now;
    logic is_taking;

    assign weight_now = first_in ? next_weight : weight;
    assign product = 32'(a_in) * 32'(weights_stay ? weight_now : b_in);
    assign sum_now = product + (weights_stay ? sum_in : first_in ? 0 : sum_out);
    assign is_given = last_in && (IS_LAST_ROW || !weights_stay);
    assign given = is_given ? sum_now : 0;

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            first_out <= 0;
            last_out <= 0;
            is_taking <= 0;
            take_out <= 0;
        end else if (enable) begin
            a_out <= a_in;
            first_out <= first_in;
            last_out <= last_in;
            b_out <= b_in;
            is_taking <= take_in;
            take_out <= is_taking;
            weight <= weight_now;
            sum_out <= sum_now;
            if (take_in) next_weight <= b_in;
        end
    end
endmodule
