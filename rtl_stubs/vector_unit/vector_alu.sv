// Arithmetic of a vector unit: one operation on all elements of a group, two's complement, results modulo 2^SEW.
module vector_alu #(
    parameter int DLEN = 64  // bits of a group
) (
    input  logic [2:0]      op,   // 0 add, 1 multiply, 2 maximum (signed), 3 and, 4 copy y, 5 shift right (arithmetic)
    input  logic [1:0]      sew,  // elements of 8 << sew bits
    input  logic [DLEN-1:0] x,
    input  logic [DLEN-1:0] y,
    output logic [DLEN-1:0] result
);
    // Narrow elements come in with their sign extended, and only their lowest bits are used. Elements are shifted by the
    // lowest log2(SEW) bits of b.
    function automatic logic [31:0] operate(
        input logic [2:0] what, input logic [31:0] a, input logic [31:0] b, input logic [4:0] most
    );
        case (what)
            3'd0: operate = a + b;
            3'd1: operate = a * b;
            3'd2: operate = $signed(a) > $signed(b) ? a : b;
            3'd3: operate = a & b;
            3'd5: operate = $signed(a) >>> (b[4:0] & most);
            default: operate = b;
        endcase
    endfunction

    always_comb begin
        result = 0;
        case (sew)
            2'd0: for (int i = 0; i < DLEN / 8; i++)
                result[i*8 +: 8] =
                    8'(operate(op, {{24{x[i*8+7]}}, x[i*8 +: 8]}, {{24{y[i*8+7]}}, y[i*8 +: 8]}, 5'd7));
            2'd1: for (int i = 0; i < DLEN / 16; i++)
                result[i*16 +: 16] =
                    16'(operate(op, {{16{x[i*16+15]}}, x[i*16 +: 16]}, {{16{y[i*16+15]}}, y[i*16 +: 16]}, 5'd15));
            default: for (int i = 0; i < DLEN / 32; i++)
                result[i*32 +: 32] = operate(op, x[i*32 +: 32], y[i*32 +: 32], 5'd31);
        endcase
    end
endmodule
