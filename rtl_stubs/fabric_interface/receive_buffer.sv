// Receive buffer: a slot for each beat that is under way, from its request until it is in local memory.
//
// Beats come in the order in which they were asked for, and leave in that order: moved to the lowest bytes, the rest 0.
// A slot is given out again from the cycle after its beat has left.
module receive_buffer #(
    parameter int SLOTS   = 16,  // 2 or more
    parameter int WIDTH   = 4,   // bytes of a beat
    parameter int ADDRESS = 12
) (
    input  logic                     clk,
    input  logic                     rst_n,
    output logic                     has_slot,
    input  logic                     ask_valid,  // a beat is asked for; only if has_slot
    input  logic [$clog2(WIDTH)-1:0] ask_offset,  // where in the word its bytes begin
    input  logic [$clog2(WIDTH):0]   ask_bytes,
    input  logic [ADDRESS-1:0]       ask_local,
    input  logic                     ask_last,
    input  logic                     response_valid,
    input  logic [WIDTH*8-1:0]       response_data,
    input  logic                     response_missed,
    output logic                     write_valid,
    input  logic                     write_ready,
    output logic [ADDRESS-1:0]       write_address,
    output logic [$clog2(WIDTH):0]   write_bytes,
    output logic [WIDTH*8-1:0]       write_data,
    output logic                     write_last,
    output logic                     write_missed
);
    localparam int SLOT = $clog2(SLOTS);
    localparam int COUNT = $clog2(SLOTS + 1);
    localparam int TAG = 1 + ADDRESS + 2 * $clog2(WIDTH) + 1;

    logic [TAG-1:0] tag [0:SLOTS-1];
    logic [WIDTH*8-1:0] word [0:SLOTS-1];
    logic [SLOTS-1:0] is_missed;
    logic [SLOT-1:0] asked, arrived, written;
    logic [COUNT-1:0] n_under_way, n_arrived;
    logic [$clog2(WIDTH)-1:0] offset;
    logic is_written;

    function automatic logic [SLOT-1:0] next(input logic [SLOT-1:0] slot);
        return slot == SLOT'(SLOTS - 1) ? 0 : slot + 1;
    endfunction

    assign has_slot = n_under_way != COUNT'(SLOTS);
    assign write_valid = n_arrived != 0;
    assign is_written = write_valid && write_ready;
    assign {write_last, write_address, offset, write_bytes} = tag[written];
    assign write_missed = is_missed[written];

    always_comb begin
        write_data = word[written] >> {offset, 3'b000};
        for (int i = 0; i < WIDTH; i++)
            if (i >= 32'(write_bytes)) write_data[i*8 +: 8] = 0;
    end

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            asked <= 0;
            arrived <= 0;
            written <= 0;
            n_under_way <= 0;
            n_arrived <= 0;
        end else begin
            if (ask_valid) begin
                tag[asked] <= {ask_last, ask_local, ask_offset, ask_bytes};
                asked <= next(asked);
            end
            if (response_valid) begin
                word[arrived] <= response_data;
                is_missed[arrived] <= response_missed;
                arrived <= next(arrived);
            end
            if (is_written) written <= next(written);
            n_under_way <= n_under_way + COUNT'(ask_valid) - COUNT'(is_written);
            n_arrived <= n_arrived + COUNT'(response_valid) - COUNT'(is_written);
        end
    end
endmodule
