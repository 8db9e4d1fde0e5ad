// Fabric interface: the DMA engine of a processing element. Brings rows from a memory behind the fabric into local
// memory, packed.
//
// It takes up a command in REQUEST cycles, then asks for one beat per cycle at most. The first beat of a fragment
// carries the request, each further one a credit: the memory sends a word for every one, in order. OUTSTANDING
// fragments are asked for per round trip; as only their last beats are paced, one more may be under way, for which the
// receive buffer has room. See README.md for the timing law.
//
// For stall counters it says with the last write of a command whether it is late, and whether a beat missed a cache.
/* verilator lint_off PINCONNECTEMPTY */  // there is always room for what is noted
module fabric_interface #(
    parameter int WIDTH       = 4,   // bytes of a beat, a power of two from 2 up
    parameter int FRAGMENT    = 16,  // most bytes of a request, a power of two from WIDTH up
    parameter int OUTSTANDING = 3,   // fragments per round trip
    parameter int REQUEST     = 5,   // cycles to take up a command, 1 or more
    parameter int ROWS        = 8,   // most rows of a command
    parameter int ADDRESS     = 12,  // bits of an address, more than those of FRAGMENT
    parameter int COMMANDS    = (OUTSTANDING + 1) * (FRAGMENT / WIDTH)  // that have asked for all and are not written
) (
    input  logic                      clk,
    input  logic                      rst_n,
    input  logic [15:0]               round_trip,  // settings: see pacer.sv
    input  logic [15:0]               bucket,
    input  logic [15:0]               rate,
    input  logic [15:0]               expected,    // from asking for a beat to its write, where nothing is in the way
    input  logic [15:0]               slack,       // cycles later than that which are not late
    input  logic                      command_valid,
    output logic                      command_ready,
    input  logic                      command_indexed,    // an index per row, else rows in sequence
    input  logic [$clog2(ROWS+1)-1:0] command_rows,       // 1 to ROWS
    input  logic [ADDRESS-1:0]        command_row_bytes,  // 1 or more
    input  logic [ADDRESS-1:0]        command_address,
    input  logic [ADDRESS-1:0]        command_stride,
    input  logic [ADDRESS-1:0]        command_local,
    input  logic                      index_valid,
    output logic                      index_ready,
    input  logic [ADDRESS-1:0]        index_data,
    output logic                      ask_valid,
    input  logic                      ask_ready,
    output logic                      ask_head,     // begins a fragment
    output logic [ADDRESS-1:0]        ask_address,  // of the first byte of the beat
    output logic [$clog2(FRAGMENT):0] ask_bytes,    // of the fragment, with its head
    output logic                      ask_last,     // of the command
    input  logic                      response_valid,
    input  logic [WIDTH*8-1:0]        response_data,
    input  logic                      response_missed,
    output logic                      write_valid,
    input  logic                      write_ready,
    output logic [ADDRESS-1:0]        write_address,
    output logic [$clog2(WIDTH):0]    write_bytes,
    output logic [WIDTH*8-1:0]        write_data,   // its lowest write_bytes bytes
    output logic                      write_last,   // of a command
    output logic                      write_late,   // with write_last: it has waited on the way
    output logic                      write_missed  // with write_last: a response of the command has missed
);
    localparam int SLOTS = (OUTSTANDING + 1) * (FRAGMENT / WIDTH);
    localparam int WAIT = $clog2(REQUEST + 1);

    logic is_busy, is_running, is_taken, is_sent, is_due, has_slot, is_tail, is_last, needs_index;
    logic [WAIT-1:0] wait_left;
    logic [$clog2(FRAGMENT):0] fragment_bytes;
    logic [$clog2(WIDTH):0] beat_bytes;
    logic [ADDRESS-1:0] local_address;

    assign command_ready = !is_busy;
    assign is_taken = command_valid && command_ready;
    assign is_running = is_busy && wait_left == 0;
    assign ask_valid = is_running && is_due && has_slot && (!needs_index || index_valid);
    assign is_sent = ask_valid && ask_ready;
    assign ask_last = is_last;
    assign ask_bytes = ask_head ? fragment_bytes : 0;
    assign index_ready = is_sent && needs_index;

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            is_busy <= 0;
            wait_left <= 0;
        end else if (is_taken) begin
            is_busy <= 1;
            wait_left <= WAIT'(REQUEST - 1);
        end else if (wait_left != 0) begin
            wait_left <= wait_left - 1;
        end else if (is_sent && is_last) begin
            is_busy <= 0;
        end
    end

    row_walker #(.WIDTH(WIDTH), .FRAGMENT(FRAGMENT), .ROWS(ROWS), .ADDRESS(ADDRESS)) walker (
        .clk, .start(is_taken), .indexed(command_indexed), .n_rows(command_rows), .row_bytes(command_row_bytes),
        .first_address(command_address), .stride(command_stride), .first_local(command_local), .step(is_sent),
        .index(index_data), .needs_index, .address(ask_address), .is_head(ask_head), .fragment_bytes, .beat_bytes,
        .local_address, .is_tail, .is_last
    );
    pacer #(.OUTSTANDING(OUTSTANDING), .WIDTH(WIDTH)) pace (
        .clk, .start(is_taken), .running(is_running), .is_tail, .sent(is_sent), .round_trip, .bucket,
        .rate, .due(is_due)
    );
    receive_buffer #(.SLOTS(SLOTS), .WIDTH(WIDTH), .ADDRESS(ADDRESS)) slots (
        .clk, .rst_n, .has_slot, .ask_valid(is_sent), .ask_offset(ask_address[$clog2(WIDTH)-1:0]),
        .ask_bytes(beat_bytes), .ask_local(local_address), .ask_last(is_last), .response_valid, .response_data,
        .response_missed, .write_valid, .write_ready, .write_address, .write_bytes, .write_data, .write_last,
        .write_missed(is_missed)
    );

    // Late: the last beat is written later than if every beat had left when it was due and none had waited behind.
    logic [15:0] now, n_held, left, behind;  // 2 ^ 15 cycles and more are not told from being early
    logic is_written, is_missed, has_missed;

    command_fifo #(.WIDTH(16), .DEPTH(COMMANDS)) last_beats (
        .clk, .rst_n, .in_valid(is_sent && is_last), .in_ready(), .in_data(now - n_held), .out_valid(),
        .out_ready(is_written && write_last), .out_data(left)
    );
    assign is_written = write_valid && write_ready;
    assign behind = now - left - expected - slack;
    assign write_late = !behind[15] && behind != 0;
    assign write_missed = is_missed || has_missed;

    always_ff @(posedge clk) begin
        now <= rst_n ? now + 1 : 0;
        if (!rst_n || is_taken) n_held <= 0;
        else if (is_running && is_due && !is_sent) n_held <= n_held + 1;
        if (!rst_n) has_missed <= 0;
        else if (is_written) has_missed <= write_missed && !write_last;
    end
endmodule
