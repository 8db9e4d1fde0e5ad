// Layout unit: transposes square tiles, a row in and a row out per cycle.
//
// Two tile memories take turns: one fills while the other drains. A tile that arrives with in_transposed low leaves as
// it came. See README.md for the timing law.
module layout_unit #(
    parameter int SIZE  = 4,  // rows and columns of a tile, a power of two from 2 up
    parameter int WIDTH = 8   // bits of an element
) (
    input  logic                  clk,
    input  logic                  rst_n,
    input  logic                  in_valid,
    output logic                  in_ready,
    input  logic                  in_transposed,  // sampled with the last row of a tile
    input  logic [SIZE*WIDTH-1:0] in_data,
    output logic                  out_valid,
    input  logic                  out_ready,
    output logic [SIZE*WIDTH-1:0] out_data
);
    localparam int BITS = $clog2(SIZE);

    logic [SIZE*WIDTH-1:0] tile [0:2*SIZE-1];
    logic [1:0] is_full, is_transposed;
    logic fill, drain;
    logic [BITS-1:0] fill_row, drain_row;

    assign in_ready = !is_full[fill];
    assign out_valid = is_full[drain];

    always_comb begin
        out_data = tile[{drain, drain_row}];
        if (is_transposed[drain])
            for (int i = 0; i < SIZE; i++)
                out_data[i*WIDTH +: WIDTH] = tile[{drain, BITS'(i)}][drain_row*WIDTH +: WIDTH];
    end

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            is_full <= 0;
            is_transposed <= 0;
            fill <= 0;
            drain <= 0;
            fill_row <= 0;
            drain_row <= 0;
        end else begin
            if (in_valid && in_ready) begin
                tile[{fill, fill_row}] <= in_data;
                fill_row <= fill_row + 1;
                if (fill_row == BITS'(SIZE - 1)) begin
                    fill_row <= 0;
                    is_full[fill] <= 1;
                    is_transposed[fill] <= in_transposed;
                    fill <= !fill;
                end
            end
            if (out_valid && out_ready) begin
                drain_row <= drain_row + 1;
                if (drain_row == BITS'(SIZE - 1)) begin
                    drain_row <= 0;
                    is_full[drain] <= 0;
                    drain <= !drain;
                end
            end
        end
    end
endmodule
