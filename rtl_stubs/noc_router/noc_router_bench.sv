// Bench of the router: a source and a sink at each of its five ports, in the place of its neighbours.
module noc_router_bench #(
    parameter int WIDTH = 16,
    parameter int COORD = 2,
    parameter int DEPTH = 4,
    parameter int LINK  = 1
) (
    input  logic             clk,
    input  logic             run,
    input  logic [COORD-1:0] cfg_x,
    input  logic [COORD-1:0] cfg_y,
    output logic             done,
    output logic [31:0]      cycles,
    output logic [31:0]      checksum
);
    localparam int FLIT = WIDTH + 1;
    logic [4:0] inject, deliver, granted, moved, blocked, starved;
    logic [4:0] in_valid, in_credit, in_ready, out_valid, out_credit, taken_valid, taken_ready, is_done;
    logic [5*FLIT-1:0] in_flit, out_flit, taken_flit;
    logic [5*32-1:0] sums;

    assign inject = in_valid & in_ready;
    assign deliver = taken_valid & taken_ready;
    assign done = is_done == '1;

    for (genvar i = 0; i < 5; i++) begin : gen_port
        stream_source #(.WIDTH(FLIT)) source (
            .clk, .run, .valid(in_valid[i]), .ready(in_ready[i]), .data(in_flit[i*FLIT +: FLIT])
        );
        credit_counter #(.DEPTH(DEPTH)) credits (
            .clk, .rst_n(run), .sends(inject[i]), .credit(in_credit[i]), .has_credit(in_ready[i])
        );
        flit_fifo #(.WIDTH(FLIT), .DEPTH(DEPTH), .LINK(LINK)) fifo (
            .clk, .rst_n(run), .in_valid(out_valid[i]), .in_flit(out_flit[i*FLIT +: FLIT]), .in_credit(out_credit[i]),
            .out_valid(taken_valid[i]), .out_ready(taken_ready[i]), .out_flit(taken_flit[i*FLIT +: FLIT])
        );
        stream_sink #(.WIDTH(FLIT)) sink (
            .clk, .run, .valid(taken_valid[i]), .ready(taken_ready[i]), .data(taken_flit[i*FLIT +: FLIT]),
            .done(is_done[i]), .checksum(sums[i*32 +: 32])
        );
    end

    always_comb begin
        checksum = 0;
        for (int i = 0; i < 5; i++) checksum = (checksum << 1 | checksum >> 31) ^ sums[i*32 +: 32];
    end

    noc_router #(.WIDTH(WIDTH), .COORD(COORD), .DEPTH(DEPTH), .LINK(LINK)) dut (
        .clk, .rst_n(run), .x(cfg_x), .y(cfg_y), .in_valid(inject), .in_flit, .in_credit, .out_valid, .out_flit,
        .out_credit, .granted, .moved, .blocked, .starved
    );
    event_log #(.EVENTS(30)) log (
        .clk, .run, .done, .strobes({deliver, starved, blocked, moved, granted, inject}), .cycles
    );
endmodule
