// Bench of the core: memories, a sink of its commands, sinks of what it writes, what is written down.
module riscv_core_bench #(
    parameter int CONTEXTS = 2,
    parameter int AUTO     = 1,
    parameter int SLOTS    = 4,
    parameter int DECODE   = 0,
    parameter int LOAD     = 1,
    parameter int MULTIPLY = 2,
    parameter int DIVIDE   = 1,
    parameter int QUEUE    = 2
) (
    input  logic        clk,
    input  logic        run,
    output logic        done,
    output logic [31:0] cycles,
    output logic [31:0] checksum
);
    localparam int WORDS = 1024;  // of each memory; addresses wrap
    localparam int MOST = 4096;   // words of a sink

    logic [31:0] instruction_mem [0:WORDS-1];
    logic [31:0] data_mem [0:WORDS-1];
    logic [CONTEXTS*32-1:0] fetch_address, fetch_data;
    logic [LOAD*32-1:0] read_data;
    logic load_valid, store_valid, command_valid, command_ready, chosen, jumps, multiplies, divides, fails;
    logic [31:0] data_address, store_data, mask;
    logic [3:0] store_bytes;
    logic [135:0] command_data;
    logic [125:0] trace;
    logic [1:0] halted, retires, pushes, has_result, has_loaded, halts;
    logic [73:0] result;
    logic [36:0] loaded;
    logic [6:0] is_over;
    logic [7*32-1:0] sums;

    riscv_core #(
        .CONTEXTS(CONTEXTS), .AUTO(AUTO), .SLOTS(SLOTS), .DECODE(DECODE), .LOAD(LOAD), .MULTIPLY(MULTIPLY),
        .DIVIDE(DIVIDE), .QUEUE(QUEUE)
    ) dut (
        .clk, .rst_n(run), .fetch_address, .fetch_data, .load_valid, .store_valid, .data_address, .store_bytes,
        .store_data, .load_data(read_data[31:0]), .command_valid, .command_ready, .command_data,
        .next_kinds(), .has_room({2{command_ready}}), .halted, .trace
    );
    assign {
        result, loaded, has_loaded, has_result, chosen, divides, multiplies, jumps, fails, halts, pushes, retires
    } = trace;

    assign mask = {{8{store_bytes[3]}}, {8{store_bytes[2]}}, {8{store_bytes[1]}}, {8{store_bytes[0]}}};
    for (genvar c = 0; c < CONTEXTS; c++) begin : fetch
        always_ff @(posedge clk) fetch_data[c*32 +: 32] <= instruction_mem[fetch_address[c*32+2 +: 10]];
    end
    always_ff @(posedge clk) begin
        read_data <= (LOAD * 32)'({data_mem[data_address[11:2]], read_data} >> 32);
        if (store_valid)
            data_mem[data_address[11:2]] <= (data_mem[data_address[11:2]] & ~mask) | (store_data & mask);
    end

    stream_sink #(.WIDTH(136)) sink_command (
        .clk, .run, .valid(command_valid), .ready(command_ready), .data(command_data), .done(is_over[0]),
        .checksum(sums[0*32 +: 32])
    );
    stream_sink #(.WIDTH(37), .DEPTH(MOST)) sink_result0 (
        .clk, .run, .valid(has_result[0]), .ready(), .data(result[0*37 +: 37]), .done(is_over[1]),
        .checksum(sums[1*32 +: 32])
    );
    stream_sink #(.WIDTH(37), .DEPTH(MOST)) sink_result1 (
        .clk, .run, .valid(has_result[1]), .ready(), .data(result[1*37 +: 37]), .done(is_over[2]),
        .checksum(sums[2*32 +: 32])
    );
    stream_sink #(.WIDTH(37), .DEPTH(MOST)) sink_loaded0 (
        .clk, .run, .valid(has_loaded[0]), .ready(), .data(loaded), .done(is_over[3]), .checksum(sums[3*32 +: 32])
    );
    stream_sink #(.WIDTH(37), .DEPTH(MOST)) sink_loaded1 (
        .clk, .run, .valid(has_loaded[1]), .ready(), .data(loaded), .done(is_over[4]), .checksum(sums[4*32 +: 32])
    );
    stream_sink #(.WIDTH(68), .DEPTH(MOST)) sink_stored0 (
        .clk, .run, .valid(store_valid && !chosen), .ready(), .data({store_bytes, data_address, store_data}),
        .done(is_over[5]), .checksum(sums[5*32 +: 32])
    );
    stream_sink #(.WIDTH(68), .DEPTH(MOST)) sink_stored1 (
        .clk, .run, .valid(store_valid && chosen), .ready(), .data({store_bytes, data_address, store_data}),
        .done(is_over[6]), .checksum(sums[6*32 +: 32])
    );
    assign done = &is_over && &halted;
    always @* begin
        checksum = 0;
        for (int i = 0; i < 7; i++) checksum = {checksum[30:0], checksum[31]} ^ sums[i*32 +: 32];
    end
    event_log #(.EVENTS(13)) log (
        .clk, .run, .done, .cycles, .strobes({
            fails, halts, divides, multiplies, store_valid, load_valid, jumps, command_valid && command_ready, pushes,
            retires
        })
    );
endmodule
