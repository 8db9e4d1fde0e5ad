// Bench of the vector unit: commands come from a source; a memory takes requests when a sink, which writes them down,
// is ready.
module vector_unit_bench #(
    parameter int VLEN          = 128,
    parameter int DLEN          = 64,
    parameter int CHAIN         = 4,
    parameter int LOAD          = 6,
    parameter int UNIT_SETUP    = 0,
    parameter int STRIDED_SETUP = 1,
    parameter int INDEXED_SETUP = 2,
    parameter int ADDRESS       = 9
) (
    input  logic        clk,
    input  logic        run,
    output logic        done,
    output logic [31:0] cycles,
    output logic [31:0] checksum
);
    localparam int LANES = DLEN / 8;
    localparam int WORD = ADDRESS - $clog2(LANES);

    logic command_valid, command_ready, command_is_scalar;
    logic [87:0] command_data;
    logic [3:0] command_op;
    logic [4:0] command_vd, command_vs1, command_vs2;
    logic [1:0] command_sew, command_lmul;
    logic [15:0] command_avl, command_rs2;
    logic [31:0] command_rs1;
    logic mem_valid, mem_ready, mem_is_write;
    logic [WORD-1:0] mem_address;
    logic [LANES-1:0] mem_mask;
    logic [DLEN-1:0] mem_data, mem_response, word;
    logic is_step, is_result, is_loaded, is_arithmetic_over, is_memory_over, is_over, is_idle, is_taken;
    logic [DLEN-1:0] bytes_mem [0:(1<<WORD)-1];

    assign {command_rs2, command_rs1, command_avl, command_lmul, command_sew, command_vs2, command_vs1, command_vd,
            command_is_scalar, command_op} = command_data;
    assign done = is_taken && is_idle;
    always_ff @(posedge clk) is_idle <= is_over && !(command_valid && command_ready);

    always_comb begin
        word = bytes_mem[mem_address];
        for (int i = 0; i < LANES; i++) if (mem_mask[i]) word[i*8 +: 8] = mem_data[i*8 +: 8];
    end
    always_ff @(posedge clk) if (mem_valid && mem_ready && mem_is_write) bytes_mem[mem_address] <= word;

    stream_source #(.WIDTH(88)) source_command (
        .clk, .run, .valid(command_valid), .ready(command_ready), .data(command_data)
    );
    stream_sink #(.WIDTH(1 + WORD + LANES + DLEN)) sink_request (
        .clk, .run, .valid(mem_valid), .ready(mem_ready), .data({mem_is_write, mem_address, mem_mask, mem_data}),
        .done(is_taken), .checksum
    );
    delay_line #(.WIDTH(DLEN), .CYCLES(LOAD - 1)) latency (
        .clk, .rst_n(run), .in_word(bytes_mem[mem_address]), .out_word(mem_response)
    );
    vector_unit #(
        .VLEN(VLEN), .DLEN(DLEN), .CHAIN(CHAIN), .LOAD(LOAD), .UNIT_SETUP(UNIT_SETUP), .STRIDED_SETUP(STRIDED_SETUP),
        .INDEXED_SETUP(INDEXED_SETUP), .ADDRESS(ADDRESS)
    ) dut (
        .clk, .rst_n(run), .in_valid(command_valid), .in_ready(command_ready), .in_op(command_op),
        .in_is_scalar(command_is_scalar), .in_vd(command_vd), .in_vs1(command_vs1), .in_vs2(command_vs2),
        .in_sew(command_sew), .in_lmul(command_lmul), .in_avl(command_avl), .in_rs1(command_rs1),
        .in_rs2(command_rs2[ADDRESS-1:0]), .mem_valid, .mem_ready, .mem_is_write, .mem_address, .mem_mask, .mem_data,
        .mem_response, .is_step, .is_result, .is_loaded, .is_arithmetic_over, .is_memory_over, .is_over
    );
    event_log #(.EVENTS(7)) log (
        .clk, .run, .done, .cycles,
        .strobes({is_memory_over, is_arithmetic_over, is_loaded, is_result, is_step, mem_valid && mem_ready,
                  command_valid && command_ready})
    );
endmodule
