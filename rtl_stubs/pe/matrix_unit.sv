// Matrix unit: the matrix engine, what reads its operands from local memory, and the accumulators behind it.
//
// A command multiplies a held tile (groups of ROWS rows) with a streamed one (columns), both with rows of stride bytes
// along the depth of the sums. Its blocks are visited depth by depth, and in each of these group by group; the N_TILES
// tiles take blocks of one group that follow one another in depth, so that their sums are added up at once. A command
// that opens a block of the result says over how many depths, its own and those of later commands, it accumulates.
/* verilator lint_off PINCONNECTEMPTY */  // blocks have outputs that nothing here needs
module matrix_unit #(
    parameter int N_TILES   = 1,
    parameter int ROWS      = 2,
    parameter int DEPTH     = 8,
    parameter int COLS      = 2,
    parameter int GAP       = 0,
    parameter int LATENCY   = 1,
    parameter int BEATS     = 16,  // columns x groups of a block of the result, at most; a power of two
    parameter int UNDER_WAY = 4,   // commands that have started and whose sums are not all accumulated
    parameter int ADDRESS   = 12,
    parameter int HOP       = 1    // cycles from one PE of a chain to the next
) (
    input  logic                         clk,
    input  logic                         rst_n,
    input  logic                         start_valid,
    output logic                         start_ready,
    input  logic [7:0]                   start_columns,
    input  logic [7:0]                   start_groups,
    input  logic [7:0]                   start_depths,   // of N_TILES blocks
    input  logic [ADDRESS-1:0]           start_held,     // addresses
    input  logic [ADDRESS-1:0]           start_streamed,
    input  logic [ADDRESS-1:0]           start_stride,
    input  logic                         start_opens,
    input  logic [7:0]                   start_steps,    // depths of the block that it opens
    output logic [N_TILES*ADDRESS-1:0]   row_address,
    input  logic [N_TILES*DEPTH*8-1:0]   row_bytes,
    output logic [N_TILES*ADDRESS-1:0]   column_address,
    input  logic [N_TILES*DEPTH*8-1:0]   column_bytes,
    input  logic                         is_first,       // of a chain: nothing comes from before
    input  logic                         up_valid,       // sums of those before in the chain
    output logic                         up_ready,
    input  logic [ROWS*32-1:0]           up_data,
    output logic                         sums_valid,     // with those of this PE
    input  logic                         sums_ready,
    output logic [ROWS*32-1:0]           sums_data,
    output logic                         ended,          // the last column is taken
    output logic                         visible         // the last sums are accumulated
);
    logic starts, row_ready, column_ready, out_valid, out_ready, block_loaded, pass_done;
    logic [7:0] groups;
    logic [ADDRESS-1:0] held, streamed, stride;
    logic [7:0] row, row_group, row_depth, column, column_group, column_depth;
    logic [N_TILES*DEPTH*10-1:0] row_data;
    logic [N_TILES*DEPTH*16-1:0] column_data;
    logic [N_TILES*ROWS*32-1:0] out_data;
    logic [ROWS*32-1:0] added;
    logic [23:0] n_outs, n_given;
    logic block_valid, block_ready;
    logic [7:0] block_steps;
    logic [15:0] block_sums;

    assign starts = start_valid && start_ready;

    always_ff @(posedge clk) begin
        if (starts) begin
            {groups, held, streamed, stride} <= {start_groups, start_held, start_streamed, start_stride};
            {row, row_group, row_depth, column, column_group, column_depth} <= 0;
        end else begin
            if (row_ready) row <= block_loaded ? 0 : row + 1;
            if (block_loaded) begin
                row_group <= row_group + 1 == groups ? 0 : row_group + 1;
                if (row_group + 1 == groups) row_depth <= row_depth + 1;
            end
            if (column_ready) column <= pass_done ? 0 : column + 1;
            if (pass_done) begin
                column_group <= column_group + 1 == groups ? 0 : column_group + 1;
                if (column_group + 1 == groups) column_depth <= column_depth + 1;
            end
        end
    end

    always_comb
        for (int t = 0; t < N_TILES; t++)
            row_address[t*ADDRESS +: ADDRESS] = held + (ADDRESS'(row_group) * ADDRESS'(ROWS) + ADDRESS'(row)) * stride
                + (ADDRESS'(row_depth) * ADDRESS'(N_TILES) + ADDRESS'(t)) * ADDRESS'(DEPTH);
    always_comb
        for (int t = 0; t < N_TILES; t++)
            column_address[t*ADDRESS +: ADDRESS] = streamed + ADDRESS'(column) * stride
                + (ADDRESS'(column_depth) * ADDRESS'(N_TILES) + ADDRESS'(t)) * ADDRESS'(DEPTH);
    always_comb
        for (int t = 0; t < N_TILES; t++) row_data[t*DEPTH*10 +: DEPTH*10] = (DEPTH*10)'(row_bytes[t*DEPTH*8 +: DEPTH*8]);
    always_comb
        for (int t = 0; t < N_TILES; t++)
            column_data[t*DEPTH*16 +: DEPTH*16] = (DEPTH*16)'(column_bytes[t*DEPTH*8 +: DEPTH*8]);

    dpe #(.N_TILES(N_TILES), .ROWS(ROWS), .DEPTH(DEPTH), .COLS(COLS), .GAP(GAP), .LATENCY(LATENCY)) engine (
        .clk, .rst_n, .command_valid(start_valid), .command_ready(start_ready), .command_columns(16'(start_columns)),
        .command_blocks(16'(start_groups) * 16'(start_depths) * 16'(N_TILES)), .command_int16(1'b0), .command_sparse(1'b0),
        .row_valid(1'b1), .row_ready, .row_data, .column_valid(1'b1), .column_ready, .column_data, .out_valid, .out_ready,
        .out_data, .read_bytes(), .block_loaded, .setting_up(), .pass_done, .command_done(ended)
    );

    // Sums of all tiles belong to the same rows.
    always_comb begin
        added = 0;
        for (int t = 0; t < N_TILES; t++)
            for (int r = 0; r < ROWS; r++)
                added[r*32 +: 32] = added[r*32 +: 32] + out_data[(t*ROWS+r)*32 +: 32];
    end

    // When is the last sum of each command there?
    command_fifo #(.WIDTH(24), .DEPTH(UNDER_WAY)) outs (
        .clk, .rst_n, .in_valid(starts), .in_ready(), .in_data(24'(start_columns) * 24'(start_groups) * 24'(start_depths)),
        .out_valid(), .out_ready(visible), .out_data(n_outs)
    );
    assign visible = out_valid && out_ready && n_given + 1 == n_outs;

    always_ff @(posedge clk)
        if (!rst_n || visible) n_given <= 0;
        else if (out_valid && out_ready) n_given <= n_given + 1;

    command_fifo #(.WIDTH(24), .DEPTH(UNDER_WAY)) blocks (
        .clk, .rst_n, .in_valid(starts && start_opens), .in_ready(),
        .in_data({start_steps, 16'(start_columns) * 16'(start_groups) * 16'(ROWS)}), .out_valid(block_valid),
        .out_ready(block_ready), .out_data({block_steps, block_sums})
    );
    reduction_engine #(.WIDTH(4 * ROWS), .BEATS(BEATS), .HOP(HOP)) accumulators (
        .clk, .rst_n, .is_head(is_first), .block_valid, .block_ready, .block_steps, .block_sums, .block_row(8'd0),
        .in_valid(out_valid), .in_ready(out_ready), .in_data(added), .up_valid, .up_ready, .up_data,
        .down_valid(sums_valid), .down_ready(sums_ready), .down_data(sums_data), .range_valid(), .range_least(),
        .range_largest()
    );
endmodule
