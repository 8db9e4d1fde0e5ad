// Last-level cache: set-associative, write-back, write-allocate, least recently used line replaced; blocks on a miss.
//
// A hit is served in the cycle in which it enters. A miss writes its victim back if that is dirty, fetches its line,
// and is then served like a hit; nothing else enters meanwhile. Every request is answered, in order: a read with the
// word stored, a write with the word written. Words lie in one single-ported memory. See README.md for the timing law.
module llc #(
    parameter int SETS        = 4,  // a power of two costs no divider
    parameter int WAYS        = 2,
    parameter int LINE        = 4,  // words of a line, a power of two
    parameter int WIDTH       = 8,  // bits of a word
    parameter int ADDRESS     = 8,  // bits of the address of a word
    parameter int LATENCY     = 1,  // from serving a request to its answer, 1 or more
    parameter int OUTSTANDING = 2   // requests served and not answered
) (
    input  logic               clk,
    input  logic               rst_n,
    input  logic               in_valid,
    output logic               in_ready,
    input  logic               in_write,
    input  logic [ADDRESS-1:0] in_address,
    input  logic [WIDTH-1:0]   in_data,
    output logic               out_valid,
    input  logic               out_ready,
    output logic [WIDTH-1:0]   out_data,
    output logic               victim_valid,    // words of a dirty line on their way to memory
    input  logic               victim_ready,
    output logic [ADDRESS-1:0] victim_address,
    output logic [WIDTH-1:0]   victim_data,
    output logic               fetch_valid,     // asks memory for a line
    input  logic               fetch_ready,
    output logic [ADDRESS-1:0] fetch_address,   // of its first word
    input  logic               fill_valid,      // its words, in order
    output logic               fill_ready,
    input  logic [WIDTH-1:0]   fill_data,
    output logic               is_miss,         // a request enters and misses
    output logic               is_served        // a request reads or writes its word
);
    localparam int SET_BITS = SETS > 1 ? $clog2(SETS) : 1;
    localparam int WAY_BITS = WAYS > 1 ? $clog2(WAYS) : 1;
    localparam int BEAT_BITS = LINE > 1 ? $clog2(LINE) : 1;
    localparam int TAG_BITS = ADDRESS + 1 - $clog2(LINE * SETS + 1);
    localparam int ROW_BITS = SETS * WAYS * LINE > 1 ? $clog2(SETS * WAYS * LINE) : 1;

    typedef enum logic [2:0] {LOOK_UP, WRITE_BACK, FETCH, FILL, SERVE} state_t;
    state_t state;

    // A row per set, a part per way
    logic [WAYS-1:0] is_known [0:SETS-1];
    logic [WAYS-1:0] is_dirty [0:SETS-1];
    logic [WAYS*WAY_BITS-1:0] age [0:SETS-1];  // 0: used last, WAYS - 1: next to go
    logic [WAYS*TAG_BITS-1:0] tags [0:SETS-1];
    logic [WIDTH-1:0] memory [0:SETS*WAYS*LINE-1];

    // The request at hand: the one that enters, or the one that missed
    logic held_write, write;
    logic [ADDRESS-1:0] held_address, address;
    logic [WIDTH-1:0] held_data, data;
    logic [SET_BITS-1:0] set;
    logic [TAG_BITS-1:0] tag;
    logic [BEAT_BITS-1:0] offset;

    assign {write, address, data} = state == LOOK_UP ? {in_write, in_address, in_data}
        : {held_write, held_address, held_data};
    assign offset = BEAT_BITS'(32'(address) % LINE);
    assign set = SET_BITS'(32'(address) / LINE % SETS);
    assign tag = TAG_BITS'(32'(address) / (LINE * SETS));

    // Its way: the one that holds its line, else the oldest. Ways that hold nothing yet are older than all others.
    logic is_hit;
    logic [WAY_BITS-1:0] way;
    logic [WAYS*WAY_BITS-1:0] age_before, age_after;

    assign age_before = age[set];

    always_comb begin
        is_hit = 0;
        way = 0;
        for (int w = 0; w < WAYS; w++)
            if (age_before[w*WAY_BITS +: WAY_BITS] == WAY_BITS'(WAYS - 1)) way = WAY_BITS'(w);
        for (int w = 0; w < WAYS; w++)
            if (is_known[set][w] && tags[set][w*TAG_BITS +: TAG_BITS] == tag) begin
                is_hit = 1;
                way = WAY_BITS'(w);
            end
    end

    always_comb begin
        age_after = age_before;
        for (int w = 0; w < WAYS; w++)
            if (age_before[w*WAY_BITS +: WAY_BITS] < age_before[way*WAY_BITS +: WAY_BITS])
                age_after[w*WAY_BITS +: WAY_BITS] = age_before[w*WAY_BITS +: WAY_BITS] + 1;
        age_after[way*WAY_BITS +: WAY_BITS] = 0;
    end

    // Handshakes
    logic has_room, enters, victim_taken, fill_taken, is_line_over;
    logic [BEAT_BITS-1:0] beat, next_beat;

    assign in_ready = state == LOOK_UP && has_room;
    assign enters = in_valid && in_ready;
    assign is_miss = enters && !is_hit;
    assign is_served = state == SERVE || (enters && is_hit);
    assign victim_valid = state == WRITE_BACK;
    assign victim_taken = victim_valid && victim_ready;
    assign fetch_valid = state == FETCH;
    assign fill_ready = state == FILL;
    assign fill_taken = fill_ready && fill_valid;
    assign is_line_over = (victim_taken || fill_taken) && beat == BEAT_BITS'(LINE - 1);
    assign next_beat = is_line_over ? 0 : beat + BEAT_BITS'(victim_taken || fill_taken);
    assign victim_address
        = ADDRESS'((32'(tags[set][way*TAG_BITS +: TAG_BITS]) * SETS + 32'(set)) * LINE + 32'(beat));
    assign fetch_address = ADDRESS'(32'(address) / LINE * LINE);

    // The memory reads or writes a word per cycle. The victim is read a beat ahead, from the cycle of the miss on.
    logic is_written;
    logic [BEAT_BITS-1:0] column;
    logic [ROW_BITS-1:0] row;
    logic [WIDTH-1:0] written, word;

    assign is_written = fill_taken || (is_served && write);
    assign written = fill_taken ? fill_data : data;
    assign column = is_served ? offset : fill_taken ? beat : next_beat;
    assign row = ROW_BITS'((32'(set) * WAYS + 32'(way)) * LINE + 32'(column));
    assign victim_data = word;

    always_ff @(posedge clk) begin
        if (is_written) memory[row] <= written;
        word <= is_written ? written : memory[row];
    end

    answer_queue #(.WIDTH(WIDTH), .LATENCY(LATENCY), .OUTSTANDING(OUTSTANDING)) answers (
        .clk, .rst_n, .has_room, .start(is_served), .word, .out_valid, .out_ready, .out_data
    );

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            state <= LOOK_UP;
            beat <= 0;
            for (int s = 0; s < SETS; s++) begin
                is_known[s] <= 0;
                is_dirty[s] <= 0;
                for (int w = 0; w < WAYS; w++) age[s][w*WAY_BITS +: WAY_BITS] <= WAY_BITS'(w);
            end
        end else begin
            beat <= next_beat;
            case (state)
                LOOK_UP:
                    if (is_miss) begin
                        {held_write, held_address, held_data} <= {in_write, in_address, in_data};
                        state <= is_dirty[set][way] ? WRITE_BACK : FETCH;
                    end
                WRITE_BACK: if (is_line_over) state <= FETCH;
                FETCH: if (fetch_ready) state <= FILL;
                FILL:
                    if (is_line_over) begin
                        tags[set][way*TAG_BITS +: TAG_BITS] <= tag;
                        is_known[set][way] <= 1;
                        is_dirty[set][way] <= 0;
                        state <= SERVE;
                    end
                default: state <= LOOK_UP;
            endcase
            if (is_served) begin
                age[set] <= age_after;
                if (write) is_dirty[set][way] <= 1;
            end
        end
    end
endmodule
