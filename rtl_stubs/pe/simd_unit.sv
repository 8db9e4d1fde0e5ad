// SIMD unit: the SIMD engine, and what writes its results to local memory as bytes.
//
// Vectors come group by group, in each of these column by column: the vector of column c and group g goes to address
// result + c * stride + g * LANES.
/* verilator lint_off PINCONNECTEMPTY */  // blocks have outputs that nothing here needs
module simd_unit #(
    parameter int LANES     = 2,
    parameter int LATENCY   = 2,
    parameter int UNDER_WAY = 4,  // commands that have started and whose results are not all written
    parameter int ADDRESS   = 12
) (
    input  logic                clk,
    input  logic                rst_n,
    input  logic                start_valid,
    output logic                start_ready,
    input  logic [2:0]          start_count,       // operations
    input  logic [2*35-1:0]     start_operations,
    input  logic [7:0]          start_columns,
    input  logic [7:0]          start_groups,
    input  logic [ADDRESS-1:0]  start_result,
    input  logic [ADDRESS-1:0]  start_stride,
    input  logic                in_valid,
    output logic                in_ready,
    input  logic [LANES*32-1:0] in_data,
    output logic                write_valid,
    output logic [ADDRESS-1:0]  write_address,
    output logic [LANES*8-1:0]  write_data,
    output logic                ended,             // the last operation is done
    output logic                visible            // the last result is written
);
    logic is_busy, starts, is_known;
    logic [2:0] count;
    logic [2*35-1:0] operations;
    logic [15:0] elements;
    logic [LANES*32-1:0] out_data;
    logic [7:0] columns, groups, column, group;
    logic [ADDRESS-1:0] result, stride;

    assign start_ready = !is_busy || ended;
    assign starts = start_valid && start_ready;

    always_ff @(posedge clk) begin
        if (!rst_n) is_busy <= 0;
        else if (starts) is_busy <= 1;
        else if (ended) is_busy <= 0;
        if (starts) begin
            count <= start_count;
            operations <= start_operations;
            elements <= 16'(start_columns) * 16'(start_groups) * 16'(LANES);
        end
    end

    simd_engine #(.LANES(LANES), .LATENCY(LATENCY)) engine (
        .clk, .rst_n, .command_valid(is_busy), .command_ready(ended), .command_loads(1'b0), .command_count(count),
        .command_elements(elements), .command_operations((4*35)'(operations)), .in_valid, .in_ready, .in_data,
        .out_valid(write_valid), .out_ready(1'b1), .out_data, .operates()
    );

    command_fifo #(.WIDTH(16 + 2 * ADDRESS), .DEPTH(UNDER_WAY)) results (
        .clk, .rst_n, .in_valid(starts), .in_ready(), .in_data({start_columns, start_groups, start_result, start_stride}),
        .out_valid(is_known), .out_ready(visible), .out_data({columns, groups, result, stride})
    );
    assign visible = is_known && write_valid && column + 1 == columns && group + 1 == groups;
    assign write_address = result + ADDRESS'(column) * stride + ADDRESS'(group) * ADDRESS'(LANES);

    always_comb
        for (int i = 0; i < LANES; i++) write_data[i*8 +: 8] = out_data[i*32 +: 8];

    always_ff @(posedge clk)
        if (!rst_n || visible) begin
            column <= 0;
            group <= 0;
        end else if (write_valid) begin
            column <= column + 1 == columns ? 0 : column + 1;
            if (column + 1 == columns) group <= group + 1;
        end
endmodule
