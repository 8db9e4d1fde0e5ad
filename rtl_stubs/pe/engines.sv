// Engines of a processing element: a command processor and its units around one local memory.
//
// Units: 0 prefetch, 1 load, 2 matrix, 3 reduce, 4 simd, 5 vector, 6 store; some are there only where a parameter says
// so, and one that is not takes no command. Commands come as words (see README.md for their fields) from one core or two.
// Operands are read through the fabric and results written through it; a word that is stored crosses the fabric in
// FABRIC - 1 cycles before it is written, as one that is loaded does before it arrives.
module engines #(
    parameter int CORES       = 1,
    parameter int BUFFERS     = 12,  // circular buffers, numbered as in a program of the cycle model
    parameter int QUEUE       = 4,   // commands that wait in front of a unit
    parameter int TOKENS      = 4,   // most tokens of a buffer
    parameter int UNDER_WAY   = 8,   // commands of a unit that have started and are not visible
    parameter int PREFETCH    = 0,   // 1: the unit is there
    parameter int REDUCE      = 0,
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
    parameter int ADDRESS     = 12,  // bits of an address, in local memory and behind the fabric
    localparam int UNITS = 7,
    localparam int DMA_ROWS = 64,
    localparam int BUFFER_BITS = BUFFERS == 1 ? 1 : $clog2(BUFFERS),
    localparam int COUNT = $clog2(TOKENS + 1),
    localparam int PAYLOAD = 128,    // four words of 32 bits
    localparam int WORD = PAYLOAD + 3 * BUFFER_BITS + 6 * COUNT + $clog2(UNITS)
) (
    input  logic                     clk,
    input  logic                     rst_n,
    input  logic [BUFFERS*COUNT-1:0] capacity,
    input  logic [15:0]              round_trip,      // over which OUTSTANDING fragments are spread
    input  logic [CORES-1:0]         command_valid,
    output logic [CORES-1:0]         command_ready,
    input  logic [CORES*WORD-1:0]    command_data,
    output logic                     load_valid,      // a beat is asked for
    output logic [ADDRESS-1:0]       load_address,
    input  logic                     response_valid,
    input  logic [WIDTH*8-1:0]       response_data,
    output logic                     store_valid,     // a beat is written
    output logic [ADDRESS-1:0]       store_address,
    output logic [$clog2(WIDTH):0]   store_bytes,
    output logic [WIDTH*8-1:0]       store_data,
    output logic [UNITS-1:0]         starts,          // strobes for performance counters, a bit per unit
    output logic [UNITS-1:0]         ended,
    output logic [UNITS-1:0]         visible,
    output logic                     idle
);
    localparam int AHEAD = 0, LOAD = 1, MATRIX = 2, ADD = 3, WORK = 4, LOOP = 5, STORE = 6;

    logic [UNITS-1:0] start_valid, start_ready;
    /* verilator lint_off UNUSEDSIGNAL */  // each unit reads as much of its four words as it has fields
    logic [UNITS*PAYLOAD-1:0] start_payload;
    /* verilator lint_on UNUSEDSIGNAL */

    command_processor #(
        .CORES(CORES), .UNITS(UNITS), .BUFFERS(BUFFERS), .DEPTH(QUEUE), .TOKENS(TOKENS), .UNDER_WAY(UNDER_WAY),
        .PAYLOAD(PAYLOAD)
    ) commands (
        .clk, .rst_n, .capacity, .command_valid, .command_ready, .command_data, .start_valid, .start_ready,
        .start_payload, .ended, .visible, .idle
    );
    assign starts = start_valid & start_ready;

    // Prefetch
    if (PREFETCH == 0) begin : gen_no_prefetch
        assign {start_ready[AHEAD], ended[AHEAD], visible[AHEAD]} = 0;
    end

    // Reduce
    if (REDUCE == 0) begin : gen_no_reduce
        assign {start_ready[ADD], ended[ADD], visible[ADD]} = 0;
    end

    // Vector
    if (VECTOR == 0) begin : gen_no_vector
        assign {start_ready[LOOP], ended[LOOP], visible[LOOP]} = 0;
    end

    // Local memory
    logic near_valid, result_valid;
    logic [ADDRESS-1:0] near_address, result_address, kept_address;
    logic [$clog2(WIDTH):0] near_bytes;
    logic [WIDTH*8-1:0] near_data, kept_data;
    logic [ROWS*8-1:0] result_data;
    logic [2*N_TILES*ADDRESS-1:0] operand_address;
    logic [2*N_TILES*DEPTH*8-1:0] operand_data;

    local_memory #(.ADDRESS(ADDRESS), .BEAT(WIDTH), .RESULT(ROWS), .READS(2 * N_TILES), .DEPTH(DEPTH)) memory (
        .clk, .load_valid(near_valid), .load_address(near_address), .load_bytes(near_bytes), .load_data(near_data),
        .result_valid, .result_address, .result_data, .operand_address, .operand_data,
        .store_address(kept_address & ~ADDRESS'(WIDTH - 1)), .store_data(kept_data)
    );

    // Load and store
    dma_unit #(
        .WIDTH(WIDTH), .FRAGMENT(FRAGMENT), .OUTSTANDING(OUTSTANDING), .REQUEST(REQUEST), .ROWS(DMA_ROWS),
        .ADDRESS(ADDRESS)
    ) load (
        .clk, .rst_n, .round_trip, .start_valid(start_valid[LOAD]), .start_ready(start_ready[LOAD]),
        .start_rows(start_payload[LOAD*PAYLOAD+96 +: $clog2(DMA_ROWS+1)]),
        .start_row_bytes(start_payload[LOAD*PAYLOAD+64 +: ADDRESS]),
        .start_from(start_payload[LOAD*PAYLOAD+32 +: ADDRESS]),
        .start_stride(start_payload[LOAD*PAYLOAD+80 +: ADDRESS]), .start_to(start_payload[LOAD*PAYLOAD +: ADDRESS]),
        .ask_valid(load_valid), .ask_address(load_address), .response_valid, .response_data, .write_valid(near_valid),
        .write_address(near_address), .write_bytes(near_bytes), .write_data(near_data), .ended(ended[LOAD]),
        .visible(visible[LOAD])
    );

    logic kept_valid, crossed_valid;
    logic [WIDTH*8-1:0] crossed_data;

    dma_unit #(
        .WIDTH(WIDTH), .FRAGMENT(FRAGMENT), .OUTSTANDING(OUTSTANDING), .REQUEST(REQUEST), .ROWS(DMA_ROWS),
        .ADDRESS(ADDRESS)
    ) store (
        .clk, .rst_n, .round_trip, .start_valid(start_valid[STORE]), .start_ready(start_ready[STORE]),
        .start_rows(start_payload[STORE*PAYLOAD+96 +: $clog2(DMA_ROWS+1)]),
        .start_row_bytes(start_payload[STORE*PAYLOAD+64 +: ADDRESS]),
        .start_from(start_payload[STORE*PAYLOAD+32 +: ADDRESS]),
        .start_stride(start_payload[STORE*PAYLOAD+80 +: ADDRESS]),
        .start_to(start_payload[STORE*PAYLOAD +: ADDRESS]), .ask_valid(kept_valid), .ask_address(kept_address),
        .response_valid(crossed_valid), .response_data(crossed_data), .write_valid(store_valid),
        .write_address(store_address), .write_bytes(store_bytes), .write_data(store_data), .ended(ended[STORE]),
        .visible(visible[STORE])
    );
    delay_line #(.WIDTH(WIDTH * 8), .CYCLES(FABRIC - 1)) fabric (
        .clk, .rst_n, .in_valid(kept_valid), .in_data(kept_data), .out_valid(crossed_valid), .out_data(crossed_data)
    );

    // Matrix and SIMD
    logic sums_valid, sums_ready;
    logic [ROWS*32-1:0] sums_data;
    logic [7:0] columns, groups, depths, steps, work_columns, work_groups;
    logic opens;
    logic [ADDRESS-1:0] held, streamed, stride, work_result, work_stride;
    logic [2:0] work_count;
    logic [2*35-1:0] work_operations;

    assign held = start_payload[MATRIX*PAYLOAD +: ADDRESS];
    assign streamed = start_payload[MATRIX*PAYLOAD+32 +: ADDRESS];
    assign {groups, columns} = start_payload[MATRIX*PAYLOAD+64 +: 16];
    assign stride = start_payload[MATRIX*PAYLOAD+80 +: ADDRESS];
    assign {opens, steps, depths} = start_payload[MATRIX*PAYLOAD+96 +: 17];
    assign work_result = start_payload[WORK*PAYLOAD +: ADDRESS];
    assign work_stride = start_payload[WORK*PAYLOAD+16 +: ADDRESS];
    assign {work_operations, work_count, work_groups, work_columns} = start_payload[WORK*PAYLOAD+32 +: 16 + 3 + 2 * 35];

    matrix_unit #(
        .N_TILES(N_TILES), .ROWS(ROWS), .DEPTH(DEPTH), .COLS(COLS), .GAP(GAP), .LATENCY(LATENCY), .BEATS(BEATS),
        .UNDER_WAY(UNDER_WAY), .ADDRESS(ADDRESS)
    ) matrix (
        .clk, .rst_n, .start_valid(start_valid[MATRIX]), .start_ready(start_ready[MATRIX]), .start_columns(columns),
        .start_groups(groups), .start_depths(depths), .start_held(held), .start_streamed(streamed),
        .start_stride(stride), .start_opens(opens), .start_steps(steps),
        .row_address(operand_address[0 +: N_TILES*ADDRESS]), .row_bytes(operand_data[0 +: N_TILES*DEPTH*8]),
        .column_address(operand_address[N_TILES*ADDRESS +: N_TILES*ADDRESS]),
        .column_bytes(operand_data[N_TILES*DEPTH*8 +: N_TILES*DEPTH*8]), .sums_valid, .sums_ready, .sums_data,
        .ended(ended[MATRIX]), .visible(visible[MATRIX])
    );
    simd_unit #(.LANES(ROWS), .LATENCY(SIMD), .UNDER_WAY(UNDER_WAY), .ADDRESS(ADDRESS)) simd (
        .clk, .rst_n, .start_valid(start_valid[WORK]), .start_ready(start_ready[WORK]), .start_count(work_count),
        .start_operations(work_operations), .start_columns(work_columns), .start_groups(work_groups),
        .start_result(work_result), .start_stride(work_stride), .in_valid(sums_valid), .in_ready(sums_ready),
        .in_data(sums_data), .write_valid(result_valid), .write_address(result_address), .write_data(result_data),
        .ended(ended[WORK]), .visible(visible[WORK])
    );
endmodule
