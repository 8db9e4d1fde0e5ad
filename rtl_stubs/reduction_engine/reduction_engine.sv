// Reduction engine: accumulates the sums of a matrix engine and adds them to what comes down a chain of engines.
//
// Two banks take turns: the sums of one block are accumulated over its steps while those of the block before pass
// down the chain. Upstream sums come through a hop, a pipe of HOP cycles. See README.md for the timing law.
module reduction_engine #(
    parameter int WIDTH = 16,  // bytes of a beat, a multiple of 4; a sum has 4
    parameter int BEATS = 8,   // beats of a bank, a power of two from 2 up
    parameter int HOP   = 2    // cycles of a hop, 1 or more
) (
    input  logic               clk,
    input  logic               rst_n,
    input  logic               is_head,        // first of the chain: nothing comes from upstream
    // A block: offered while it is accumulated, taken with its last beat
    input  logic               block_valid,
    output logic               block_ready,
    input  logic [7:0]         block_steps,
    input  logic [15:0]        block_sums,
    input  logic [7:0]         block_row,      // beats of a row; 0: no least and largest sums wanted
    // Sums of the matrix engine, step by step
    input  logic               in_valid,
    output logic               in_ready,
    input  logic [8*WIDTH-1:0] in_data,
    // From the engine before in the chain
    input  logic               up_valid,
    output logic               up_ready,
    input  logic [8*WIDTH-1:0] up_data,
    // To the engine behind
    output logic               down_valid,
    input  logic               down_ready,
    output logic [8*WIDTH-1:0] down_data,
    // With the last beat of a row that goes down
    output logic               range_valid,
    output logic signed [31:0] range_least,
    output logic signed [31:0] range_largest
);
    localparam int LANES = WIDTH / 4;
    localparam int BITS = $clog2(BEATS);

    logic [8*WIDTH-1:0] sums [0:2*BEATS-1];
    logic [15:0] bank_sums [0:1];
    logic [7:0] bank_row [0:1];
    logic [1:0] is_full;

    // Accumulate
    logic fill, accumulates, ends_step;
    logic [BITS-1:0] fill_beat;
    logic [15:0] n_filled;
    logic [7:0] step;
    logic [8*WIDTH-1:0] accumulated;

    assign in_ready = block_valid && !is_full[fill];
    assign accumulates = in_valid && in_ready;
    assign ends_step = block_sums - n_filled <= 16'(LANES);
    assign block_ready = accumulates && ends_step && step + 1 == block_steps;

    always_comb begin
        accumulated = in_data;
        if (step != 0)
            for (int i = 0; i < LANES; i++)
                accumulated[i*32 +: 32] = in_data[i*32 +: 32] + sums[{fill, fill_beat}][i*32 +: 32];
    end

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            fill <= 0;
            fill_beat <= 0;
            n_filled <= 0;
            step <= 0;
        end else if (accumulates) begin
            sums[{fill, fill_beat}] <= accumulated;
            fill_beat <= fill_beat + 1;
            n_filled <= n_filled + 16'(LANES);
            if (ends_step) begin
                fill_beat <= 0;
                n_filled <= 0;
                step <= step + 1;
            end
            if (block_ready) begin
                step <= 0;
                bank_sums[fill] <= block_sums;
                bank_row[fill] <= block_row;
                fill <= !fill;
            end
        end
    end

    // Pass down the chain
    logic hop_valid, drain, passes, ends_pass;
    logic [8*WIDTH-1:0] hop_data;
    logic [BITS-1:0] drain_beat;
    logic [15:0] n_passed, n_left;

    credit_pipe #(.WIDTH(8 * WIDTH), .LATENCY(HOP)) hop (
        .clk, .rst_n, .in_valid(up_valid), .in_ready(up_ready), .in_data(up_data),
        .out_valid(hop_valid), .out_ready(down_ready && is_full[drain]), .out_data(hop_data)
    );

    assign down_valid = is_full[drain] && (is_head || hop_valid);
    assign passes = down_valid && down_ready;
    assign n_left = bank_sums[drain] - n_passed;
    assign ends_pass = n_left <= 16'(LANES);

    always_comb begin
        down_data = sums[{drain, drain_beat}];
        if (!is_head)
            for (int i = 0; i < LANES; i++)
                down_data[i*32 +: 32] = hop_data[i*32 +: 32] + sums[{drain, drain_beat}][i*32 +: 32];
    end

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            drain <= 0;
            drain_beat <= 0;
            n_passed <= 0;
            is_full <= 0;
        end else begin
            if (block_ready) is_full[fill] <= 1;
            if (passes) begin
                drain_beat <= drain_beat + 1;
                n_passed <= n_passed + 16'(LANES);
                if (ends_pass) begin
                    drain_beat <= 0;
                    n_passed <= 0;
                    is_full[drain] <= 0;
                    drain <= !drain;
                end
            end
        end
    end

    // Least and largest sum of a row; lanes past the last sum do not count
    logic ends_row;
    logic [7:0] row_beat;
    logic signed [31:0] row_least, row_largest;

    assign ends_row = ends_pass || row_beat + 1 == bank_row[drain];
    assign range_valid = passes && ends_row && bank_row[drain] != 0;

    always_comb begin
        range_least = row_beat == 0 ? 32'sh7fffffff : row_least;
        range_largest = row_beat == 0 ? 32'sh80000000 : row_largest;
        for (int i = 0; i < LANES; i++)
            if (16'(i) < n_left) begin
                if ($signed(down_data[i*32 +: 32]) < range_least) range_least = down_data[i*32 +: 32];
                if ($signed(down_data[i*32 +: 32]) > range_largest) range_largest = down_data[i*32 +: 32];
            end
    end

    always_ff @(posedge clk) begin
        if (!rst_n) row_beat <= 0;
        else if (passes) begin
            row_beat <= ends_row ? 0 : row_beat + 1;
            row_least <= range_least;
            row_largest <= range_largest;
        end
    end
endmodule
