// Way of the answers from a memory to one port: a delay, then a queue that a word falls through if it is empty.
//
// An access that starts in cycle t is answered from cycle t + LATENCY on, in order. Room in the queue is set aside at
// the start, so that no answer is ever dropped; it is free again in the cycle after the answer was taken.
module answer_queue #(
    parameter int WIDTH       = 8,
    parameter int LATENCY     = 1,  // from the start of an access to its answer, 1 or more
    parameter int OUTSTANDING = 2   // accesses started and not answered, 1 or more
) (
    input  logic             clk,
    input  logic             rst_n,
    output logic             has_room,  // an access may start
    input  logic             start,
    input  logic [WIDTH-1:0] word,      // of the access that started in the cycle before
    output logic             out_valid,
    input  logic             out_ready,
    output logic [WIDTH-1:0] out_data
);
    localparam int COUNT_BITS = $clog2(OUTSTANDING + 1);
    localparam int SLOT_BITS = OUTSTANDING > 1 ? $clog2(OUTSTANDING) : 1;
    localparam logic [SLOT_BITS-1:0] LAST = SLOT_BITS'(OUTSTANDING - 1);

    logic [LATENCY-1:0] on_the_way;
    logic [WIDTH-1:0] arrived;
    logic [WIDTH-1:0] queue [0:OUTSTANDING-1];
    logic [COUNT_BITS-1:0] n_outstanding, n_queued;
    logic [SLOT_BITS-1:0] head, tail;
    logic arrives, taken;

    generate
        if (LATENCY == 1) begin : direct
            assign arrived = word;
        end else begin : delayed
            logic [(LATENCY-1)*WIDTH-1:0] words;
            assign arrived = words[(LATENCY-2)*WIDTH +: WIDTH];
            always_ff @(posedge clk) words <= ((LATENCY - 1) * WIDTH)'({words, word});
        end
    endgenerate

    assign arrives = on_the_way[LATENCY-1];
    assign has_room = n_outstanding != COUNT_BITS'(OUTSTANDING);
    assign out_valid = arrives || n_queued != 0;
    assign out_data = n_queued != 0 ? queue[head] : arrived;
    assign taken = out_valid && out_ready;

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            on_the_way <= 0;
            n_outstanding <= 0;
            n_queued <= 0;
            head <= 0;
            tail <= 0;
        end else begin
            on_the_way <= LATENCY'({on_the_way, start});
            n_outstanding <= n_outstanding + COUNT_BITS'(start) - COUNT_BITS'(taken);
            n_queued <= n_queued + COUNT_BITS'(arrives) - COUNT_BITS'(taken);
            if (arrives) begin
                queue[tail] <= arrived;
                tail <= tail == LAST ? 0 : tail + 1;
            end
            if (taken) head <= head == LAST ? 0 : head + 1;
        end
    end
endmodule
