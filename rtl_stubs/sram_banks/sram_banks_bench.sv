// Bench of the banked SRAM: each port with a source of requests and a sink of answers; events of up to four ports.
//
// A request is {write, address, data}.
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

    logic [PORTS-1:0] in_valid, in_ready, in_write, out_valid, out_ready, lost, are_done;
    logic [PORTS*ADDRESS-1:0] in_address;
    logic [PORTS*WIDTH-1:0] in_data, out_data;
    logic [PORTS*32-1:0] sums;

    assign done = &are_done;

    always_comb begin
        checksum = 0;
        for (int p = 0; p < PORTS; p++) checksum = {checksum[30:0], checksum[31]} ^ sums[p*32 +: 32];
    end

    for (genvar p = 0; p < PORTS; p++) begin : gen_port
        stream_source #(.WIDTH(1 + ADDRESS + WIDTH)) source (
            .clk, .run, .valid(in_valid[p]), .ready(in_ready[p]),
            .data({in_write[p], in_address[p*ADDRESS +: ADDRESS], in_data[p*WIDTH +: WIDTH]})
        );
        stream_sink #(.WIDTH(WIDTH)) sink (
            .clk, .run, .valid(out_valid[p]), .ready(out_ready[p]), .data(out_data[p*WIDTH +: WIDTH]),
            .done(are_done[p]), .checksum(sums[p*32 +: 32])
        );
    end

    sram_banks #(
        .PORTS(PORTS), .BANKS(BANKS), .ROWS(ROWS), .WIDTH(WIDTH), .LATENCY(LATENCY), .OUTSTANDING(OUTSTANDING)
    ) dut (
        .clk, .rst_n(run), .in_valid, .in_ready, .in_write, .in_address, .in_data, .out_valid, .out_ready, .out_data,
        .lost
    );
    event_log #(.EVENTS(12)) log (
        .clk, .run, .done, .strobes({4'(lost), 4'(out_valid & out_ready), 4'(in_valid & in_ready)}), .cycles
    );
endmodule
