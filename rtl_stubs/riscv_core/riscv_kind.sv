// What kind of work an instruction is: what the decoder says and the other parts act on.
package riscv_kind;
    localparam logic [4:0] OPERATE  = 0;  // arithmetic of two registers, or a register and an immediate
    localparam logic [4:0] UPPER    = 1;  // lui
    localparam logic [4:0] RELATIVE = 2;  // auipc
    localparam logic [4:0] JUMP     = 3;  // jal, jalr
    localparam logic [4:0] BRANCH   = 4;
    localparam logic [4:0] LOAD     = 5;
    localparam logic [4:0] STORE    = 6;
    localparam logic [4:0] FENCE    = 7;  // nothing to do: memory is used in order
    localparam logic [4:0] MULTIPLY = 8;
    localparam logic [4:0] DIVIDE   = 9;
    localparam logic [4:0] SET      = 10; // two words of a command
    localparam logic [4:0] STEP     = 11; // by how much two words advance with each push
    localparam logic [4:0] PUSH     = 12; // a command
    localparam logic [4:0] REPEAT   = 13; // as many as a register says
    localparam logic [4:0] WHO      = 14; // number of the context
    localparam logic [4:0] HALT     = 15; // ecall, ebreak
    localparam logic [4:0] ILLEGAL  = 16;
endpackage
