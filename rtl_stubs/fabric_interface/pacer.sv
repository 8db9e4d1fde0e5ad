// Pacer: says when the next beat of a command is due.
//
// Two accounts earn in every cycle and pay for every beat. Source flow control earns CREDITS and pays the time for
// which a credit is away, so that beats are evenly spread and never find their credits spent. Traffic shaping begins
// with a full bucket, earns rate and pays WIDTH bytes. While a beat that is due cannot leave, nothing is earned: what
// stalls is not caught up. Both accounts begin anew with each command.
module pacer #(
    parameter int CREDITS = 12,
    parameter int WIDTH   = 4
) (
    input  logic        clk,
    input  logic        start,
    input  logic        running,
    input  logic        sent,
    input  logic [15:0] round_trip,  // cycles for which a credit is away; up to CREDITS: no flow control at the source
    input  logic [15:0] bucket,      // bytes
    input  logic [15:0] rate,        // bytes per cycle; 0: no traffic shaping
    output logic        due
);
    logic [31:0] spread, shaped, with_spread, with_shaped, price;

    assign price = 32'(round_trip) > CREDITS ? 32'(round_trip) : CREDITS;
    assign with_spread = spread + CREDITS;
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
