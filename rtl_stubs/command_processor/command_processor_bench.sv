// Bench of the command processor: cores that play commands, units that are timers, what is written down.
module command_processor_bench #(
    parameter int CORES     = 1,
    parameter int UNITS     = 2,
    parameter int BUFFERS   = 2,
    parameter int DEPTH     = 4,
    parameter int TOKENS    = 4,
    parameter int UNDER_WAY = 4
) (
    input  logic        clk,
    input  logic        run,
    input  logic [127:0] cfg_capacity,
    output logic        done,
    output logic [31:0] cycles,
    output logic [31:0] checksum
);
    localparam int UNIT_BITS = UNITS == 1 ? 1 : $clog2(UNITS);
    localparam int BUFFER_BITS = BUFFERS == 1 ? 1 : $clog2(BUFFERS);
    localparam int COUNT = $clog2(TOKENS + 1);
    localparam int PAYLOAD = 34;
    localparam int WORD = PAYLOAD + 3 * BUFFER_BITS + 6 * COUNT + UNIT_BITS;
    localparam int MOST_CORES = 2;
    localparam int MOST_UNITS = 6;  // of any build: the events are the same in all

    logic [CORES-1:0] command_valid, command_ready;
    logic [CORES*WORD-1:0] command_data;
    logic [UNITS-1:0] start_valid, start_ready, ended, visible, takers_done;
    logic [UNITS*PAYLOAD-1:0] start_payload;
    logic [UNITS*32-1:0] checksums;
    logic [UNITS*2-1:0] late;
    logic [MOST_UNITS*5*32-1:0] counters;
    logic [UNITS*5*32-1:0] stalls;
    logic idle;

    genvar i;
    for (i = 0; i < CORES; i++) begin : gen_command
        stream_source #(.WIDTH(WORD)) source (
            .clk, .run, .valid(command_valid[i]), .ready(command_ready[i]), .data(command_data[i*WORD +: WORD])
        );
    end

    for (i = 0; i < UNITS; i++) begin : gen_start
        // As in a program of the cycle model, in which resource 1 is DRAM
        bench_timer #(.PAYLOAD(PAYLOAD), .LATE(i == 1 ? 2 : 1)) timer (
            .clk, .run, .valid(start_valid[i]), .ready(start_ready[i]), .payload(start_payload[i*PAYLOAD +: PAYLOAD]),
            .ended(ended[i]), .visible(visible[i]), .late(late[i*2 +: 2])
        );
        stream_sink #(.WIDTH(PAYLOAD)) sink (
            .clk, .run, .valid(start_valid[i] && start_ready[i]), .ready(),
            .data(start_payload[i*PAYLOAD +: PAYLOAD]), .done(takers_done[i]), .checksum(checksums[i*32 +: 32])
        );
    end

    command_processor #(
        .CORES(CORES), .UNITS(UNITS), .BUFFERS(BUFFERS), .DEPTH(DEPTH), .TOKENS(TOKENS), .UNDER_WAY(UNDER_WAY),
        .PAYLOAD(PAYLOAD)
    ) dut (
        .clk, .rst_n(run), .capacity(cfg_capacity[BUFFERS*COUNT-1:0]), .command_valid, .command_ready, .command_data,
        .start_valid, .start_ready, .start_payload, .ended, .visible, .late, .has_room(), .stalls, .idle
    );
    assign counters = (MOST_UNITS*5*32)'(stalls);

    always_comb begin
        checksum = 0;
        for (int k = 0; k < UNITS; k++) checksum = {checksum[30:0], checksum[31]} ^ checksums[k*32 +: 32];
    end
    assign done = &takers_done && idle;

    event_log #(.EVENTS(MOST_CORES + 3 * MOST_UNITS)) log (
        .clk, .run, .done,
        .strobes({
            MOST_UNITS'(visible), MOST_UNITS'(ended), MOST_UNITS'(start_valid & start_ready),
            MOST_CORES'(command_valid & command_ready)
        }),
        .cycles
    );
endmodule

// A unit that takes time and computes nothing. Payload, from the top: number, latency, service, occupancy.
//
// It takes a command when the occupancy of the one before is over. A command with a service asks a server of its own,
// which serves one command after the other, and ends when both are over.
module bench_timer #(
    parameter int PAYLOAD = 34,
    parameter int LATE    = 1    // why a result is late that the server held up; 2, always so
) (
    input  logic               clk,
    input  logic               run,
    input  logic               valid,
    output logic               ready,
    input  logic [PAYLOAD-1:0] payload,
    output logic               ended,
    output logic               visible,
    output logic [1:0]         late
);
    logic [15:0] end_mem [0:255];
    logic late_mem [0:255];
    logic [15:0] result_mem [0:255];
    logic [7:0] n_started, n_ended, n_visible;
    logic [15:0] now, free_at, served_at, occupied_until, served_until, ends_at;

    assign ready = now >= free_at;
    assign occupied_until = now + 16'(payload[7:0]);
    assign served_until = (served_at > now ? served_at : now) + 16'(payload[15:8]);
    assign ends_at = payload[15:8] != 0 && served_until > occupied_until ? served_until : occupied_until;
    assign ended = n_ended != n_started && end_mem[n_ended] == now;
    assign visible = n_visible != n_started && result_mem[n_visible] == now;
    assign late = late_mem[n_visible] ? 2'(LATE) : 0;

    always_ff @(posedge clk) begin
        if (!run) begin
            now <= 0;
            free_at <= 0;
            served_at <= 0;
            n_started <= 0;
            n_ended <= 0;
            n_visible <= 0;
        end else begin
            now <= now + 1;
            if (valid && ready) begin
                free_at <= occupied_until;
                if (payload[15:8] != 0) served_at <= served_until;
                end_mem[n_started] <= ends_at;
                result_mem[n_started] <= ends_at + 16'(payload[23:16]);
                late_mem[n_started] <= payload[15:8] != 0 && (LATE == 2 || served_until > occupied_until);
                n_started <= n_started + 1;
            end
            if (ended) n_ended <= n_ended + 1;
            if (visible) n_visible <= n_visible + 1;
        end
    end
endmodule
