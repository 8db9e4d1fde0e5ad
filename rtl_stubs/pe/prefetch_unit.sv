// Prefetch unit: hands the rows of a tile to whoever brings them into the cache, and passes on when they are there.
//
// A command holds the unit until it is handed over, for one cycle if that is at once.
module prefetch_unit #(
    parameter int WORD = 44  // bits of what is handed over
) (
    input  logic            clk,
    input  logic            rst_n,
    input  logic            start_valid,
    output logic            start_ready,
    input  logic [WORD-1:0] start_rows,
    output logic            ask_valid,
    input  logic            ask_ready,
    output logic [WORD-1:0] ask_rows,
    output logic            ended
);
    assign start_ready = !ask_valid || ask_ready;
    assign ended = ask_valid && ask_ready;

    always_ff @(posedge clk) begin
        if (!rst_n) ask_valid <= 0;
        else if (start_ready) ask_valid <= start_valid;
        if (start_ready) ask_rows <= start_rows;
    end
endmodule
