// Mesh of routers, a stream of flits into and out of each node.
//
// Node y * COLS + x is in column x and row y. Streams are valid/ready: credits of the first link are counted here, and
// a FIFO at the end of the last one holds flits until they are taken. See README.md for the timing law.
module mesh #(
    parameter int COLS  = 2,
    parameter int ROWS  = 2,
    parameter int WIDTH = 16,  // bits of a payload, 2 * COORD + 1 or more
    parameter int COORD = 2,   // bits of a coordinate
    parameter int DEPTH = 4,   // flits of each FIFO, 2 or more
    parameter int LINK  = 1    // registers of each link, 1 or more
) (
    input  logic                           clk,
    input  logic                           rst_n,
    input  logic [COLS*ROWS-1:0]           in_valid,
    output logic [COLS*ROWS-1:0]           in_ready,
    input  logic [COLS*ROWS*(WIDTH+1)-1:0] in_flit,
    output logic [COLS*ROWS-1:0]           out_valid,
    input  logic [COLS*ROWS-1:0]           out_ready,
    output logic [COLS*ROWS*(WIDTH+1)-1:0] out_flit,
    output logic [COLS*ROWS-1:0]           granted,  // by node: its router grants an output
    output logic [COLS*ROWS-1:0]           moved,    // a flit moves on from its router
    output logic [COLS*ROWS-1:0]           blocked,  // a packet waits there for an output
    output logic [COLS*ROWS-1:0]           starved   // a flit waits there for a credit
);
    localparam int NORTH = 0;
    localparam int EAST = 1;
    localparam int SOUTH = 2;
    localparam int WEST = 3;
    localparam int LOCAL = 4;
    localparam int FLIT = WIDTH + 1;
    localparam int NODES = COLS * ROWS;

    // What comes into and goes out of port p of node n is at [5 * n + p]; a border has no neighbour to listen
    logic [5*NODES-1:0] come_valid, come_credit, go_valid, go_credit;
    logic [5*NODES*FLIT-1:0] come_flit;
    /* verilator lint_off UNUSEDSIGNAL */  // what goes out at a border is not used
    logic [5*NODES*FLIT-1:0] go_flit;
    /* verilator lint_on UNUSEDSIGNAL */

    for (genvar n = 0; n < NODES; n++) begin : gen_node
        logic [4:0] granted_here, moved_here, blocked_here, starved_here;

        noc_router #(.WIDTH(WIDTH), .COORD(COORD), .DEPTH(DEPTH), .LINK(LINK)) router (
            .clk, .rst_n, .x(COORD'(n % COLS)), .y(COORD'(n / COLS)),
            .in_valid(come_valid[5*n +: 5]), .in_flit(come_flit[5*n*FLIT +: 5*FLIT]), .in_credit(come_credit[5*n +: 5]),
            .out_valid(go_valid[5*n +: 5]), .out_flit(go_flit[5*n*FLIT +: 5*FLIT]), .out_credit(go_credit[5*n +: 5]),
            .granted(granted_here), .moved(moved_here), .blocked(blocked_here), .starved(starved_here)
        );
        assign granted[n] = granted_here != 0;
        assign moved[n] = moved_here != 0;
        assign blocked[n] = blocked_here != 0;
        assign starved[n] = starved_here != 0;

        assign come_valid[5*n + LOCAL] = in_valid[n] && in_ready[n];
        assign come_flit[(5*n + LOCAL)*FLIT +: FLIT] = in_flit[n*FLIT +: FLIT];
        credit_counter #(.DEPTH(DEPTH)) credits (
            .clk, .rst_n, .sends(come_valid[5*n + LOCAL]), .credit(come_credit[5*n + LOCAL]), .has_credit(in_ready[n])
        );
        flit_fifo #(.WIDTH(FLIT), .DEPTH(DEPTH), .LINK(LINK)) fifo (
            .clk, .rst_n, .in_valid(go_valid[5*n + LOCAL]), .in_flit(go_flit[(5*n + LOCAL)*FLIT +: FLIT]),
            .in_credit(go_credit[5*n + LOCAL]), .out_valid(out_valid[n]), .out_ready(out_ready[n]),
            .out_flit(out_flit[n*FLIT +: FLIT])
        );

        for (genvar p = NORTH; p <= WEST; p++) begin : gen_side
            localparam bit IS_BORDER = p == NORTH ? n / COLS == ROWS - 1 : p == EAST ? n % COLS == COLS - 1
                : p == SOUTH ? n / COLS == 0 : n % COLS == 0;
            localparam int NEIGHBOUR = p == NORTH ? n + COLS : p == EAST ? n + 1 : p == SOUTH ? n - COLS : n - 1;
            localparam int THERE = 5 * NEIGHBOUR + (p + 2) % 4;  // its port on the opposite side

            if (IS_BORDER) begin : gen_border
                assign come_valid[5*n + p] = 0;
                assign come_flit[(5*n + p)*FLIT +: FLIT] = 0;
                assign go_credit[5*n + p] = 0;
            end else begin : gen_link
                assign come_valid[5*n + p] = go_valid[THERE];
                assign come_flit[(5*n + p)*FLIT +: FLIT] = go_flit[THERE*FLIT +: FLIT];
                assign go_credit[5*n + p] = come_credit[THERE];
            end
        end
    end
endmodule
