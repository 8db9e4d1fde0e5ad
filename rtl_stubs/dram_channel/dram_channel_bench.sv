// Bench of the DRAM channel: what plays into it, what takes from it, its cells, what is written down.
module dram_channel_bench #(
    parameter int BANKS       = 4,
    parameter int ROW_BITS    = 2,
    parameter int COLUMN_BITS = 2,
    parameter int WIDTH       = 16,
    parameter int QUEUE       = 4,
    parameter int RESPONSES   = 4,
    parameter int T_RCD       = 3,
    parameter int T_RP        = 3,
    parameter int T_RAS       = 7,
    parameter int T_RRD       = 2,
    parameter int T_CCD       = 2,
    parameter int T_CL        = 4,
    parameter int T_CWL       = 2,
    parameter int T_BURST     = 2,
    parameter int T_RTP       = 3,
    parameter int T_WR        = 3,
    parameter int T_WTR       = 2,
    parameter int T_RTW       = 5,
    parameter int T_REFI      = 97,
    parameter int T_RFC       = 11,
    parameter int ADDRESS     = $clog2(BANKS) + ROW_BITS + COLUMN_BITS
) (
    input  logic        clk,
    input  logic        run,
    input  logic        cfg_refresh,
    input  logic [31:0] cfg_requests,
    output logic        done,
    output logic [31:0] cycles,
    output logic [31:0] checksum
);
    logic in_valid, in_ready, in_is_write, out_valid, out_ready, is_taken;
    logic [ADDRESS-1:0] in_address, cell_at;
    logic [WIDTH-1:0] in_data, out_data, write_data, read_data;
    logic row_hit, precharge, activate, read, write, precharge_all, refresh;
    logic [$clog2(BANKS)-1:0] row_bank, column_bank;
    logic [ROW_BITS-1:0] row;
    logic [COLUMN_BITS-1:0] column;
    logic [31:0] n_issued;
    logic [WIDTH-1:0] cell_mem [0:2**ADDRESS-1];
    logic [ROW_BITS-1:0] row_of [0:BANKS-1];
    logic [BANKS-1:0] is_open;

    stream_source #(.WIDTH(1 + ADDRESS + WIDTH)) source_in (
        .clk, .run, .valid(in_valid), .ready(in_ready), .data({in_is_write, in_address, in_data})
    );
    stream_sink #(.WIDTH(WIDTH)) sink_out (
        .clk, .run, .valid(out_valid), .ready(out_ready), .data(out_data), .done(is_taken), .checksum
    );
    dram_channel #(
        .BANKS(BANKS), .ROW_BITS(ROW_BITS), .COLUMN_BITS(COLUMN_BITS), .WIDTH(WIDTH), .QUEUE(QUEUE),
        .RESPONSES(RESPONSES), .T_RCD(T_RCD), .T_RP(T_RP), .T_RAS(T_RAS), .T_RRD(T_RRD), .T_CCD(T_CCD), .T_CL(T_CL),
        .T_CWL(T_CWL), .T_BURST(T_BURST), .T_RTP(T_RTP), .T_WR(T_WR), .T_WTR(T_WTR), .T_RTW(T_RTW), .T_REFI(T_REFI),
        .T_RFC(T_RFC)
    ) dut (
        .clk, .rst_n(run), .refresh_enable(cfg_refresh), .in_valid, .in_ready, .in_is_write, .in_address, .in_data,
        .out_valid, .out_ready, .out_data, .precharge, .activate, .precharge_all, .refresh, .row_bank, .row, .read,
        .write, .column_bank, .column, .write_data, .read_data, .row_hit
    );

    // The cells know what was activated, not what was meant: a closed bank inverts data, ACT of an open one closes it
    assign cell_at = {column_bank, row_of[column_bank], column};
    assign read_data = is_open[column_bank] ? cell_mem[cell_at] : ~cell_mem[cell_at];
    assign done = is_taken && n_issued >= cfg_requests;

    always_ff @(posedge clk) begin
        if (!run) n_issued <= 0;
        else if (read || write) n_issued <= n_issued + 1;
        if (write) cell_mem[cell_at] <= is_open[column_bank] ? write_data : ~write_data;
    end

    always_ff @(posedge clk) begin
        if (!run || precharge_all) begin
            is_open <= 0;
        end else if (precharge) begin
            is_open[row_bank] <= 0;
        end else if (activate) begin
            is_open[row_bank] <= !is_open[row_bank];
            row_of[row_bank] <= row;
        end
    end

    // Refreshes go on for ever; those after the end are left out
    event_log #(.EVENTS(9)) log (
        .clk, .run, .done, .cycles,
        .strobes({
            out_valid && out_ready, refresh && !done, precharge_all && !done, write, read, activate, precharge, row_hit,
            in_valid && in_ready
        })
    );
endmodule
