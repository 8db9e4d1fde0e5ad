// A context: program counter, registers, words of commands; offers one decoded instruction at a time.
//
// A repeat stays on offer until its last command is pushed. What the instruction does is up to the core, which takes it.
module riscv_context #(
    parameter int DECODE = 0,
    parameter int AUTO   = 1,
    parameter int SLOTS  = 4
) (
    input  logic         clk,
    input  logic         rst_n,
    output logic [31:0]  fetch_address,
    input  logic [31:0]  fetch_data,
    output logic         valid,
    output logic [31:0]  pc,
    output logic [24:0]  fields,    // of the instruction: funct7, rs2, rs1, funct3, rd
    output logic [4:0]   kind,
    output logic         reads_1,
    output logic         reads_2,
    output logic         writes,
    output logic         is_relative,
    output logic         is_other,
    output logic [31:0]  immediate,
    output logic [31:0]  value_1,   // of register rs1
    output logic [31:0]  value_2,
    output logic [127:0] words,     // of the slot that the instruction names
    output logic         pushes,    // the instruction sends them
    input  logic         take,
    input  logic         jumps,
    input  logic [31:0]  target,
    output logic         retires,   // the instruction that is taken is over
    input  logic         write,     // of a register: the result of an instruction
    input  logic [4:0]   write_register,
    input  logic [31:0]  write_value,
    input  logic         load,      // of a register: a word from memory
    input  logic [4:0]   load_register,
    input  logic [31:0]  load_value,
    output logic         is_halted
);
    logic [31:0] x_mem [0:31];
    logic [31:0] repeats_left, n_repeats;
    logic [31:0] instruction;
    logic is_repeating, is_offered;

    riscv_fetch #(.DECODE(DECODE)) fetch (
        .clk, .rst_n, .fetch_address, .fetch_data, .valid(is_offered), .pc, .instruction, .take(retires), .jumps, .target
    );
    riscv_decode #(.AUTO(AUTO), .SLOTS(SLOTS)) decode (
        .instruction, .kind, .reads_1, .reads_2, .writes, .is_relative, .is_other, .immediate
    );
    riscv_commands #(.AUTO(AUTO), .SLOTS(SLOTS)) commands (
        .clk, .rst_n, .slot(instruction[11:7]), .words, .is_upper(instruction[25]), .pair({value_2, value_1}),
        .sets(take && kind == riscv_kind::SET), .steps(take && kind == riscv_kind::STEP), .pushes(take && pushes)
    );

    assign valid = is_offered && !is_halted;
    assign fields = instruction[31:7];
    assign value_1 = x_mem[instruction[19:15]];
    assign value_2 = x_mem[instruction[24:20]];  // x0 is never written
    assign n_repeats = is_repeating ? repeats_left : value_1;
    assign pushes = kind == riscv_kind::PUSH || (kind == riscv_kind::REPEAT && n_repeats != 0);
    assign retires = take && (kind != riscv_kind::REPEAT || n_repeats <= 1);

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            for (int i = 0; i < 32; i++) x_mem[i] <= 0;
        end else begin
            if (write) x_mem[write_register] <= write_value;
            if (load) x_mem[load_register] <= load_value;  // never the same register: the second one waits
        end
    end

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            is_repeating <= 0;
            is_halted <= 0;
        end else if (take) begin
            is_repeating <= !retires;
            repeats_left <= n_repeats - 1;
            if (kind == riscv_kind::HALT || kind == riscv_kind::ILLEGAL) is_halted <= 1;
        end
    end
endmodule
