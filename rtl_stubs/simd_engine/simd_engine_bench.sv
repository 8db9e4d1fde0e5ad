// Bench of the SIMD engine: commands and vectors play into it, results are taken from it.
module simd_engine_bench #(
    parameter int LANES   = 8,
    parameter int TABLE   = 16,
    parameter int LATENCY = 4
) (
    input  logic        clk,
    input  logic        run,
    output logic        done,
    output logic [31:0] cycles,
    output logic [31:0] checksum
);
    logic command_valid, command_ready, in_valid, in_ready, out_valid, out_ready, operates;
    logic command_loads;
    logic [2:0] command_count;
    logic [15:0] command_elements;
    logic [4*35-1:0] command_operations;
    logic [LANES*32-1:0] in_data, out_data;

    stream_source #(.WIDTH(160)) source_command (
        .clk, .run, .valid(command_valid), .ready(command_ready),
        .data({command_operations, command_elements, command_count, command_loads})
    );
    stream_source #(.WIDTH(LANES * 32)) source_in (
        .clk, .run, .valid(in_valid), .ready(in_ready), .data(in_data)
    );
    stream_sink #(.WIDTH(LANES * 32)) sink_out (
        .clk, .run, .valid(out_valid), .ready(out_ready), .data(out_data), .done, .checksum
    );
    simd_engine #(.LANES(LANES), .TABLE(TABLE), .LATENCY(LATENCY)) dut (
        .clk, .rst_n(run), .command_valid, .command_ready, .command_loads, .command_count, .command_elements,
        .command_operations, .in_valid, .in_ready, .in_data, .out_valid, .out_ready, .out_data, .operates
    );
    event_log #(.EVENTS(4)) log (
        .clk, .run, .done, .cycles,
        .strobes({out_valid && out_ready, operates, in_valid && in_ready, command_valid && command_ready})
    );
endmodule
