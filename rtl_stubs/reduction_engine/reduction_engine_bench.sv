// Bench of the reduction engine: a chain of up to four, each with its own blocks and sums; the end of the chain drains.
module reduction_engine_bench #(
    parameter int MEMBERS = 4,
    parameter int WIDTH   = 16,
    parameter int BEATS   = 8,
    parameter int HOP     = 2
) (
    input  logic        clk,
    input  logic        run,
    output logic        done,
    output logic [31:0] cycles,
    output logic [31:0] checksum
);
    localparam int BITS = 8 * WIDTH;

    logic [MEMBERS-1:0] block_valid, block_ready, in_valid, in_ready, passes;
    logic [MEMBERS*32-1:0] block_data;
    logic [MEMBERS*BITS-1:0] in_data;
    // Link m leads to member m, the last one to the sink.
    logic [MEMBERS:0] link_valid, link_ready;
    logic [(MEMBERS+1)*BITS-1:0] link_data;
    logic [MEMBERS-1:0] range_valid;
    logic [MEMBERS*64-1:0] range_data;
    logic [31:0] out_checksum, range_checksum;
    logic out_valid, out_ready, out_done, range_ready, range_done, ends_row;
    logic [BITS-1:0] out_data;

    assign link_valid[0] = 0;
    assign link_data[BITS-1:0] = 0;
    assign link_ready[MEMBERS] = out_ready;
    assign out_valid = link_valid[MEMBERS];
    assign out_data = link_data[MEMBERS*BITS +: BITS];
    assign passes = link_valid[MEMBERS:1] & link_ready[MEMBERS:1];
    assign ends_row = range_valid[MEMBERS-1];
    assign done = out_done && range_done;
    assign checksum = out_checksum ^ range_checksum;

    genvar m;
    for (m = 0; m < MEMBERS; m++) begin : gen_block
        stream_source #(.WIDTH(32)) source (
            .clk, .run, .valid(block_valid[m]), .ready(block_ready[m]), .data(block_data[m*32 +: 32])
        );
    end
    for (m = 0; m < MEMBERS; m++) begin : gen_in
        stream_source #(.WIDTH(BITS)) source (
            .clk, .run, .valid(in_valid[m]), .ready(in_ready[m]), .data(in_data[m*BITS +: BITS])
        );
    end
    for (m = 0; m < MEMBERS; m++) begin : chain
        reduction_engine #(.WIDTH(WIDTH), .BEATS(BEATS), .HOP(HOP)) dut (
            .clk, .rst_n(run), .is_head(m == 0),
            .block_valid(block_valid[m]), .block_ready(block_ready[m]), .block_steps(block_data[m*32 +: 8]),
            .block_sums(block_data[m*32+8 +: 16]), .block_row(block_data[m*32+24 +: 8]),
            .in_valid(in_valid[m]), .in_ready(in_ready[m]), .in_data(in_data[m*BITS +: BITS]),
            .up_valid(link_valid[m]), .up_ready(link_ready[m]), .up_data(link_data[m*BITS +: BITS]),
            .down_valid(link_valid[m+1]), .down_ready(link_ready[m+1]), .down_data(link_data[(m+1)*BITS +: BITS]),
            .range_valid(range_valid[m]), .range_least(range_data[m*64 +: 32]),
            .range_largest(range_data[m*64+32 +: 32])
        );
    end

    stream_sink #(.WIDTH(BITS)) sink_out (
        .clk, .run, .valid(out_valid), .ready(out_ready), .data(out_data), .done(out_done), .checksum(out_checksum)
    );
    // The least and the largest sum come without a ready: the testbench gives this sink no gaps.
    stream_sink #(.WIDTH(64)) sink_range (
        .clk, .run, .valid(ends_row), .ready(range_ready), .data(range_data[(MEMBERS-1)*64 +: 64]),
        .done(range_done), .checksum(range_checksum)
    );
    event_log #(.EVENTS(13)) log (
        .clk, .run, .done, .cycles,
        .strobes({ends_row, 4'(passes), 4'(block_valid & block_ready), 4'(in_valid & in_ready)})
    );
endmodule
