// Grid: processing elements, a network of requests and one of answers, banks of SRAM, a cache and a DRAM channel.
//
// Row 0 of the networks has a memory port per column, the rows above have the PEs: PE y * GRID_COLS + x is in column x
// and row y + 1. So all traffic of a PE stays in its column, and what a port sends to the northern end reaches every PE
// on the way. The PEs of a row are a chain that adds up sums, from column 0 on. See README.md for the timing.
/* verilator lint_off PINCONNECTEMPTY */  // strobes of blocks that nothing here needs
module grid #(
    parameter int GRID_COLS   = 2,
    parameter int GRID_ROWS   = 2,
    parameter int DECODE      = 0,   // of the cores; see command_core.sv
    parameter int LOAD        = 1,
    parameter int MULTIPLY    = 2,
    parameter int DIVIDE      = 1,
    parameter int QUEUE       = 4,   // of the PEs; see engines.sv
    parameter int TOKENS      = 3,
    parameter int UNDER_WAY   = 8,
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
    parameter int LINK        = 1,   // of the networks
    parameter int FIFO        = 4,
    parameter int BANKS       = 4,   // of the SRAM
    parameter int SRAM        = 2,   // latency of the SRAM and of the cache
    parameter int SETS        = 16,  // of the cache
    parameter int WAYS        = 2,
    parameter int LINE        = 8,   // words
    parameter int BANK_BITS   = 1,   // of the DRAM channel
    parameter int COLUMN_BITS = 5,
    parameter int T_RCD       = 3,
    parameter int T_RP        = 3,
    parameter int T_RAS       = 7,
    parameter int T_CL        = 4,
    parameter int T_CWL       = 2,
    parameter int T_RTW       = 5,
    parameter int T_REFI      = 199,
    parameter int T_RFC       = 11,
    localparam int PES = GRID_COLS * GRID_ROWS,
    localparam int UNITS = 7,
    localparam int BUFFERS = 12,
    localparam int COUNT = $clog2(TOKENS + 1),
    localparam int BITS = 8 * WIDTH,
    localparam int WORD = ADDRESS - 1 - $clog2(WIDTH),
    localparam int ROW_BITS = WORD - BANK_BITS - COLUMN_BITS
) (
    input  logic                      clk,
    input  logic                      rst_n,
    input  logic                      refresh_enable,
    input  logic [BUFFERS*COUNT-1:0]  capacity,       // tokens of the circular buffers of every PE
    input  logic [15:0]               round_trip,
    input  logic                      host_valid,     // a word for a memory of a core
    input  logic [90:0]               host_data,      // for which PE (0: all, else from 1 on), and as pe.sv takes it
    output logic [PES-1:0]            is_running,     // the cores have been let go
    output logic [PES-1:0]            accepts,        // commands are handed over
    output logic [PES*UNITS-1:0]      starts,         // strobes, by PE and unit
    output logic [PES*UNITS-1:0]      ended,
    output logic [PES*UNITS-1:0]      visible,
    output logic [PES*UNITS*5*32-1:0] stalls,         // cycles, by PE, unit and cause
    output logic                      is_missed,      // strobe: a request misses in the cache
    output logic                      writes_back,    // strobe: a word of a displaced line goes to the DRAM
    output logic                      idle,
    output logic                      precharge,      // to the cells of the DRAM
    output logic                      activate,
    output logic                      precharge_all,
    output logic [BANK_BITS-1:0]      row_bank,
    output logic [ROW_BITS-1:0]       row,
    output logic                      read,
    output logic                      write,
    output logic [BANK_BITS-1:0]      column_bank,
    output logic [COLUMN_BITS-1:0]    column,
    output logic [BITS-1:0]           write_data,
    input  logic [BITS-1:0]           read_data
);
    localparam int NODES = GRID_COLS * (GRID_ROWS + 1);
    localparam int COORD = $clog2((GRID_ROWS + 1 > GRID_COLS ? GRID_ROWS + 1 : GRID_COLS));
    localparam int DMA_BITS = 7;
    localparam int FETCH = 3 * ADDRESS + DMA_BITS;
    localparam int BODY = FETCH > ADDRESS + BITS ? FETCH : ADDRESS + BITS;
    localparam int REQUEST_FLIT = 3 * COORD + 5 + BODY + 1;
    localparam int ANSWER_FLIT = 2 * COORD + 4 + BITS + 1;
    localparam int WAY = 1 + (GRID_ROWS + 1) * (1 + LINK);          // of the farthest PE, through a network
    localparam int EXPECTED = 2 * WAY + FRAGMENT / WIDTH + SRAM + 2;  // from asking for a beat until it is written
    localparam int SLACK = EXPECTED + T_CL + LINE + 4 + T_RP + T_RCD;  // that way, and a line that is fetched meanwhile
    localparam int READS = OUTSTANDING + 1;  // fragments for which a PE has room
    localparam int FETCHES = TOKENS;         // as many as a buffer has tokens
    localparam int WRITES = UNDER_WAY * GRID_ROWS * BEATS * ROWS / GRID_COLS / WIDTH;  // shares of blocks under way
    localparam int SUMS = ROWS * 32;
    localparam int BACK = SUMS + 16;

    /* verilator lint_off UNUSEDSIGNAL */  // PEs hear no requests, ports no answers, and chains have two ends
    logic [NODES-1:0] ask_valid, ask_ready, asked_valid, asked_ready, tell_valid, tell_ready, told_valid, told_ready;
    logic [NODES*REQUEST_FLIT-1:0] ask_flit, asked_flit;
    logic [NODES*ANSWER_FLIT-1:0] tell_flit, told_flit;
    logic [PES-1:0] is_idle, chain_valid, chain_ready, home_valid, home_ready;
    logic [PES*SUMS-1:0] chain_data;
    logic [PES*BACK-1:0] home_data;
    /* verilator lint_on UNUSEDSIGNAL */

    mesh #(
        .COLS(GRID_COLS), .ROWS(GRID_ROWS + 1), .WIDTH(REQUEST_FLIT - 1), .COORD(COORD), .DEPTH(FIFO), .LINK(LINK)
    ) requests (
        .clk, .rst_n, .in_valid(ask_valid), .in_ready(ask_ready), .in_flit(ask_flit), .out_valid(asked_valid),
        .out_ready(asked_ready), .out_flit(asked_flit), .granted(), .moved(), .blocked(), .starved()
    );
    mesh #(
        .COLS(GRID_COLS), .ROWS(GRID_ROWS + 1), .WIDTH(ANSWER_FLIT - 1), .COORD(COORD), .DEPTH(FIFO), .LINK(LINK)
    ) answers (
        .clk, .rst_n, .in_valid(tell_valid), .in_ready(tell_ready), .in_flit(tell_flit), .out_valid(told_valid),
        .out_ready(told_ready), .out_flit(told_flit), .granted(), .moved(), .blocked(), .starved()
    );
    assign told_ready = '1;  // whoever asked has room; a multicast comes by at its port, too, which drops it

    // Processing elements
    assign idle = &is_idle;

    genvar p;
    for (p = 0; p < PES; p++) begin : gen_pe
        localparam int X = p % GRID_COLS;
        localparam int Y = p / GRID_COLS + 1;
        localparam int NODE = Y * GRID_COLS + X;
        localparam bit IS_FIRST = X == 0;
        localparam bit IS_LAST = X == GRID_COLS - 1;
        logic load_valid, load_ready, load_shared, load_head, load_last, response_valid, response_missed, store_valid;
        logic store_ready, store_last, store_done, prefetch_valid, prefetch_ready, prefetch_shared, prefetch_done;
        logic down_ready, up_valid, back_valid;
        logic [$clog2(FRAGMENT):0] load_bytes;
        logic [ADDRESS-1:0] load_address, store_address;
        logic [BITS-1:0] response_data, store_data;
        logic [FETCH-1:0] prefetch_rows;
        logic [SUMS-1:0] up_data;
        logic [BACK-1:0] back_data;
        /* verilator lint_off UNUSEDSIGNAL */
        logic up_ready, back_ready;
        /* verilator lint_on UNUSEDSIGNAL */

        pe #(
            .DECODE(DECODE), .LOAD(LOAD), .MULTIPLY(MULTIPLY), .DIVIDE(DIVIDE), .QUEUE(QUEUE), .TOKENS(TOKENS),
            .UNDER_WAY(UNDER_WAY), .PREFETCH(1), .REDUCE(GRID_COLS), .HOP(HOP), .N_TILES(N_TILES), .ROWS(ROWS),
            .DEPTH(DEPTH), .COLS(COLS), .GAP(GAP), .LATENCY(LATENCY), .BEATS(BEATS), .SIMD(SIMD), .WIDTH(WIDTH),
            .FRAGMENT(FRAGMENT), .OUTSTANDING(OUTSTANDING), .REQUEST(REQUEST), .FABRIC(2), .EXPECTED(EXPECTED),
            .SLACK(SLACK), .ADDRESS(ADDRESS)
        ) element (
            .clk, .rst_n, .capacity, .round_trip,
            .host_valid(host_valid && (host_data[90:83] == 0 || host_data[90:83] == 8'(p + 1))),
            .host_data(host_data[82:0]), .is_running(is_running[p]), .accepts(accepts[p]), .load_valid,
            .load_ready, .load_address, .load_head, .load_bytes, .load_last, .load_shared, .response_valid,
            .response_data, .response_missed, .store_valid, .store_ready, .store_address,
            .store_bytes(), .store_data, .store_last, .store_done, .prefetch_valid, .prefetch_ready, .prefetch_rows,
            .prefetch_shared, .prefetch_done, .is_first(IS_FIRST), .is_last(IS_LAST), .up_valid, .up_ready, .up_data,
            .down_valid(chain_valid[p]), .down_ready, .down_data(chain_data[p*SUMS +: SUMS]), .back_valid, .back_ready,
            .back_data, .home_valid(home_valid[p]), .home_ready(home_ready[p]),
            .home_data(home_data[p*BACK +: BACK]), .starts(starts[p*UNITS +: UNITS]), .ended(ended[p*UNITS +: UNITS]),
            .visible(visible[p*UNITS +: UNITS]), .stalls(stalls[p*UNITS*5*32 +: UNITS*5*32]),
            .idle(is_idle[p])
        );
        pe_port #(.COORD(COORD), .WIDTH(WIDTH), .FRAGMENT(FRAGMENT), .ADDRESS(ADDRESS), .ROW_BITS(DMA_BITS)) port (
            .clk, .rst_n, .x(COORD'(X)), .y(COORD'(Y)), .read_valid(load_valid), .read_ready(load_ready),
            .read_address(load_address), .read_head(load_head), .read_bytes(load_bytes), .read_last(load_last),
            .read_shared(load_shared), .write_valid(store_valid), .write_ready(store_ready),
            .write_address(store_address), .write_data(store_data), .write_last(store_last), .prefetch_valid,
            .prefetch_ready, .prefetch_rows, .prefetch_shared, .request_valid(ask_valid[NODE]),
            .request_ready(ask_ready[NODE]), .request_flit(ask_flit[NODE*REQUEST_FLIT +: REQUEST_FLIT]),
            .answer_valid(told_valid[NODE]), .answer_flit(told_flit[NODE*ANSWER_FLIT +: ANSWER_FLIT]),
            .data_valid(response_valid), .data(response_data), .data_missed(response_missed), .written(store_done),
            .prefetched(prefetch_done)
        );
        assign {tell_valid[NODE], tell_flit[NODE*ANSWER_FLIT +: ANSWER_FLIT]} = 0;
        assign asked_ready[NODE] = 0;

        // Chain: sums from the west, shares back from the east
        if (IS_FIRST) begin : gen_first
            assign {up_valid, up_data, home_ready[p]} = 0;
        end else begin : gen_behind
            assign up_valid = chain_valid[p-1];
            assign up_data = chain_data[(p-1)*SUMS +: SUMS];
            assign chain_ready[p-1] = up_ready;
        end
        if (IS_LAST) begin : gen_last
            assign {back_valid, back_data, chain_ready[p]} = 0;
        end else begin : gen_before
            assign back_valid = home_valid[p+1];
            assign back_data = home_data[(p+1)*BACK +: BACK];
            assign home_ready[p+1] = back_ready;
        end
        assign down_ready = chain_ready[p];
    end

    // Memory ports and what is behind them
    logic [GRID_COLS-1:0] bank_valid, bank_ready, bank_write, bank_answered, bank_taken;
    logic [GRID_COLS*WORD-1:0] bank_address;
    logic [GRID_COLS*BITS-1:0] bank_data, bank_result;
    logic [2*GRID_COLS-1:0] cache_valid, cache_ready;
    logic [2*GRID_COLS*WORD-1:0] cache_address;
    logic [GRID_COLS*BITS-1:0] cache_data;
    logic [GRID_COLS-1:0] cache_write, cache_answered, cache_taken, touch_last, touched;
    logic [BITS-1:0] cache_result;
    logic cache_missed;

    genvar c;
    for (c = 0; c < GRID_COLS; c++) begin : gen_port
        memory_port #(
            .COORD(COORD), .PES(GRID_ROWS), .WIDTH(WIDTH), .ADDRESS(ADDRESS), .ROW_BITS(DMA_BITS),
            .FRAGMENT(FRAGMENT), .READS(READS),
            .FETCHES(FETCHES), .WRITES(WRITES), .ORDER(4 * (SRAM + 2)), .LINE(LINE * WIDTH)
        ) port (
            .clk, .rst_n, .x(COORD'(c)), .request_valid(asked_valid[c]), .request_ready(asked_ready[c]),
            .request_flit(asked_flit[c*REQUEST_FLIT +: REQUEST_FLIT]), .answer_valid(tell_valid[c]),
            .answer_ready(tell_ready[c]), .answer_flit(tell_flit[c*ANSWER_FLIT +: ANSWER_FLIT]),
            .access_valid({cache_valid[c], bank_valid[c]}), .access_ready({cache_ready[c], bank_ready[c]}),
            .access_write({cache_write[c], bank_write[c]}),
            .access_address({cache_address[c*WORD +: WORD], bank_address[c*WORD +: WORD]}),
            .access_data({cache_data[c*BITS +: BITS], bank_data[c*BITS +: BITS]}),
            .result_valid({cache_answered[c], bank_answered[c]}), .result_ready({cache_taken[c], bank_taken[c]}),
            .result_data({cache_result, bank_result[c*BITS +: BITS]}), .result_missed(cache_missed),
            .touch_valid(cache_valid[GRID_COLS+c]), .touch_ready(cache_ready[GRID_COLS+c]),
            .touch_address(cache_address[(GRID_COLS+c)*WORD +: WORD]), .touch_last(touch_last[c]), .touched(touched[c])
        );
        assign {ask_valid[c], ask_flit[c*REQUEST_FLIT +: REQUEST_FLIT]} = 0;
    end

    sram_banks #(
        .PORTS(GRID_COLS), .BANKS(BANKS), .ROWS((1 << WORD) / BANKS), .WIDTH(BITS), .LATENCY(SRAM),
        .OUTSTANDING(SRAM + 2)
    ) sram (
        .clk, .rst_n, .in_valid(bank_valid), .in_ready(bank_ready), .in_write(bank_write), .in_address(bank_address),
        .in_data(bank_data), .out_valid(bank_answered), .out_ready(bank_taken), .out_data(bank_result), .lost()
    );
    shared_cache #(
        .PORTS(GRID_COLS), .WORD(WORD), .BITS(BITS), .SETS(SETS), .WAYS(WAYS), .LINE(LINE), .LATENCY(SRAM),
        .OUTSTANDING(SRAM + 2), .BANK_BITS(BANK_BITS), .COLUMN_BITS(COLUMN_BITS), .T_RCD(T_RCD), .T_RP(T_RP),
        .T_RAS(T_RAS), .T_CL(T_CL), .T_CWL(T_CWL), .T_RTW(T_RTW), .T_REFI(T_REFI), .T_RFC(T_RFC)
    ) cache (
        .clk, .rst_n, .refresh_enable, .in_valid(cache_valid), .in_ready(cache_ready), .in_write(cache_write),
        .in_address(cache_address), .in_data(cache_data), .in_last(touch_last), .out_valid(cache_answered),
        .out_ready(cache_taken), .out_data(cache_result), .out_missed(cache_missed), .touched, .precharge, .activate,
        .precharge_all, .row_bank, .row, .read, .write, .column_bank, .column, .write_data, .read_data, .is_missed,
        .writes_back
    );
endmodule
