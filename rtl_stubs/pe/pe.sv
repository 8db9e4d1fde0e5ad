// Processing element: a RISC-V core that issues commands, and the engines that they run on.
//
// Whatever the core pushes goes through its kind table to the command processor of the engines. All of it is held in
// reset until the host has written the memories and lets the core go: cycle 0 is the first one in which is_running is 1.
/* verilator lint_off PINCONNECTEMPTY */  // blocks have outputs that nothing here needs
module pe #(
    parameter int CONTEXTS    = 1,   // core
    parameter int AUTO        = 0,
    parameter int SLOTS       = 1,
    parameter int DECODE      = 0,
    parameter int LOAD        = 1,
    parameter int MULTIPLY    = 2,
    parameter int DIVIDE      = 1,
    parameter int BUFFERS     = 12,  // circular buffers, numbered as in a program of the cycle model
    parameter int QUEUE       = 4,   // commands that wait in front of a unit
    parameter int TOKENS      = 4,   // most tokens of a buffer
    parameter int UNDER_WAY   = 8,   // commands of a unit that have started and are not visible
    parameter int PREFETCH    = 0,   // 1: the unit is there
    parameter int REDUCE      = 0,   // PEs of a chain; 0: the unit is not there
    parameter int HOP         = 1,   // cycles from one of them to the next
    parameter int VECTOR      = 0,
    parameter int N_TILES     = 1,   // matrix engine
    parameter int ROWS        = 2,   // of a block; also the lanes of the SIMD engine
    parameter int DEPTH       = 8,
    parameter int COLS        = 2,
    parameter int GAP         = 0,
    parameter int LATENCY     = 1,
    parameter int BEATS       = 32,  // of an accumulator bank
    parameter int SIMD        = 2,   // latency of the SIMD engine
    parameter int WIDTH       = 4,   // fabric interface
    parameter int FRAGMENT    = 8,
    parameter int OUTSTANDING = 2,
    parameter int REQUEST     = 2,
    parameter int FABRIC      = 4,   // cycles from asking for a beat until it is written; 2 or more
    parameter int EXPECTED    = FABRIC,  // in a grid; see engines.sv
    parameter int SLACK       = 0,
    parameter int VLEN        = 128, // vector unit
    parameter int DLEN        = 32,  // up to 8 · DEPTH
    parameter int CHAIN       = 3,
    parameter int VECTOR_LOAD = 4,
    parameter int LOOPS       = 6,   // bits of an address in the memory of vector loops
    parameter int ADDRESS     = 12,  // bits of an address, in local memory and behind the fabric
    localparam int UNITS = 7,
    localparam int DMA_ROWS = 64,
    localparam int DMA_BITS = $clog2(DMA_ROWS + 1),
    localparam int BUFFER_BITS = BUFFERS == 1 ? 1 : $clog2(BUFFERS),
    localparam int COUNT = $clog2(TOKENS + 1),
    localparam int HEAD = 3 * BUFFER_BITS + 6 * COUNT + $clog2(UNITS)
) (
    input  logic                     clk,
    input  logic                     rst_n,
    input  logic [BUFFERS*COUNT-1:0] capacity,
    input  logic [15:0]              round_trip,      // over which OUTSTANDING fragments are spread
    input  logic                     host_valid,      // a word for a memory of the core
    input  logic [82:0]              host_data,
    output logic                     is_running,      // the core has been let go
    output logic                     accepts,         // a command is handed over
    output logic                     load_valid,      // a beat is asked for
    input  logic                     load_ready,
    output logic [ADDRESS-1:0]       load_address,
    output logic                     load_head,       // it begins a fragment
    output logic [$clog2(FRAGMENT):0] load_bytes,     // of the fragment, with its head
    output logic                     load_last,       // of a command
    output logic                     load_shared,     // others ask for the same beat
    input  logic                     response_valid,
    input  logic [WIDTH*8-1:0]       response_data,
    input  logic                     response_missed, // a cache did not have it
    output logic                     store_valid,     // a beat is written
    input  logic                     store_ready,
    output logic [ADDRESS-1:0]       store_address,
    output logic [$clog2(WIDTH):0]   store_bytes,
    output logic [WIDTH*8-1:0]       store_data,
    output logic                     store_last,      // of a command
    input  logic                     store_done,      // the last beat of the oldest store is in memory
    /* verilator lint_off UNUSEDSIGNAL */             // not used where the unit is not there
    output logic                     prefetch_valid,  // a tile is to be brought into the cache
    input  logic                     prefetch_ready,
    output logic [3*ADDRESS+DMA_BITS-1:0] prefetch_rows,  // rows, bytes of each, stride, address
    output logic                     prefetch_shared,
    input  logic                     prefetch_done,
    // Chain of PEs that add up their sums: this one's place, sums from the one before, to the one behind, and back
    input  logic                     is_first,
    input  logic                     is_last,
    input  logic                     up_valid,
    output logic                     up_ready,
    input  logic [ROWS*32-1:0]       up_data,
    output logic                     down_valid,
    input  logic                     down_ready,
    output logic [ROWS*32-1:0]       down_data,
    input  logic                     back_valid,
    output logic                     back_ready,
    input  logic [ROWS*32+15:0]      back_data,
    output logic                     home_valid,
    input  logic                     home_ready,
    output logic [ROWS*32+15:0]      home_data,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [UNITS-1:0]         starts,          // strobes for performance counters, a bit per unit
    output logic [UNITS-1:0]         ended,
    output logic [UNITS-1:0]         visible,
    output logic [UNITS*5*32-1:0]    stalls,          // cycles, by unit and cause (stall_counter.sv)
    output logic                     idle             // and the core has come to its end
);
    logic command_valid, is_halted, is_idle;
    logic [HEAD+127:0] command_data;
    logic [UNITS-1:0] has_room;
    logic [LOOPS-1:0] loop_address;
    logic [26:0] loop_data;

    command_core #(
        .CONTEXTS(CONTEXTS), .AUTO(AUTO), .SLOTS(SLOTS), .DECODE(DECODE), .LOAD(LOAD), .MULTIPLY(MULTIPLY),
        .DIVIDE(DIVIDE), .LOOPS(LOOPS), .UNITS(UNITS), .HEAD(HEAD)
    ) core (
        .clk, .rst_n, .host_valid, .host_data, .is_running, .is_halted, .loop_address, .loop_data, .has_room,
        .command_valid, .command_data
    );
    assign accepts = command_valid;
    assign idle = is_halted && is_idle;

    engines #(
        .BUFFERS(BUFFERS), .QUEUE(QUEUE), .TOKENS(TOKENS), .UNDER_WAY(UNDER_WAY), .PREFETCH(PREFETCH),
        .REDUCE(REDUCE), .HOP(HOP), .VECTOR(VECTOR), .N_TILES(N_TILES), .ROWS(ROWS), .DEPTH(DEPTH), .COLS(COLS),
        .GAP(GAP), .LATENCY(LATENCY), .BEATS(BEATS), .SIMD(SIMD), .WIDTH(WIDTH), .FRAGMENT(FRAGMENT),
        .OUTSTANDING(OUTSTANDING), .REQUEST(REQUEST), .FABRIC(FABRIC), .EXPECTED(EXPECTED), .SLACK(SLACK), .VLEN(VLEN),
        .DLEN(DLEN), .CHAIN(CHAIN), .VECTOR_LOAD(VECTOR_LOAD), .LOOPS(LOOPS), .ADDRESS(ADDRESS)
    ) units (
        .clk, .rst_n(is_running), .capacity, .round_trip, .command_valid, .command_ready(), .command_data,
        .loop_address, .loop_data, .load_valid, .load_ready, .load_address, .load_head, .load_bytes, .load_last,
        .load_shared, .response_valid, .response_data, .response_missed, .store_valid, .store_ready, .store_address,
        .store_bytes, .store_data, .store_last, .store_done, .prefetch_valid, .prefetch_ready, .prefetch_rows,
        .prefetch_shared, .prefetch_done, .is_first, .is_last, .up_valid, .up_ready, .up_data, .down_valid, .down_ready,
        .down_data, .back_valid, .back_ready, .back_data, .home_valid, .home_ready, .home_data, .starts, .ended,
        .visible, .has_room, .stalls, .idle(is_idle)
    );
endmodule
