// Circular buffers: counters, addresses and banked storage through which engines hand tokens to one another.
//
// Each port serves an engine, which gives it operations in order: reserve space, write, push tokens; claim tokens,
// read, pop them. An operation takes one cycle, that in which it is taken (go); until then the engine waits, and
// everything behind the operation with it. Counters change at the end of the cycle. A buffer has one producer and one
// consumer. Tokens are 1, 2, 4, ... words; words of a buffer lie one after another in the banks and wrap around.
module circular_buffer #(
    parameter int PORTS       = 3,   // 2 or more
    parameter int BUFFERS     = 3,
    parameter int BANKS       = 2,   // a power of two
    parameter int WORDS       = 64,  // of the storage; a power of two, more than BANKS
    parameter int WIDTH       = 16,  // bits of a word
    parameter int BUFFER_BITS = BUFFERS > 1 ? $clog2(BUFFERS) : 1,
    parameter int ADDRESS     = $clog2(WORDS)
) (
    input  logic                         clk,
    input  logic                         rst_n,
    input  logic [BUFFERS*8-1:0]         capacity,    // tokens of each buffer
    input  logic [BUFFERS*2-1:0]         token_shift, // log2 of the words of a token
    input  logic [BUFFERS*ADDRESS-1:0]   base,        // address of its first word
    input  logic [PORTS-1:0]             op_valid,
    output logic [PORTS-1:0]             op_ready,
    input  logic [PORTS*3-1:0]           op_kind,
    input  logic [PORTS*BUFFER_BITS-1:0] op_buffer,
    input  logic [PORTS*8-1:0]           op_count,    // tokens; of read and write: the word, from the first token
    input  logic [PORTS*8-1:0]           op_needed,   // tokens that a claim waits for
    input  logic [PORTS*WIDTH-1:0]       op_data,
    output logic [PORTS-1:0]             out_valid,   // words that were read
    input  logic [PORTS-1:0]             out_ready,
    output logic [PORTS*WIDTH-1:0]       out_data,
    output logic                         conflict     // a port waits for a bank that serves another one
);
    typedef enum logic [2:0] {RESERVE, WRITE, PUSH, CLAIM, READ, POP} kind_t;
    typedef logic [7:0] count_t;
    typedef logic [ADDRESS:0] position_t;  // up to WORDS

    count_t n_used [0:BUFFERS-1];     // reserved and not popped
    count_t n_visible [0:BUFFERS-1];  // pushed and not claimed
    position_t head [0:BUFFERS-1];    // first word that is not popped
    position_t tail [0:BUFFERS-1];    // first word that is not pushed
    position_t size [0:BUFFERS-1];    // words

    logic [PORTS-1:0] access, is_write, is_granted, go;
    logic [PORTS*ADDRESS-1:0] address;
    logic [PORTS*WIDTH-1:0] word;

    // Tokens to which the ports do something in this cycle
    function automatic count_t tokens(
        input kind_t kind, input logic [BUFFER_BITS-1:0] chosen, input logic [PORTS-1:0] is_done,
        input logic [PORTS*3-1:0] kinds, input logic [PORTS*BUFFER_BITS-1:0] buffers, input logic [PORTS*8-1:0] counts
    );
        tokens = 0;
        for (int p = 0; p < PORTS; p++)
            if (is_done[p] && kinds[p*3 +: 3] == kind && buffers[p*BUFFER_BITS +: BUFFER_BITS] == chosen)
                tokens = tokens + counts[p*8 +: 8];
    endfunction

    assign op_ready = go;

    for (genvar p = 0; p < PORTS; p++) begin : port
        logic [2:0] kind;
        logic [BUFFER_BITS-1:0] chosen;
        count_t count;
        position_t place;

        assign kind = op_kind[p*3 +: 3];
        assign chosen = op_buffer[p*BUFFER_BITS +: BUFFER_BITS];
        assign count = op_count[p*8 +: 8];

        assign is_write[p] = kind == WRITE;
        assign access[p] = op_valid[p] && (is_write[p] || (kind == READ && (!out_valid[p] || out_ready[p])));
        assign place = (is_write[p] ? tail[chosen] : head[chosen]) + position_t'(count);
        assign address[p*ADDRESS +: ADDRESS] = base[chosen*ADDRESS +: ADDRESS]
            + ADDRESS'(place >= size[chosen] ? place - size[chosen] : place);

        assign go[p] = kind == WRITE || kind == READ ? is_granted[p] : op_valid[p]
            && (kind != RESERVE || 9'(n_used[chosen]) + 9'(count) <= 9'(capacity[chosen*8 +: 8]))
            && (kind != CLAIM || n_visible[chosen] >= op_needed[p*8 +: 8]);
    end

    for (genvar b = 0; b < BUFFERS; b++) begin : buffer
        count_t reserved, pushed, claimed, popped;  // in this cycle
        position_t next_tail, next_head;

        assign reserved = tokens(RESERVE, BUFFER_BITS'(b), go, op_kind, op_buffer, op_count);
        assign pushed = tokens(PUSH, BUFFER_BITS'(b), go, op_kind, op_buffer, op_count);
        assign claimed = tokens(CLAIM, BUFFER_BITS'(b), go, op_kind, op_buffer, op_count);
        assign popped = tokens(POP, BUFFER_BITS'(b), go, op_kind, op_buffer, op_count);
        assign size[b] = position_t'(capacity[b*8 +: 8]) << token_shift[b*2 +: 2];
        assign next_tail = tail[b] + (position_t'(pushed) << token_shift[b*2 +: 2]);
        assign next_head = head[b] + (position_t'(popped) << token_shift[b*2 +: 2]);

        always_ff @(posedge clk) begin
            if (!rst_n) begin
                n_used[b] <= 0;
                n_visible[b] <= 0;
                tail[b] <= 0;
                head[b] <= 0;
            end else begin
                n_used[b] <= n_used[b] + reserved - popped;
                n_visible[b] <= n_visible[b] + pushed - claimed;
                tail[b] <= next_tail >= size[b] ? next_tail - size[b] : next_tail;
                head[b] <= next_head >= size[b] ? next_head - size[b] : next_head;
            end
        end
    end

    circular_buffer_storage #(.PORTS(PORTS), .BANKS(BANKS), .WORDS(WORDS), .WIDTH(WIDTH)) storage (
        .clk, .rst_n, .access, .is_write, .address, .wdata(op_data), .is_granted, .rdata(word)
    );
    assign conflict = (access & ~is_granted) != 0;

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            out_valid <= 0;
        end else begin
            out_valid <= (out_valid & ~out_ready) | (is_granted & ~is_write);
            for (int p = 0; p < PORTS; p++)
                if (is_granted[p] && !is_write[p]) out_data[p*WIDTH +: WIDTH] <= word[p*WIDTH +: WIDTH];
        end
    end
endmodule
