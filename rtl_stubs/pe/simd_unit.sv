// SIMD unit: the SIMD engine, what reads its elements from local memory, and what writes its results there.
//
// Vectors of sums come group by group, in each of these column by column: the vector of column c and group g goes to
// address result + c * stride + g * LANES. Vectors of a command that reads local memory are one group; they follow one
// another at address stride and behind, and so do their results. Elements and results are bytes or words.
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
    input  logic [ADDRESS-1:0]  start_stride,      // or where the elements are
    input  logic                start_is_local,    // elements come from local memory
    input  logic                start_is_wide_in,  // they are words
    input  logic                start_is_wide_out, // results are
    output logic [ADDRESS-1:0]  element_address,
    input  logic [LANES*32-1:0] element_data,      // in the same cycle
    input  logic                in_valid,          // sums
    output logic                in_ready,
    input  logic [LANES*32-1:0] in_data,
    output logic                write_valid,
    output logic [ADDRESS-1:0]  write_address,
    output logic [$clog2(LANES*4):0] write_bytes,
    output logic [LANES*32-1:0] write_data,
    output logic                ended,             // the last operation is done
    output logic                visible            // the last result is written
);
    localparam int BYTES = $clog2(LANES * 4) + 1;

    logic is_busy, starts, is_known, is_local, is_wide_in, is_wide_out, takes;
    logic [2:0] count;
    logic [2*35-1:0] operations;
    logic [15:0] elements;
    logic [LANES*32-1:0] out_data, elements_read;
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
            {is_local, is_wide_in, element_address} <= {start_is_local, start_is_wide_in, start_stride};
        end else if (takes && is_local) begin
            element_address <= element_address + ADDRESS'(bytes_of(is_wide_in));
        end
    end

    function automatic logic [BYTES-1:0] bytes_of(input logic is_wide);
        return is_wide ? BYTES'(LANES * 4) : BYTES'(LANES);
    endfunction

    always_comb
        for (int i = 0; i < LANES; i++)
            elements_read[i*32 +: 32] = is_wide_in ? element_data[i*32 +: 32] : 32'($signed(element_data[i*8 +: 8]));

    assign in_ready = takes && !is_local;

    simd_engine #(.LANES(LANES), .LATENCY(LATENCY)) engine (
        .clk, .rst_n, .command_valid(is_busy), .command_ready(ended), .command_loads(1'b0), .command_count(count),
        .command_elements(elements), .command_operations((4*35)'(operations)), .in_valid(is_local || in_valid), .in_ready(takes),
        .in_data(is_local ? elements_read : in_data),
        .out_valid(write_valid), .out_ready(1'b1), .out_data, .operates()
    );

    command_fifo #(.WIDTH(17 + 2 * ADDRESS), .DEPTH(UNDER_WAY)) results (
        .clk, .rst_n, .in_valid(starts), .in_ready(),
        .in_data({start_columns, start_groups, start_result, start_is_wide_out,
            start_is_local ? ADDRESS'(bytes_of(start_is_wide_out)) : start_stride}),
        .out_valid(is_known), .out_ready(visible), .out_data({columns, groups, result, is_wide_out, stride})
    );
    assign visible = is_known && write_valid && column + 1 == columns && group + 1 == groups;
    assign write_address = result + ADDRESS'(column) * stride + ADDRESS'(group) * ADDRESS'(LANES);

    assign write_bytes = bytes_of(is_wide_out);

    always_comb begin
        write_data = out_data;
        if (!is_wide_out) for (int i = 0; i < LANES; i++) write_data[i*8 +: 8] = out_data[i*32 +: 8];
    end

    always_ff @(posedge clk)
        if (!rst_n || visible) begin
            column <= 0;
            group <= 0;
        end else if (write_valid) begin
            column <= column + 1 == columns ? 0 : column + 1;
            if (column + 1 == columns) group <= group + 1;
        end
endmodule
