// Vector unit: issues vector instructions in order to an arithmetic and a memory pipe, which chain group by group.
//
// A group is DLEN bits of the register file. Each pipe has one instruction at a time and takes a step per cycle: a
// group, or an element of a strided or indexed access. All hazards are settled by holding back the first step that
// touches a group; see README.md for the rules and the timing law.
module vector_unit #(
    parameter int VLEN          = 128,  // bits of a register, a power of two
    parameter int DLEN          = 64,   // bits of a group, a power of two from 32 to VLEN, at most half of memory
    parameter int CHAIN         = 4,    // from a step of the arithmetic pipe to the use of its result, 1 or more
    parameter int LOAD          = 6,    // from a request to the use of what it loads, 2 or more
    parameter int UNIT_SETUP    = 0,    // cycles to set up addresses: unit-stride,
    parameter int STRIDED_SETUP = 1,    // strided,
    parameter int INDEXED_SETUP = 2,    // and indexed; up to 15
    parameter int ADDRESS       = 9     // bits of a byte address, 8 to 16
) (
    input  logic                           clk,
    input  logic                           rst_n,
    // Instructions; in_sew and in_lmul are logarithms, of SEW / 8 and LMUL
    input  logic                           in_valid,
    output logic                           in_ready,
    input  logic [3:0]                     in_op,
    input  logic                           in_is_scalar,
    input  logic [4:0]                     in_vd,
    input  logic [4:0]                     in_vs1,
    input  logic [4:0]                     in_vs2,
    input  logic [1:0]                     in_sew,
    input  logic [1:0]                     in_lmul,
    input  logic [15:0]                    in_avl,
    input  logic [31:0]                    in_rs1,  // scalar operand or base address
    input  logic [ADDRESS-1:0]             in_rs2,  // stride
    // Memory: words of DLEN bits, which it returns LOAD - 1 cycles after it has taken a request to read
    output logic                           mem_valid,
    input  logic                           mem_ready,
    output logic                           mem_is_write,
    output logic [ADDRESS-$clog2(DLEN/8)-1:0] mem_address,
    output logic [DLEN/8-1:0]              mem_mask,
    output logic [DLEN-1:0]                mem_data,
    input  logic [DLEN-1:0]                mem_response,
    // What happens in this cycle, for performance counters; is_over also for whoever waits for the end
    output logic                           is_step,        // the arithmetic pipe takes a step
    output logic                           is_result,      // it writes a result
    output logic                           is_loaded,      // what was loaded is written
    output logic                           is_arithmetic_over,  // last step of an instruction, of either pipe
    output logic                           is_memory_over,
    output logic                           is_over         // idle from the next cycle on, unless one is accepted now
);
    localparam int LANES = DLEN / 8;  // bytes of a group
    localparam int LB = $clog2(LANES);
    localparam int RB = $clog2(VLEN / DLEN);
    localparam int GB = 5 + RB;  // bits of a group number
    localparam int NB = $clog2(VLEN) + 1;  // bits of a number of bytes, VLEN at most
    localparam int FB = $clog2(LB + 1);  // bits of a number of folds, log2(LANES) at most
    localparam int TAG = 2 + GB + LANES;

    logic [DLEN-1:0] registers [0:(1<<GB)-1];
    logic [(1<<GB)-1:0] is_busy, is_busy_next;  // the last write to a group is under way
    logic is_memory_older;  // of the instructions in the two pipes

    // Whether a group is among those that an operand has still to touch: from next up to count, counted from its first
    function automatic logic remains(
        input logic [GB-1:0] group, input logic [GB-1:0] first, input logic [GB-1:0] next, input logic [GB-1:0] count
    );
        logic [GB-1:0] distance;
        distance = group - first;
        remains = distance >= next && distance < count;
    endfunction

    function automatic logic [DLEN-1:0] expand(input logic [LANES-1:0] mask);
        for (int i = 0; i < LANES; i++) expand[i*8 +: 8] = {8{mask[i]}};
    endfunction

    // The lowest bytes, up to all of them
    function automatic logic [LANES-1:0] lowest(input logic [NB-1:0] bytes);
        for (int i = 0; i < LANES; i++) lowest[i] = NB'(i) < bytes;
    endfunction

    // What is accepted
    logic in_is_memory, in_is_reduction, is_accepted;
    logic [17:0] in_wanted;
    logic [NB-1:0] in_limit, in_bytes;
    logic [GB-1:0] in_count;
    assign in_is_memory = in_op[3];
    assign in_is_reduction = in_op[2:0] == 5 || in_op[2:0] == 6;
    assign in_limit = NB'(VLEN / 8) << in_lmul;
    assign in_wanted = 18'(in_avl) << in_sew;
    assign in_bytes = in_wanted > 18'(in_limit) ? in_limit : NB'(in_wanted);
    assign in_count = GB'((in_bytes + NB'(LANES - 1)) >> LB);
    assign is_accepted = in_valid && in_ready;

    // Arithmetic pipe
    logic a_active, a_is_scalar, a_is_reduction;
    logic [2:0] a_op;
    logic [1:0] a_sew;
    logic [31:0] a_scalar;
    logic [GB-1:0] a_destination, a_first, a_second, a_count, a_group;
    logic [NB-1:0] a_left;  // bytes from this group on
    logic [FB-1:0] a_folds;  // left to do
    logic a_is_folding, a_is_last, a_reads_first, a_reads_second, a_writes, a_step;
    logic [GB-1:0] a_from_first, a_from_second, a_to;
    logic [DLEN-1:0] a_x, a_y, a_result, a_partial, a_scalars, a_identity, a_operand, a_initial;
    logic [LANES-1:0] a_mask;

    // Memory pipe
    logic m_active, m_is_store;
    logic [1:0] m_mode, m_sew;  // mode 0 unit-stride, 1 strided, 2 indexed
    logic [GB-1:0] m_data, m_index, m_count, m_group, m_to, m_from_index;
    logic [NB-1:0] m_left;  // bytes from this step on
    logic [LB-1:0] m_lane;  // first byte of this step in its group
    logic [ADDRESS-1:0] m_address, m_stride, m_at;
    logic [3:0] m_setup;
    logic m_is_unit, m_is_indexed, m_is_last, m_is_last_of_group, m_step;
    logic [LB:0] m_size;  // bytes of a step
    logic [LB-1:0] m_at_lane;
    logic [LANES-1:0] m_mask;
    logic [ADDRESS-1:0] m_offset;

    logic a_is_held, m_is_held;
    logic [GB-1:0] a_group_written, m_group_written;
    logic [LANES-1:0] a_mask_written, m_mask_written;
    logic [DLEN-1:0] a_written, m_written;
    logic m_is_last_written;
    logic [LB-1:0] m_lane_written, m_at_lane_written;

    assign in_ready = in_is_memory ? !m_active || is_memory_over : !a_active || is_arithmetic_over;
    assign is_over = (!a_active || is_arithmetic_over) && (!m_active || is_memory_over) && is_busy_next == 0;

    // Steps of the arithmetic pipe
    assign a_is_folding = a_left == 0;
    assign a_is_last = a_is_folding ? a_folds == 1 : a_left <= NB'(LANES) && a_folds == 0;
    assign a_reads_first = !a_is_folding && !a_is_scalar && (!a_is_reduction || a_group == 0);
    assign a_reads_second = !a_is_folding && a_op != 4;
    assign a_writes = !a_is_reduction || a_is_last;
    assign a_from_first = a_first + (a_is_reduction ? 0 : a_group);
    assign a_from_second = a_second + a_group;
    assign a_to = a_destination + (a_is_reduction ? 0 : a_group);
    assign a_step = a_active && !a_is_held;
    assign is_step = a_step;
    assign is_arithmetic_over = a_step && a_is_last;

    // An older instruction of the memory pipe has to load a group before it is read or written, to store it before it
    // is written
    always_comb begin
        logic m_touches_first, m_touches_second, m_touches_target, m_needs_target;
        m_touches_first = remains(a_from_first, m_data, m_group, m_count);
        m_touches_second = remains(a_from_second, m_data, m_group, m_count);
        m_touches_target = remains(a_to, m_data, m_group, m_count);
        m_needs_target = m_is_indexed && remains(a_to, m_index, m_group, m_count);
        a_is_held = (a_reads_first && is_busy[a_from_first]) || (a_reads_second && is_busy[a_from_second])
            || (a_writes && is_busy[a_to]);
        if (m_active && is_memory_older)
            a_is_held = a_is_held || (a_writes && (m_touches_target || m_needs_target))
                || (!m_is_store && ((a_reads_first && m_touches_first) || (a_reads_second && m_touches_second)));
    end

    // Operands: a reduction goes on with what it has so far, from the first element of its first source
    always_comb begin
        case (a_sew)
            2'd0: a_scalars = {(DLEN/8){a_scalar[7:0]}};
            2'd1: a_scalars = {(DLEN/16){a_scalar[15:0]}};
            default: a_scalars = {(DLEN/32){a_scalar}};
        endcase
        a_identity = 0;
        if (a_op == 2)
            case (a_sew)
                2'd0: a_identity = {(DLEN/8){8'h80}};
                2'd1: a_identity = {(DLEN/16){16'h8000}};
                default: a_identity = {(DLEN/32){32'h8000_0000}};
            endcase
        a_operand = registers[a_from_second];
        a_initial = expand(lowest(NB'(1) << a_sew));
        a_initial = (registers[a_from_first] & a_initial) | (a_identity & ~a_initial);
        a_mask = lowest(a_left);
        a_x = a_operand;
        a_y = a_is_scalar ? a_scalars : registers[a_from_first];
        if (a_is_reduction) begin
            a_x = a_is_folding ? a_partial : (a_operand & expand(a_mask)) | (a_identity & ~expand(a_mask));
            a_y = a_partial;
            if (a_is_folding) a_y = a_partial >> (32'd4 << a_sew << a_folds);
            else if (a_group == 0) a_y = a_initial;
            a_mask = lowest(NB'(1) << a_sew);
        end
    end

    vector_alu #(.DLEN(DLEN)) alu (.op(a_op), .sew(a_sew), .x(a_x), .y(a_y), .result(a_result));
    delay_line #(.WIDTH(1 + GB + LANES + DLEN), .CYCLES(CHAIN - 1)) results (
        .clk, .rst_n, .in_word({a_step && a_writes, a_to, a_mask, a_result}),
        .out_word({is_result, a_group_written, a_mask_written, a_written})
    );

    // Steps of the memory pipe
    assign m_is_unit = m_mode == 0;
    assign m_is_indexed = m_mode == 2;
    assign m_size = m_is_unit ? (LB+1)'(LANES) : (LB+1)'(1) << m_sew;
    assign m_is_last = m_left <= NB'(m_size);
    assign m_is_last_of_group = m_is_last || (LB+1)'(m_lane) + m_size == (LB+1)'(LANES);
    assign m_to = m_data + m_group;
    assign m_from_index = m_index + m_group;
    assign mem_valid = m_active && m_setup == 0 && !m_is_held;
    assign m_step = mem_valid && mem_ready;
    assign is_memory_over = m_step && m_is_last;

    // Once its first element has gone, nothing later can come between the others of a group
    always_comb begin
        logic a_writes_data, a_writes_index, a_needs_data;
        a_writes_data = remains(m_to, a_destination, a_is_reduction ? 0 : a_group, a_is_reduction ? 1 : a_count);
        a_writes_index =
            remains(m_from_index, a_destination, a_is_reduction ? 0 : a_group, a_is_reduction ? 1 : a_count);
        a_needs_data = (a_reads_second && remains(m_to, a_second, a_group, a_count))
            || (a_reads_first && remains(m_to, a_first, a_is_reduction ? 0 : a_group, a_is_reduction ? 1 : a_count));
        m_is_held = is_busy[m_to] || (m_is_indexed && is_busy[m_from_index]);
        if (a_active && !is_memory_older)
            m_is_held = m_is_held || a_writes_data || (m_is_indexed && a_writes_index) || (!m_is_store && a_needs_data);
        if (m_lane != 0) m_is_held = 0;
    end

    always_comb begin
        m_offset = ADDRESS'(registers[m_from_index] >> {m_lane, 3'd0});
        if (m_sew == 0) m_offset = ADDRESS'(m_offset[7:0]);
        m_at = m_address + (m_is_indexed ? m_offset : 0);
        m_at_lane = m_is_unit ? 0 : m_at[LB-1:0] & ~(LB'(m_size) - 1);  // rounded down to a whole element
        m_mask = lowest(m_is_unit ? m_left : NB'(m_size));
    end

    assign mem_is_write = m_is_store;
    assign mem_address = m_at[ADDRESS-1:LB];
    assign mem_mask = m_is_store ? m_mask << m_at_lane : 0;
    assign mem_data = ((registers[m_to] >> {m_lane, 3'd0}) << {m_at_lane, 3'd0}) & expand(mem_mask);

    // What is loaded moves from its place in memory to that in its group
    delay_line #(.WIDTH(TAG + 2 * LB), .CYCLES(LOAD - 1)) loads (
        .clk, .rst_n,
        .in_word({m_step && !m_is_store, m_is_last_of_group, m_to, m_mask << m_lane, m_lane, m_at_lane}),
        .out_word({is_loaded, m_is_last_written, m_group_written, m_mask_written, m_lane_written, m_at_lane_written})
    );
    assign m_written = (mem_response >> {m_at_lane_written, 3'd0}) << {m_lane_written, 3'd0};

    always_ff @(posedge clk) begin
        if (is_result)
            registers[a_group_written] <= (a_written & expand(a_mask_written))
                | (registers[a_group_written] & ~expand(a_mask_written));
        if (is_loaded)
            registers[m_group_written] <= (m_written & expand(m_mask_written))
                | (registers[m_group_written] & ~expand(m_mask_written));
        is_busy <= rst_n ? is_busy_next : 0;
    end

    always_comb begin
        is_busy_next = is_busy;
        if (a_step && a_writes) is_busy_next[a_to] = 1;
        if (m_step && !m_is_store && m_is_last_of_group) is_busy_next[m_to] = 1;
        // Last, as with CHAIN = 1 a result is written in the cycle of its step
        if (is_result) is_busy_next[a_group_written] = 0;
        if (is_loaded && m_is_last_written) is_busy_next[m_group_written] = 0;
    end

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            a_active <= 0;
        end else begin
            if (a_step) begin
                a_group <= a_group + 1;
                a_left <= a_left <= NB'(LANES) ? 0 : a_left - NB'(LANES);
                a_partial <= a_result;
                if (a_is_folding) a_folds <= a_folds - 1;
                if (a_is_last) a_active <= 0;
            end
            if (is_accepted && !in_is_memory) begin
                a_active <= 1;
                a_is_reduction <= in_is_reduction;
                a_is_scalar <= in_is_scalar && !in_is_reduction;
                a_op <= in_op[2:0] == 5 ? 3'd0 : in_op[2:0] == 6 ? 3'd2 : in_op[2:0] == 7 ? 3'd5 : in_op[2:0];
                a_sew <= in_sew;
                a_scalar <= in_rs1;
                a_destination <= GB'(in_vd) << RB;
                a_first <= GB'(in_vs1) << RB;
                a_second <= GB'(in_vs2) << RB;
                a_count <= in_count;
                a_group <= 0;
                a_left <= in_bytes;
                a_folds <= in_is_reduction ? FB'(LB) - FB'(in_sew) : 0;
            end
        end
    end

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            m_active <= 0;
            is_memory_older <= 0;
        end else begin
            if (m_setup != 0) m_setup <= m_setup - 1;
            if (m_step) begin
                m_left <= m_left - NB'(m_size);
                m_lane <= m_lane + LB'(m_size);
                if (m_is_last_of_group) m_group <= m_group + 1;
                if (m_is_unit) m_address <= m_address + ADDRESS'(LANES);
                else if (!m_is_indexed) m_address <= m_address + m_stride;
                if (m_is_last) m_active <= 0;
            end
            if (is_accepted) is_memory_older <= !in_is_memory;
            if (is_accepted && in_is_memory) begin
                m_active <= 1;
                m_is_store <= in_op[2];
                m_mode <= in_op[1:0];
                m_sew <= in_sew;
                m_data <= GB'(in_vd) << RB;
                m_index <= GB'(in_vs2) << RB;
                m_count <= in_count;
                m_group <= 0;
                m_left <= in_bytes;
                m_lane <= 0;
                m_address <= ADDRESS'(in_rs1);
                m_stride <= in_rs2;
                m_setup <= in_op[1:0] == 0 ? 4'(UNIT_SETUP) : in_op[1:0] == 1 ? 4'(STRIDED_SETUP) : 4'(INDEXED_SETUP);
            end
        end
    end
endmodule
