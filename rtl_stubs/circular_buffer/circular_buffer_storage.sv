// Storage of circular buffers: banks that serve one access per cycle each, to the ports in turn.
//
// Word a lies in bank a mod BANKS. Of the ports that want a bank, it serves the first one after the one it served last,
// in the order of their numbers, beginning with port 0 after reset. Reads are answered in the same cycle.
module circular_buffer_storage #(
    parameter int PORTS   = 3,
    parameter int BANKS   = 2,
    parameter int WORDS   = 64,
    parameter int WIDTH   = 16,
    parameter int ADDRESS = $clog2(WORDS)
) (
    input  logic                     clk,
    input  logic                     rst_n,
    input  logic [PORTS-1:0]         access,
    input  logic [PORTS-1:0]         is_write,
    input  logic [PORTS*ADDRESS-1:0] address,
    input  logic [PORTS*WIDTH-1:0]   wdata,
    output logic [PORTS-1:0]         is_granted,
    output logic [PORTS*WIDTH-1:0]   rdata
);
    localparam int BANK_BITS = $clog2(BANKS);  // 0 for one bank
    localparam int ROWS = WORDS / BANKS;
    localparam int ROW_BITS = ADDRESS - BANK_BITS;
    localparam int PORT_BITS = $clog2(PORTS);

    function automatic logic [PORT_BITS-1:0] index_of(input logic [PORTS-1:0] one_hot);
        index_of = 0;
        for (int p = 0; p < PORTS; p++) if (one_hot[p]) index_of = PORT_BITS'(p);
    endfunction

    logic [BANKS*PORTS-1:0] grants;
    logic [BANKS*WIDTH-1:0] words;

    for (genvar b = 0; b < BANKS; b++) begin : bank
        logic [WIDTH-1:0] row_mem [0:ROWS-1];
        logic [PORTS-1:0] wanted, later, choice, grant;
        logic [PORTS-1:0] passed;  // ports that are served after those behind them
        logic [ROW_BITS-1:0] row;
        logic [PORT_BITS-1:0] winner;

        for (genvar p = 0; p < PORTS; p++) begin : port
            assign wanted[p] = access[p] && (address[p*ADDRESS +: ADDRESS] & ADDRESS'(BANKS - 1)) == ADDRESS'(b);
        end
        assign later = wanted & ~passed;
        assign choice = later != 0 ? later : wanted;
        assign grant = choice & (~choice + 1);  // lowest one of the bits

        assign winner = index_of(grant);
        assign row = address[winner*ADDRESS+BANK_BITS +: ROW_BITS];
        assign grants[b*PORTS +: PORTS] = grant;
        assign words[b*WIDTH +: WIDTH] = row_mem[row];

        always_ff @(posedge clk) begin
            if (!rst_n) passed <= 0;
            else if (grant != 0) passed <= grant | (grant - 1);
            if ((grant & is_write) != 0) row_mem[row] <= wdata[winner*WIDTH +: WIDTH];
        end
    end

    for (genvar p = 0; p < PORTS; p++) begin : port
        logic [ADDRESS-1:0] chosen;
        assign chosen = address[p*ADDRESS +: ADDRESS] & ADDRESS'(BANKS - 1);
        assign is_granted[p] = (grants & {BANKS{PORTS'(1 << p)}}) != 0;
        assign rdata[p*WIDTH +: WIDTH] = words[chosen*WIDTH +: WIDTH];
    end
endmodule
