// Command core: a RISC-V core with its memories, and the kind table that turns what it pushes into commands.
//
// A push names a kind; the table has for each kind the head of a command word: the unit, and what it takes from and adds
// to circular buffers. The four words of the push are the payload. The core hands a command over in the cycle in which
// it pushes it. A host writes the memories and lets the core go; word 0 of both memories is address 0.
/* verilator lint_off PINCONNECTEMPTY */  // blocks have outputs that nothing here needs
module command_core #(
    parameter int CONTEXTS     = 1,
    parameter int AUTO         = 0,
    parameter int SLOTS        = 1,
    parameter int DECODE       = 0,
    parameter int LOAD         = 1,
    parameter int MULTIPLY     = 2,
    parameter int DIVIDE       = 1,
    parameter int INSTRUCTIONS = 1024,  // words; a power of two, as is the next one
    parameter int DATA         = 1024,
    parameter int LOOPS        = 6,     // bits of an address in the memory of vector loops
    parameter int UNITS        = 7,
    parameter int HEAD         = 30,    // bits of a command word below the payload; the lowest ones are the unit
    localparam int HOST = 3 + 16 + 64
) (
    input  logic             clk,
    input  logic             rst_n,
    input  logic             host_valid,
    input  logic [HOST-1:0]  host_data,   // memory (0 instructions, 1 data, 2 kinds, 3 loops, 4 go), word, value
    output logic             is_running,
    output logic             is_halted,
    input  logic [LOOPS-1:0] loop_address,
    output logic [26:0]      loop_data,
    input  logic [UNITS-1:0] has_room,
    output logic             command_valid,
    output logic [HEAD+127:0] command_data
);
    localparam int UNIT_BITS = $clog2(UNITS);
    localparam logic [2:0] TO_INSTRUCTIONS = 0, TO_DATA = 1, TO_KINDS = 2, TO_LOOPS = 3, GO = 4;

    logic [31:0] instruction_mem [0:INSTRUCTIONS-1];
    logic [31:0] data_mem [0:DATA-1];
    logic [HEAD-1:0] kind_mem [0:127];
    logic [26:0] loop_mem [0:(1<<LOOPS)-1];

    logic [2:0] host_memory;
    /* verilator lint_off UNUSEDSIGNAL */  // as many bits as a memory has; addresses wrap; who pushes does not matter
    logic [15:0] host_word;
    logic [63:0] host_value;
    logic [CONTEXTS*32-1:0] fetch_address;
    logic [31:0] data_address;
    logic [135:0] pushed;
    /* verilator lint_on UNUSEDSIGNAL */
    logic [CONTEXTS*32-1:0] fetch_data;
    logic [LOAD*32-1:0] read_data;
    logic load_valid, store_valid;
    logic [31:0] read_word;
    logic [31:0] store_data, mask;
    logic [3:0] store_bytes;
    logic [13:0] next_kinds;
    logic [1:0] context_has_room, halted;

    assign {host_memory, host_word, host_value} = host_data;

    always_ff @(posedge clk) begin
        if (!rst_n) is_running <= 0;
        else if (host_valid && host_memory == GO) is_running <= 1;
    end

    // Memories of the core
    always_comb read_word = load_valid ? data_mem[data_address[2 +: $clog2(DATA)]] : read_data[LOAD*32-1 -: 32];
    assign mask = {{8{store_bytes[3]}}, {8{store_bytes[2]}}, {8{store_bytes[1]}}, {8{store_bytes[0]}}};
    genvar c;
    for (c = 0; c < CONTEXTS; c++) begin : gen_fetch
        always_ff @(posedge clk)
            fetch_data[c*32 +: 32] <= instruction_mem[fetch_address[c*32+2 +: $clog2(INSTRUCTIONS)]];
    end
    always_ff @(posedge clk) begin
        if (host_valid && host_memory == TO_INSTRUCTIONS)
            instruction_mem[host_word[$clog2(INSTRUCTIONS)-1:0]] <= host_value[31:0];
        read_data <= (LOAD * 32)'({read_word, read_data} >> 32);
        if (host_valid && host_memory == TO_DATA) data_mem[host_word[$clog2(DATA)-1:0]] <= host_value[31:0];
        else if (store_valid)
            data_mem[data_address[2 +: $clog2(DATA)]] <=
                (data_mem[data_address[2 +: $clog2(DATA)]] & ~mask) | (store_data & mask);
    end

    // What the host writes for the command processor and the vector unit
    always_ff @(posedge clk) begin
        if (host_valid && host_memory == TO_KINDS) kind_mem[host_word[6:0]] <= host_value[HEAD-1:0];
        if (host_valid && host_memory == TO_LOOPS) loop_mem[host_word[LOOPS-1:0]] <= host_value[26:0];
    end
    always_comb loop_data = loop_mem[loop_address];

    riscv_core #(
        .CONTEXTS(CONTEXTS), .AUTO(AUTO), .SLOTS(SLOTS), .DECODE(DECODE), .LOAD(LOAD), .MULTIPLY(MULTIPLY),
        .DIVIDE(DIVIDE), .QUEUE(0)
    ) core (
        .clk, .rst_n(is_running), .fetch_address, .fetch_data, .load_valid, .store_valid, .data_address, .store_bytes,
        .store_data, .load_data(read_data[31:0]), .command_valid, .command_ready(1'b1), .command_data(pushed),
        .next_kinds, .has_room(context_has_room), .halted, .trace()
    );
    assign is_halted = &halted;

    // Is there room in the queue of the unit to which the next push of each context goes?
    for (c = 0; c < 2; c++) begin : gen_room
        /* verilator lint_off UNUSEDSIGNAL */  // the unit alone matters here
        logic [HEAD-1:0] head;
        /* verilator lint_on UNUSEDSIGNAL */
        always_comb head = kind_mem[next_kinds[c*7 +: 7]];
        assign context_has_room[c] = has_room[head[UNIT_BITS-1:0]];
    end
    always_comb command_data = {pushed[127:0], kind_mem[pushed[134:128]]};
endmodule
