// DMA unit: the fabric interface, and the notices that it gives the command processor.
//
// A command ends when the engine has asked for its last beat and could take another one. Its result is visible from the
// cycle after its last beat was written.
/* verilator lint_off PINCONNECTEMPTY */  // blocks have outputs that nothing here needs
module dma_unit #(
    parameter int WIDTH       = 4,
    parameter int FRAGMENT    = 8,
    parameter int OUTSTANDING = 2,
    parameter int REQUEST     = 2,
    parameter int ROWS        = 64,
    parameter int ADDRESS     = 12
) (
    input  logic                      clk,
    input  logic                      rst_n,
    input  logic [15:0]               round_trip,
    input  logic                      start_valid,
    output logic                      start_ready,
    input  logic [$clog2(ROWS+1)-1:0] start_rows,
    input  logic [ADDRESS-1:0]        start_row_bytes,
    input  logic [ADDRESS-1:0]        start_from,
    input  logic [ADDRESS-1:0]        start_stride,
    input  logic [ADDRESS-1:0]        start_to,
    output logic                      ask_valid,
    output logic [ADDRESS-1:0]        ask_address,
    input  logic                      response_valid,
    input  logic [WIDTH*8-1:0]        response_data,
    output logic                      write_valid,
    output logic [ADDRESS-1:0]        write_address,
    output logic [$clog2(WIDTH):0]    write_bytes,
    output logic [WIDTH*8-1:0]        write_data,
    output logic                      ended,
    output logic                      visible
);
    logic was_busy, write_last;

    assign ended = was_busy && start_ready;

    always_ff @(posedge clk)
        if (!rst_n) begin
            was_busy <= 0;
            visible <= 0;
        end else begin
            was_busy <= (start_valid && start_ready) || !start_ready;
            visible <= write_valid && write_last;
        end

    fabric_interface #(
        .WIDTH(WIDTH), .FRAGMENT(FRAGMENT), .OUTSTANDING(OUTSTANDING), .REQUEST(REQUEST), .ROWS(ROWS), .ADDRESS(ADDRESS)
    ) engine (
        .clk, .rst_n, .round_trip, .bucket(16'd0), .rate(16'd0), .command_valid(start_valid),
        .command_ready(start_ready), .command_indexed(1'b0), .command_rows(start_rows),
        .command_row_bytes(start_row_bytes), .command_address(start_from), .command_stride(start_stride),
        .command_local(start_to), .index_valid(1'b0), .index_ready(), .index_data('0), .ask_valid, .ask_ready(1'b1),
        .ask_head(), .ask_address, .ask_bytes(), .response_valid, .response_data, .write_valid, .write_ready(1'b1),
        .write_address, .write_bytes, .write_data, .write_last
    );
endmodule
