// Words of the commands that a context holds ready, in slots. With AUTO, the words of a slot advance with each push.
module riscv_commands #(
    parameter int AUTO  = 1,
    parameter int SLOTS = 4
) (
    input  logic         clk,
    input  logic         rst_n,
    input  logic [4:0]   slot,
    output logic [127:0] words,    // of the slot
    input  logic         is_upper,  // half of the slot: words 2 and 3, not 0 and 1
    input  logic [63:0]  pair,
    input  logic         sets,     // the half becomes the pair
    input  logic         steps,    // the half advances by the pair from now on
    input  logic         pushes    // the words are sent
);
    localparam int BITS = SLOTS > 1 ? $clog2(SLOTS) : 1;

    logic [127:0] word_mem [0:2**BITS-1];
    logic [127:0] step, advanced;
    logic [BITS-1:0] index;

    assign index = slot[BITS-1:0];
    assign words = word_mem[index];
    for (genvar i = 0; i < 4; i++) begin : gen_word
        assign advanced[i*32 +: 32] = words[i*32 +: 32] + step[i*32 +: 32];
    end

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            for (int i = 0; i < 2**BITS; i++) word_mem[i] <= 0;
        end else if (sets) begin
            word_mem[index] <= is_upper ? {pair, words[63:0]} : {words[127:64], pair};
        end else if (pushes) begin
            word_mem[index] <= advanced;
        end
    end

    if (AUTO != 0) begin : gen_step
        logic [127:0] step_mem [0:2**BITS-1];

        assign step = step_mem[index];
        always_ff @(posedge clk) begin
            if (!rst_n) begin
                for (int i = 0; i < 2**BITS; i++) step_mem[i] <= 0;
            end else if (steps) begin
                step_mem[index] <= is_upper ? {pair, step[63:0]} : {step[127:64], pair};
            end
        end
    end else begin : gen_still
        logic unused;
        assign unused = steps;
        assign step = 0;
    end
    if (BITS < 5) begin : gen_few
        logic unused;
        assign unused = &slot[4:BITS];
    end
endmodule
