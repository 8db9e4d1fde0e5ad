// Decodes an instruction of RV32IM, or of custom-0, which is about commands. Combinational.
module riscv_decode #(
    parameter int AUTO  = 1,  // whether there are steps and repeats
    parameter int SLOTS = 4   // commands that are held ready, 1 to 32
) (
    input  logic [31:0] instruction,
    output logic [4:0]  kind,       // as in riscv_kind
    output logic        reads_1,    // register rs1
    output logic        reads_2,    // register rs2
    output logic        writes,     // register rd, which is not x0
    output logic        is_relative,  // the sum with the immediate begins at pc, not at rs1
    output logic        is_other,     // subtract, not add; shift in the sign, not zeros
    output logic [31:0] immediate
);
    logic [6:0] funct7;
    logic [2:0] funct3;
    logic is_slot;

    assign funct7 = instruction[31:25];
    assign funct3 = instruction[14:12];
    assign is_slot = {27'b0, instruction[11:7]} < SLOTS;

    always @* begin
        kind = riscv_kind::ILLEGAL;
        immediate = {{20{instruction[31]}}, instruction[31:20]};
        case (instruction[6:0])
            7'b0110111: begin
                kind = riscv_kind::UPPER;
                immediate = {instruction[31:12], 12'b0};
            end
            7'b0010111: begin
                kind = riscv_kind::RELATIVE;
                immediate = {instruction[31:12], 12'b0};
            end
            7'b1101111: begin
                kind = riscv_kind::JUMP;
                immediate = {
                    {12{instruction[31]}}, instruction[19:12], instruction[20], instruction[30:21], 1'b0
                };
            end
            7'b1100111: if (funct3 == 0) kind = riscv_kind::JUMP;
            7'b1100011: begin
                if (funct3[2:1] != 1) kind = riscv_kind::BRANCH;
                immediate = {
                    {20{instruction[31]}}, instruction[7], instruction[30:25], instruction[11:8], 1'b0
                };
            end
            7'b0000011: if (funct3 != 3 && funct3 < 6) kind = riscv_kind::LOAD;
            7'b0100011: begin
                if (funct3 < 3) kind = riscv_kind::STORE;
                immediate = {{20{instruction[31]}}, instruction[31:25], instruction[11:7]};
            end
            7'b0010011: begin
                if (funct3[1:0] != 1 || funct7 == 0 || (funct3 == 5 && funct7 == 7'h20)) kind = riscv_kind::OPERATE;
            end
            7'b0110011: begin
                if (funct7 == 1) kind = funct3[2] ? riscv_kind::DIVIDE : riscv_kind::MULTIPLY;
                else if (funct7 == 0 || (funct7 == 7'h20 && (funct3 == 0 || funct3 == 5))) kind = riscv_kind::OPERATE;
            end
            7'b0001111: kind = riscv_kind::FENCE;
            7'b1110011: if (instruction == 32'h0000_0073 || instruction == 32'h0010_0073) kind = riscv_kind::HALT;
            7'b0001011: begin
                case (funct3)
                    3'd0: if (is_slot && funct7 < 2) kind = riscv_kind::SET;
                    3'd1: if (is_slot) kind = riscv_kind::PUSH;
                    3'd2: if (AUTO != 0 && is_slot && funct7 < 2) kind = riscv_kind::STEP;
                    3'd3: if (AUTO != 0 && is_slot) kind = riscv_kind::REPEAT;
                    3'd4: kind = riscv_kind::WHO;
                    default: kind = riscv_kind::ILLEGAL;
                endcase
            end
            default: kind = riscv_kind::ILLEGAL;
        endcase

        reads_1 = 0;
        reads_2 = 0;
        writes = 0;
        is_relative = 0;
        is_other = 0;
        case (kind)
            riscv_kind::OPERATE: begin
                reads_1 = 1;
                reads_2 = instruction[5];
                is_other = instruction[30] && (instruction[5] || funct3 == 5);
                writes = 1;
            end
            riscv_kind::UPPER, riscv_kind::WHO: writes = 1;
            riscv_kind::RELATIVE: begin
                writes = 1;
                is_relative = 1;
            end
            riscv_kind::JUMP: begin
                reads_1 = !instruction[3];
                writes = 1;
                is_relative = instruction[3];
            end
            riscv_kind::BRANCH: begin
                reads_1 = 1;
                reads_2 = 1;
                is_relative = 1;
            end
            riscv_kind::LOAD: begin
                reads_1 = 1;
                writes = 1;
            end
            riscv_kind::MULTIPLY, riscv_kind::DIVIDE: begin
                reads_1 = 1;
                reads_2 = 1;
                writes = 1;
            end
            riscv_kind::STORE, riscv_kind::SET, riscv_kind::STEP: begin
                reads_1 = 1;
                reads_2 = 1;
            end
            riscv_kind::REPEAT: reads_1 = 1;
            default: reads_1 = 0;
        endcase
        if (instruction[11:7] == 0) writes = 0;
    end
endmodule
