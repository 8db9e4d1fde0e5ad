// Delay line: words come out a fixed number of cycles after they went in.
module delay_line #(
    parameter int WIDTH  = 8,
    parameter int CYCLES = 1  // 1 or more
) (
    input  logic             clk,
    input  logic             rst_n,
    input  logic             in_valid,
    input  logic [WIDTH-1:0] in_data,
    output logic             out_valid,
    output logic [WIDTH-1:0] out_data
);
    logic [CYCLES-1:0] is_taken;
    logic [WIDTH-1:0] word [0:CYCLES-1];

    assign out_valid = is_taken[CYCLES-1];
    always_comb out_data = word[CYCLES-1];  // in Icarus 11, a port that is assigned a word of an array may stay X

    always_ff @(posedge clk) begin
        is_taken <= rst_n ? CYCLES'({is_taken, in_valid}) : 0;
        word[0] <= in_data;
        for (int i = 1; i < CYCLES; i++) word[i] <= word[i-1];
    end
endmodule
