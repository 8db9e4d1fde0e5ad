// Places that a sender knows to be free in the FIFO at the other end of its link.
module credit_counter #(
    parameter int DEPTH = 4  // flits of that FIFO
) (
    input  logic clk,
    input  logic rst_n,
    input  logic sends,
    input  logic credit,
    output logic has_credit
);
    localparam int COUNT = $clog2(DEPTH + 1);

    logic [COUNT-1:0] n_free;

    assign has_credit = n_free != 0;

    always_ff @(posedge clk) begin
        if (!rst_n) n_free <= COUNT'(DEPTH);
        else n_free <= n_free + COUNT'(credit) - COUNT'(sends);
    end
endmodule
