// PE port: what a processing element asks of the memories, as flits of the request network, and what it is answered.
//
// Every request and every answer is a packet of one flit. A read asks for a fragment when its last beat is asked
// for: by then there is room for all of them. Reads, writes and prefetches take turns; an answer is always
// taken, as whoever asked has room for it. The last write of a command is acknowledged, and so is each prefetch.
module pe_port #(
    parameter int COORD    = 2,   // bits of a coordinate
    parameter int WIDTH    = 4,   // bytes of a beat
    parameter int FRAGMENT = 8,   // bytes of a request, at most
    parameter int ADDRESS  = 12,  // bits of an address
    parameter int ROW_BITS = 7,   // of the rows of a prefetch
    localparam int PREFETCH = 3 * ADDRESS + ROW_BITS,
    localparam int WRITE = ADDRESS + 8 * WIDTH,
    localparam int BEATS = $clog2(FRAGMENT / WIDTH + 1),
    localparam int BODY = PREFETCH > WRITE ? PREFETCH : WRITE,
    localparam int REQUEST = 3 * COORD + 5 + BODY,
    localparam int ANSWER = 2 * COORD + 4 + 8 * WIDTH
) (
    input  logic                clk,
    input  logic                rst_n,
    input  logic [COORD-1:0]    x,               // where this PE is; constant
    input  logic [COORD-1:0]    y,
    input  logic                read_valid,
    output logic                read_ready,
    input  logic [ADDRESS-1:0]  read_address,
    input  logic                read_head,       // it begins a fragment
    input  logic [$clog2(FRAGMENT):0] read_bytes, // of the fragment, with its head
    input  logic                read_last,       // of a command
    input  logic                read_shared,     // all PEs of the column ask for it
    input  logic                write_valid,
    output logic                write_ready,
    input  logic [ADDRESS-1:0]  write_address,
    input  logic [8*WIDTH-1:0]  write_data,
    input  logic                write_last,      // of a command
    input  logic                prefetch_valid,
    output logic                prefetch_ready,
    input  logic [PREFETCH-1:0] prefetch_rows,   // rows, bytes of each, stride, address
    input  logic                prefetch_shared,
    output logic                request_valid,
    input  logic                request_ready,
    output logic [REQUEST:0]    request_flit,
    input  logic                answer_valid,
    /* verilator lint_off UNUSEDSIGNAL */        // where it was sent, which is here
    input  logic [ANSWER:0]     answer_flit,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic                data_valid,      // of a read
    output logic [8*WIDTH-1:0]  data,
    output logic                data_missed,     // the cache had to fetch it
    output logic                written,         // the last write of a command is in memory
    output logic                prefetched
);
    localparam logic [1:0] READS = 0, WRITES = 1, FETCHES = 2;

    logic [2:0] asked, granted;
    logic [1:0] kind, answer_kind;
    logic is_shared, is_last;
    logic [BODY-1:0] body;

    // Beats of the fragment that are asked for, this one included
    logic [BEATS-1:0] n_left, n_left_before, n_beats, n_beats_before;
    logic [ADDRESS-1:0] first, first_before;
    logic is_tail, read_granted;

    assign n_beats = read_head ? BEATS'((32'(read_address[$clog2(WIDTH)-1:0]) + 32'(read_bytes) + WIDTH - 1) / WIDTH)
        : n_beats_before;
    assign n_left = read_head ? n_beats : n_left_before;
    assign first = read_head ? read_address : first_before;
    assign is_tail = n_left == 1;
    assign read_ready = !is_tail || read_granted;

    always_ff @(posedge clk)
        if (read_valid && read_ready) begin
            n_left_before <= n_left - 1;
            n_beats_before <= n_beats;
            first_before <= first;
        end

    assign asked = {write_valid, read_valid && is_tail, prefetch_valid} & {3{request_ready}};
    round_robin #(.ASKERS(3)) turns (.clk, .rst_n, .asked, .granted);
    assign {write_ready, read_granted, prefetch_ready} = granted;

    always_comb begin
        kind = READS;
        is_shared = read_shared;
        is_last = read_last;
        body = BODY'({n_beats, first});
        if (granted[0]) begin
            kind = FETCHES;
            is_shared = prefetch_shared;
            body = BODY'(prefetch_rows);
        end else if (granted[2]) begin
            kind = WRITES;
            is_last = write_last;
            body = BODY'({write_data, write_address});
        end
    end

    assign request_valid = granted != 0;
    assign request_flit = {1'b1, body, is_last, is_shared, kind, y, 1'b0, COORD'(0), x};

    assign answer_kind = answer_flit[2*COORD+1 +: 2];
    assign data_missed = answer_flit[2*COORD+3];
    assign data = answer_flit[2*COORD+4 +: 8*WIDTH];
    assign data_valid = answer_valid && answer_kind == READS;
    assign written = answer_valid && answer_kind == WRITES;
    assign prefetched = answer_valid && answer_kind == FETCHES;
endmodule
