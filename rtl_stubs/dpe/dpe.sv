// Matrix engine of dot-product tiles: each tile holds a block while columns of the other operand stream by.
//
// A command names how many columns stream by and how many blocks they meet. The blocks are taken in passes of N_TILES;
// in the last pass some tiles may have none. A pass begins with the columns when its blocks are loaded; meanwhile, the
// blocks of the next pass of the command are loaded, a row of each tile per cycle. Sums leave LATENCY cycles after
// their column. See README.md for the timing law.
module dpe #(
    parameter int N_TILES = 2,
    parameter int ROWS    = 2,  // of a block; 2 or more
    parameter int DEPTH   = 8,  // bytes of a row; a multiple of 8
    parameter int COLS    = 2,  // columns of a step
    parameter int STEP    = 0,  // elements per row of a step; 0: as deep as the block
    parameter int GAP     = 0,  // cycles in which a step is set up
    parameter int LATENCY = 1   // cycles from a column to its sums; 1 or more
) (
    input  logic                        clk,
    input  logic                        rst_n,
    input  logic                        command_valid,
    output logic                        command_ready,
    input  logic [15:0]                 command_columns,  // 1 or more
    input  logic [15:0]                 command_blocks,   // 1 or more
    input  logic                        command_int16,
    input  logic                        command_sparse,
    input  logic                        row_valid,
    output logic                        row_ready,
    input  logic [N_TILES*DEPTH*10-1:0] row_data,         // a row of each tile, see mac_tile.sv
    input  logic                        column_valid,
    output logic                        column_ready,
    input  logic [N_TILES*DEPTH*16-1:0] column_data,      // a column for each tile
    output logic                        out_valid,
    input  logic                        out_ready,
    output logic [N_TILES*ROWS*32-1:0]  out_data,         // sums of each tile; 0 where it holds no block
    output logic [31:0]                 read_bytes,       // of rows and columns that are taken in this cycle
    output logic                        block_loaded,     // its last row is taken
    output logic                        setting_up,       // a step, during this cycle
    output logic                        pass_done,        // its last column is taken
    output logic                        command_done      // its last pass is
);
    localparam int ROW_BITS = $clog2(ROWS);

    logic is_int16, is_sparse;
    logic [15:0] columns, columns_left, group_left;       // of the command, of the pass, of the step
    logic [15:0] to_load, to_stream;                      // blocks
    logic [15:0] setup_left, setup, next_setup;           // cycles; of a step in this mode
    logic [15:0] passes_per_step, step_passes_left;
    logic [1:0] is_full;                                  // the two blocks of each tile
    logic fill, used;                                     // the one that is loaded, the one that columns meet
    logic [ROW_BITS-1:0] row;
    logic takes_command, takes_row, takes_column, pipeline_ready;
    logic [N_TILES*ROWS*32-1:0] sums;

    // A block may be deeper than a step, which then is set up several times, or take several passes per step.
    function automatic logic [15:0] setup_of(input int depth);
        setup_of = STEP == 0 ? 16'(GAP) : 16'(GAP * ((depth + STEP - 1) / (STEP == 0 ? 1 : STEP)));
    endfunction
    function automatic logic [15:0] passes_of(input int depth);
        passes_of = STEP == 0 ? 16'd1 : 16'((STEP + depth - 1) / depth);
    endfunction
    function automatic int depth_of(input logic int16, input logic sparse);
        depth_of = DEPTH * (sparse ? 2 : 1) / (int16 ? 2 : 1);
    endfunction
    function automatic logic [31:0] used_tiles(input logic [15:0] blocks);
        used_tiles = blocks < 16'(N_TILES) ? 32'(blocks) : N_TILES;
    endfunction

    assign setup = setup_of(depth_of(is_int16, is_sparse));
    assign passes_per_step = passes_of(depth_of(is_int16, is_sparse));

    assign command_ready = to_stream == 0 || command_done;
    assign row_ready = to_load != 0 && !is_full[fill];
    assign setting_up = is_full[used] && setup_left != 0;
    assign column_ready = is_full[used] && setup_left == 0 && pipeline_ready;
    assign takes_command = command_valid && command_ready;
    assign takes_row = row_valid && row_ready;
    assign takes_column = column_valid && column_ready;
    assign block_loaded = takes_row && row == ROW_BITS'(ROWS - 1);
    assign pass_done = takes_column && columns_left == 1;
    assign command_done = pass_done && to_stream <= 16'(N_TILES);

    always_comb begin
        read_bytes = 0;
        if (takes_row) read_bytes = used_tiles(to_load) * (DEPTH + (is_sparse ? DEPTH / (is_int16 ? 8 : 4) : 0));
        if (takes_column) read_bytes = read_bytes + used_tiles(to_stream) * (is_sparse ? 2 * DEPTH : DEPTH);
    end

    // The step of a group of columns is set up in the first of the passes that it takes.
    always_comb begin
        next_setup = 0;
        if (pass_done ? step_passes_left == 1 : step_passes_left == passes_per_step) next_setup = setup;
    end

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            to_load <= 0;
            to_stream <= 0;
            is_full <= 0;
            fill <= 0;
            used <= 0;
            row <= 0;
        end else begin
            if (takes_row) row <= block_loaded ? 0 : row + 1;
            if (block_loaded) begin
                is_full[fill] <= 1;
                fill <= !fill;
                to_load <= to_load <= 16'(N_TILES) ? 0 : to_load - 16'(N_TILES);
            end
            if (setting_up) setup_left <= setup_left - 1;
            if (takes_column) begin
                columns_left <= columns_left - 1;
                group_left <= group_left - 1;
                if (group_left == 1 || pass_done) begin
                    group_left <= 16'(COLS);
                    setup_left <= next_setup;
                end
            end
            if (pass_done) begin
                is_full[used] <= 0;
                used <= !used;
                to_stream <= command_done ? 0 : to_stream - 16'(N_TILES);
                columns_left <= columns;
                step_passes_left <= step_passes_left == 1 ? passes_per_step : step_passes_left - 1;
            end
            if (takes_command) begin
                is_int16 <= command_int16;
                is_sparse <= command_sparse;
                columns <= command_columns;
                columns_left <= command_columns;
                group_left <= 16'(COLS);
                to_load <= command_blocks;
                to_stream <= command_blocks;
                setup_left <= setup_of(depth_of(command_int16, command_sparse));
                step_passes_left <= passes_of(depth_of(command_int16, command_sparse));
            end
        end
    end

    genvar t;  // Icarus 11 mistakes it for a signal if it is declared in the loop
    for (t = 0; t < N_TILES; t++) begin : tile
        localparam int SUMS = ROWS * 32;
        logic [SUMS-1:0] tile_sums;

        mac_tile #(.ROWS(ROWS), .DEPTH(DEPTH)) macs (
            .clk, .row_valid(takes_row && to_load > t), .row_block(fill), .row_number(row),
            .row_data(row_data[t*DEPTH*10 +: DEPTH*10]), .used_block(used), .is_int16, .is_sparse,
            .column(column_data[t*DEPTH*16 +: DEPTH*16]), .sums(tile_sums)
        );
        assign sums[t*SUMS +: SUMS] = to_stream > t ? tile_sums : 0;
    end

    // Synthesis moves these registers into the adder trees.
    elastic_pipeline #(.WIDTH(N_TILES * ROWS * 32), .STAGES(LATENCY)) pipeline (
        .clk, .rst_n, .in_valid(column_valid && is_full[used] && setup_left == 0), .in_ready(pipeline_ready),
        .in_data(sums), .out_valid, .out_ready, .out_data
    );
endmodule
