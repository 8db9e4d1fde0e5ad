// Bench of the last-level cache, with the memory behind it.
//
// A request is {write, address, data}, a victim {address, data}. Memory offers the first word of a line cfg_latency
// cycles after the line was asked for, or later: each word when the source of fills, which only sets the pace, offers.
module llc_bench #(
    parameter int SETS        = 4,
    parameter int WAYS        = 2,
    parameter int LINE        = 4,
    parameter int WIDTH       = 8,
    parameter int ADDRESS     = 8,
    parameter int LATENCY     = 1,
    parameter int OUTSTANDING = 2
) (
    input  logic        clk,
    input  logic        run,
    input  logic [15:0] cfg_latency,  // 1 or more
    output logic        done,
    output logic [31:0] cycles,
    output logic [31:0] checksum
);
    logic in_valid, in_ready, out_valid, out_ready, victim_valid, victim_ready, fetch_valid, fetch_ready;
    logic fill_valid, fill_ready, is_miss, is_served, is_paced, victims_done, fetches_done;
    logic [ADDRESS+WIDTH:0] in_data;
    logic [WIDTH-1:0] out_data, victim_data, fill_data;
    logic [ADDRESS-1:0] victim_address, fetch_address;
    logic [31:0] out_checksum, victim_checksum, fetch_checksum;

    logic [WIDTH-1:0] memory [0:(1<<ADDRESS)-1];
    logic [ADDRESS-1:0] next_address;
    logic [15:0] latency_left;
    logic [31:0] n_left;  // words of the line

    assign checksum = out_checksum ^ {victim_checksum[20:0], victim_checksum[31:21]}
        ^ {fetch_checksum[9:0], fetch_checksum[31:10]};
    assign fill_data = memory[next_address];
    assign fill_valid = is_paced && latency_left == 0 && n_left != 0;

    always_ff @(posedge clk) begin
        if (!run) begin
            n_left <= 0;
            latency_left <= 0;
        end else begin
            if (latency_left != 0) latency_left <= latency_left - 1;
            if (victim_valid && victim_ready) memory[victim_address] <= victim_data;
            if (fetch_valid && fetch_ready) begin
                next_address <= fetch_address;
                latency_left <= cfg_latency - 1;
                n_left <= LINE;
            end
            if (fill_valid && fill_ready) begin
                next_address <= next_address + 1;
                n_left <= n_left - 1;
            end
        end
    end

    stream_source #(.WIDTH(1 + ADDRESS + WIDTH)) source_in (
        .clk, .run, .valid(in_valid), .ready(in_ready), .data(in_data)
    );
    stream_source #(.WIDTH(1)) source_fill (
        .clk, .run, .valid(is_paced), .ready(fill_valid && fill_ready), .data()
    );
    stream_sink #(.WIDTH(WIDTH)) sink_out (
        .clk, .run, .valid(out_valid), .ready(out_ready), .data(out_data), .done, .checksum(out_checksum)
    );
    stream_sink #(.WIDTH(ADDRESS + WIDTH)) sink_victim (
        .clk, .run, .valid(victim_valid), .ready(victim_ready), .data({victim_address, victim_data}),
        .done(victims_done), .checksum(victim_checksum)
    );
    stream_sink #(.WIDTH(ADDRESS)) sink_fetch (
        .clk, .run, .valid(fetch_valid), .ready(fetch_ready), .data(fetch_address),
        .done(fetches_done), .checksum(fetch_checksum)
    );
    llc #(
        .SETS(SETS), .WAYS(WAYS), .LINE(LINE), .WIDTH(WIDTH), .ADDRESS(ADDRESS), .LATENCY(LATENCY),
        .OUTSTANDING(OUTSTANDING)
    ) dut (
        .clk, .rst_n(run), .in_valid, .in_ready, .in_write(in_data[ADDRESS+WIDTH]),
        .in_address(in_data[WIDTH +: ADDRESS]), .in_data(in_data[WIDTH-1:0]), .out_valid, .out_ready, .out_data,
        .victim_valid, .victim_ready, .victim_address, .victim_data, .fetch_valid, .fetch_ready, .fetch_address,
        .fill_valid, .fill_ready, .fill_data, .is_miss, .is_served
    );
    event_log #(.EVENTS(7)) log (
        .clk, .run, .done, .cycles,
        .strobes({out_valid && out_ready, is_served, fill_valid && fill_ready, fetch_valid && fetch_ready,
            victim_valid && victim_ready, is_miss, in_valid && in_ready})
    );
endmodule
