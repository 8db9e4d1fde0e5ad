// Responses of a DRAM channel: data of reads, offered in order, each DELAY cycles after it was read or later.
//
// A place is taken from the read until its data is taken, so that no data is ever lost: nothing may be read while
// has_room is low.
module dram_responses #(
    parameter int WIDTH = 16,
    parameter int DEPTH = 4,  // reads under way or waiting
    parameter int DELAY = 6   // 2 or more
) (
    input  logic             clk,
    input  logic             rst_n,
    input  logic             read,
    output logic             has_room,
    input  logic [WIDTH-1:0] data,
    output logic             out_valid,
    input  logic             out_ready,
    output logic [WIDTH-1:0] out_data
);
    localparam int BITS = DEPTH > 1 ? $clog2(DEPTH) : 1;

    logic [WIDTH-1:0] held [0:DEPTH-1];
    logic [BITS-1:0] tail, head;
    logic [15:0] n_places, n_arrived;
    logic [DELAY-2:0] under_way;
    logic take;

    function automatic logic [BITS-1:0] after(input logic [BITS-1:0] place);
        return place == BITS'(DEPTH - 1) ? 0 : place + 1;
    endfunction

    assign has_room = n_places < 16'(DEPTH);
    assign out_valid = n_arrived != 0;
    assign out_data = held[head];
    assign take = out_valid && out_ready;

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            tail <= 0;
            head <= 0;
            n_places <= 0;
            n_arrived <= 0;
            under_way <= 0;
        end else begin
            n_places <= n_places + 16'(read) - 16'(take);
            n_arrived <= n_arrived + 16'(under_way[DELAY-2]) - 16'(take);
            under_way <= (DELAY - 1)'({under_way, read});
            if (read) begin
                held[tail] <= data;
                tail <= after(tail);
            end
            if (take) head <= after(head);
        end
    end
endmodule
