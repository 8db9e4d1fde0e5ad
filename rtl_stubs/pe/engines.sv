// Engines of a processing element: a command processor and its units around one local memory.
//
// Units: 0 prefetch, 1 load, 2 matrix, 3 reduce, 4 simd, 5 vector, 6 store; some are there only where a parameter says
// so, and one that is not takes no command. Commands come as words (see README.md for their fields) from one core or two.
// Operands are read through the fabric and results written through it; a word that is stored crosses the fabric in
// FABRIC - 1 cycles before it is written, as one that is loaded does before it arrives.
/* verilator lint_off PINCONNECTEMPTY */  // blocks have outputs that nothing here needs
module engines #(
    parameter int CORES       = 1,
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
    parameter int EXPECTED    = FABRIC,  // the same where the way is long, when nothing is in the way; for stall counters
    parameter int SLACK       = 0,  // cycles later than that which are not late, as PEs may be as far apart
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
    output logic [LOOPS-1:0]         loop_address,    // of an instruction of the vector loops
    /* verilator lint_off UNUSEDSIGNAL */  // where there is no vector unit
    input  logic [26:0]              loop_data,       // in the same cycle
    /* verilator lint_on UNUSEDSIGNAL */
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
    output logic [UNITS-1:0]         has_room,        // in the queue of the unit
    output logic [UNITS*5*32-1:0]    stalls,          // cycles, by unit and cause (stall_counter.sv)
    output logic                     idle
);
    localparam int SHARED = 96 + 16;  // bit of a command that loads or prefetches
    localparam int AHEAD = 0, LOAD = 1, MATRIX = 2, ADD = 3, WORK = 4, LOOP = 5, STORE = 6;

    logic [UNITS-1:0] start_valid, start_ready;
    /* verilator lint_off UNUSEDSIGNAL */  // each unit reads as much of its four words as it has fields
    logic [UNITS*PAYLOAD-1:0] start_payload;
    /* verilator lint_on UNUSEDSIGNAL */

    // Why results are late; those of units that are not named here never are. What is prefetched comes from DRAM.
    logic [UNITS*2-1:0] late;
    logic [1:0] load_late;
    logic reduce_late;
    always_comb begin
        late = 0;
        late[AHEAD*2 +: 2] = 2;
        late[LOAD*2 +: 2] = load_late;
        late[ADD*2 +: 2] = {1'b0, reduce_late};
    end

    command_processor #(
        .CORES(CORES), .UNITS(UNITS), .BUFFERS(BUFFERS), .DEPTH(QUEUE), .TOKENS(TOKENS), .UNDER_WAY(UNDER_WAY),
        .PAYLOAD(PAYLOAD)
    ) commands (
        .clk, .rst_n, .capacity, .command_valid, .command_ready, .command_data, .start_valid, .start_ready,
        .start_payload, .ended, .visible, .late, .has_room, .stalls, .idle
    );
    assign starts = start_valid & start_ready;

    logic sums_valid, sums_ready, work_valid, work_ready;  // of the accumulators, and what the SIMD engine takes
    logic [ROWS*32-1:0] sums_data, work_data;

    // Prefetch
    if (PREFETCH == 0) begin : gen_no_prefetch
        assign {start_ready[AHEAD], ended[AHEAD], visible[AHEAD], prefetch_valid} = 0;
        assign {prefetch_shared, prefetch_rows} = 0;
    end else begin : gen_prefetch
        prefetch_unit #(.WORD(1 + 3 * ADDRESS + DMA_BITS)) prefetch (
            .clk, .rst_n, .start_valid(start_valid[AHEAD]), .start_ready(start_ready[AHEAD]),
            .start_rows({start_payload[AHEAD*PAYLOAD+SHARED], start_payload[AHEAD*PAYLOAD+96 +: DMA_BITS],
                start_payload[AHEAD*PAYLOAD+64 +: ADDRESS], start_payload[AHEAD*PAYLOAD+80 +: ADDRESS],
                start_payload[AHEAD*PAYLOAD+32 +: ADDRESS]}),
            .ask_valid(prefetch_valid), .ask_ready(prefetch_ready), .ask_rows({prefetch_shared, prefetch_rows}),
            .ended(ended[AHEAD])
        );
        assign visible[AHEAD] = prefetch_done;
    end

    // Reduce
    if (REDUCE == 0) begin : gen_no_reduce
        assign {start_ready[ADD], ended[ADD], visible[ADD], reduce_late} = 0;
        assign {down_valid, down_data, back_ready, home_valid, home_data} = 0;
        assign {work_valid, sums_ready, work_data} = {sums_valid, work_ready, sums_data};
    end else begin : gen_reduce
        reduce_unit #(.LANES(ROWS), .BEATS(BEATS), .HOP(HOP), .MEMBERS(REDUCE), .SLACK(SLACK)) reduce (
            .clk, .rst_n, .is_last, .start_valid(start_valid[ADD]), .start_ready(start_ready[ADD]),
            .start_columns(start_payload[ADD*PAYLOAD +: 8]), .start_groups(start_payload[ADD*PAYLOAD+8 +: 8]),
            .start_first_column(start_payload[ADD*PAYLOAD+32 +: 8]),
            .start_end_column(start_payload[ADD*PAYLOAD+40 +: 8]),
            .start_first_group(start_payload[ADD*PAYLOAD+48 +: 8]), .start_end_group(start_payload[ADD*PAYLOAD+56 +: 8]),
            .sums_valid, .sums_ready, .sums_data, .down_valid, .down_ready, .down_data, .back_valid, .back_ready,
            .back_data, .up_valid(home_valid), .up_ready(home_ready), .up_data(home_data), .share_valid(work_valid),
            .share_ready(work_ready), .share_data(work_data), .ended(ended[ADD]), .late(reduce_late)
        );
        assign visible[ADD] = ended[ADD];
    end

    // Vector
    logic group_valid;
    logic [ADDRESS-$clog2(DLEN/8)-1:0] group_address;
    logic [DLEN/8-1:0] group_mask;
    logic [DLEN-1:0] group_data;
    /* verilator lint_off UNUSEDSIGNAL */  // where there is no vector unit
    logic [DLEN-1:0] read_group;
    /* verilator lint_on UNUSEDSIGNAL */

    if (VECTOR == 0) begin : gen_no_vector
        assign {start_ready[LOOP], ended[LOOP], visible[LOOP]} = 0;
        assign {loop_address, group_valid, group_address, group_mask, group_data} = 0;
    end else begin : gen_vector
        vector_core #(
            .VLEN(VLEN), .DLEN(DLEN), .CHAIN(CHAIN), .LOAD(VECTOR_LOAD), .LOOPS(LOOPS), .ADDRESS(ADDRESS)
        ) core (
            .clk, .rst_n, .start_valid(start_valid[LOOP]), .start_ready(start_ready[LOOP]),
            .start_bases({start_payload[LOOP*PAYLOAD+48 +: ADDRESS], start_payload[LOOP*PAYLOAD+32 +: ADDRESS],
                start_payload[LOOP*PAYLOAD+16 +: ADDRESS], start_payload[LOOP*PAYLOAD +: ADDRESS]}),
            .start_elements(start_payload[LOOP*PAYLOAD+64 +: 10]), .start_rows(start_payload[LOOP*PAYLOAD+74 +: 8]),
            .start_per_turn(start_payload[LOOP*PAYLOAD+82 +: 8]), .start_loop(start_payload[LOOP*PAYLOAD+90 +: LOOPS]),
            .start_scalars(start_payload[LOOP*PAYLOAD+96 +: 32]), .loop_address, .loop_data,
            .write_valid(group_valid), .address(group_address), .write_mask(group_mask), .write_data(group_data),
            .read_data(read_group), .ended(ended[LOOP])
        );
        assign visible[LOOP] = ended[LOOP];
    end

    // Local memory
    logic near_valid, result_valid;
    logic [ADDRESS-1:0] near_address, result_address, kept_address, element_address;
    logic [ADDRESS-1:0] index_address, index;
    logic [$clog2(WIDTH):0] near_bytes;
    logic [WIDTH*8-1:0] near_data, kept_data;
    logic [$clog2(ROWS*4):0] result_bytes;
    logic [ROWS*32-1:0] result_data, element_data;
    logic [2*N_TILES*ADDRESS-1:0] operand_address;
    logic [2*N_TILES*DEPTH*8-1:0] operand_data;

    local_memory #(
        .ADDRESS(ADDRESS), .BEAT(WIDTH), .RESULT(ROWS * 4), .READS(2 * N_TILES), .DEPTH(DEPTH), .GROUP(DLEN / 8)
    ) memory (
        .clk, .load_valid(near_valid), .load_address(near_address), .load_bytes(near_bytes), .load_data(near_data),
        .result_valid, .result_address, .result_bytes, .result_data, .group_valid, .group_address, .group_mask,
        .group_data, .read_group, .element_address, .element_data, .operand_address, .operand_data,
        .store_address(kept_address & ~ADDRESS'(WIDTH - 1)), .store_data(kept_data), .index_address, .index_data(index)
    );

    // Load and store
    dma_unit #(
        .WIDTH(WIDTH), .FRAGMENT(FRAGMENT), .OUTSTANDING(OUTSTANDING), .REQUEST(REQUEST), .ROWS(DMA_ROWS),
        .UNDER_WAY(UNDER_WAY), .ADDRESS(ADDRESS), .EXPECTED(EXPECTED), .SLACK(SLACK)
    ) load (
        .clk, .rst_n, .round_trip, .start_valid(start_valid[LOAD]), .start_ready(start_ready[LOAD]),
        .start_rows(start_payload[LOAD*PAYLOAD+96 +: DMA_BITS]),
        .start_row_bytes(start_payload[LOAD*PAYLOAD+64 +: ADDRESS]),
        .start_from(start_payload[LOAD*PAYLOAD+32 +: ADDRESS]),
        .start_stride(start_payload[LOAD*PAYLOAD+80 +: ADDRESS]), .start_to(start_payload[LOAD*PAYLOAD +: ADDRESS]),
        .start_indexed(start_payload[LOAD*PAYLOAD+113]), .start_indices(start_payload[LOAD*PAYLOAD+16 +: ADDRESS]),
        .index_address, .index_data(index),
        .ask_valid(load_valid), .ask_ready(load_ready), .ask_address(load_address),
        .ask_head(load_head), .ask_bytes(load_bytes), .ask_last(load_last), .response_valid, .response_data,
        .response_missed, .write_valid(near_valid), .write_ready(1'b1), .write_address(near_address),
        .write_bytes(near_bytes), .write_data(near_data), .write_last(), .ended(ended[LOAD]), .visible(visible[LOAD]),
        .late(load_late)
    );
    always_ff @(posedge clk) if (starts[LOAD]) load_shared <= start_payload[LOAD*PAYLOAD+SHARED];

    logic kept_valid, crossed_valid;
    logic [WIDTH*8-1:0] crossed_data;

    dma_unit #(
        .WIDTH(WIDTH), .FRAGMENT(FRAGMENT), .OUTSTANDING(OUTSTANDING), .REQUEST(REQUEST), .ROWS(DMA_ROWS),
        .UNDER_WAY(UNDER_WAY), .ADDRESS(ADDRESS)
    ) store (
        .clk, .rst_n, .round_trip, .start_valid(start_valid[STORE]), .start_ready(start_ready[STORE]),
        .start_rows(start_payload[STORE*PAYLOAD+96 +: DMA_BITS]),
        .start_row_bytes(start_payload[STORE*PAYLOAD+64 +: ADDRESS]),
        .start_from(start_payload[STORE*PAYLOAD+32 +: ADDRESS]),
        .start_stride(start_payload[STORE*PAYLOAD+80 +: ADDRESS]),
        .start_to(start_payload[STORE*PAYLOAD +: ADDRESS]), .start_indexed(1'b0), .start_indices('0),
        .index_address(), .index_data('0), .ask_valid(kept_valid), .ask_ready(1'b1),
        .ask_address(kept_address), .ask_head(), .ask_bytes(), .ask_last(), .response_valid(crossed_valid), .response_data(crossed_data),
        .response_missed(1'b0),
        .write_valid(store_valid), .write_ready(store_ready), .write_address(store_address), .write_bytes(store_bytes),
        .write_data(store_data), .write_last(store_last), .ended(ended[STORE]), .visible(), .late()
    );
    assign visible[STORE] = store_done;
    delay_line #(.WIDTH(1 + WIDTH * 8), .CYCLES(FABRIC - 1)) fabric (
        .clk, .rst_n, .in_word({kept_valid, kept_data}), .out_word({crossed_valid, crossed_data})
    );

    // Matrix and SIMD
    logic [7:0] columns, groups, depths, steps, work_columns, work_groups;
    logic opens;
    logic [ADDRESS-1:0] held, streamed, stride, work_result, work_stride;
    logic [2:0] work_count;
    logic [2*35-1:0] work_operations;
    logic work_is_local, work_is_wide_in, work_is_wide_out;

    assign held = start_payload[MATRIX*PAYLOAD +: ADDRESS];
    assign streamed = start_payload[MATRIX*PAYLOAD+32 +: ADDRESS];
    assign {groups, columns} = start_payload[MATRIX*PAYLOAD+64 +: 16];
    assign stride = start_payload[MATRIX*PAYLOAD+80 +: ADDRESS];
    assign {opens, steps, depths} = start_payload[MATRIX*PAYLOAD+96 +: 17];
    assign work_result = start_payload[WORK*PAYLOAD +: ADDRESS];
    assign work_stride = start_payload[WORK*PAYLOAD+16 +: ADDRESS];
    assign {work_is_wide_out, work_is_wide_in, work_is_local, work_operations, work_count, work_groups, work_columns} =
        start_payload[WORK*PAYLOAD+32 +: 16 + 3 + 2 * 35 + 3];

    matrix_unit #(
        .N_TILES(N_TILES), .ROWS(ROWS), .DEPTH(DEPTH), .COLS(COLS), .GAP(GAP), .LATENCY(LATENCY), .BEATS(BEATS),
        .UNDER_WAY(UNDER_WAY), .ADDRESS(ADDRESS), .HOP(HOP)
    ) matrix (
        .clk, .rst_n, .start_valid(start_valid[MATRIX]), .start_ready(start_ready[MATRIX]), .start_columns(columns),
        .start_groups(groups), .start_depths(depths), .start_held(held), .start_streamed(streamed),
        .start_stride(stride), .start_opens(opens), .start_steps(steps),
        .row_address(operand_address[0 +: N_TILES*ADDRESS]), .row_bytes(operand_data[0 +: N_TILES*DEPTH*8]),
        .column_address(operand_address[N_TILES*ADDRESS +: N_TILES*ADDRESS]),
        .column_bytes(operand_data[N_TILES*DEPTH*8 +: N_TILES*DEPTH*8]), .is_first(is_first || REDUCE == 0),
        .up_valid, .up_ready, .up_data, .sums_valid, .sums_ready, .sums_data, .ended(ended[MATRIX]),
        .visible(visible[MATRIX])
    );
    simd_unit #(.LANES(ROWS), .LATENCY(SIMD), .UNDER_WAY(UNDER_WAY), .ADDRESS(ADDRESS)) simd (
        .clk, .rst_n, .start_valid(start_valid[WORK]), .start_ready(start_ready[WORK]), .start_count(work_count),
        .start_operations(work_operations), .start_columns(work_columns), .start_groups(work_groups),
        .start_result(work_result), .start_stride(work_stride), .start_is_local(work_is_local),
        .start_is_wide_in(work_is_wide_in), .start_is_wide_out(work_is_wide_out), .element_address, .element_data,
        .in_valid(work_valid), .in_ready(work_ready),
        .in_data(work_data), .write_valid(result_valid), .write_address(result_address), .write_bytes(result_bytes), .write_data(result_data),
        .ended(ended[WORK]), .visible(visible[WORK])
    );
endmodule
