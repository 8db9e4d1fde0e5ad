// SIMD engine: up to four operations on each vector of a stream: look-up, scale and bias, quantise, max, min.
//
// A vector has LANES elements of 32 bits. Every operation is a pass of one cycle; the first one takes the vector in,
// the last one hands it to a pipe of LATENCY cycles. See README.md for the timing law.
module simd_engine #(
    parameter int LANES   = 8,   // elements of a vector, 1 or more
    parameter int TABLE   = 16,  // entries of the look-up table, a power of two from 2 up
    parameter int LATENCY = 4    // from the last operation to the output [cycles], 1 or more
) (
    input  logic                clk,
    input  logic                rst_n,
    // A command: offered while it is carried out, taken with its last operation
    input  logic                command_valid,
    output logic                command_ready,
    input  logic                command_loads,       // the elements become entries of the table
    input  logic [2:0]          command_count,       // operations, 1 to 4; 1 if it loads
    input  logic [15:0]         command_elements,    // 1 or more
    input  logic [4*35-1:0]     command_operations,  // code, b, a of each, the first one in the lowest bits
    input  logic                in_valid,
    output logic                in_ready,
    input  logic [LANES*32-1:0] in_data,
    output logic                out_valid,
    input  logic                out_ready,
    output logic [LANES*32-1:0] out_data,            // lanes past the last element are 0
    output logic                operates             // for performance counters: an operation, or a load
);
    localparam logic [2:0] LOOKUP = 0, SCALE = 1, QUANTISE = 2, MAX = 3, MIN = 4;
    localparam int BITS = $clog2(TABLE);

    logic [31:0] entries [0:TABLE-1];
    logic [LANES*32-1:0] held, operand, result;
    logic [1:0] step;
    logic [15:0] n_done, n_left;
    logic is_last, is_room, has_operand, ends_vector, pipe_ready;

    logic [2:0] code;
    logic signed [15:0] a, b;

    assign {code, b, a} = command_operations[step*35 +: 35];

    // Divide by 2^shift, half up, and saturate to 8 bits
    function automatic logic signed [31:0] quantise(input logic signed [31:0] x, input logic [4:0] shift);
        logic signed [33:0] rounded;
        rounded = 34'(x);
        if (shift != 0) rounded = (rounded + (34'sd1 <<< (shift - 1))) >>> shift;
        if (rounded > 127) rounded = 127;
        if (rounded < -128) rounded = -128;
        return rounded[31:0];
    endfunction

    assign operand = step == 0 ? in_data : held;

    always_comb
        for (int i = 0; i < LANES; i++) begin
            result[i*32 +: 32] = operand[i*32 +: 32];
            case (code)
                LOOKUP: result[i*32 +: 32] = entries[operand[i*32 +: BITS]];
                SCALE: result[i*32 +: 32] = $signed(operand[i*32 +: 32]) * 32'(a) + 32'(b);
                QUANTISE: result[i*32 +: 32] = quantise(operand[i*32 +: 32], a[4:0]);
                MAX: if ($signed(operand[i*32 +: 32]) < 32'(a)) result[i*32 +: 32] = 32'(a);
                MIN: if ($signed(operand[i*32 +: 32]) > 32'(a)) result[i*32 +: 32] = 32'(a);
                default: ;  // moved as it is
            endcase
            if (16'(i) >= n_left) result[i*32 +: 32] = 0;
        end

    assign n_left = command_elements - n_done;
    assign is_last = 3'(step) + 1 == command_count;
    assign is_room = command_loads || !is_last || pipe_ready;
    assign has_operand = command_valid && (step != 0 || in_valid);
    assign in_ready = command_valid && step == 0 && is_room;
    assign operates = has_operand && is_room;
    assign ends_vector = operates && is_last;
    assign command_ready = ends_vector && n_left <= 16'(LANES);

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            step <= 0;
            n_done <= 0;
        end else if (operates) begin
            held <= result;
            step <= is_last ? 0 : step + 1;
            if (ends_vector) n_done <= n_done + 16'(LANES);
            if (command_ready) n_done <= 0;
            if (command_loads)
                for (int i = 0; i < LANES; i++)
                    if (16'(i) < n_left) entries[BITS'(n_done + 16'(i))] <= in_data[i*32 +: 32];
        end
    end

    credit_pipe #(.WIDTH(LANES * 32), .LATENCY(LATENCY)) pipe (
        .clk, .rst_n, .in_valid(has_operand && is_last && !command_loads), .in_ready(pipe_ready), .in_data(result),
        .out_valid, .out_ready, .out_data
    );
endmodule
