// Bench of the systolic array: what plays into it, what takes from it, what is written down.
module systolic_array_bench #(
    parameter int ROWS  = 4,
    parameter int COLS  = 4,
    parameter int DEPTH = 16
) (
    input  logic        clk,
    input  logic        run,
    output logic        done,
    output logic [31:0] cycles,
    output logic [31:0] checksum
);
    logic command_valid, command_ready, a_valid, a_ready, b_valid, b_ready, out_valid, out_ready;
    logic weights_loaded, tile_begins, sums_given, command_ends;
    logic [49:0] command;
    logic [ROWS*8-1:0] a_data;
    logic [COLS*8-1:0] b_data;
    logic [COLS*32-1:0] out_data;

    stream_source #(.WIDTH(50)) source_command (
        .clk, .run, .valid(command_valid), .ready(command_ready), .data(command)
    );
    stream_source #(.WIDTH(ROWS * 8)) source_a (.clk, .run, .valid(a_valid), .ready(a_ready), .data(a_data));
    stream_source #(.WIDTH(COLS * 8)) source_b (.clk, .run, .valid(b_valid), .ready(b_ready), .data(b_data));
    stream_sink #(.WIDTH(COLS * 32)) sink_out (
        .clk, .run, .valid(out_valid), .ready(out_ready), .data(out_data), .done, .checksum
    );
    systolic_array #(.ROWS(ROWS), .COLS(COLS), .DEPTH(DEPTH)) dut (
        .clk, .rst_n(run), .command_valid, .command_ready, .command_weights_stay(command[0]),
        .command_overlaps(command[1]), .command_length(command[17:2]), .command_tiles(command[33:18]),
        .command_steps(command[49:34]), .a_valid, .a_ready, .a_data, .b_valid, .b_ready, .b_data, .out_valid,
        .out_ready, .out_data, .weights_loaded, .tile_begins, .sums_given, .command_ends
    );
    event_log #(.EVENTS(8)) log (
        .clk, .run, .done, .cycles,
        .strobes({
            command_ends, out_valid && out_ready, sums_given, tile_begins, weights_loaded, b_valid && b_ready,
            a_valid && a_ready, command_valid && command_ready
        })
    );
endmodule
