// Router of a mesh: five ports, XY routing, wormhole switching, credits, multicast to the north.
//
// Ports are numbered north, east, south, west, local; north is towards higher y. A flit is {tail, payload}; the payload
// of the first flit of a packet is {tag, multicast, y, x}. See README.md for the rules of arbitration and the law.
module noc_router #(
    parameter int WIDTH = 16,  // bits of a payload, 2 * COORD + 1 or more
    parameter int COORD = 2,   // bits of a coordinate
    parameter int DEPTH = 4,   // flits of each input FIFO, and of the FIFOs that the outputs lead to; 2 or more
    parameter int LINK  = 1    // registers of each link, for flits and for credits; 1 or more
) (
    input  logic                   clk,
    input  logic                   rst_n,
    input  logic [COORD-1:0]       x,  // where this router is; constant
    input  logic [COORD-1:0]       y,
    input  logic [4:0]             in_valid,
    input  logic [5*(WIDTH+1)-1:0] in_flit,
    output logic [4:0]             in_credit,
    output logic [4:0]             out_valid,
    output logic [5*(WIDTH+1)-1:0] out_flit,
    input  logic [4:0]             out_credit,
    output logic [4:0]             granted,  // by output: it is given to an input
    output logic [4:0]             moved,    // by input: a flit leaves its FIFO
    output logic [4:0]             blocked,  // by input: a packet waits for an output
    output logic [4:0]             starved   // by input: a flit waits for a credit
);
    localparam int NORTH = 0;
    localparam int EAST = 1;
    localparam int SOUTH = 2;
    localparam int WEST = 3;
    localparam int LOCAL = 4;
    localparam int FLIT = WIDTH + 1;

    // Matrices of outputs and inputs have bit [5 * output + input]
    logic [24:0] held, granted_now, has;  // has: held or granted in this cycle
    logic [24:0] above;                   // inputs after the one that the output was granted to last
    logic [24:0] wanted;                  // bit [5 * input + output]
    logic [4:0] front_valid, front_tail, is_open, has_credit, sends;
    logic [5*FLIT-1:0] front_flit, sent_flit;
    logic [5*LINK-1:0] link_valid;
    logic [5*FLIT*LINK-1:0] link_flit;

    // Outputs that a packet takes from a router. All it depends on is an argument, so that all of it is waited for
    function automatic logic [4:0] route(
        input logic is_multicast, input logic [COORD-1:0] to_y, to_x, from_y, from_x
    );
        route = 0;
        if (to_x > from_x) route[EAST] = 1;
        else if (to_x < from_x) route[WEST] = 1;
        else if (to_y > from_y) route[NORTH] = 1;
        else if (to_y < from_y) route[SOUTH] = 1;
        else route[LOCAL] = 1;
        if (is_multicast && route[NORTH]) route[LOCAL] = 1;
    endfunction

    // The next one at or above the mask, else the first one: round-robin
    function automatic logic [4:0] choose(input logic [4:0] asking, input logic [4:0] mask);
        logic [4:0] preferred;
        preferred = (asking & mask) != 0 ? asking & mask : asking;
        choose = preferred & (~preferred + 1);
    endfunction

    for (genvar i = 0; i < 5; i++) begin : gen_port
        flit_fifo #(.WIDTH(FLIT), .DEPTH(DEPTH), .LINK(LINK)) fifo (
            .clk, .rst_n, .in_valid(in_valid[i]), .in_flit(in_flit[i*FLIT +: FLIT]), .in_credit(in_credit[i]),
            .out_valid(front_valid[i]), .out_ready(moved[i]), .out_flit(front_flit[i*FLIT +: FLIT])
        );
        credit_counter #(.DEPTH(DEPTH)) credits (
            .clk, .rst_n, .sends(sends[i]), .credit(out_credit[i]), .has_credit(has_credit[i])
        );
        assign front_tail[i] = front_flit[i*FLIT + WIDTH];
        assign wanted[i*5 +: 5] = route(
            front_flit[i*FLIT + 2*COORD], front_flit[i*FLIT + COORD +: COORD], front_flit[i*FLIT +: COORD], y, x
        );
    end

    // Outputs are granted, local last: a multicast asks for it when it has north, so that two cannot block each other
    always_comb begin
        logic [4:0] asking;
        granted_now = 0;
        for (int o = 0; o < 5; o++) begin
            asking = 0;
            for (int i = 0; i < 5; i++)
                asking[i] = front_valid[i] && !is_open[i] && wanted[i*5 + o]
                    && (o != LOCAL || !wanted[i*5 + NORTH] || held[NORTH*5 + i] || granted_now[NORTH*5 + i]);
            if (held[o*5 +: 5] == 0) granted_now[o*5 +: 5] = choose(asking, above[o*5 +: 5]);
            granted[o] = granted_now[o*5 +: 5] != 0;
        end
        has = held | granted_now;
    end

    // A flit moves when its packet has all its outputs and each of them has a credit
    always_comb begin
        logic [4:0] mine;
        for (int i = 0; i < 5; i++) begin
            for (int o = 0; o < 5; o++) mine[o] = has[o*5 + i];
            blocked[i] = front_valid[i] && !is_open[i] && mine != wanted[i*5 +: 5];
            starved[i] = front_valid[i] && !blocked[i] && (mine & ~has_credit) != 0;
            moved[i] = front_valid[i] && !blocked[i] && !starved[i];
        end
    end

    always_comb begin
        sent_flit = 0;
        for (int o = 0; o < 5; o++) begin
            sends[o] = (has[o*5 +: 5] & moved) != 0;
            for (int i = 0; i < 5; i++)
                if (has[o*5 + i]) sent_flit[o*FLIT +: FLIT] = front_flit[i*FLIT +: FLIT];
        end
    end

    assign out_valid = link_valid[5*LINK-1 -: 5];
    assign out_flit = link_flit[5*FLIT*LINK-1 -: 5*FLIT];

    always_ff @(posedge clk) begin
        link_flit <= (5*FLIT*LINK)'({link_flit, sent_flit});
        if (!rst_n) begin
            held <= 0;
            above <= 0;
            is_open <= 0;
            link_valid <= 0;
        end else begin
            link_valid <= (5*LINK)'({link_valid, sends});
            is_open <= (is_open | moved) & ~(moved & front_tail);
            for (int o = 0; o < 5; o++) begin
                held[o*5 +: 5] <= has[o*5 +: 5] & ~(moved & front_tail);
                if (granted[o]) above[o*5 +: 5] <= ~(granted_now[o*5 +: 5] | (granted_now[o*5 +: 5] - 1));
            end
        end
    end
endmodule
