// Fetches the instructions of one context: a program counter and, with DECODE, a register behind the memory.
//
// The word at fetch_address arrives in the next cycle and is asked for again until it can move on, so that nothing has
// to be kept. After a jump, the first instruction of the new path is offered 2 + DECODE cycles later.
module riscv_fetch #(
    parameter int DECODE = 0  // 1: a stage of its own for decoding
) (
    input  logic        clk,
    input  logic        rst_n,
    output logic [31:0] fetch_address,
    input  logic [31:0] fetch_data,
    output logic        valid,
    output logic [31:0] pc,
    output logic [31:0] instruction,
    input  logic        take,    // the instruction is done with
    input  logic        jumps,   // and the next one is at target
    input  logic [31:0] target
);
    logic [31:0] fetched_pc;
    logic is_fetched, moves;

    assign fetch_address = is_fetched && moves ? fetched_pc + 4 : fetched_pc;

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            fetched_pc <= 0;
            is_fetched <= 0;
        end else if (take && jumps) begin
            fetched_pc <= target;
            is_fetched <= 0;
        end else begin
            fetched_pc <= fetch_address;
            is_fetched <= 1;
        end
    end

    if (DECODE != 0) begin : gen_stage
        logic is_held;
        logic [31:0] held_pc, held;

        assign moves = !is_held || take;
        assign valid = is_held;
        assign pc = held_pc;
        assign instruction = held;

        always_ff @(posedge clk) begin
            if (!rst_n || (take && jumps)) begin
                is_held <= 0;
            end else if (moves) begin
                is_held <= is_fetched;
                held_pc <= fetched_pc;
                held <= fetch_data;
            end
        end
    end else begin : gen_none
        assign moves = take;
        assign valid = is_fetched;
        assign pc = fetched_pc;
        assign instruction = fetch_data;
    end
endmodule
