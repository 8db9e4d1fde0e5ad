// Arithmetic of two operands, and the condition of a branch. Combinational.
module riscv_alu (
    input  logic [31:0] a,
    input  logic [31:0] b,
    input  logic [2:0]  funct3,
    input  logic        is_other,  // subtract instead of add, shift in the sign instead of zeros
    output logic [31:0] result,
    output logic        is_met     // condition of the branch with this funct3
);
    logic is_less, is_lower;

    assign is_less = $signed(a) < $signed(b);
    assign is_lower = a < b;

    always @* begin
        case (funct3)
            3'd0: result = is_other ? a - b : a + b;
            3'd1: result = a << b[4:0];
            3'd2: result = {31'b0, is_less};
            3'd3: result = {31'b0, is_lower};
            3'd4: result = a ^ b;
            3'd5: begin
                result = a >> b[4:0];
                if (is_other) result = $signed(a) >>> b[4:0];
            end
            3'd6: result = a | b;
            default: result = a & b;
        endcase
    end

    always @* begin
        case (funct3[2:1])
            2'd0: is_met = a == b;
            2'd2: is_met = is_less;
            default: is_met = is_lower;
        endcase
        if (funct3[0]) is_met = !is_met;
    end
endmodule
