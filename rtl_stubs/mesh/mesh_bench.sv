// Bench of the mesh: a source and a sink at each node.
module mesh_bench #(
    parameter int COLS  = 2,
    parameter int ROWS  = 2,
    parameter int WIDTH = 16,
    parameter int COORD = 2,
    parameter int DEPTH = 4,
    parameter int LINK  = 1
) (
    input  logic        clk,
    input  logic        run,
    output logic        done,
    output logic [31:0] cycles,
    output logic [31:0] checksum
);
    localparam int FLIT = WIDTH + 1;
    localparam int NODES = COLS * ROWS;
    localparam int LOGGED = 16;  // nodes that the event log has room for
    logic [NODES-1:0] in_valid, in_ready, out_valid, out_ready, granted, moved, blocked, starved, is_done;
    logic [NODES*FLIT-1:0] in_flit, out_flit;
    logic [NODES*32-1:0] sums;

    assign done = is_done == '1;

    for (genvar n = 0; n < NODES; n++) begin : gen_node
        stream_source #(.WIDTH(FLIT)) source (
            .clk, .run, .valid(in_valid[n]), .ready(in_ready[n]), .data(in_flit[n*FLIT +: FLIT])
        );
        stream_sink #(.WIDTH(FLIT)) sink (
            .clk, .run, .valid(out_valid[n]), .ready(out_ready[n]), .data(out_flit[n*FLIT +: FLIT]),
            .done(is_done[n]), .checksum(sums[n*32 +: 32])
        );
    end

    always_comb begin
        checksum = 0;
        for (int n = 0; n < NODES; n++) checksum = (checksum << 1 | checksum >> 31) ^ sums[n*32 +: 32];
    end

    mesh #(.COLS(COLS), .ROWS(ROWS), .WIDTH(WIDTH), .COORD(COORD), .DEPTH(DEPTH), .LINK(LINK)) dut (
        .clk, .rst_n(run), .in_valid, .in_ready, .in_flit, .out_valid, .out_ready, .out_flit,
        .granted, .moved, .blocked, .starved
    );
    event_log #(.EVENTS(6 * LOGGED)) log (
        .clk, .run, .done, .cycles,
        .strobes({
            LOGGED'(out_valid & out_ready), LOGGED'(starved), LOGGED'(blocked), LOGGED'(moved), LOGGED'(granted),
            LOGGED'(in_valid & in_ready)
        })
    );
endmodule
