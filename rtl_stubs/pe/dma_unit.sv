// DMA unit: the fabric interface, and the notices that it gives the command processor.
//
// A command ends when the engine has asked for its last beat and could take another one. Its result is visible from the
// cycle after its last beat was written; it is late if that is more than EXPECTED + SLACK cycles after the command
// would have ended without being held up. The rows of an indexed command are those that a list in local memory names.
/* verilator lint_off PINCONNECTEMPTY */  // blocks have outputs that nothing here needs
module dma_unit #(
    parameter int WIDTH       = 4,
    parameter int FRAGMENT    = 8,
    parameter int OUTSTANDING = 2,
    parameter int REQUEST     = 2,
    parameter int ROWS        = 64,
    parameter int UNDER_WAY   = 8,  // commands that have begun and whose data are not all written
    parameter int ADDRESS     = 12,
    parameter int EXPECTED    = 4,  // cycles from asking for a beat until it is written, when nothing is in the way
    parameter int SLACK       = 0   // cycles more that are not late
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
    input  logic                      start_indexed,
    input  logic [ADDRESS-1:0]        start_indices,    // where their list begins
    output logic [ADDRESS-1:0]        index_address,
    input  logic [ADDRESS-1:0]        index_data,       // in the same cycle
    output logic                      ask_valid,
    input  logic                      ask_ready,
    output logic [ADDRESS-1:0]        ask_address,
    output logic                      ask_head,         // begins a fragment
    output logic [$clog2(FRAGMENT):0] ask_bytes,        // of the fragment, with its head
    output logic                      ask_last,         // of a command
    input  logic                      response_valid,
    input  logic [WIDTH*8-1:0]        response_data,
    input  logic                      response_missed,  // the cache did not have it
    output logic                      write_valid,
    input  logic                      write_ready,
    output logic [ADDRESS-1:0]        write_address,
    output logic [$clog2(WIDTH):0]    write_bytes,
    output logic [WIDTH*8-1:0]        write_data,
    output logic                      write_last,   // of a command
    output logic                      ended,
    output logic                      visible,
    output logic [1:0]                late              // with visible: 1 held up on the way, 2 by DRAM
);
    logic index_ready, was_busy, write_late, write_missed;

    assign ended = was_busy && start_ready;

    always_ff @(posedge clk)
        if (!rst_n) begin
            was_busy <= 0;
            visible <= 0;
        end else begin
            was_busy <= (start_valid && start_ready) || !start_ready;
            visible <= write_valid && write_ready && write_last;
            late <= write_missed ? 2 : {1'b0, write_late};
        end

    always_ff @(posedge clk)
        if (start_valid && start_ready) index_address <= start_indices;
        else if (index_ready) index_address <= index_address + ADDRESS'(4);

    fabric_interface #(
        .WIDTH(WIDTH), .FRAGMENT(FRAGMENT), .OUTSTANDING(OUTSTANDING), .REQUEST(REQUEST), .ROWS(ROWS),
        .ADDRESS(ADDRESS), .COMMANDS(UNDER_WAY)
    ) engine (
        .clk, .rst_n, .round_trip, .bucket(16'd0), .rate(16'd0), .expected(16'(EXPECTED)), .slack(16'(SLACK)),
        .command_valid(start_valid), .command_ready(start_ready), .command_indexed(start_indexed),
        .command_rows(start_rows), .command_row_bytes(start_row_bytes), .command_address(start_from),
        .command_stride(start_stride), .command_local(start_to), .index_valid(1'b1), .index_ready, .index_data, .ask_valid, .ask_ready,
        .ask_head, .ask_address, .ask_bytes, .ask_last, .response_valid, .response_data, .response_missed, .write_valid,
        .write_ready, .write_address, .write_bytes, .write_data, .write_last, .write_late, .write_missed
    );
endmodule
