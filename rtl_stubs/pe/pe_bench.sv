// Bench of the processing element: a host that writes a program, or a source of commands in place of the core; a memory
// behind the fabric, what is written down.
module pe_bench #(
    parameter int CORE        = 0,  // 1: commands come from the core, else from a source
    parameter int CONTEXTS    = 1,
    parameter int AUTO        = 0,
    parameter int SLOTS       = 1,
    parameter int DECODE      = 0,
    parameter int LOAD        = 1,
    parameter int MULTIPLY    = 2,
    parameter int DIVIDE      = 1,
    parameter int QUEUE       = 4,
    parameter int TOKENS      = 3,
    parameter int N_TILES     = 1,
    parameter int ROWS        = 2,
    parameter int DEPTH       = 8,
    parameter int COLS        = 2,
    parameter int GAP         = 0,
    parameter int LATENCY     = 1,
    parameter int BEATS       = 32,
    parameter int SIMD        = 2,
    parameter int WIDTH       = 4,
    parameter int FRAGMENT    = 8,
    parameter int OUTSTANDING = 2,
    parameter int REQUEST     = 2,
    parameter int FABRIC      = 4,
    parameter int VLEN        = 128,
    parameter int DLEN        = 32,
    parameter int CHAIN       = 3,
    parameter int VECTOR_LOAD = 4,
    parameter int ADDRESS     = 12
) (
    input  logic        clk,
    input  logic        run,
    input  logic [63:0] cfg_capacity,
    input  logic [15:0] cfg_round_trip,
    input  logic        cfg_missed,  // all that is loaded comes from DRAM
    output logic        done,
    output logic [31:0] cycles,
    output logic [31:0] checksum
);
    localparam int UNITS = 7, BUFFERS = 12, COUNT = $clog2(TOKENS + 1);
    localparam int WORD = 128 + 3 * 4 + 6 * COUNT + 3;
    localparam int WRITE = ADDRESS + $clog2(WIDTH) + 1 + WIDTH * 8;

    logic command_valid, command_ready, load_valid, response_valid, store_valid, store_last, store_done, idle, is_stored;
    logic [WORD-1:0] command_data;
    logic [ADDRESS-1:0] load_address, store_address;
    logic [$clog2(WIDTH):0] store_bytes;
    logic [WIDTH*8-1:0] response_data, store_data;
    logic [UNITS-1:0] starts, ended, visible;
    logic [UNITS*5*32-1:0] counters;
    logic [WIDTH*8-1:0] memory [0:(1<<ADDRESS)/WIDTH-1];
    logic [5:0] loop_address;
    logic [26:0] loop_mem [0:63];

    logic host_valid, is_running, accepts;
    logic [82:0] host_data;

    stream_source #(.WIDTH(WORD)) source_command (
        .clk, .run, .valid(command_valid), .ready(command_ready), .data(command_data)
    );
    stream_source #(.WIDTH(83), .DEPTH(2048)) source_host (.clk, .run, .valid(host_valid), .ready(1'b1), .data(host_data));
    stream_sink #(.WIDTH(WRITE), .DEPTH(4096)) sink_store (
        .clk, .run, .valid(store_valid), .ready(), .data({store_address, store_bytes, store_data}), .done(is_stored),
        .checksum
    );
    delay_line #(.WIDTH(1 + WIDTH * 8), .CYCLES(FABRIC - 1)) memory_and_fabric (
        .clk, .rst_n(run), .in_word({load_valid, memory[load_address[ADDRESS-1:$clog2(WIDTH)]]}),
        .out_word({response_valid, response_data})
    );
    // Of a store that crosses the fabric, the bench writes each beat at once.
    always_ff @(posedge clk) store_done <= run && store_valid && store_last;

    if (CORE != 0) begin : gen_core
        assign command_ready = 0;
        pe #(
            .CONTEXTS(CONTEXTS), .AUTO(AUTO), .SLOTS(SLOTS), .DECODE(DECODE), .LOAD(LOAD), .MULTIPLY(MULTIPLY),
            .DIVIDE(DIVIDE),
            .BUFFERS(BUFFERS), .QUEUE(QUEUE), .TOKENS(TOKENS), .N_TILES(N_TILES), .ROWS(ROWS), .DEPTH(DEPTH), .COLS(COLS),
            .GAP(GAP), .LATENCY(LATENCY), .BEATS(BEATS), .SIMD(SIMD), .WIDTH(WIDTH), .FRAGMENT(FRAGMENT),
            .OUTSTANDING(OUTSTANDING), .REQUEST(REQUEST), .FABRIC(FABRIC), .ADDRESS(ADDRESS),
            .VECTOR(1), .VLEN(VLEN), .DLEN(DLEN), .CHAIN(CHAIN), .VECTOR_LOAD(VECTOR_LOAD)
        ) dut (
            .clk, .rst_n(run), .capacity(cfg_capacity[BUFFERS*COUNT-1:0]), .round_trip(cfg_round_trip), .host_valid,
            .host_data, .is_running, .accepts, .load_valid, .load_ready(1'b1), .load_address, .load_head(),
            .load_bytes(), .load_last(), .load_shared(), .response_valid, .response_data, .response_missed(cfg_missed),
            .store_valid, .store_ready(1'b1), .store_address, .store_bytes, .store_data, .store_last, .store_done,
            .prefetch_valid(), .prefetch_ready(1'b0), .prefetch_rows(), .prefetch_shared(), .prefetch_done(1'b0),
            .is_first(1'b1), .is_last(1'b1), .up_valid(1'b0), .up_ready(), .up_data('0), .down_valid(),
            .down_ready(1'b0), .down_data(), .back_valid(1'b0), .back_ready(), .back_data('0), .home_valid(),
            .home_ready(1'b0), .home_data(), .starts, .ended, .visible, .stalls(counters), .idle
        );
    end else begin : gen_direct
        assign is_running = run;
        assign accepts = command_valid && command_ready;
        engines #(
            .BUFFERS(BUFFERS), .QUEUE(QUEUE), .TOKENS(TOKENS), .N_TILES(N_TILES), .ROWS(ROWS), .DEPTH(DEPTH), .COLS(COLS),
            .GAP(GAP), .LATENCY(LATENCY), .BEATS(BEATS), .SIMD(SIMD), .WIDTH(WIDTH), .FRAGMENT(FRAGMENT),
            .OUTSTANDING(OUTSTANDING), .REQUEST(REQUEST), .FABRIC(FABRIC), .ADDRESS(ADDRESS),
            .VECTOR(1), .VLEN(VLEN), .DLEN(DLEN), .CHAIN(CHAIN), .VECTOR_LOAD(VECTOR_LOAD)
        ) dut (
            .clk, .rst_n(run), .capacity(cfg_capacity[BUFFERS*COUNT-1:0]), .round_trip(cfg_round_trip), .command_valid,
            .command_ready, .command_data, .loop_address, .loop_data(loop_mem[loop_address]), .load_valid,
            .load_ready(1'b1), .load_address, .load_head(), .load_bytes(), .load_last(), .load_shared(),
            .response_valid, .response_data, .response_missed(cfg_missed), .store_valid, .store_ready(1'b1), .store_address,
            .store_bytes, .store_data, .store_last, .store_done, .prefetch_valid(), .prefetch_ready(1'b0),
            .prefetch_rows(), .prefetch_shared(), .prefetch_done(1'b0), .is_first(1'b1), .is_last(1'b1), .up_valid(1'b0),
            .up_ready(), .up_data('0), .down_valid(), .down_ready(1'b0), .down_data(), .back_valid(1'b0), .back_ready(),
            .back_data('0), .home_valid(), .home_ready(1'b0), .home_data(), .starts, .ended, .visible, .has_room(),
            .stalls(counters), .idle
        );
    end
    assign done = is_stored && idle;

    event_log #(.EVENTS(1 + 3 * UNITS)) log (
        .clk, .run(is_running), .done, .strobes({visible, ended, starts, accepts}), .cycles
    );
endmodule
