// Bench of the banked SRAM: up to four ports, each with a source of requests and a sink of answers.
//
// A request is {write, address, data}. Of the ports beyond PORTS nothing is offered and nothing is expected.
module sram_banks_bench #(
    parameter int PORTS       = 2,
    parameter int BANKS       = 2,
    parameter int ROWS        = 4,
    parameter int WIDTH       = 8,
    parameter int LATENCY     = 1,
    parameter int OUTSTANDING = 2
) (
    input  logic        clk,
    input  logic        run,
    output logic        done,
    output logic [31:0] cycles,
    output logic [31:0] checksum
);
    localparam int ADDRESS = BANKS * ROWS > 1 ? $clog2(BANKS * ROWS) : 1;
    localparam int REQUEST = 1 + ADDRESS + WIDTH;

    logic [3:0] in_valid, in_ready, out_valid, out_ready, lost, are_done;
    logic [4*REQUEST-1:0] in_data;
    logic [4*WIDTH-1:0] out_data;
    logic [31:0] checksum_0, checksum_1, checksum_2, checksum_3;

    logic [PORTS-1:0] port_ready, port_valid, port_write, port_lost;
    logic [PORTS*ADDRESS-1:0] port_address;
    logic [PORTS*WIDTH-1:0] port_data, port_answer;

    assign done = &are_done;
    assign checksum = checksum_0 ^ {checksum_1[23:0], checksum_1[31:24]} ^ {checksum_2[15:0], checksum_2[31:16]}
        ^ {checksum_3[7:0], checksum_3[31:8]};
    assign in_ready = 4'(port_ready);
    assign out_valid = 4'(port_valid);
    assign lost = 4'(port_lost);
    assign out_data = (4 * WIDTH)'(port_answer);

    generate
        for (genvar p = 0; p < PORTS; p++) begin : port
            assign {port_write[p], port_address[p*ADDRESS +: ADDRESS], port_data[p*WIDTH +: WIDTH]}
                = in_data[p*REQUEST +: REQUEST];
        end
    endgenerate

    stream_source #(.WIDTH(REQUEST)) source_in_0 (
        .clk, .run, .valid(in_valid[0]), .ready(in_ready[0]), .data(in_data[0*REQUEST +: REQUEST])
    );
    stream_source #(.WIDTH(REQUEST)) source_in_1 (
        .clk, .run, .valid(in_valid[1]), .ready(in_ready[1]), .data(in_data[1*REQUEST +: REQUEST])
    );
    stream_source #(.WIDTH(REQUEST)) source_in_2 (
        .clk, .run, .valid(in_valid[2]), .ready(in_ready[2]), .data(in_data[2*REQUEST +: REQUEST])
    );
    stream_source #(.WIDTH(REQUEST)) source_in_3 (
        .clk, .run, .valid(in_valid[3]), .ready(in_ready[3]), .data(in_data[3*REQUEST +: REQUEST])
    );
    stream_sink #(.WIDTH(WIDTH)) sink_out_0 (
        .clk, .run, .valid(out_valid[0]), .ready(out_ready[0]), .data(out_data[0*WIDTH +: WIDTH]),
        .done(are_done[0]), .checksum(checksum_0)
    );
    stream_sink #(.WIDTH(WIDTH)) sink_out_1 (
        .clk, .run, .valid(out_valid[1]), .ready(out_ready[1]), .data(out_data[1*WIDTH +: WIDTH]),
        .done(are_done[1]), .checksum(checksum_1)
    );
    stream_sink #(.WIDTH(WIDTH)) sink_out_2 (
        .clk, .run, .valid(out_valid[2]), .ready(out_ready[2]), .data(out_data[2*WIDTH +: WIDTH]),
        .done(are_done[2]), .checksum(checksum_2)
    );
    stream_sink #(.WIDTH(WIDTH)) sink_out_3 (
        .clk, .run, .valid(out_valid[3]), .ready(out_ready[3]), .data(out_data[3*WIDTH +: WIDTH]),
        .done(are_done[3]), .checksum(checksum_3)
    );
    sram_banks #(
        .PORTS(PORTS), .BANKS(BANKS), .ROWS(ROWS), .WIDTH(WIDTH), .LATENCY(LATENCY), .OUTSTANDING(OUTSTANDING)
    ) dut (
        .clk, .rst_n(run), .in_valid(in_valid[PORTS-1:0]), .in_ready(port_ready), .in_write(port_write),
        .in_address(port_address), .in_data(port_data), .out_valid(port_valid), .out_ready(out_ready[PORTS-1:0]),
        .out_data(port_answer), .lost(port_lost)
    );
    event_log #(.EVENTS(12)) log (
        .clk, .run, .done, .strobes({lost, out_valid & out_ready, in_valid & in_ready}), .cycles
    );
endmodule
