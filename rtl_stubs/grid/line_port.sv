// Line port: turns the lines that a cache fetches and writes back into requests of a DRAM channel, a word each.
//
// Words of a victim pass as they come. A fetch asks for the words of its line one by one, the first of them at once.
module line_port #(
    parameter int WORD = 8,   // bits of the address of a word
    parameter int LINE = 4,   // words of a line, a power of two from 2 up
    parameter int BITS = 32   // of a word
) (
    input  logic            clk,
    input  logic            rst_n,
    input  logic            victim_valid,
    output logic            victim_ready,
    input  logic [WORD-1:0] victim_address,
    input  logic [BITS-1:0] victim_data,
    input  logic            fetch_valid,
    output logic            fetch_ready,
    /* verilator lint_off UNUSEDSIGNAL */  // a line begins on a multiple of its length
    input  logic [WORD-1:0] fetch_address,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic            request_valid,
    input  logic            request_ready,
    output logic            request_write,
    output logic [WORD-1:0] request_address,
    output logic [BITS-1:0] request_data
);
    localparam int BEAT = $clog2(LINE);
    logic [BEAT-1:0] beat;
    logic [WORD-BEAT-1:0] line, held_line;

    // A fetch is taken with its first word; those that follow go on whatever the cache asks for.
    assign line = beat == 0 ? fetch_address[WORD-1:BEAT] : held_line;
    assign request_write = victim_valid && beat == 0;
    assign request_valid = victim_valid || fetch_valid || beat != 0;
    assign request_address = request_write ? victim_address : {line, beat};
    assign request_data = victim_data;
    assign victim_ready = request_ready && beat == 0;
    assign fetch_ready = request_ready && beat == 0 && !victim_valid;

    always_ff @(posedge clk)
        if (!rst_n) beat <= 0;
        else if (request_valid && request_ready && !request_write) begin
            beat <= beat + 1;
            held_line <= line;
        end
endmodule
