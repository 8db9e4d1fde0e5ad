// Reduce unit: lets the sums of a block pass down a chain of engines, and brings each its share of what comes out.
//
// Sums pass while a command is at work in every engine of the chain. Behind the last engine they turn round and travel
// back, each with its place in the block (group, column); an engine keeps those of its share until they are read and
// sends the others on. A command ends, and its result is visible, when all its sums have passed and its share is there.
module reduce_unit #(
    parameter int LANES = 2,   // sums of a beat
    parameter int BEATS = 64,  // of a share, at most
    parameter int HOP   = 1,   // cycles from an engine to the next, and back
    parameter int MEMBERS = 2, // engines of the chain
    parameter int SLACK = 0    // cycles by which they may be apart and do not count as waiting for one another
) (
    input  logic                   clk,
    input  logic                   rst_n,
    input  logic                   is_last,       // of the chain
    input  logic                   start_valid,
    output logic                   start_ready,
    input  logic [7:0]             start_columns, // of the block
    input  logic [7:0]             start_groups,
    input  logic [7:0]             start_first_column,  // share, the ends not included
    input  logic [7:0]             start_end_column,
    input  logic [7:0]             start_first_group,
    input  logic [7:0]             start_end_group,
    // Sums of this engine and those before it
    input  logic                   sums_valid,
    output logic                   sums_ready,
    input  logic [LANES*32-1:0]    sums_data,
    // To the engine behind
    output logic                   down_valid,
    input  logic                   down_ready,
    output logic [LANES*32-1:0]    down_data,
    // Back from it
    input  logic                   back_valid,
    output logic                   back_ready,
    input  logic [LANES*32+15:0]   back_data,
    // Back to the engine before
    output logic                   up_valid,
    input  logic                   up_ready,
    output logic [LANES*32+15:0]   up_data,
    // The share
    output logic                   share_valid,
    input  logic                   share_ready,
    output logic [LANES*32-1:0]    share_data,
    output logic                   ended,
    output logic                   late           // with ended: it took longer than its sums, the way there and back, and that
);
    logic is_busy, starts, passes, keeps, is_mine, turns, has_room;
    logic [7:0] columns, groups, first_column, end_column, first_group, end_group, column, group;
    logic [7:0] come_column, come_group;
    logic [15:0] n_passed, n_kept, n_to_pass, n_to_keep, took, busy_left;
    logic come_valid, come_ready, hop_valid, hop_ready, share_room;
    logic [LANES*32+15:0] come, hop_data;

    // A command takes the unit for as long as its sums and the way down take; it may wait for others after that, and the
    // next one behind it.
    command_fifo #(.WIDTH(48), .DEPTH(2)) commands (
        .clk, .rst_n, .in_valid(starts), .in_ready(has_room),
        .in_data({start_columns, start_groups, start_first_column, start_end_column, start_first_group, start_end_group}),
        .out_valid(is_busy), .out_ready(ended),
        .out_data({columns, groups, first_column, end_column, first_group, end_group})
    );
    assign start_ready = has_room && busy_left == 0;
    assign starts = start_valid && start_ready;
    assign n_to_pass = 16'(columns) * 16'(groups);
    assign n_to_keep = 16'(end_column - first_column) * 16'(end_group - first_group);
    assign ended = is_busy && n_passed + 16'(passes) == n_to_pass && n_kept + 16'(keeps) == n_to_keep;
    assign late = took > n_to_pass + 16'(2 * (MEMBERS - 1) * HOP + SLACK);

    // Down the chain. The last engine turns the sums round.
    assign down_valid = sums_valid && is_busy && n_passed != n_to_pass && !is_last;
    assign down_data = sums_data;
    assign turns = sums_valid && is_busy && n_passed != n_to_pass && is_last;
    assign sums_ready = is_busy && n_passed != n_to_pass && (is_last ? come_ready : down_ready);
    assign passes = sums_valid && sums_ready;

    credit_pipe #(.WIDTH(LANES * 32 + 16), .LATENCY(HOP)) hop (
        .clk, .rst_n, .in_valid(back_valid), .in_ready(back_ready), .in_data(back_data), .out_valid(hop_valid),
        .out_ready(hop_ready), .out_data(hop_data)
    );
    assign come_valid = is_last ? turns : hop_valid;
    assign come = is_last ? {group, column, sums_data} : hop_data;
    assign {come_group, come_column} = come[LANES*32 +: 16];
    assign is_mine = come_column >= first_column && come_column < end_column && come_group >= first_group
        && come_group < end_group;
    assign come_ready = is_mine ? is_busy && n_kept != n_to_keep && share_room : up_ready;
    assign hop_ready = come_ready && !is_last;
    assign keeps = come_valid && is_mine && come_ready;
    assign up_valid = come_valid && !is_mine;
    assign up_data = come;

    command_fifo #(.WIDTH(LANES * 32), .DEPTH(BEATS)) share (
        .clk, .rst_n, .in_valid(keeps), .in_ready(share_room), .in_data(come[LANES*32-1:0]), .out_valid(share_valid),
        .out_ready(share_ready), .out_data(share_data)
    );

    always_ff @(posedge clk) begin
        if (!rst_n) busy_left <= 0;
        else if (starts) busy_left <= 16'(start_columns) * 16'(start_groups) + 16'((MEMBERS - 1) * HOP - 1);
        else if (busy_left != 0) busy_left <= busy_left - 1;
        if (!rst_n || ended || !is_busy) begin
            {n_passed, n_kept, took} <= 0;
            {group, column} <= 0;
        end else begin
            took <= took + 1;
            n_kept <= n_kept + 16'(keeps);
            if (passes) begin
                n_passed <= n_passed + 1;
                column <= column + 1 == columns ? 0 : column + 1;
                if (column + 1 == columns) group <= group + 1;
            end
        end
    end
endmodule
