// Bench of the layout unit: what plays into it, what takes from it, what is written down.
module layout_unit_bench #(
    parameter int SIZE  = 4,
    parameter int WIDTH = 8
) (
    input  logic        clk,
    input  logic        run,
    output logic        done,
    output logic [31:0] cycles,
    output logic [31:0] checksum
);
    logic in_valid, in_ready, out_valid, out_ready;
    logic [SIZE*WIDTH:0] in_data;
    logic [SIZE*WIDTH-1:0] out_data;

    stream_source #(.WIDTH(SIZE * WIDTH + 1)) source_in (
        .clk, .run, .valid(in_valid), .ready(in_ready), .data(in_data)
    );
    stream_sink #(.WIDTH(SIZE * WIDTH)) sink_out (
        .clk, .run, .valid(out_valid), .ready(out_ready), .data(out_data), .done, .checksum
    );
    layout_unit #(.SIZE(SIZE), .WIDTH(WIDTH)) dut (
        .clk, .rst_n(run), .in_valid, .in_ready, .in_transposed(in_data[SIZE*WIDTH]),
        .in_data(in_data[SIZE*WIDTH-1:0]), .out_valid, .out_ready, .out_data
    );
    event_log #(.EVENTS(2)) log (
        .clk, .run, .done, .strobes({out_valid && out_ready, in_valid && in_ready}), .cycles
    );
endmodule
