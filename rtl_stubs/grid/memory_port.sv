// Memory port of a column: takes the requests of its PEs and gives them to banks, cache or prefetcher.
//
// Reads wait in a queue per PE; one that all PEs share can move on when it is the oldest of each. A command whose
// first read has moved on goes before all others, until its last one has: tiles are read one after the other. Writes
// take turns with reads. Answers of reads leave in the order in which these moved on; of writes, only the last of a
// command is answered, and no read waits for it. Addresses whose highest bit is set are behind the cache.
/* verilator lint_off PINCONNECTEMPTY */  // of queues that are never full when they are written
module memory_port #(
    parameter int COORD    = 2,
    parameter int PES      = 2,   // of the column, in rows 1 to PES of the network
    parameter int WIDTH    = 4,
    parameter int ADDRESS  = 12,
    parameter int ROW_BITS = 7,
    parameter int FRAGMENT = 8,
    parameter int READS    = 8,   // that a PE has under way
    parameter int FETCHES  = 4,   // prefetches of a PE that wait
    parameter int WRITES   = 8,   // words that wait to be written
    parameter int ORDER    = 8,   // requests that have moved on to a memory and are not answered
    parameter int LINE     = 16,  // bytes of a line of the cache, a power of two
    localparam int PREFETCH = 3 * ADDRESS + ROW_BITS,
    localparam int WRITE = ADDRESS + 8 * WIDTH,
    localparam int BODY = PREFETCH > WRITE ? PREFETCH : WRITE,
    localparam int REQUEST = 3 * COORD + 5 + BODY,
    localparam int ANSWER = 2 * COORD + 4 + 8 * WIDTH,
    localparam int BEATS = $clog2(FRAGMENT / WIDTH + 1),
    localparam int WORD = ADDRESS - 1 - $clog2(WIDTH)
) (
    input  logic               clk,
    input  logic               rst_n,
    input  logic [COORD-1:0]   x,             // column; constant
    input  logic               request_valid,
    output logic               request_ready,
    /* verilator lint_off UNUSEDSIGNAL */     // the destination, which is here
    input  logic [REQUEST:0]   request_flit,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic               answer_valid,
    input  logic               answer_ready,
    output logic [ANSWER:0]    answer_flit,
    // [0] banks, [1] cache: a word is read or written
    output logic [1:0]         access_valid,
    input  logic [1:0]         access_ready,
    output logic [1:0]         access_write,
    output logic [2*WORD-1:0]  access_address,
    output logic [16*WIDTH-1:0] access_data,
    input  logic [1:0]         result_valid,
    output logic [1:0]         result_ready,
    input  logic [16*WIDTH-1:0] result_data,
    input  logic               result_missed,  // of the cache
    // A line is brought into the cache
    output logic               touch_valid,
    input  logic               touch_ready,
    output logic [WORD-1:0]    touch_address,
    output logic               touch_last,
    input  logic               touched         // the last line of the oldest prefetch that has begun is there
);
    localparam logic [1:0] KIND_READ = 0, KIND_WRITE = 1, KIND_FETCH = 2;
    localparam int LOW = $clog2(WIDTH);
    localparam int STAGED = 1 + WORD + 8 * WIDTH;

    logic [COORD-1:0] from;
    logic [1:0] kind;
    logic is_shared, is_last;
    logic [BODY-1:0] body;
    logic write_room;
    assign {body, is_last, is_shared, kind, from} = request_flit[REQUEST-1:2*COORD+1];

    // Each PE has room for the data of its reads and prefetches, and a place for each here; only writes may wait.
    assign request_ready = kind != KIND_WRITE || write_room;

    // Reads, a queue of fragments per PE, whose beats move on one by one
    logic [PES-1:0] read_valid, read_shared, read_last, read_taken, ends_command;
    logic [PES*ADDRESS-1:0] read_address;
    genvar p;
    for (p = 0; p < PES; p++) begin : gen_reads
        logic [ADDRESS-1:0] first;
        logic [BEATS-1:0] n_beats, n_moved;
        logic is_over;
        command_fifo #(.WIDTH(2 + BEATS + ADDRESS), .DEPTH(READS)) queue (
            .clk, .rst_n, .in_valid(request_valid && kind == KIND_READ && from == COORD'(p + 1)),
            .in_ready(), .in_data({is_last, is_shared, body[BEATS+ADDRESS-1:0]}), .out_valid(read_valid[p]),
            .out_ready(is_over), .out_data({read_last[p], read_shared[p], n_beats, first})
        );
        assign read_address[p*ADDRESS +: ADDRESS] = first + ADDRESS'(n_moved) * ADDRESS'(WIDTH);
        assign is_over = read_taken[p] && n_moved + 1 == n_beats;
        assign ends_command[p] = is_over && read_last[p];
        always_ff @(posedge clk)
            if (!rst_n || is_over) n_moved <= 0;
            else if (read_taken[p]) n_moved <= n_moved + 1;
    end

    // Writes wait for nobody but the memories, so one queue does. It holds what a cache that fetches lines does not
    // take yet, so that the reads behind are not held up.
    logic write_valid, write_taken, write_last;
    logic [COORD-1:0] write_from;
    logic [ADDRESS-1:0] write_address;
    logic [8*WIDTH-1:0] write_data;
    command_fifo #(.WIDTH(COORD + 1 + WRITE), .DEPTH(WRITES)) writes (
        .clk, .rst_n, .in_valid(request_valid && kind == KIND_WRITE), .in_ready(write_room),
        .in_data({from, is_last, body[WRITE-1:0]}), .out_valid(write_valid), .out_ready(write_taken),
        .out_data({write_from, write_last, write_data, write_address})
    );

    logic fetched_valid, fetched_shared, fetched_taken;
    logic [COORD-1:0] fetched_by;
    prefetch_port #(
        .COORD(COORD), .PES(PES), .ADDRESS(ADDRESS), .ROW_BITS(ROW_BITS), .QUEUE(FETCHES), .LINE(LINE), .WIDTH(WIDTH)
    ) prefetcher (
        .clk, .rst_n, .in_valid(request_valid && kind == KIND_FETCH), .in_from(from),
        .in_shared(is_shared), .in_rows(body[PREFETCH-1:0]), .touch_valid, .touch_ready, .touch_address, .touch_last,
        .touched, .done_valid(fetched_valid), .done_ready(fetched_taken), .done_by(fetched_by),
        .done_shared(fetched_shared)
    );

    // Who moves on?
    logic [PES:0] asked, preferred, chosen, granted, owner;  // by PE, then shared
    logic [1:0] stage_room, order_room, has_room, stage_valid, turn;  // by memory; turn: of reads and writes
    logic reads_room, can_write, moves, moves_shared, moves_far, moves_write, moves_last;
    logic [COORD-1:0] moves_from;
    logic [ADDRESS-1:0] moves_address;

    always_comb begin
        for (int i = 0; i < PES; i++)
            asked[i] = reads_room && read_valid[i] && !read_shared[i] && has_room[read_address[i*ADDRESS+ADDRESS-1]];
        asked[PES] = reads_room && &read_valid && &read_shared && has_room[read_address[ADDRESS-1]];
    end
    assign has_room = stage_room & order_room;
    assign can_write = write_valid && has_room[write_address[ADDRESS-1]];
    assign preferred = (asked & owner) != 0 ? asked & owner : asked;
    round_robin #(.ASKERS(PES + 1)) readers (.clk, .rst_n, .asked(preferred), .granted(chosen));
    round_robin #(.ASKERS(2)) turns (.clk, .rst_n, .asked({can_write, asked != 0}), .granted(turn));

    assign granted = turn[0] ? chosen : 0;
    assign read_taken = granted[PES-1:0] | {PES{granted[PES]}};
    assign write_taken = turn[1];
    assign moves = turn != 0;
    assign moves_write = turn[1];
    assign moves_shared = granted[PES];
    assign moves_last = moves_write && write_last;

    always_ff @(posedge clk)
        if (!rst_n) owner <= 0;
        else if (turn[0] && (owner == 0 || granted == owner)) owner <= ends_command != 0 ? 0 : granted;

    always_comb begin
        moves_address = moves_write ? write_address : read_address[ADDRESS-1:0];
        moves_from = moves_shared ? COORD'(PES) : write_from;  // what is shared goes to the northern end
        for (int i = 0; i < PES; i++)
            if (granted[i]) begin
                moves_address = read_address[i*ADDRESS +: ADDRESS];
                moves_from = COORD'(i + 1);
            end
    end
    assign moves_far = moves_address[ADDRESS-1];

    genvar s;
    for (s = 0; s < 2; s++) begin : gen_stage
        assign stage_valid[s] = moves && moves_far == 1'(s);
        command_fifo #(.WIDTH(STAGED), .DEPTH(1)) stage (
            .clk, .rst_n, .in_valid(stage_valid[s]), .in_ready(stage_room[s]),
            .in_data({moves_write, moves_address[ADDRESS-2:LOW], write_data}), .out_valid(access_valid[s]),
            .out_ready(access_ready[s]),
            .out_data({access_write[s], access_address[s*WORD +: WORD], access_data[s*8*WIDTH +: 8*WIDTH]})
        );
    end

    // Answers: of each memory in the order of its requests, of all reads in the order in which they moved on
    logic [1:0] next_valid, next_shared, next_write, next_last, next_taken, is_there, is_stored;
    logic [2*COORD-1:0] next_to;
    logic read_known, read_far, is_read, can_tell, told;  // told: the memory whose answer leaves
    for (s = 0; s < 2; s++) begin : gen_order
        command_fifo #(.WIDTH(3 + COORD), .DEPTH(ORDER)) order (
            .clk, .rst_n, .in_valid(stage_valid[s]), .in_ready(order_room[s]),
            .in_data({moves_shared, moves_write, moves_last, moves_from}), .out_valid(next_valid[s]),
            .out_ready(next_taken[s]),
            .out_data({next_shared[s], next_write[s], next_last[s], next_to[s*COORD +: COORD]})
        );
        assign next_taken[s] = is_there[s] && ((next_write[s] && !next_last[s]) || (can_tell && told == 1'(s)));
    end
    command_fifo #(.WIDTH(1), .DEPTH(2 * ORDER)) reads (
        .clk, .rst_n, .in_valid(moves && !moves_write), .in_ready(reads_room), .in_data(moves_far),
        .out_valid(read_known), .out_ready(can_tell && is_stored == 0), .out_data(read_far)
    );
    assign is_there = next_valid & result_valid;
    assign is_stored = is_there & next_write & next_last;
    assign is_read = read_known && is_there[read_far] && !next_write[read_far];
    assign told = is_stored != 0 ? !is_stored[0] : read_far;
    assign can_tell = answer_ready && !fetched_valid && (is_stored != 0 || is_read);
    assign result_ready = next_taken;
    assign fetched_taken = fetched_valid && answer_ready;
    assign answer_valid = fetched_valid || is_stored != 0 || is_read;

    always_comb
        if (fetched_valid) answer_flit = {1'b1, (8*WIDTH)'(0), 1'b0, KIND_FETCH, fetched_shared, fetched_by, x};
        else
            answer_flit = {
                1'b1, told ? result_data[8*WIDTH +: 8*WIDTH] : result_data[0 +: 8*WIDTH],
                told && result_missed, is_stored != 0 ? KIND_WRITE : KIND_READ, told ? next_shared[1] : next_shared[0],
                told ? next_to[COORD +: COORD] : next_to[0 +: COORD], x
            };
endmodule
