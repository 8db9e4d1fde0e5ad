// Stall counters of a unit: for how long it was free before its commands started, by what came last.
//
// Causes: 0 data, 1 space, 2 issue, 3 arbitration, 4 dram. Of two things that came in one cycle the first one counts, in
// this order: the unit, being issued, the first input, the second, space. A token has the cause that its producer had.
module stall_counter #(
    parameter int CAUSES = 5
) (
    input  logic                 clk,
    input  logic                 rst_n,
    input  logic                 is_free,     // the unit takes a command
    input  logic                 is_issued,   // one is at the head of its queue
    input  logic                 has_tokens_a,
    input  logic                 has_tokens_b,
    input  logic [2:0]           cause_a,     // of the tokens that become visible in this cycle
    input  logic [2:0]           cause_b,
    input  logic                 starts,
    output logic [2:0]           cause,       // of the command that starts
    output logic [CAUSES*32-1:0] stalls       // cycles, by cause
);
    localparam logic [2:0] DATA = 0, SPACE = 1, ISSUE = 2;

    logic was_free, was_issued, had_tokens_a, had_tokens_b;
    logic [31:0] waited;

    always_comb begin
        if (!was_free) cause = DATA;
        else if (!was_issued) cause = ISSUE;
        else if (!had_tokens_a) cause = cause_a;
        else if (!had_tokens_b) cause = cause_b;
        else cause = SPACE;
    end

    always_ff @(posedge clk) begin
        was_free <= rst_n && is_free && !starts;
        was_issued <= is_issued;
        had_tokens_a <= has_tokens_a;
        had_tokens_b <= has_tokens_b;
        if (!rst_n || starts) waited <= 0;
        else if (is_free) waited <= waited + 1;
        if (!rst_n) stalls <= 0;
        else if (starts) stalls[cause*32 +: 32] <= stalls[cause*32 +: 32] + waited;
    end
endmodule
