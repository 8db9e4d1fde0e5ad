// Vector core: a sequencer that runs loops of vector instructions over the rows of a tile, around the vector unit.
//
// A loop is a list of instructions in a memory of its own: what precedes each row, a turn, what follows. A row has
// start_elements elements, a turn treats start_per_turn of them, the last one what is left; instructions before and
// behind treat as many as the first turn, or one. An access to memory goes to the base that it names, further by what
// the rows before take up of it; without a stride also by the elements of earlier turns. An instruction is offered in
// every cycle from the one after the start, so that loops take what the law of the vector unit says.
/* verilator lint_off PINCONNECTEMPTY */  // blocks have outputs that nothing here needs
module vector_core #(
    parameter int VLEN    = 128,  // of the vector unit
    parameter int DLEN    = 32,
    parameter int CHAIN   = 3,
    parameter int LOAD    = 4,
    parameter int ADDRESS = 12,
    parameter int LOOPS   = 6     // bits of the address of an instruction
) (
    input  logic                              clk,
    input  logic                              rst_n,
    input  logic                              start_valid,
    output logic                              start_ready,
    input  logic [LOOPS-1:0]                  start_loop,      // address of its first instruction
    input  logic [7:0]                        start_rows,      // 1 or more
    input  logic [9:0]                        start_elements,  // 1 or more, of a row
    input  logic [7:0]                        start_per_turn,  // no more than eight registers hold
    input  logic [4*ADDRESS-1:0]              start_bases,
    input  logic [31:0]                       start_scalars,   // two of 16 bits, with sign
    output logic [LOOPS-1:0]                  loop_address,
    input  logic [26:0]                       loop_data,       // the instruction there, in the same cycle
    output logic                              write_valid,
    output logic [ADDRESS-$clog2(DLEN/8)-1:0] address,         // of a word of DLEN bits
    output logic [DLEN/8-1:0]                 write_mask,
    output logic [DLEN-1:0]                   write_data,
    input  logic [DLEN-1:0]                   read_data,       // in the same cycle
    output logic                              ended            // all is done, and can be seen in local memory
);
    localparam logic [1:0] ROWS = 0, NUMBERS = 1, TURNS = 2;  // how far the next row is; else: all share it
    localparam logic [1:0] IMMEDIATE = 1, SCALAR_A = 2;       // what the first operand is; 0: a register, 3: scalar b

    logic is_busy, is_offering, starts, accepts, goes_on, is_last_row;
    logic [LOOPS-1:0] place, loop_first, turn_first;
    logic [7:0] rows_left, row, per_turn;
    logic [9:0] elements, left, done;      // of a row; in this and later turns; in earlier turns
    logic [9:0] wanted;
    logic [15:0] row_elements, row_turns;  // what earlier rows take up
    logic [4*ADDRESS-1:0] bases;
    logic [31:0] scalars;

    logic opens_turn, closes_turn, closes_row, is_single;
    logic [1:0] operand, sew;
    logic [3:0] op;
    logic [4:0] vd, vs1, vs2;

    assign {opens_turn, closes_turn, closes_row, is_single, operand, sew, vs2, vs1, vd, op} = loop_data;
    assign loop_address = place;
    assign start_ready = !is_busy || ended;
    assign starts = start_valid && start_ready;
    assign goes_on = closes_turn && left > 10'(per_turn);
    assign is_last_row = rows_left == 1;
    assign wanted = is_single ? 1 : left < 10'(per_turn) ? left : 10'(per_turn);

    always_ff @(posedge clk)
        if (!rst_n) begin
            is_busy <= 0;
            is_offering <= 0;
        end else if (starts) begin
            is_busy <= 1;
            is_offering <= 1;
        end else begin
            if (ended) is_busy <= 0;
            if (accepts && closes_row && !goes_on && is_last_row) is_offering <= 0;
        end

    // Which instruction of which turn and row
    always_ff @(posedge clk)
        if (starts) begin
            {place, loop_first} <= {start_loop, start_loop};
            {elements, left, per_turn, bases, scalars} <=
                {start_elements, start_elements, start_per_turn, start_bases, start_scalars};
            {rows_left, row, done, row_elements, row_turns} <= {start_rows, 50'd0};
        end else if (accepts) begin
            if (goes_on) place <= opens_turn ? place : turn_first;
            else place <= closes_row ? loop_first : place + 1;
            if (opens_turn) turn_first <= place;
            if (closes_turn) begin
                left <= goes_on ? left - 10'(per_turn) : elements;
                done <= goes_on ? done + 10'(per_turn) : 0;
            end
            if (closes_row && !goes_on) begin
                rows_left <= rows_left - 1;
                row <= row + 1;
                row_elements <= row_elements + 16'(elements);
                row_turns <= row_turns + 16'(per_turn);
            end
        end

    // Where an access to memory goes: its base and how far the next row is take the place of the first source
    logic is_memory, is_unit_stride;
    logic [15:0] ahead;
    logic [ADDRESS-1:0] at;
    logic [31:0] scalar;

    assign is_memory = op[3];
    assign is_unit_stride = op[1:0] == 0;

    always_comb begin
        case (vs1[3:2])
            ROWS: ahead = row_elements;
            NUMBERS: ahead = 16'(row);
            TURNS: ahead = row_turns;
            default: ahead = 0;
        endcase
        if (is_unit_stride) ahead = ahead + 16'(done);
        at = bases[vs1[1:0]*ADDRESS +: ADDRESS] + (ADDRESS'(ahead) << sew);
        case (operand)
            IMMEDIATE: scalar = 32'($signed(vs1));
            SCALAR_A: scalar = 32'($signed(scalars[15:0]));
            default: scalar = 32'($signed(scalars[31:16]));
        endcase
    end

    logic in_ready, mem_valid, mem_is_write, is_over;
    logic [DLEN-1:0] response;

    assign accepts = is_offering && in_ready;
    assign ended = is_busy && !is_offering && is_over;
    assign write_valid = mem_valid && mem_is_write;

    vector_unit #(
        .VLEN(VLEN), .DLEN(DLEN), .CHAIN(CHAIN), .LOAD(LOAD), .UNIT_SETUP(0), .STRIDED_SETUP(0), .INDEXED_SETUP(0),
        .ADDRESS(ADDRESS)
    ) core (
        .clk, .rst_n, .in_valid(is_offering), .in_ready, .in_op(op), .in_is_scalar(operand != 0), .in_vd(vd),
        .in_vs1(vs1), .in_vs2(vs2), .in_sew(sew), .in_lmul(2'd3), .in_avl(16'(wanted)),
        .in_rs1(is_memory ? 32'(at) : scalar), .in_rs2('0), .mem_valid, .mem_ready(1'b1), .mem_is_write,
        .mem_address(address), .mem_mask(write_mask), .mem_data(write_data), .mem_response(response), .is_step(),
        .is_result(), .is_loaded(), .is_arithmetic_over(), .is_memory_over(), .is_over
    );
    delay_line #(.WIDTH(DLEN), .CYCLES(LOAD - 1)) latency (.clk, .rst_n, .in_word(read_data), .out_word(response));
endmodule
