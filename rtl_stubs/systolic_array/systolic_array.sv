// Systolic array with its tile loop: int8 x int8 -> int32, weights or sums stay in the cells.
//
// A command walks over tiles. Where weights stay, a tile is a block of ROWS x COLS weights by which `length` rows of
// the left operand are multiplied, and the results of `steps` tiles in a row are added up in the accumulators. Where
// sums stay, a tile is a block of ROWS x COLS sums of `length` products. Either way a row of COLS sums leaves per step.
// The array moves in steps: a cycle in which an operand is late, or a result is not taken, is none.
// See README.md for the timing law.
module systolic_array #(
    parameter int ROWS  = 4,  // 2 or more
    parameter int COLS  = 4,  // 2 or more
    parameter int DEPTH = 16  // rows of accumulators, 2 or more
) (
    input  logic               clk,
    input  logic               rst_n,
    input  logic               command_valid,
    output logic               command_ready,
    input  logic               command_weights_stay,
    input  logic               command_overlaps,  // a tile fills the array while the one before drains
    input  logic [15:0]        command_length,    // rows, or depth, that stream by in a tile
    input  logic [15:0]        command_tiles,     // in all, a multiple of steps
    input  logic [15:0]        command_steps,     // tiles that are added up; 1 where sums stay
    input  logic               a_valid,
    output logic               a_ready,
    input  logic [ROWS*8-1:0]  a_data,            // a row of the left operand, or a column where sums stay
    input  logic               b_valid,
    output logic               b_ready,
    input  logic [COLS*8-1:0]  b_data,            // a row of the right operand
    output logic               out_valid,
    input  logic               out_ready,
    output logic [COLS*32-1:0] out_data,          // a row of the result
    // For performance counters
    output logic               weights_loaded,    // the last row of a tile of weights enters
    output logic               tile_begins,       // the first word of a tile streams in
    output logic               sums_given,        // the array completes a row of sums
    output logic               command_ends
);
    localparam logic [15:0] HEIGHT = 16'(ROWS);

    typedef enum logic [1:0] {IDLE, LOAD, STREAM, DRAIN} state_t;
    state_t state;
    logic weights_stay, overlaps;
    logic [15:0] length, steps;
    logic [15:0] to_stream, to_give;  // tiles of the command, the one at work included
    logic [15:0] count, turn;         // steps that the state has taken, and takes
    logic [15:0] row, step;           // of the sums that are given next
    logic enable, has_operands, needs_a, needs_b, is_followed, turn_ends;
    logic is_first, is_last, is_taken;
    logic has_sums, is_result, tile_ends;

    // What the array needs in this step, and whether it moves
    assign is_followed = overlaps && to_stream > 1;
    assign needs_a = state == STREAM && count < length;
    assign needs_b = weights_stay ? (state == LOAD || (state == STREAM && is_followed)) && count < HEIGHT : needs_a;
    assign has_operands = (a_valid || !needs_a) && (b_valid || !needs_b);
    assign enable = state != IDLE && has_operands && (out_ready || !is_result);
    // A tile that another one follows lasts until the weights of that one are in, or its own sums can leave.
    assign turn = state == LOAD || (is_followed && length < HEIGHT) ? HEIGHT : length;
    assign turn_ends = count == turn - 1;
    assign command_ready = state == IDLE;
    assign a_ready = enable && needs_a;
    assign b_ready = enable && needs_b;

    // Skew in, columns of cells, skew out
    logic [ROWS*10-1:0] a_word;
    logic [COLS*9-1:0] b_word, b_lanes;
    logic [COLS*32-1:0] sum_lanes, sums;
    logic [COLS-1:0] is_given;
    wire [ROWS*10-1:0] a [0:COLS];

    lane_delay #(.LANES(ROWS), .WIDTH(10)) skew_a (.clk, .rst_n, .enable, .in(a_word), .out(a[0]));
    lane_delay #(.LANES(COLS), .WIDTH(9)) skew_b (.clk, .rst_n, .enable, .in(b_word), .out(b_lanes));
    lane_delay #(.LANES(COLS), .WIDTH(32), .IS_FALLING(1)) align (.clk, .rst_n, .enable, .in(sum_lanes), .out(sums));

    assign is_first = needs_a && count == 0;
    assign is_last = needs_a && (weights_stay || count == length - 1);
    assign is_taken = weights_stay && needs_b && count == 0;
    for (genvar r = 0; r < ROWS; r++) begin : g_row
        assign a_word[r*10 +: 10] = {is_first, is_last, a_data[r*8 +: 8]};
    end
    for (genvar c = 0; c < COLS; c++) begin : g_col
        assign b_word[c*9 +: 9] = {is_taken, b_data[c*8 +: 8]};
        systolic_column #(.ROWS(ROWS)) column (
            .clk, .rst_n, .enable, .weights_stay, .a_in(a[c]), .a_out(a[c+1]), .b_in(b_lanes[c*9 +: 9]),
            .is_given(is_given[c]), .given(sum_lanes[c*32 +: 32])
        );
    end
    assign has_sums = is_given[COLS-1];  // the last column is the last to give

    // Accumulators: the first of the tiles that are added up finds 0, the last one hands the sums out.
    logic [COLS*32-1:0] accumulator [0:DEPTH-1];
    logic [COLS*32-1:0] total;
    logic [$clog2(DEPTH)-1:0] place;

    assign place = row[$clog2(DEPTH)-1:0];
    always_comb begin
        total = sums;
        if (step != 0)
            for (int c = 0; c < COLS; c++)
                total[c*32 +: 32] = sums[c*32 +: 32] + accumulator[place][c*32 +: 32];
    end
    always_ff @(posedge clk) if (sums_given) accumulator[place] <= total;

    assign is_result = has_sums && step == steps - 1;
    assign out_valid = is_result && has_operands;
    assign out_data = total;
    assign sums_given = enable && has_sums;
    assign tile_ends = sums_given && row == (weights_stay ? length : HEIGHT) - 1;
    assign weights_loaded = weights_stay && b_ready && count == HEIGHT - 1;
    assign tile_begins = a_ready && count == 0;
    assign command_ends = tile_ends && to_give == 1;

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            state <= IDLE;
        end else if (command_valid && command_ready) begin
            state <= command_weights_stay ? LOAD : STREAM;
            weights_stay <= command_weights_stay;
            overlaps <= command_overlaps;
            length <= command_length;
            steps <= command_steps;
            to_stream <= command_tiles;
            to_give <= command_tiles;
            count <= 0;
            row <= 0;
            step <= 0;
        end else if (enable) begin
            count <= count + 1;
            case (state)
                LOAD: if (turn_ends) begin
                    state <= STREAM;
                    count <= 0;
                end
                STREAM: if (turn_ends) begin
                    to_stream <= to_stream - 1;
                    count <= 0;
                    if (!is_followed) state <= DRAIN;
                end
                default: if (tile_ends && to_give == to_stream + 1) begin  // all that has streamed is out
                    state <= to_stream == 0 ? IDLE : weights_stay ? LOAD : STREAM;
                    count <= 0;
                end
            endcase
            if (has_sums) row <= row + 1;
            if (tile_ends) begin
                row <= 0;
                step <= step == steps - 1 ? 0 : step + 1;
                to_give <= to_give - 1;
            end
        end
    end
endmodule
