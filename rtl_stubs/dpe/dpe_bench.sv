// Bench of the matrix engine: what plays into it, what takes from it, what is written down.
module dpe_bench #(
    parameter int N_TILES = 2,
    parameter int ROWS    = 2,
    parameter int DEPTH   = 8,
    parameter int COLS    = 2,
    parameter int STEP    = 0,
    parameter int GAP     = 0,
    parameter int LATENCY = 1
) (
    input  logic        clk,
    input  logic        run,
    output logic        done,
    output logic [31:0] cycles,
    output logic [31:0] checksum
);
    localparam int ROW_WIDTH = N_TILES * DEPTH * 10, COLUMN_WIDTH = N_TILES * DEPTH * 16, OUT_WIDTH = N_TILES * ROWS * 32;

    logic command_valid, command_ready, row_valid, row_ready, column_valid, column_ready, out_valid, out_ready;
    logic [33:0] command_data;
    logic [ROW_WIDTH-1:0] row_data;
    logic [COLUMN_WIDTH-1:0] column_data;
    logic [OUT_WIDTH-1:0] out_data;
    logic block_loaded, setting_up, pass_done, command_done, outs_done, bytes_done, bytes_ready;
    logic model_bytes_done, model_bytes_ready;
    logic [31:0] read_bytes, command_bytes, outs_checksum, bytes_checksum, model_bytes_checksum;

    stream_source #(.WIDTH(34)) source_command (
        .clk, .run, .valid(command_valid), .ready(command_ready), .data(command_data)
    );
    stream_source #(.WIDTH(ROW_WIDTH)) source_row (
        .clk, .run, .valid(row_valid), .ready(row_ready), .data(row_data)
    );
    stream_source #(.WIDTH(COLUMN_WIDTH)) source_column (
        .clk, .run, .valid(column_valid), .ready(column_ready), .data(column_data)
    );
    stream_sink #(.WIDTH(OUT_WIDTH)) sink_out (
        .clk, .run, .valid(out_valid), .ready(out_ready), .data(out_data), .done(outs_done), .checksum(outs_checksum)
    );
    stream_sink #(.WIDTH(32)) sink_bytes (
        .clk, .run, .valid(command_done && bytes_ready), .ready(bytes_ready), .data(command_bytes + read_bytes),
        .done(bytes_done), .checksum(bytes_checksum)
    );
    stream_sink #(.WIDTH(32)) sink_model_bytes (  // the same words, to be compared with the model
        .clk, .run, .valid(command_done && model_bytes_ready), .ready(model_bytes_ready),
        .data(command_bytes + read_bytes), .done(model_bytes_done), .checksum(model_bytes_checksum)
    );
    dpe #(
        .N_TILES(N_TILES), .ROWS(ROWS), .DEPTH(DEPTH), .COLS(COLS), .STEP(STEP), .GAP(GAP), .LATENCY(LATENCY)
    ) dut (
        .clk, .rst_n(run), .command_valid, .command_ready, .command_columns(command_data[15:0]),
        .command_blocks(command_data[31:16]), .command_int16(command_data[32]), .command_sparse(command_data[33]),
        .row_valid, .row_ready, .row_data, .column_valid, .column_ready, .column_data, .out_valid, .out_ready, .out_data,
        .read_bytes, .block_loaded, .setting_up, .pass_done, .command_done
    );
    event_log #(.EVENTS(8)) log (
        .clk, .run, .done,
        .strobes({
            out_valid && out_ready, command_done, pass_done, column_valid && column_ready, setting_up, block_loaded,
            row_valid && row_ready, command_valid && command_ready
        }),
        .cycles
    );

    assign done = outs_done && bytes_done && model_bytes_done;
    assign checksum = outs_checksum ^ bytes_checksum ^ {model_bytes_checksum[15:0], model_bytes_checksum[31:16]};

    always_ff @(posedge clk)  // bytes that the command has read so far
        command_bytes <= !run || command_done ? 0 : command_bytes + read_bytes;
endmodule
