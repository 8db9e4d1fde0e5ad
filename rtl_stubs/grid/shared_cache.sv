// Shared cache: the last-level cache in front of a DRAM channel, which serves the memory ports and their prefetchers.
//
// Ports 0 to PORTS - 1 read and write; ports PORTS to 2 * PORTS - 1 bring lines in and are only told when the last line
// of a prefetch is there. They take turns, line by line where they read or write, one prefetch after the other. A line
// is brought in only when nobody reads or writes: a miss blocks the cache, and whoever reads what is there would wait
// for each. Answers come in order.
module shared_cache #(
    parameter int PORTS       = 2,
    parameter int WORD        = 9,    // bits of the address of a word
    parameter int BITS        = 32,   // of a word
    parameter int SETS        = 4,
    parameter int WAYS        = 2,
    parameter int LINE        = 4,    // words
    parameter int LATENCY     = 2,
    parameter int OUTSTANDING = 4,
    parameter int BANK_BITS   = 1,    // DRAM channel
    parameter int COLUMN_BITS = 4,
    parameter int T_RCD = 3,
    parameter int T_RP = 3,
    parameter int T_RAS = 7,
    parameter int T_CL = 4,
    parameter int T_CWL = 2,
    parameter int T_RTW = 5,
    parameter int T_REFI = 199,
    parameter int T_RFC = 11,
    localparam int ROW_BITS = WORD - BANK_BITS - COLUMN_BITS
) (
    input  logic                    clk,
    input  logic                    rst_n,
    input  logic                    refresh_enable,
    input  logic [2*PORTS-1:0]      in_valid,
    output logic [2*PORTS-1:0]      in_ready,
    input  logic [PORTS-1:0]        in_write,
    input  logic [2*PORTS*WORD-1:0] in_address,
    input  logic [PORTS*BITS-1:0]   in_data,
    input  logic [PORTS-1:0]        in_last,      // of those that bring lines in: the last one of a prefetch
    output logic [PORTS-1:0]        out_valid,
    input  logic [PORTS-1:0]        out_ready,
    output logic [BITS-1:0]         out_data,
    output logic                    out_missed,
    output logic [PORTS-1:0]        touched,
    output logic                    precharge,    // to the cells
    output logic                    activate,
    output logic                    precharge_all,
    output logic [BANK_BITS-1:0]    row_bank,
    output logic [ROW_BITS-1:0]     row,
    output logic                    read,
    output logic                    write,
    output logic [BANK_BITS-1:0]    column_bank,
    output logic [COLUMN_BITS-1:0]  column,
    output logic [BITS-1:0]         write_data,
    input  logic [BITS-1:0]         read_data,
    output logic                    is_missed,    // strobe: a request enters and misses
    output logic                    writes_back   // strobe: a word of a displaced line goes to the channel
);
    localparam int PORT_BITS = PORTS == 1 ? 1 : $clog2(PORTS);

    // Who enters?
    logic [2*PORTS-1:0] asked, granted;
    logic [PORTS-1:0] touches, begun;  // of prefetches: at most one has begun
    logic enters, cache_ready, order_room, is_write, victim_valid, victim_ready;
    logic [WORD-1:0] address;
    logic [BITS-1:0] data;
    logic [PORT_BITS-1:0] from;
    logic is_touch, is_last;

    assign asked[PORTS-1:0] = cache_ready && order_room ? in_valid[PORTS-1:0] : 0;
    assign asked[2*PORTS-1:PORTS] = cache_ready && order_room && in_valid[PORTS-1:0] == 0
        ? in_valid[2*PORTS-1:PORTS] & (begun != 0 ? begun : '1) : 0;
    round_robin #(.ASKERS(PORTS)) accesses (.clk, .rst_n, .asked(asked[PORTS-1:0]), .granted(granted[PORTS-1:0]));
    round_robin #(.ASKERS(PORTS)) prefetches (
        .clk, .rst_n, .asked(asked[2*PORTS-1:PORTS]), .granted(granted[2*PORTS-1:PORTS])
    );
    assign in_ready = granted;
    assign enters = granted != 0;
    assign touches = granted[PORTS +: PORTS];
    assign is_touch = touches != 0;
    assign writes_back = victim_valid && victim_ready;

    always_ff @(posedge clk)
        if (!rst_n) begun <= 0;
        else if (is_touch) begun <= touches & ~in_last;

    always_comb begin
        is_write = 0;
        address = 0;
        data = 0;
        from = 0;
        is_last = 0;
        for (int p = 0; p < PORTS; p++) begin
            if (granted[p]) begin
                is_write = in_write[p];
                address = in_address[p*WORD +: WORD];
                data = in_data[p*BITS +: BITS];
                from = PORT_BITS'(p);
            end
            if (granted[PORTS+p]) begin
                address = in_address[(PORTS+p)*WORD +: WORD];
                from = PORT_BITS'(p);
                is_last = in_last[p];
            end
        end
    end

    // Whose is the next answer?
    logic answered, taken, known, next_touch, next_last;
    logic [PORT_BITS-1:0] to;
    command_fifo #(.WIDTH(3 + PORT_BITS), .DEPTH(OUTSTANDING + 1)) order (
        .clk, .rst_n, .in_valid(enters), .in_ready(order_room), .in_data({is_missed, is_touch, is_last, from}),
        .out_valid(known), .out_ready(taken), .out_data({out_missed, next_touch, next_last, to})
    );
    assign taken = answered && known && (next_touch || out_ready[to]);
    always_comb begin
        out_valid = 0;
        touched = 0;
        if (answered && known && !next_touch) out_valid[to] = 1;
        if (answered && known && next_touch && next_last) touched[to] = 1;
    end

    logic fetch_valid, fetch_ready, fill_valid, fill_ready;
    logic request_valid, request_ready, request_write;
    logic [WORD-1:0] victim_address, fetch_address, request_address;
    logic [BITS-1:0] victim_data, fill_data, request_data;

    /* verilator lint_off PINCONNECTEMPTY */  // strobes that nothing here needs
    llc #(
        .SETS(SETS), .WAYS(WAYS), .LINE(LINE), .WIDTH(BITS), .ADDRESS(WORD), .LATENCY(LATENCY),
        .OUTSTANDING(OUTSTANDING)
    ) cache (
        .clk, .rst_n, .in_valid(enters), .in_ready(cache_ready), .in_write(is_write), .in_address(address),
        .in_data(data), .out_valid(answered), .out_ready(taken), .out_data, .victim_valid, .victim_ready,
        .victim_address, .victim_data, .fetch_valid, .fetch_ready, .fetch_address, .fill_valid, .fill_ready, .fill_data,
        .is_miss(is_missed), .is_served()
    );
    line_port #(.WORD(WORD), .LINE(LINE), .BITS(BITS)) lines (
        .clk, .rst_n, .victim_valid, .victim_ready, .victim_address, .victim_data, .fetch_valid, .fetch_ready,
        .fetch_address, .request_valid, .request_ready, .request_write, .request_address, .request_data
    );
    // Neighbouring rows lie in different banks: row, bank, column from the top of an address.
    dram_channel #(
        .BANKS(1 << BANK_BITS), .ROW_BITS(ROW_BITS), .COLUMN_BITS(COLUMN_BITS), .WIDTH(BITS), .QUEUE(4),
        .RESPONSES(T_CL + 3), .T_RCD(T_RCD), .T_RP(T_RP), .T_RAS(T_RAS), .T_RRD(2), .T_CCD(1), .T_CL(T_CL),
        .T_CWL(T_CWL), .T_BURST(1), .T_RTP(2), .T_WR(3), .T_WTR(2), .T_RTW(T_RTW), .T_REFI(T_REFI), .T_RFC(T_RFC)
    ) channel (
        .clk, .rst_n, .refresh_enable, .in_valid(request_valid), .in_ready(request_ready),
        .in_is_write(request_write),
        .in_address({request_address[COLUMN_BITS +: BANK_BITS], request_address[WORD-1:COLUMN_BITS+BANK_BITS],
            request_address[COLUMN_BITS-1:0]}),
        .in_data(request_data), .out_valid(fill_valid), .out_ready(fill_ready), .out_data(fill_data), .precharge,
        .activate, .precharge_all, .refresh(), .row_bank, .row, .read, .write, .column_bank, .column, .write_data,
        .read_data, .row_hit()
    );
    /* verilator lint_on PINCONNECTEMPTY */
endmodule
