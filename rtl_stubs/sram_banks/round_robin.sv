// Round-robin arbiter: each cycle grants one of those who ask, the next one after the last granted, in turn.
module round_robin #(
    parameter int ASKERS = 2  // 1 or more
) (
    input  logic              clk,
    input  logic              rst_n,
    input  logic [ASKERS-1:0] asked,
    output logic [ASKERS-1:0] granted  // at most one bit, in the same cycle
);
    logic [ASKERS-1:0] is_later;  // those whose number is higher than that of the last granted
    logic [ASKERS-1:0] preferred;

    assign preferred = (asked & is_later) != 0 ? asked & is_later : asked;
    assign granted = preferred & (~preferred + 1);  // its lowest bit

    always_ff @(posedge clk) begin
        if (!rst_n) is_later <= 0;
        else if (granted != 0) is_later <= ~(granted | (granted - 1));
    end
endmodule
