// Pacer: says when the next beat of a command is due.
//
// Two accounts earn in every cycle. Flow control earns OUTSTANDING and pays round_trip with the last beat of each
// fragment, so that as many fragments as that are asked for in this time, evenly spread. Traffic shaping begins with a
// credit of bucket bytes, earns rate and pays WIDTH bytes with every beat. What it earns while flow control holds beats
// back is not capped. While a beat that is due cannot leave, nothing is earned: what stalls is not caught up. Both
// accounts begin anew with each command.
module pacer #(
    parameter int OUTSTANDING = 3,
    parameter int WIDTH       = 4
) (
    input  logic        clk,
    input  logic        start,
    input  logic        running,
    input  logic        is_tail,     // the beat is the last one of its fragment
    input  logic        sent,
    input  logic [15:0] round_trip,  // cycles; 0: no flow control but by the slots
    input  logic [15:0] bucket,      // bytes at the start of a command
    input  logic [15:0] rate,        // bytes per cycle; 0: no traffic shaping
    output logic        due
);
    logic [31:0] spread, shaped, with_spread, with_shaped, price;

    assign price = is_tail ? 32'(round_trip) : 0;
    assign with_spread = spread + OUTSTANDING;
    assign with_shaped = shaped + 32'(rate);
    assign due = with_spread >= price && (rate == 0 || with_shaped >= WIDTH);

    always_ff @(posedge clk) begin
        if (start) begin
            spread <= 0;
            shaped <= 32'(bucket);
        end else if (running && sent) begin
            spread <= with_spread - price;
            shaped <= with_shaped - WIDTH;  // of no meaning without shaping
        end else if (running && !due) begin
            spread <= with_spread;
            shaped <= with_shaped;
        end
    end
endmodule
