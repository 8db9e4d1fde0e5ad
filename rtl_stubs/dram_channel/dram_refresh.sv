// Refresh of a DRAM channel: counts when one is due, closes all rows as soon as that is possible, and refreshes.
module dram_refresh #(
    parameter int T_RP   = 3,   // PREA to REF
    parameter int T_REFI = 97,  // from one refresh due to the next
    parameter int T_RFC  = 11   // REF to anything else
) (
    input  logic clk,
    input  logic rst_n,
    input  logic enable,
    input  logic can_close,      // all requests that were checked are issued, and rows may be closed
    output logic is_held,        // no request may be checked
    output logic precharge_all,
    output logic refresh
);
    logic [15:0] now, n_due, wait_left;
    logic is_due, is_closing;

    assign is_due = enable && now == 16'(T_REFI - 1);
    assign is_held = n_due != 0 || is_closing || wait_left != 0;
    assign precharge_all = n_due != 0 && !is_closing && wait_left == 0 && can_close;
    assign refresh = is_closing && wait_left == 0;

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            now <= 0;
            n_due <= 0;
            wait_left <= 0;
            is_closing <= 0;
        end else begin
            now <= now == 16'(T_REFI - 1) ? 0 : now + 1;
            n_due <= n_due + 16'(is_due) - 16'(precharge_all);
            if (wait_left != 0) wait_left <= wait_left - 1;
            if (precharge_all) begin
                is_closing <= 1;
                wait_left <= 16'(T_RP - 1);
            end
            if (refresh) begin
                is_closing <= 0;
                wait_left <= 16'(T_RFC - 1);
            end
        end
    end
endmodule
