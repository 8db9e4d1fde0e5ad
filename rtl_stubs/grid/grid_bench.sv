// Bench of the grid: a host that writes the programs of all cores, the cells of the DRAM, what is written down.
//
// Operands are written into the banks and the cells before a point, results are read from there after it.
module grid_bench #(
    parameter int GRID_COLS   = 2,
    parameter int GRID_ROWS   = 2,
    parameter int DECODE      = 0,
    parameter int LOAD        = 1,
    parameter int MULTIPLY    = 2,
    parameter int DIVIDE      = 1,
    parameter int QUEUE       = 4,
    parameter int TOKENS      = 3,
    parameter int HOP         = 1,
    parameter int N_TILES     = 1,
    parameter int ROWS        = 2,
    parameter int DEPTH       = 8,
    parameter int COLS        = 4,
    parameter int GAP         = 0,
    parameter int LATENCY     = 2,
    parameter int BEATS       = 64,
    parameter int SIMD        = 2,
    parameter int WIDTH       = 4,
    parameter int FRAGMENT    = 8,
    parameter int OUTSTANDING = 12,
    parameter int REQUEST     = 2,
    parameter int ADDRESS     = 13,
    parameter int LINK        = 1,
    parameter int FIFO        = 4,
    parameter int BANKS       = 4,
    parameter int SRAM        = 2,
    parameter int SETS        = 16,
    parameter int WAYS        = 2,
    parameter int LINE        = 8,
    parameter int BANK_BITS   = 1,
    parameter int COLUMN_BITS = 5,
    parameter int T_RCD       = 3,
    parameter int T_RP        = 3,
    parameter int T_RAS       = 7,
    parameter int T_CL        = 4,
    parameter int T_CWL       = 2,
    parameter int T_RTW       = 5,
    parameter int T_REFI      = 199,
    parameter int T_RFC       = 11
) (
    input  logic                    clk,
    input  logic                    run,
    input  logic [63:0]             cfg_capacity,
    input  logic [15:0]             cfg_round_trip,
    input  logic                    cfg_refresh,
    output logic                    done,
    output logic [31:0]             cycles,
    output logic [31:0]             checksum,
    output logic [7*5*32-1:0]       counters
);
    localparam int PES = GRID_COLS * GRID_ROWS, UNITS = 7, BUFFERS = 12, COUNT = $clog2(TOKENS + 1), CAUSES = 5;
    localparam int WORD = ADDRESS - 1 - $clog2(WIDTH), ROW_BITS = WORD - BANK_BITS - COLUMN_BITS;

    logic host_valid;
    logic [90:0] host_data;
    /* verilator lint_off UNUSEDSIGNAL */  // cores are let go together, and all but the first are only seen at work
    logic [PES-1:0] is_running, accepts;
    /* verilator lint_on UNUSEDSIGNAL */
    logic [PES*UNITS-1:0] starts, ended, visible;
    logic [PES*UNITS*CAUSES*32-1:0] stalls;
    logic idle, is_missed, writes_back, precharge, activate, precharge_all, read, write;
    logic [BANK_BITS-1:0] row_bank, column_bank;
    logic [ROW_BITS-1:0] row;
    logic [COLUMN_BITS-1:0] column;
    logic [WIDTH*8-1:0] write_data, read_data;
    logic [WIDTH*8-1:0] dram [0:(1<<WORD)-1];
    logic [WORD-1:0] cell_at;
    logic [ROW_BITS-1:0] row_of [0:(1<<BANK_BITS)-1];
    logic [(1<<BANK_BITS)-1:0] is_open;

    stream_source #(.WIDTH(91), .DEPTH(4096)) source_host (
        .clk, .run, .valid(host_valid), .ready(1'b1), .data(host_data)
    );
    grid #(
        .GRID_COLS(GRID_COLS), .GRID_ROWS(GRID_ROWS), .DECODE(DECODE), .LOAD(LOAD), .MULTIPLY(MULTIPLY),
        .DIVIDE(DIVIDE), .QUEUE(QUEUE), .TOKENS(TOKENS), .HOP(HOP), .N_TILES(N_TILES), .ROWS(ROWS), .DEPTH(DEPTH),
        .COLS(COLS), .GAP(GAP), .LATENCY(LATENCY), .BEATS(BEATS), .SIMD(SIMD), .WIDTH(WIDTH), .FRAGMENT(FRAGMENT),
        .OUTSTANDING(OUTSTANDING), .REQUEST(REQUEST), .ADDRESS(ADDRESS), .LINK(LINK), .FIFO(FIFO), .BANKS(BANKS),
        .SRAM(SRAM), .SETS(SETS), .WAYS(WAYS), .LINE(LINE), .BANK_BITS(BANK_BITS),
        .COLUMN_BITS(COLUMN_BITS), .T_RCD(T_RCD), .T_RP(T_RP), .T_RAS(T_RAS), .T_CL(T_CL), .T_CWL(T_CWL),
        .T_RTW(T_RTW), .T_REFI(T_REFI), .T_RFC(T_RFC)
    ) dut (
        .clk, .rst_n(run), .refresh_enable(cfg_refresh), .capacity(cfg_capacity[BUFFERS*COUNT-1:0]),
        .round_trip(cfg_round_trip), .host_valid, .host_data, .is_running, .accepts, .starts, .ended, .visible, .stalls,
        .is_missed, .writes_back, .idle, .precharge, .activate, .precharge_all, .row_bank, .row, .read, .write,
        .column_bank, .column, .write_data, .read_data
    );
    assign done = is_running[0] && idle;

    // Cells of the DRAM; as in the bench of the channel, a closed bank inverts data, ACT of an open one closes it
    assign cell_at = {row_of[column_bank], column_bank, column};
    assign read_data = is_open[column_bank] ? dram[cell_at] : ~dram[cell_at];
    always_ff @(posedge clk) begin
        if (write) dram[cell_at] <= is_open[column_bank] ? write_data : ~write_data;
        if (!run || precharge_all) is_open <= 0;
        else if (precharge) is_open[row_bank] <= 0;
        else if (activate) begin
            is_open[row_bank] <= !is_open[row_bank];
            row_of[row_bank] <= row;
        end
    end

    // What reads behind the cache would give, once a point is done: lines in the cache hide those in DRAM
    localparam int TAG = WORD + 1 - $clog2(LINE * SETS + 1);
    logic [WIDTH*8-1:0] far [0:(1<<WORD)-1];
    /* verilator lint_off BLKSEQ */  // the second loop overwrites what the first one has copied
    always_ff @(posedge clk)
        if (done) begin
            for (int i = 0; i < 1 << WORD; i++) far[i] = dram[i];
            for (int i = 0; i < SETS * WAYS * LINE; i++)
                if (dut.cache.cache.is_known[i/LINE/WAYS][i/LINE%WAYS])
                    far[(32'(dut.cache.cache.tags[i/LINE/WAYS][i/LINE%WAYS*TAG +: TAG]) * SETS + i / LINE / WAYS) * LINE
                        + i % LINE] = dut.cache.cache.memory[i];
        end
    /* verilator lint_on BLKSEQ */

    // Mean over the PEs, once a point is done
    function automatic logic [UNITS*CAUSES*32-1:0] mean(input logic [PES*UNITS*CAUSES*32-1:0] of);
        logic [31:0] sum;
        for (int i = 0; i < UNITS * CAUSES; i++) begin
            sum = PES / 2;
            for (int e = 0; e < PES; e++) sum = sum + of[(e*UNITS*CAUSES+i)*32 +: 32];
            mean[i*32 +: 32] = sum / PES;
        end
    endfunction
    always_ff @(posedge clk) if (done) counters <= mean(stalls);

    // What the PEs did, and when
    localparam int STROBES = 3 * PES * UNITS;
    function automatic logic [31:0] fold(input logic [STROBES-1:0] strobes);
        fold = 0;
        for (int i = 0; i < STROBES; i += 32) fold = fold ^ 32'(strobes >> i);
    endfunction
    always_ff @(posedge clk)
        if (!is_running[0]) checksum <= 0;
        else if (!done) checksum <= {checksum[30:0], checksum[31]} ^ fold({starts, ended, visible});

    // Of the first and of the last PE
    event_log #(.EVENTS(1 + 2 * 3 * UNITS)) log (  // without the ends of prefetches; see README.md
        .clk, .run(is_running[0]), .done, .cycles,
        .strobes({
            visible[(PES-1)*UNITS +: UNITS], ended[(PES-1)*UNITS+1 +: UNITS-1], starts[(PES-1)*UNITS +: UNITS],
            visible[0 +: UNITS], ended[1 +: UNITS-1], starts[0 +: UNITS], writes_back, is_missed,
            accepts[0]
        })
    );
endmodule
