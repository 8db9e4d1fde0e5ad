// Banked SRAM: ports reach single-ported banks through a crossbar.
//
// Word a lives in bank a % BANKS. Each bank serves one request per cycle; of several ports that want it, one is chosen
// round-robin and the others wait. Every request is answered, in order: a read with the word stored, a write with the
// word written. in_ready depends on in_valid of all ports. See README.md for the timing law.
module sram_banks #(
    parameter int PORTS       = 2,
    parameter int BANKS       = 2,  // a power of two costs no divider
    parameter int ROWS        = 4,  // words of a bank
    parameter int WIDTH       = 8,  // bits of a word
    parameter int LATENCY     = 1,  // from grant to answer, 1 or more
    parameter int OUTSTANDING = 2,  // requests of a port granted and not answered
    localparam int ADDRESS    = BANKS * ROWS > 1 ? $clog2(BANKS * ROWS) : 1
) (
    input  logic                     clk,
    input  logic                     rst_n,
    input  logic [PORTS-1:0]         in_valid,
    output logic [PORTS-1:0]         in_ready,
    input  logic [PORTS-1:0]         in_write,
    input  logic [PORTS*ADDRESS-1:0] in_address,
    input  logic [PORTS*WIDTH-1:0]   in_data,
    output logic [PORTS-1:0]         out_valid,
    input  logic [PORTS-1:0]         out_ready,
    output logic [PORTS*WIDTH-1:0]   out_data,
    output logic [PORTS-1:0]         lost  // asks for a bank that another port is granted
);
    localparam int BANK_BITS = BANKS > 1 ? $clog2(BANKS) : 1;
    localparam int ROW_BITS = ROWS > 1 ? $clog2(ROWS) : 1;

    logic [PORTS-1:0] has_room, asks;
    logic [PORTS*BANK_BITS-1:0] bank_of;         // bank that each port asks for
    logic [PORTS*BANK_BITS-1:0] bank_before;     // bank that each port was granted in the cycle before
    logic [PORTS*ROW_BITS-1:0] row_of;
    logic [BANKS*PORTS-1:0] asked, granted;      // bank by bank, a bit per port
    logic [BANKS*WIDTH-1:0] words;               // what each bank gave in the cycle before

    assign asks = in_valid & has_room;
    assign lost = asks & ~in_ready;

    always_comb
        for (int p = 0; p < PORTS; p++) begin
            bank_of[p*BANK_BITS +: BANK_BITS] = BANK_BITS'(32'(in_address[p*ADDRESS +: ADDRESS]) % BANKS);
            row_of[p*ROW_BITS +: ROW_BITS] = ROW_BITS'(32'(in_address[p*ADDRESS +: ADDRESS]) / BANKS);
        end

    always_comb
        for (int b = 0; b < BANKS; b++)
            for (int p = 0; p < PORTS; p++)
                asked[b*PORTS+p] = asks[p] && bank_of[p*BANK_BITS +: BANK_BITS] == BANK_BITS'(b);

    always_comb begin
        in_ready = 0;
        for (int b = 0; b < BANKS; b++) in_ready = in_ready | granted[b*PORTS +: PORTS];
    end

    generate
        for (genvar b = 0; b < BANKS; b++) begin : bank
            logic [WIDTH-1:0] memory [0:ROWS-1];
            logic [WIDTH-1:0] written, word;
            logic [ROW_BITS-1:0] row;
            logic is_write;

            round_robin #(.ASKERS(PORTS)) arbiter (
                .clk, .rst_n, .asked(asked[b*PORTS +: PORTS]), .granted(granted[b*PORTS +: PORTS])
            );

            always_comb begin
                is_write = 0;
                row = 0;
                written = 0;
                for (int p = 0; p < PORTS; p++)
                    if (granted[b*PORTS+p]) begin
                        is_write = in_write[p];
                        row = row_of[p*ROW_BITS +: ROW_BITS];
                        written = in_data[p*WIDTH +: WIDTH];
                    end
            end

            always_ff @(posedge clk) begin
                if (is_write) memory[row] <= written;
                word <= is_write ? written : memory[row];
            end
            assign words[b*WIDTH +: WIDTH] = word;
        end

        for (genvar p = 0; p < PORTS; p++) begin : port
            always_ff @(posedge clk)
                bank_before[p*BANK_BITS +: BANK_BITS] <= bank_of[p*BANK_BITS +: BANK_BITS];

            answer_queue #(.WIDTH(WIDTH), .LATENCY(LATENCY), .OUTSTANDING(OUTSTANDING)) answers (
                .clk, .rst_n, .has_room(has_room[p]), .start(in_ready[p]),
                .word(words[bank_before[p*BANK_BITS +: BANK_BITS]*WIDTH +: WIDTH]),
                .out_valid(out_valid[p]), .out_ready(out_ready[p]), .out_data(out_data[p*WIDTH +: WIDTH])
            );
        end
    endgenerate
endmodule
