// In-order RV32IM core that pushes commands. One instruction per cycle, of one or two contexts in turn.
//
// Instructions and data have memories of their own: the word of a fetch arrives a cycle later, that of a load LOAD cycles
// later. See README.md for instructions and timing law.
module riscv_core #(
    parameter int CONTEXTS = 2,  // 1 or 2
    parameter int AUTO     = 1,  // 1: words of commands advance with each push, and a push can be repeated
    parameter int SLOTS    = 4,  // commands that a context holds ready, 1 to 32
    parameter int DECODE   = 0,  // 1: a stage between fetch and execution
    parameter int LOAD     = 1,  // cycles until a loaded word arrives, from 1 up
    parameter int MULTIPLY = 2,  // cycles of a product, from 2 up
    parameter int DIVIDE   = 1,  // bits of a quotient per cycle: 1, 2 or 4
    parameter int QUEUE    = 2   // commands that wait at the port; 0: a push executes when its command is taken
) (
    input  logic                   clk,
    input  logic                   rst_n,
    output logic [CONTEXTS*32-1:0] fetch_address,
    input  logic [CONTEXTS*32-1:0] fetch_data,
    output logic                   load_valid,      // the word at data_address is read
    output logic                   store_valid,     // bytes of it are written
    output logic [31:0]            data_address,
    output logic [3:0]             store_bytes,
    output logic [31:0]            store_data,
    input  logic [31:0]            load_data,
    output logic                   command_valid,
    input  logic                   command_ready,
    output logic [135:0]           command_data,    // context, kind (7 bits), words 3 to 0
    output logic [13:0]            next_kinds,      // kind of the next push of each context, if that is its turn
    input  logic [1:0]             has_room,        // QUEUE is 0 and a command of that kind would be taken
    output logic [1:0]             halted,
    output logic [125:0]           trace            // what is executed and written, for tracing; see README.md
);
    // What happens in this cycle, by context; results and loaded words are written to a register, {number, value}
    logic [1:0] retires, pushes, has_result, has_loaded, halts;
    logic takes;   // an instruction is executed, or a command of a repeat
    logic chosen;  // by this context
    logic jumps, multiplies, divides;
    logic fails;   // it is no instruction, and halts the context
    logic [2*37-1:0] result;
    logic [36:0] loaded;

    assign trace = {
        result, loaded, has_loaded, has_result, chosen, divides, multiplies, jumps, fails, halts, pushes, retires
    };

    logic [1:0] reads_2, writes, is_relative, is_other, wants, ready, take;
    logic [2*32-1:0] pcs, immediates, values_1, values_2;
    logic [2*5-1:0] kinds;
    logic [2*25-1:0] fields;  // of instructions: funct7, rs2, rs1, funct3, rd
    logic [2*128-1:0] words;
    logic last;
    logic [1:0] is_full;  // no room for what a context would push

    // Of the instruction that is taken
    logic [31:0] pc, immediate, a, b, sum, alu_result, value;
    logic [4:0] kind, rd;
    logic [2:0] funct3;
    logic [6:0] funct7;
    logic is_met, starts;

    // Loads under way: stage 0 is the oldest, its word arrives in this cycle
    logic [LOAD-1:0] pending, pending_context;
    logic [LOAD*5-1:0] pending_register, pending_how;  // how: funct3 and lowest address bits
    logic [31:0] arrived, load_value;

    logic busy, product_done, owner, product_writes;
    logic [31:0] product;
    logic [4:0] product_register;

    for (genvar c = 0; c < 2; c++) begin : gen_context
        if (c < CONTEXTS) begin : gen_used
            logic valid, reads_1, waits_for_load, is_product;

            riscv_context #(.DECODE(DECODE), .AUTO(AUTO), .SLOTS(SLOTS)) one (
                .clk, .rst_n, .fetch_address(fetch_address[c*32 +: 32]), .fetch_data(fetch_data[c*32 +: 32]),
                .valid, .pc(pcs[c*32 +: 32]), .fields(fields[c*25 +: 25]), .kind(kinds[c*5 +: 5]), .reads_1,
                .reads_2(reads_2[c]), .writes(writes[c]), .is_relative(is_relative[c]), .is_other(is_other[c]),
                .immediate(immediates[c*32 +: 32]), .value_1(values_1[c*32 +: 32]), .value_2(values_2[c*32 +: 32]),
                .words(words[c*128 +: 128]), .pushes(wants[c]), .take(take[c]), .jumps, .target({sum[31:1], 1'b0}),
                .retires(retires[c]), .write(has_result[c]), .write_register(result[c*37+32 +: 5]),
                .write_value(result[c*37 +: 32]), .load(has_loaded[c]), .load_register(loaded[36:32]),
                .load_value(loaded[31:0]), .is_halted(halted[c])
            );

            always @* begin
                waits_for_load = 0;
                for (int i = 0; i < LOAD; i++)
                    if (pending[i] && pending_context[i] == 1'(c) && (
                        (reads_1 && fields[c*25+8 +: 5] == pending_register[i*5 +: 5]) ||
                        (reads_2[c] && fields[c*25+13 +: 5] == pending_register[i*5 +: 5]) ||
                        (writes[c] && fields[c*25 +: 5] == pending_register[i*5 +: 5])
                    )) waits_for_load = 1;
            end

            assign is_product = kinds[c*5 +: 5] == riscv_kind::MULTIPLY || kinds[c*5 +: 5] == riscv_kind::DIVIDE;
            assign ready[c] = valid && !waits_for_load && !(busy && (is_product || owner == 1'(c)))
                && !(wants[c] && is_full[c]);
        end else begin : gen_unused
            assign {reads_2[c], writes[c], is_relative[c], is_other[c], wants[c], ready[c]} = 0;
            assign {pcs[c*32 +: 32], fields[c*25 +: 25], immediates[c*32 +: 32]} = 0;
            assign {values_1[c*32 +: 32], values_2[c*32 +: 32], kinds[c*5 +: 5], words[c*128 +: 128]} = 0;
            assign retires[c] = 0;
            assign halted[c] = 1;
            logic unused;
            assign unused = is_full[c];
        end
    end

    // Contexts take turns; one that cannot go on lets the other one go.
    assign chosen = ready[!last] ? !last : last;
    assign takes = ready[chosen];
    assign take = {takes && chosen, takes && !chosen};
    always_ff @(posedge clk) begin
        if (!rst_n) last <= 1;
        else if (takes) last <= chosen;
    end

    assign pc = pcs[chosen*32 +: 32];
    assign {funct7, funct3, rd} = {fields[chosen*25+18 +: 7], fields[chosen*25+5 +: 3], fields[chosen*25 +: 5]};
    assign immediate = immediates[chosen*32 +: 32];
    assign kind = kinds[chosen*5 +: 5];
    assign a = values_1[chosen*32 +: 32];
    assign b = reads_2[chosen] ? values_2[chosen*32 +: 32] : immediate;
    assign sum = (is_relative[chosen] ? pc : a) + immediate;
    assign jumps = takes && (kind == riscv_kind::JUMP || (kind == riscv_kind::BRANCH && is_met));
    assign pushes = take & wants;
    assign fails = takes && kind == riscv_kind::ILLEGAL;
    assign halts = kind == riscv_kind::HALT || fails ? take : 0;

    riscv_alu alu (.a, .b, .funct3, .is_other(is_other[chosen]), .result(alu_result), .is_met);

    always @* begin
        case (kind)
            riscv_kind::UPPER: value = immediate;
            riscv_kind::RELATIVE: value = sum;
            riscv_kind::JUMP: value = pc + 4;
            riscv_kind::WHO: value = {31'b0, chosen};
            default: value = alu_result;
        endcase
    end

    // Products and quotients are written when they are done; their context waits until then.
    assign multiplies = takes && kind == riscv_kind::MULTIPLY;
    assign divides = takes && kind == riscv_kind::DIVIDE;
    assign starts = multiplies || divides;
    riscv_multiply #(.MULTIPLY(MULTIPLY), .DIVIDE(DIVIDE)) multiplier (
        .clk, .rst_n, .start(starts), .starts_divide(divides), .function_low(funct3[1:0]), .a, .b, .busy,
        .done(product_done), .result(product)
    );
    always_ff @(posedge clk) begin
        if (starts) begin
            owner <= chosen;
            product_register <= rd;
            product_writes <= writes[chosen];
        end
    end

    // A product is done in a cycle in which its context takes nothing.
    for (genvar c = 0; c < 2; c++) begin : gen_result
        logic is_product;
        assign is_product = product_done && owner == 1'(c);
        assign has_result[c] = is_product ? product_writes
            : take[c] && writes[c] && kind != riscv_kind::LOAD && !starts;
        assign result[c*37 +: 37] = is_product ? {product_register, product} : {rd, value};
    end

    // Loads and stores. Addresses are aligned; the lowest bits say which bytes of the word.
    assign load_valid = takes && kind == riscv_kind::LOAD;
    assign store_valid = takes && kind == riscv_kind::STORE;
    assign data_address = {sum[31:2], 2'b0};
    assign store_data = b << {sum[1:0], 3'b0};
    always @* begin
        case (funct3[1:0])
            2'd0: store_bytes = 4'b0001 << sum[1:0];
            2'd1: store_bytes = 4'b0011 << sum[1:0];
            default: store_bytes = 4'b1111;
        endcase
    end

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            pending <= 0;
        end else begin
            pending <= LOAD'({load_valid && writes[chosen], pending} >> 1);
        end
        pending_context <= LOAD'({chosen, pending_context} >> 1);
        pending_register <= (LOAD * 5)'({rd, pending_register} >> 5);
        pending_how <= (LOAD * 5)'({funct3, sum[1:0], pending_how} >> 5);
    end

    assign has_loaded = {pending[0] && pending_context[0], pending[0] && !pending_context[0]};
    assign loaded = {pending_register[4:0], load_value};
    assign arrived = load_data >> {pending_how[1:0], 3'b0};
    always @* begin
        case (pending_how[4:2])
            3'd0: load_value = {{24{arrived[7]}}, arrived[7:0]};
            3'd1: load_value = {{16{arrived[15]}}, arrived[15:0]};
            3'd4: load_value = {24'b0, arrived[7:0]};
            3'd5: load_value = {16'b0, arrived[15:0]};
            default: load_value = arrived;
        endcase
    end

    assign next_kinds = {fields[25+18 +: 7], fields[18 +: 7]};
    if (QUEUE == 0) begin : gen_direct
        logic unused;
        assign unused = command_ready;  // it would be taken, or it is not pushed
        assign is_full = ~has_room;
        assign command_valid = pushes != 0;
        assign command_data = {chosen, funct7, words[chosen*128 +: 128]};
    end else begin : gen_queue
        logic has_place, unused;
        assign unused = &has_room;
        assign is_full = {2{!has_place}};
        command_fifo #(.WIDTH(136), .DEPTH(QUEUE), .FREE_AT_ONCE(0)) queue (
            .clk, .rst_n, .in_valid(pushes != 0), .in_ready(has_place),
            .in_data({chosen, funct7, words[chosen*128 +: 128]}),
            .out_valid(command_valid), .out_ready(command_ready), .out_data(command_data)
        );
    end
endmodule
