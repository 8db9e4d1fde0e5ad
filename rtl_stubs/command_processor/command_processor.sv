// Command processor: takes commands from up to two cores, queues them per unit, and starts each when it may start.
//
// A command names its unit, up to two circular buffers from which it needs and pops tokens, and one in which it reserves
// and pushes them. The command at the head of a queue starts when its unit takes it, its tokens are visible and its
// space is free; it claims tokens and reserves space at once. The unit gives two notices per command, in the order of
// their starts: when it has ended (inputs are popped) and when its result is visible (the output is pushed). Units wait
// for one another through buffers only. See README.md for the timing law.
module command_processor #(
    parameter int CORES     = 1,   // 1 or 2
    parameter int UNITS     = 2,   // 1 or more
    parameter int BUFFERS   = 2,   // 1 or more
    parameter int DEPTH     = 4,   // commands that wait in front of a unit; 1 or more
    parameter int TOKENS    = 4,   // most tokens of a buffer; 1 or more
    parameter int UNDER_WAY = 4,   // commands of a unit that have started and are not visible; 1 or more
    parameter int PAYLOAD   = 8,   // bits that a unit gets of its command
    localparam int UNIT_BITS = UNITS == 1 ? 1 : $clog2(UNITS),
    localparam int BUFFER_BITS = BUFFERS == 1 ? 1 : $clog2(BUFFERS),
    localparam int COUNT = $clog2(TOKENS + 1),
    localparam int CHANGE = BUFFER_BITS + COUNT,
    localparam int QUEUED = PAYLOAD + 3 * BUFFER_BITS + 6 * COUNT,
    localparam int WORD = QUEUED + UNIT_BITS,
    localparam int CAUSES = 5
) (
    input  logic                      clk,
    input  logic                      rst_n,
    input  logic [BUFFERS*COUNT-1:0]  capacity,       // tokens of each buffer; constant while commands are under way
    input  logic [CORES-1:0]          command_valid,
    output logic [CORES-1:0]          command_ready,  // waits for command_valid
    // From the top: payload; push, reserve, output; pop, need, second input; pop, need, first input; unit
    input  logic [CORES*WORD-1:0]     command_data,
    output logic [UNITS-1:0]          start_valid,
    input  logic [UNITS-1:0]          start_ready,
    output logic [UNITS*PAYLOAD-1:0]  start_payload,
    input  logic [UNITS-1:0]          ended,          // notices
    input  logic [UNITS-1:0]          visible,
    input  logic [UNITS*2-1:0]        late,           // why the result is visible late: 1 arbitration, 2 dram, 0 neither
    output logic [UNITS-1:0]          has_room,       // in the queue of the unit
    output logic [UNITS*CAUSES*32-1:0] stalls,        // cycles, by unit and cause (stall_counter.sv)
    output logic                      idle            // no command waits or is under way
);
    localparam logic [2:0] DATA = 0, ARBITRATION = 3, DRAM = 4;
    localparam logic [1:0] LATE_DRAM = 2;

    logic [UNITS-1:0] is_queued, waits_for_end, waits_for_result, starts;
    // A change of a counter: the buffer, then the tokens. Each command makes one at its output, two at its inputs.
    logic [UNITS*CHANGE-1:0] reserves, pushes;             // of the next to start, of the next to be visible
    logic [UNITS*2*CHANGE-1:0] claims, pops;               // of the next to start, of the next to end
    logic [BUFFERS*COUNT-1:0] available, taken;            // pushed and not claimed, reserved and not popped
    logic [BUFFERS*COUNT-1:0] available_now, taken_now;    // with the notices of this cycle
    logic [BUFFERS*COUNT-1:0] available_next, taken_next;  // with its starts, too
    logic [BUFFERS*3-1:0] cause_now;                       // of tokens that become visible in this cycle
    logic [UNITS*3-1:0] causes;                            // of the next to be visible

    // Cores take turns when both can hand over a command.
    logic [CORES-1:0] offers, accepts;
    logic turn;
    logic [WORD-1:0] accepted;

    always_comb begin
        for (int c = 0; c < CORES; c++)
            offers[c] = command_valid[c] && has_room[command_data[c*WORD +: UNIT_BITS]];
        accepts = offers;
        if (&offers) accepts = CORES'(turn ? 2 : 1);
    end

    assign command_ready = accepts;
    assign accepted = accepts[0] ? command_data[WORD-1:0] : command_data[(CORES-1)*WORD +: WORD];

    always_ff @(posedge clk) begin
        if (!rst_n) turn <= 0;
        else if (accepts != 0) turn <= CORES == 2 && accepts[0];
    end

    // A queue per unit, and what to do when its notices come.
    genvar u;  // Icarus 11 mistakes it for a signal if it is declared in the loop
    for (u = 0; u < UNITS; u++) begin : unit
        logic [BUFFER_BITS-1:0] result, input_a, input_b;
        logic [COUNT-1:0] n_pushed, n_reserved, n_popped_a, n_needed_a, n_popped_b, n_needed_b;
        logic has_tokens_a, has_tokens_b, has_space, has_pop_place, has_push_place;
        logic [2:0] cause;

        command_fifo #(.WIDTH(QUEUED), .DEPTH(DEPTH)) queue (
            .clk, .rst_n, .in_valid(accepts != 0 && accepted[UNIT_BITS-1:0] == u), .in_ready(has_room[u]),
            .in_data(accepted[WORD-1:UNIT_BITS]), .out_valid(is_queued[u]), .out_ready(starts[u]),
            .out_data({start_payload[u*PAYLOAD +: PAYLOAD], n_pushed, n_reserved, result, n_popped_b, n_needed_b, input_b,
                n_popped_a, n_needed_a, input_a})
        );
        assign reserves[u*CHANGE +: CHANGE] = {n_reserved, result};
        assign claims[u*2*CHANGE +: 2*CHANGE] = {n_popped_b, input_b, n_popped_a, input_a};

        assign has_tokens_a = available_now[input_a*COUNT +: COUNT] >= n_needed_a;
        assign has_tokens_b = available_now[input_b*COUNT +: COUNT] >= n_needed_b;
        assign has_space = {1'b0, taken_now[result*COUNT +: COUNT]} + {1'b0, n_reserved}
            <= {1'b0, capacity[result*COUNT +: COUNT]};
        assign start_valid[u] = is_queued[u] && has_tokens_a && has_tokens_b && has_space && has_pop_place
            && has_push_place;
        assign starts[u] = start_valid[u] && start_ready[u];

        command_fifo #(.WIDTH(2*CHANGE), .DEPTH(UNDER_WAY)) to_pop (
            .clk, .rst_n, .in_valid(starts[u]), .in_ready(has_pop_place), .in_data(claims[u*2*CHANGE +: 2*CHANGE]),
            .out_valid(waits_for_end[u]), .out_ready(ended[u]), .out_data(pops[u*2*CHANGE +: 2*CHANGE])
        );
        command_fifo #(.WIDTH(3+CHANGE), .DEPTH(UNDER_WAY)) to_push (
            .clk, .rst_n, .in_valid(starts[u]), .in_ready(has_push_place), .in_data({cause, n_pushed, result}),
            .out_valid(waits_for_result[u]), .out_ready(visible[u]),
            .out_data({causes[u*3 +: 3], pushes[u*CHANGE +: CHANGE]})
        );
        stall_counter #(.CAUSES(CAUSES)) counter (
            .clk, .rst_n, .is_free(start_ready[u]), .is_issued(is_queued[u]), .has_tokens_a, .has_tokens_b,
            .cause_a(cause_now[input_a*3 +: 3]), .cause_b(cause_now[input_b*3 +: 3]), .starts(starts[u]), .cause,
            .stalls(stalls[u*CAUSES*32 +: CAUSES*32])
        );
    end

    assign idle = (is_queued | waits_for_end | waits_for_result) == 0;

    // A notice counts in the cycle in which it is given, so that what waits for it may start in that cycle.
    always_comb begin
        available_now = available;
        taken_now = taken;
        for (int i = 0; i < UNITS; i++)
            if (visible[i])
                available_now[pushes[i*CHANGE +: BUFFER_BITS]*COUNT +: COUNT] =
                    available_now[pushes[i*CHANGE +: BUFFER_BITS]*COUNT +: COUNT]
                    + pushes[i*CHANGE+BUFFER_BITS +: COUNT];
        for (int i = 0; i < 2 * UNITS; i++)
            if (ended[i/2])
                taken_now[pops[i*CHANGE +: BUFFER_BITS]*COUNT +: COUNT] =
                    taken_now[pops[i*CHANGE +: BUFFER_BITS]*COUNT +: COUNT] - pops[i*CHANGE+BUFFER_BITS +: COUNT];
    end

    // What a token waited for before it was there, for those who wait for it in turn.
    always_comb begin
        cause_now = {BUFFERS{DATA}};
        for (int i = 0; i < UNITS; i++)
            if (visible[i] && pushes[i*CHANGE+BUFFER_BITS +: COUNT] != 0) begin
                cause_now[pushes[i*CHANGE +: BUFFER_BITS]*3 +: 3] = causes[i*3 +: 3];
                if (late[i*2 +: 2] == LATE_DRAM) cause_now[pushes[i*CHANGE +: BUFFER_BITS]*3 +: 3] = DRAM;
                else if (late[i*2 +: 2] != 0 && causes[i*3 +: 3] != DRAM)
                    cause_now[pushes[i*CHANGE +: BUFFER_BITS]*3 +: 3] = ARBITRATION;
            end
    end

    always_comb begin
        available_next = available_now;
        taken_next = taken_now;
        for (int i = 0; i < UNITS; i++)
            if (starts[i])
                taken_next[reserves[i*CHANGE +: BUFFER_BITS]*COUNT +: COUNT] =
                    taken_next[reserves[i*CHANGE +: BUFFER_BITS]*COUNT +: COUNT]
                    + reserves[i*CHANGE+BUFFER_BITS +: COUNT];
        for (int i = 0; i < 2 * UNITS; i++)
            if (starts[i/2])
                available_next[claims[i*CHANGE +: BUFFER_BITS]*COUNT +: COUNT] =
                    available_next[claims[i*CHANGE +: BUFFER_BITS]*COUNT +: COUNT]
                    - claims[i*CHANGE+BUFFER_BITS +: COUNT];
    end

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            available <= 0;
            taken <= 0;
        end else begin
            available <= available_next;
            taken <= taken_next;
        end
    end
endmodule
