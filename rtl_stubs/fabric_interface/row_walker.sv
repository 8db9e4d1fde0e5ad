// Row walker: cuts the rows of a command into beats, one beat per step.
//
// A beat is what a row has in one aligned word of WIDTH bytes. The first beat of a row, and the first one after a
// FRAGMENT boundary, is the head of a fragment and names its length. Rows lie stride bytes apart, or, indexed, at
// index · stride; all addresses wrap around at 2^ADDRESS.
module row_walker #(
    parameter int WIDTH    = 4,   // bytes of a beat, a power of two from 2 up
    parameter int FRAGMENT = 16,  // bytes of a fragment, a power of two from WIDTH up
    parameter int ROWS     = 8,   // most rows of a command
    parameter int ADDRESS  = 12   // bits of an address, more than those of FRAGMENT
) (
    input  logic                        clk,
    input  logic                        start,  // takes the command below
    input  logic                        indexed,
    input  logic [$clog2(ROWS+1)-1:0]   n_rows,
    input  logic [ADDRESS-1:0]          row_bytes,
    input  logic [ADDRESS-1:0]          first_address,
    input  logic [ADDRESS-1:0]          stride,
    input  logic [ADDRESS-1:0]          first_local,
    input  logic                        step,   // the beat leaves
    input  logic [ADDRESS-1:0]          index,  // of the row, needed where needs_index
    output logic                        needs_index,
    output logic [ADDRESS-1:0]          address,
    output logic                        is_head,
    output logic [$clog2(FRAGMENT):0]   fragment_bytes,
    output logic [$clog2(WIDTH):0]      beat_bytes,
    output logic [ADDRESS-1:0]          local_address,
    output logic                        is_tail,  // ends a fragment
    output logic                        is_last   // ends the command
);
    localparam int IN_FRAGMENT = $clog2(FRAGMENT);
    localparam int IN_BEAT = $clog2(WIDTH);

    logic is_indexed, is_row_start, is_row_end;
    logic [$clog2(ROWS+1)-1:0] rows_left;
    logic [ADDRESS-1:0] bytes_per_row, row_distance, row_address, next_address, bytes_left;
    logic [ADDRESS-1:0] to_row_end, to_beat_end, to_fragment_end;

    assign needs_index = is_indexed && is_row_start;
    assign to_row_end = is_row_start ? bytes_per_row : bytes_left;
    assign to_beat_end = ADDRESS'(WIDTH) - ADDRESS'(address[IN_BEAT-1:0]);
    assign to_fragment_end = ADDRESS'(FRAGMENT) - ADDRESS'(address[IN_FRAGMENT-1:0]);

    always @* begin  // Icarus 11 may evaluate an always_comb here for ever
        address = next_address;
        if (is_row_start) address = is_indexed ? row_address + index * row_distance : row_address;
    end

    assign is_head = is_row_start || address[IN_FRAGMENT-1:0] == 0;
    assign fragment_bytes = (IN_FRAGMENT + 1)'(to_row_end < to_fragment_end ? to_row_end : to_fragment_end);
    assign beat_bytes = (IN_BEAT + 1)'(to_row_end < to_beat_end ? to_row_end : to_beat_end);
    assign is_row_end = to_row_end <= to_beat_end;
    assign is_tail = is_row_end || to_fragment_end == to_beat_end;
    assign is_last = is_row_end && rows_left == 1;

    always_ff @(posedge clk) begin
        if (start) begin
            is_indexed <= indexed;
            is_row_start <= 1;
            rows_left <= n_rows;
            bytes_per_row <= row_bytes;
            row_distance <= stride;
            row_address <= first_address;
            local_address <= first_local;
        end else if (step) begin
            is_row_start <= is_row_end;
            next_address <= address + ADDRESS'(beat_bytes);
            bytes_left <= to_row_end - ADDRESS'(beat_bytes);
            local_address <= local_address + ADDRESS'(beat_bytes);
            if (is_row_end) begin
                rows_left <= rows_left - 1;
                if (!is_indexed) row_address <= row_address + row_distance;
            end
        end
    end
endmodule
