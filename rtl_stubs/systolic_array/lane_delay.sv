// Delays the lanes of a word by one step more each: lane i by i steps, or by LANES - 1 - i where they fall.
module lane_delay #(
    parameter int LANES   = 4,
    parameter int WIDTH   = 8,  // bits of a lane
    parameter bit IS_FALLING = 0
) (
    input  logic                   clk,
    input  logic                   rst_n,
    input  logic                   enable,  // a step; nothing moves without it
    input  logic [LANES*WIDTH-1:0] in,
    output logic [LANES*WIDTH-1:0] out
);
    for (genvar i = 0; i < LANES; i++) begin : g_lane
        localparam int STEPS = IS_FALLING ? LANES - 1 - i : i;
        if (STEPS == 0) begin : g_direct
            assign out[i*WIDTH +: WIDTH] = in[i*WIDTH +: WIDTH];
        end else begin : g_line
            logic [(STEPS+1)*WIDTH-1:0] line;
            logic [STEPS*WIDTH-1:0] kept;
            assign line = {kept, in[i*WIDTH +: WIDTH]};
            assign out[i*WIDTH +: WIDTH] = line[STEPS*WIDTH +: WIDTH];
            always_ff @(posedge clk) begin
                if (!rst_n) kept <= 0;
                else if (enable) kept <= line[STEPS*WIDTH-1:0];
            end
        end
    end
endmodule
