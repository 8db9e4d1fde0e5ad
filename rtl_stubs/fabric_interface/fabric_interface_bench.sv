// Bench of the fabric interface: commands, indices, a memory behind the fabric, a local memory that may not be ready.
module fabric_interface_bench #(
    parameter int WIDTH       = 4,
    parameter int FRAGMENT    = 16,
    parameter int OUTSTANDING = 3,
    parameter int REQUEST     = 5
) (
    input  logic        clk,
    input  logic        run,
    input  logic [15:0] cfg_latency,  // from asking for a beat to its write, 2 or more; the buffer takes one cycle of it
    input  logic [15:0] cfg_round_trip,
    input  logic [15:0] cfg_bucket,
    input  logic [15:0] cfg_rate,
    input  logic [15:0] cfg_slack,
    output logic        done,
    output logic [31:0] cycles,
    output logic [31:0] checksum
);
    localparam int ROWS = 8, ADDRESS = 12, WORDS = 256, QUEUE = 1024;
    localparam int COMMAND = 1 + $clog2(ROWS + 1) + 4 * ADDRESS;
    localparam int ASK = 1 + ADDRESS + $clog2(FRAGMENT) + 1;
    localparam int WRITE = 1 + ADDRESS + $clog2(WIDTH) + 1 + WIDTH * 8;

    logic command_valid, command_ready, index_valid, index_ready, ask_valid, ask_ready, ask_head;
    logic response_valid, response_missed, write_valid, write_ready, write_last, write_late, write_missed, finishes;
    logic delay_valid, ask_done, write_done;
    logic [COMMAND-1:0] command_data;
    logic [ADDRESS-1:0] index_data, ask_address, write_address;
    logic [$clog2(FRAGMENT):0] ask_bytes;
    logic [$clog2(WIDTH):0] write_bytes;
    logic [WIDTH*8-1:0] response_data, write_data;
    logic [16:0] delay_data;
    logic [31:0] ask_checksum, write_checksum;

    stream_source #(.WIDTH(COMMAND)) source_command (
        .clk, .run, .valid(command_valid), .ready(command_ready), .data(command_data)
    );
    stream_source #(.WIDTH(ADDRESS)) source_index (
        .clk, .run, .valid(index_valid), .ready(index_ready), .data(index_data)
    );
    // Cycles by which the memory is late with each beat; the highest bit says that the beat missed a cache
    stream_source #(.WIDTH(17)) source_delay (
        .clk, .run, .valid(delay_valid), .ready(ask_valid && ask_ready), .data(delay_data)
    );
    stream_sink #(.WIDTH(ASK)) sink_ask (
        .clk, .run, .valid(ask_valid), .ready(ask_ready), .data({ask_head, ask_address, ask_bytes}), .done(ask_done),
        .checksum(ask_checksum)
    );
    stream_sink #(.WIDTH(WRITE)) sink_write (
        .clk, .run, .valid(write_valid), .ready(write_ready),
        .data({write_last, write_address, write_bytes, write_data}), .done(write_done), .checksum(write_checksum)
    );
    assign done = ask_done && write_done;
    assign finishes = write_valid && write_ready && write_last;
    assign checksum = ask_checksum ^ write_checksum;

    // The memory: answers in order, each beat no earlier than its time. It counts the words of a fragment itself.
    logic [WIDTH*8-1:0] memory [0:WORDS-1];
    logic [31:0] due_mem [0:QUEUE-1];
    logic [7:0] word_mem [0:QUEUE-1];
    logic missed_mem [0:QUEUE-1];
    logic [$clog2(QUEUE)-1:0] first, last;
    logic [31:0] now;
    logic [7:0] next_word, word;

    assign word = ask_head ? 8'(ask_address >> $clog2(WIDTH)) : next_word;
    assign response_valid = first != last && now >= due_mem[first];
    assign response_data = memory[word_mem[first]];
    assign response_missed = missed_mem[first];

    always_ff @(posedge clk) begin
        if (!run) begin
            first <= 0;
            last <= 0;
            now <= 0;
        end else begin
            now <= now + 1;
            if (ask_valid && ask_ready) begin
                due_mem[last] <= now + 32'(cfg_latency) - 1 + (delay_valid ? 32'(delay_data[15:0]) : 0);
                missed_mem[last] <= delay_valid && delay_data[16];
                word_mem[last] <= word;
                next_word <= word + 1;
                last <= last + 1;
            end
            if (response_valid) first <= first + 1;
        end
    end

    fabric_interface #(
        .WIDTH(WIDTH), .FRAGMENT(FRAGMENT), .OUTSTANDING(OUTSTANDING), .REQUEST(REQUEST), .ROWS(ROWS),
        .ADDRESS(ADDRESS)
    ) dut (
        .clk, .rst_n(run), .round_trip(cfg_round_trip), .bucket(cfg_bucket), .rate(cfg_rate),
        .expected(cfg_latency), .slack(cfg_slack), .command_valid, .command_ready,
        .command_indexed(command_data[COMMAND-1]),
        .command_rows(command_data[4*ADDRESS +: $clog2(ROWS+1)]), .command_row_bytes(command_data[3*ADDRESS +: ADDRESS]),
        .command_address(command_data[2*ADDRESS +: ADDRESS]), .command_stride(command_data[ADDRESS +: ADDRESS]),
        .command_local(command_data[0 +: ADDRESS]), .index_valid, .index_ready, .index_data, .ask_valid, .ask_ready,
        .ask_head, .ask_address, .ask_bytes, .ask_last(), .response_valid, .response_data,
        .response_missed, .write_valid, .write_ready, .write_address, .write_bytes, .write_data, .write_last,
        .write_late, .write_missed
    );
    event_log #(.EVENTS(9)) log (
        .clk, .run, .done, .cycles,
        .strobes({
            finishes && write_missed, finishes && write_late, finishes, write_valid && write_ready, response_valid,
            ask_valid && ask_ready, ask_valid && ask_ready && ask_head, index_valid && index_ready,
            command_valid && command_ready
        })
    );
endmodule
