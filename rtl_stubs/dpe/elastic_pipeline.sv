// Pipeline of registers between two valid/ready streams: a word leaves STAGES cycles after it has entered, or later.
//
// A stage moves on when the one behind it is empty or moves on, too. So empty stages close up while the output waits,
// and the input waits only when all stages are taken and none leaves.
module elastic_pipeline #(
    parameter int WIDTH  = 8,
    parameter int STAGES = 1  // 1 or more
) (
    input  logic             clk,
    input  logic             rst_n,
    input  logic             in_valid,
    output logic             in_ready,
    input  logic [WIDTH-1:0] in_data,
    output logic             out_valid,
    input  logic             out_ready,
    output logic [WIDTH-1:0] out_data
);
    logic [STAGES-1:0] is_taken;
    logic [STAGES:0] moves;  // the word in front of each stage; the last bit: out of the pipeline
    logic [STAGES*WIDTH-1:0] words;

    assign in_ready = moves[0];
    assign out_valid = is_taken[STAGES-1];
    assign out_data = words[(STAGES-1)*WIDTH +: WIDTH];

    always_comb begin
        moves[STAGES] = out_ready;
        for (int s = STAGES - 1; s >= 0; s--) moves[s] = !is_taken[s] || moves[s+1];
    end

    always_ff @(posedge clk) begin
        if (!rst_n) is_taken[0] <= 0;
        else if (moves[0]) is_taken[0] <= in_valid;
        if (moves[0]) words[WIDTH-1:0] <= in_data;
    end

    for (genvar s = 1; s < STAGES; s++) begin : stage
        always_ff @(posedge clk) begin
            if (!rst_n) is_taken[s] <= 0;
            else if (moves[s]) is_taken[s] <= is_taken[s-1];
            if (moves[s]) words[s*WIDTH +: WIDTH] <= words[(s-1)*WIDTH +: WIDTH];
        end
    end
endmodule
