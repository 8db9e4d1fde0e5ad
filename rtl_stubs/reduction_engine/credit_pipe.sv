// Pipe between two ends that may both stall: a delay line, then a queue, with credits at the entrance.
//
// A word leaves LATENCY cycles after it entered, or later when nobody takes it. The pipe holds LATENCY + 1 words, just
// enough for one per cycle: a credit is back a cycle after its word has left. No ready passes through: in_ready is a
// register, so pipes may be chained at any length.
module credit_pipe #(
    parameter int WIDTH   = 32,
    parameter int LATENCY = 1    // 1 or more
) (
    input  logic             clk,
    input  logic             rst_n,
    input  logic             in_valid,
    output logic             in_ready,
    input  logic [WIDTH-1:0] in_data,
    output logic             out_valid,
    input  logic             out_ready,
    output logic [WIDTH-1:0] out_data
);
    localparam int ROOM = LATENCY + 1;
    localparam int COUNT = $clog2(ROOM + 1);
    localparam int INDEX = $clog2(ROOM);

    logic [COUNT-1:0] n_credits, n_queued;
    logic [INDEX-1:0] head, tail;
    logic [WIDTH-1:0] queue [0:ROOM-1];
    logic enters, leaves, arrives;
    logic [WIDTH-1:0] arriving;

    assign in_ready = n_credits != 0;
    assign out_valid = n_queued != 0;
    assign out_data = queue[head];
    assign enters = in_valid && in_ready;
    assign leaves = out_valid && out_ready;

    // The queue is the last stage of the latency; the delay line has the others.
    if (LATENCY == 1) begin : direct
        assign arrives = enters;
        assign arriving = in_data;
    end else begin : delayed
        logic [WIDTH-1:0] line [0:LATENCY-2];
        logic [LATENCY-2:0] is_taken;

        assign arrives = is_taken[LATENCY-2];
        always_comb arriving = line[LATENCY-2];  // assigned, it may stay X in Icarus 11

        always_ff @(posedge clk) begin
            line[0] <= in_data;
            for (int i = 1; i < LATENCY - 1; i++) line[i] <= line[i-1];
            if (!rst_n) is_taken <= 0;
            else is_taken <= (LATENCY-1)'({is_taken, enters});
        end
    end

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            n_credits <= COUNT'(ROOM);
            n_queued <= 0;
            head <= 0;
            tail <= 0;
        end else begin
            n_credits <= n_credits - COUNT'(enters) + COUNT'(leaves);
            n_queued <= n_queued + COUNT'(arrives) - COUNT'(leaves);
            if (arrives) begin
                queue[tail] <= arriving;
                tail <= tail == INDEX'(ROOM - 1) ? 0 : tail + 1;
            end
            if (leaves) head <= head == INDEX'(ROOM - 1) ? 0 : head + 1;
        end
    end
endmodule
