// FIFO of flits at the end of a link with credits: the sender never overruns it, so it cannot refuse a flit.
//
// A flit that arrives in a cycle can leave in the next one. When it leaves, a credit travels back to the sender for
// LINK cycles.
module flit_fifo #(
    parameter int WIDTH = 8,  // bits of a flit
    parameter int DEPTH = 4,  // flits, 2 or more
    parameter int LINK  = 1   // registers that a credit passes, 1 or more
) (
    input  logic             clk,
    input  logic             rst_n,
    input  logic             in_valid,
    input  logic [WIDTH-1:0] in_flit,
    output logic             in_credit,
    output logic             out_valid,
    input  logic             out_ready,
    output logic [WIDTH-1:0] out_flit
);
    localparam int BITS = $clog2(DEPTH);
    localparam int COUNT = $clog2(DEPTH + 1);

    logic [WIDTH-1:0] flit [0:DEPTH-1];
    logic [BITS-1:0] first, free;
    logic [COUNT-1:0] n_flits;
    logic [LINK-1:0] credits;
    logic leaves;

    assign out_valid = n_flits != 0;
    assign out_flit = flit[first];
    assign leaves = out_valid && out_ready;
    assign in_credit = credits[LINK-1];

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            first <= 0;
            free <= 0;
            n_flits <= 0;
            credits <= 0;
        end else begin
            credits <= LINK'({credits, leaves});
            n_flits <= n_flits + COUNT'(in_valid) - COUNT'(leaves);
            if (in_valid) begin
                flit[free] <= in_flit;
                free <= free == BITS'(DEPTH - 1) ? 0 : free + 1;
            end
            if (leaves) first <= first == BITS'(DEPTH - 1) ? 0 : first + 1;
        end
    end
endmodule
