// Delay line: words come out a fixed number of cycles after they went in, 0 or more; they are zero after reset.
module delay_line #(
    parameter int WIDTH  = 8,
    parameter int CYCLES = 1
) (
    /* verilator lint_off UNUSEDSIGNAL */  // where CYCLES is 0
    input  logic             clk,
    input  logic             rst_n,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [WIDTH-1:0] in_word,
    output logic [WIDTH-1:0] out_word
);
    logic [(CYCLES+1)*WIDTH-1:0] stages;

    assign stages[0 +: WIDTH] = in_word;
    assign out_word = stages[CYCLES*WIDTH +: WIDTH];

    generate
        for (genvar i = 0; i < CYCLES; i++) begin : stage
            logic [WIDTH-1:0] word;
            always_ff @(posedge clk) word <= rst_n ? stages[i*WIDTH +: WIDTH] : 0;
            assign stages[(i+1)*WIDTH +: WIDTH] = word;
        end
    endgenerate
endmodule
