// Tile of a matrix engine: holds a block of ROWS x DEPTH bytes and multiplies it with one column per cycle.
//
// There are two blocks, so that one is loaded while the other one is used. A row of a dense block has DEPTH elements of
// 8 bits or DEPTH / 2 of 16 bits. A row of a 2:4 sparse block has as many, but they stand for twice as many: elements
// 2g and 2g + 1 are two of the four in group g, and a position of 2 bits says which. Sums are 32 bits wide and wrap.
module mac_tile #(
    parameter int ROWS  = 2,  // 2 or more
    parameter int DEPTH = 8   // bytes; a multiple of 8
) (
    input  logic                    clk,
    input  logic                    row_valid,
    input  logic                    row_block,  // which block the row belongs to
    input  logic [$clog2(ROWS)-1:0] row_number,
    input  logic [DEPTH*10-1:0]     row_data,   // DEPTH bytes, then DEPTH positions
    input  logic                    used_block,
    input  logic                    is_int16,
    input  logic                    is_sparse,
    input  logic [DEPTH*16-1:0]     column,     // DEPTH bytes; 2 x DEPTH if the block is sparse
    output logic [ROWS*32-1:0]      sums        // of the column with each row
);
    localparam int BITS = $clog2(2 * ROWS);

    logic [DEPTH*10-1:0] held [0:2*ROWS-1];
    logic [DEPTH*32-1:0] elements;              // of the column, 2 x DEPTH of 16 bits
    logic [BITS-1:0] first_of_row_block, first_of_used_block;

    assign first_of_row_block = row_block ? BITS'(ROWS) : 0;
    assign first_of_used_block = used_block ? BITS'(ROWS) : 0;

    always_ff @(posedge clk)
        if (row_valid) held[first_of_row_block + BITS'(row_number)] <= row_data;

    always_comb begin
        elements = 0;
        for (int i = 0; i < 2 * DEPTH; i++)
            if (!is_int16) elements[i*16 +: 16] = {{8{column[i*8+7]}}, column[i*8 +: 8]};
            else if (i < DEPTH) elements[i*16 +: 16] = column[i*16 +: 16];
    end

    function automatic logic [31:0] dot_product(
        input logic [DEPTH*10-1:0] row, input logic [DEPTH*32-1:0] column_elements, input logic int16, input logic sparse
    );
        logic signed [15:0] value, element;
        logic signed [31:0] sum;
        int chosen;  // element of the column that meets a value
        sum = 0;
        for (int e = 0; e < DEPTH; e++) begin
            if (!int16) value = {{8{row[e*8+7]}}, row[e*8 +: 8]};
            else value = e < DEPTH / 2 ? row[e%(DEPTH/2)*16 +: 16] : 0;
            chosen = sparse ? e / 2 * 4 + 32'(row[DEPTH*8+e*2 +: 2]) : e;
            element = column_elements[chosen*16 +: 16];
            sum = sum + 32'(value) * 32'(element);
        end
        dot_product = sum;
    endfunction

    always_comb begin
        sums = 0;
        for (int r = 0; r < ROWS; r++)
            sums[r*32 +: 32] = dot_product(held[first_of_used_block + BITS'(r)], elements, is_int16, is_sparse);
    end
endmodule
