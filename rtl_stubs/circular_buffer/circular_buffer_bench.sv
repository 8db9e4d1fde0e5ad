// Bench of the circular buffers: engines that play operations, sinks of what they read, what is written down.
module circular_buffer_bench #(
    parameter int PORTS       = 3,
    parameter int BUFFERS     = 3,
    parameter int BANKS       = 2,
    parameter int WORDS       = 64,
    parameter int WIDTH       = 16,
    parameter int BUFFER_BITS = BUFFERS > 1 ? $clog2(BUFFERS) : 1,
    parameter int ADDRESS     = $clog2(WORDS)
) (
    input  logic                       clk,
    input  logic                       run,
    input  logic [BUFFERS*8-1:0]       cfg_capacity,
    input  logic [BUFFERS*2-1:0]       cfg_token_shift,
    input  logic [BUFFERS*ADDRESS-1:0] cfg_base,
    input  logic [31:0]                cfg_operations,
    output logic                       done,
    output logic [31:0]                cycles,
    output logic [31:0]                checksum
);
    localparam int MOST = 4;  // ports; those beyond PORTS have nothing to do
    localparam int OP = 3 + BUFFER_BITS + 8 + 8 + WIDTH;

    logic [MOST-1:0] offered, taken, out_valid, out_ready, is_over;
    logic [PORTS-1:0] op_ready, read_valid;
    logic [MOST*OP-1:0] op;
    logic [PORTS*3-1:0] op_kind;
    logic [PORTS*BUFFER_BITS-1:0] op_buffer;
    logic [PORTS*8-1:0] op_count, op_needed;
    logic [PORTS*WIDTH-1:0] op_data, read_data;
    logic [MOST*WIDTH-1:0] out_data;
    logic [MOST*32-1:0] sums;
    logic conflict;
    logic [31:0] n_operations, n_now;

    stream_source #(.WIDTH(OP)) source_port0 (.clk, .run, .valid(offered[0]), .ready(taken[0]), .data(op[0*OP +: OP]));
    stream_source #(.WIDTH(OP)) source_port1 (.clk, .run, .valid(offered[1]), .ready(taken[1]), .data(op[1*OP +: OP]));
    stream_source #(.WIDTH(OP)) source_port2 (.clk, .run, .valid(offered[2]), .ready(taken[2]), .data(op[2*OP +: OP]));
    stream_source #(.WIDTH(OP)) source_port3 (.clk, .run, .valid(offered[3]), .ready(taken[3]), .data(op[3*OP +: OP]));

    stream_sink #(.WIDTH(WIDTH)) sink_port0 (
        .clk, .run, .valid(out_valid[0]), .ready(out_ready[0]), .data(out_data[0*WIDTH +: WIDTH]), .done(is_over[0]),
        .checksum(sums[0*32 +: 32])
    );
    stream_sink #(.WIDTH(WIDTH)) sink_port1 (
        .clk, .run, .valid(out_valid[1]), .ready(out_ready[1]), .data(out_data[1*WIDTH +: WIDTH]), .done(is_over[1]),
        .checksum(sums[1*32 +: 32])
    );
    stream_sink #(.WIDTH(WIDTH)) sink_port2 (
        .clk, .run, .valid(out_valid[2]), .ready(out_ready[2]), .data(out_data[2*WIDTH +: WIDTH]), .done(is_over[2]),
        .checksum(sums[2*32 +: 32])
    );
    stream_sink #(.WIDTH(WIDTH)) sink_port3 (
        .clk, .run, .valid(out_valid[3]), .ready(out_ready[3]), .data(out_data[3*WIDTH +: WIDTH]), .done(is_over[3]),
        .checksum(sums[3*32 +: 32])
    );

    for (genvar p = 0; p < PORTS; p++) begin : port
        assign {op_data[p*WIDTH +: WIDTH], op_needed[p*8 +: 8], op_count[p*8 +: 8],
                op_buffer[p*BUFFER_BITS +: BUFFER_BITS], op_kind[p*3 +: 3]} = op[p*OP +: OP];
    end
    assign taken = MOST'(op_ready);
    assign out_valid = MOST'(read_valid);
    assign out_data = (MOST*WIDTH)'(read_data);

    always_comb begin
        n_now = 0;
        for (int p = 0; p < PORTS; p++) n_now = n_now + 32'(op_ready[p]);
    end

    circular_buffer #(.PORTS(PORTS), .BUFFERS(BUFFERS), .BANKS(BANKS), .WORDS(WORDS), .WIDTH(WIDTH)) dut (
        .clk, .rst_n(run), .capacity(cfg_capacity), .token_shift(cfg_token_shift), .base(cfg_base),
        .op_valid(offered[PORTS-1:0]), .op_ready, .op_kind, .op_buffer, .op_count, .op_needed,
        .op_data, .out_valid(read_valid), .out_ready(out_ready[PORTS-1:0]), .out_data(read_data), .conflict
    );

    assign checksum = sums[0 +: 32] ^ sums[32 +: 32] ^ sums[64 +: 32] ^ sums[96 +: 32];
    assign done = is_over == '1 && n_operations >= cfg_operations;

    always_ff @(posedge clk) n_operations <= run ? n_operations + n_now : 0;

    event_log #(.EVENTS(9)) log (
        .clk, .run, .done, .strobes({conflict, out_valid & out_ready, offered & taken}), .cycles
    );
endmodule
