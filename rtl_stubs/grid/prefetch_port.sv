// Prefetches of a column: walks over the lines of rows and touches each of them in the cache, one prefetch at a time.
//
// Prefetches wait in a queue per PE and take turns; one that all PEs share begins when it is the oldest of each.
/* verilator lint_off PINCONNECTEMPTY */  // of queues that are never full when written, nor empty when read
module prefetch_port #(
    parameter int COORD    = 2,
    parameter int PES      = 2,
    parameter int WIDTH    = 4,   // bytes of a word
    parameter int ADDRESS  = 12,
    parameter int ROW_BITS = 7,
    parameter int QUEUE    = 4,
    parameter int LINE     = 16,  // bytes
    localparam int ROWS = 3 * ADDRESS + ROW_BITS,
    localparam int WORD = ADDRESS - 1 - $clog2(WIDTH)
) (
    input  logic             clk,
    input  logic             rst_n,
    input  logic             in_valid,
    input  logic [COORD-1:0] in_from,
    input  logic             in_shared,
    input  logic [ROWS-1:0]  in_rows,       // rows, bytes of each, stride, address
    output logic             touch_valid,
    input  logic             touch_ready,
    output logic [WORD-1:0]  touch_address,
    output logic             touch_last,
    input  logic             touched,
    output logic             done_valid,
    input  logic             done_ready,
    output logic [COORD-1:0] done_by,
    output logic             done_shared
);
    logic [PES-1:0] waits, waits_shared, taken;
    logic [PES*ROWS-1:0] waiting;
    genvar p;
    for (p = 0; p < PES; p++) begin : gen_queue
        command_fifo #(.WIDTH(ROWS + 1), .DEPTH(QUEUE)) queue (
            .clk, .rst_n, .in_valid(in_valid && in_from == COORD'(p + 1)), .in_ready(),
            .in_data({in_shared, in_rows}), .out_valid(waits[p]), .out_ready(taken[p]),
            .out_data({waits_shared[p], waiting[p*ROWS +: ROWS]})
        );
    end

    logic [PES:0] asked, granted;
    logic is_busy, is_free, ends_row, steps, owed_room;
    logic [ADDRESS-1:0] row_address, row_bytes, stride, offset, next_bytes, next_stride, next_address;
    /* verilator lint_off UNUSEDSIGNAL */  // lines begin on words, and all of them are behind the cache
    logic [ADDRESS-1:0] address;
    /* verilator lint_on UNUSEDSIGNAL */
    logic [ROW_BITS-1:0] rows, next_rows;
    logic [COORD-1:0] by;

    assign is_free = !is_busy || (steps && touch_last);
    assign asked = is_free && owed_room ? {&(waits & waits_shared), waits & ~waits_shared} : 0;
    round_robin #(.ASKERS(PES + 1)) turns (.clk, .rst_n, .asked, .granted);
    assign taken = granted[PES-1:0] | {PES{granted[PES]}};

    always_comb begin
        {next_rows, next_bytes, next_stride, next_address} = waiting[ROWS-1:0];
        by = COORD'(PES);
        for (int i = 0; i < PES; i++)
            if (granted[i]) begin
                {next_rows, next_bytes, next_stride, next_address} = waiting[i*ROWS +: ROWS];
                by = COORD'(i + 1);
            end
    end

    assign address = row_address + offset;
    assign ends_row = row_bytes - offset <= ADDRESS'(LINE);
    assign touch_valid = is_busy;
    assign touch_address = address[ADDRESS-2:$clog2(WIDTH)];
    assign touch_last = ends_row && rows == 1;
    assign steps = touch_valid && touch_ready;

    always_ff @(posedge clk) begin
        if (!rst_n) is_busy <= 0;
        else if (granted != 0) is_busy <= 1;
        else if (is_free) is_busy <= 0;
        if (granted != 0) begin
            {rows, row_bytes, stride, row_address} <= {next_rows, next_bytes, next_stride, next_address};
            offset <= 0;
        end else if (steps) begin
            offset <= ends_row ? 0 : offset + ADDRESS'(LINE);
            if (ends_row) begin
                rows <= rows - 1;
                row_address <= row_address + stride;
            end
        end
    end

    // Who is told when the last line is there?
    logic [7:0] n_there;
    command_fifo #(.WIDTH(COORD + 1), .DEPTH(4)) owed (
        .clk, .rst_n, .in_valid(granted != 0), .in_ready(owed_room), .in_data({by, granted[PES]}), .out_valid(),
        .out_ready(done_valid && done_ready), .out_data({done_by, done_shared})
    );
    assign done_valid = n_there != 0;
    always_ff @(posedge clk)
        if (!rst_n) n_there <= 0;
        else n_there <= n_there + 8'(touched) - 8'(done_valid && done_ready);
endmodule
