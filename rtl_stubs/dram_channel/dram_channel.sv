// DRAM channel: turns requests into the commands of a DRAM, in order, one burst each.
//
// A queue holds QUEUE requests. Three steps walk over it, each in order and at most one request per cycle: `check`
// compares the row with the open one and closes (PRE) a wrong one, `open` activates (ACT) the row, `issue` reads or
// writes (RD, WR). So the rows of later requests are opened while earlier ones move data. Row commands and column
// commands have buses of their own, as in HBM; on the row bus ACT goes before PRE. Rows stay open. Every T_REFI cycles
// a refresh is due: no further request is checked, those checked are finished, all rows are closed (PREA), and REF
// follows. The cells are outside: they keep the open row of each bank, take the data of a write at WR, and give that of
// a read at RD. README.md has the timing law.
module dram_channel #(
    parameter int BANKS       = 4,   // 2 or more
    parameter int ROW_BITS    = 2,
    parameter int COLUMN_BITS = 2,
    parameter int WIDTH       = 16,  // bits of a burst
    parameter int QUEUE       = 4,   // requests held; 4 or more
    parameter int RESPONSES   = 4,   // reads that are under way or wait to be taken
    parameter int T_RCD       = 3,   // ACT to RD or WR; all times in cycles, 1 or more
    parameter int T_RP        = 3,   // PRE or PREA to ACT or REF
    parameter int T_RAS       = 7,   // ACT to PRE
    parameter int T_RRD       = 2,   // ACT to ACT of another bank
    parameter int T_CCD       = 2,   // RD to RD, WR to WR; T_BURST or more
    parameter int T_CL        = 4,   // RD to its data
    parameter int T_CWL       = 2,   // WR to its data
    parameter int T_BURST     = 2,   // for which the data of a request take the data bus
    parameter int T_RTP       = 3,   // RD to PRE
    parameter int T_WR        = 3,   // end of written data to PRE
    parameter int T_WTR       = 2,   // end of written data to RD
    parameter int T_RTW       = 5,   // RD to WR; T_CL + T_BURST - T_CWL or more
    parameter int T_REFI      = 97,  // from one refresh due to the next
    parameter int T_RFC       = 11,  // REF to anything else
    parameter int BANK_BITS   = $clog2(BANKS),
    parameter int ADDRESS     = BANK_BITS + ROW_BITS + COLUMN_BITS
) (
    input  logic                   clk,
    input  logic                   rst_n,
    input  logic                   refresh_enable,
    input  logic                   in_valid,
    output logic                   in_ready,
    input  logic                   in_is_write,
    input  logic [ADDRESS-1:0]     in_address,      // bank, row, column, from the top
    input  logic [WIDTH-1:0]       in_data,
    output logic                   out_valid,       // data of reads, in order
    input  logic                   out_ready,
    output logic [WIDTH-1:0]       out_data,
    output logic                   precharge,       // row bus: PRE and ACT of a bank
    output logic                   activate,
    output logic                   precharge_all,
    output logic                   refresh,
    output logic [BANK_BITS-1:0]   row_bank,
    output logic [ROW_BITS-1:0]    row,             // of ACT
    output logic                   read,            // column bus: RD and WR in the open row of a bank
    output logic                   write,
    output logic [BANK_BITS-1:0]   column_bank,
    output logic [COLUMN_BITS-1:0] column,
    output logic [WIDTH-1:0]       write_data,
    input  logic [WIDTH-1:0]       read_data,
    output logic                   row_hit          // a request is checked and finds its row open
);
    localparam int PLACE_BITS = $clog2(QUEUE);
    localparam int ENTRY = 1 + ADDRESS + WIDTH;
    localparam int WRITTEN = T_CWL + T_BURST;  // WR to the end of its data

    typedef logic [15:0] count_t;
    typedef logic [PLACE_BITS-1:0] place_t;
    typedef logic [BANK_BITS-1:0] bank_t;
    typedef logic [ROW_BITS-1:0] row_t;

    function automatic place_t after(input place_t place);
        return place == place_t'(QUEUE - 1) ? 0 : place + 1;
    endfunction

    function automatic count_t tick(input count_t left);
        return left == 0 ? 0 : left - 1;
    endfunction

    function automatic count_t longer(input count_t a, input count_t b);
        return a > b ? a : b;
    endfunction

    // Requests, from the oldest: opened and not issued, checked and not opened, accepted and not checked.
    logic [ENTRY-1:0] entry [0:QUEUE-1];
    logic [QUEUE-1:0] needs_activate;
    place_t tail, check_at, open_at, issue_at;
    count_t n_held, n_accepted, n_checked, n_opened;

    // Rows as they will be when all requests that are checked have been issued
    row_t row_of [0:BANKS-1];
    logic [BANKS-1:0] is_open;
    count_t n_pending [0:BANKS-1];  // checked and not issued

    // Cycles until a command is allowed
    count_t bank_wait [0:BANKS-1];       // ACT after PRE, RD and WR after ACT
    count_t precharge_wait [0:BANKS-1];
    count_t close_wait, activate_wait, read_wait, write_wait;
    count_t issued_wait;                 // until PRE, of the request that is issued
    logic is_held, has_room;

    bank_t check_bank, open_bank;
    row_t check_row;
    logic issue_is_write, is_wrong_row, check, open, issue, accept;

    assign in_ready = n_held < count_t'(QUEUE);
    assign accept = in_valid && in_ready;

    dram_refresh #(.T_RP(T_RP), .T_REFI(T_REFI), .T_RFC(T_RFC)) refresher (
        .clk, .rst_n, .enable(refresh_enable), .can_close(n_checked == 0 && n_opened == 0 && close_wait == 0),
        .is_held, .precharge_all, .refresh
    );
    dram_responses #(.WIDTH(WIDTH), .DEPTH(RESPONSES), .DELAY(T_CL + T_BURST)) responses (
        .clk, .rst_n, .read, .has_room, .data(read_data), .out_valid, .out_ready, .out_data
    );

    // Check
    assign {check_bank, check_row} = entry[check_at][WIDTH+COLUMN_BITS +: BANK_BITS+ROW_BITS];
    assign is_wrong_row = is_open[check_bank] && row_of[check_bank] != check_row;
    assign precharge = n_accepted != 0 && !is_held && is_wrong_row && n_pending[check_bank] == 0
        && precharge_wait[check_bank] == 0 && !activate;
    assign row_hit = n_accepted != 0 && !is_held && is_open[check_bank] && !is_wrong_row;
    assign check = precharge || (n_accepted != 0 && !is_held && !is_wrong_row);

    // Open
    assign {open_bank, row} = entry[open_at][WIDTH+COLUMN_BITS +: BANK_BITS+ROW_BITS];
    assign activate = n_checked != 0 && needs_activate[open_at] && bank_wait[open_bank] == 0 && activate_wait == 0;
    assign open = activate || (n_checked != 0 && !needs_activate[open_at]);
    assign row_bank = activate ? open_bank : check_bank;

    // Issue
    assign {issue_is_write, column_bank} = entry[issue_at][ENTRY-1 -: 1+BANK_BITS];
    assign {column, write_data} = entry[issue_at][WIDTH+COLUMN_BITS-1:0];
    assign read = n_opened != 0 && bank_wait[column_bank] == 0 && !issue_is_write && read_wait == 0
        && has_room;
    assign write = n_opened != 0 && bank_wait[column_bank] == 0 && issue_is_write && write_wait == 0;
    assign issue = read || write;
    assign issued_wait = count_t'((issue_is_write ? WRITTEN + T_WR : T_RTP) - 1);

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            tail <= 0;
            check_at <= 0;
            open_at <= 0;
            issue_at <= 0;
            n_held <= 0;
            n_accepted <= 0;
            n_checked <= 0;
            n_opened <= 0;
        end else begin
            n_held <= n_held + count_t'(accept) - count_t'(issue);
            n_accepted <= n_accepted + count_t'(accept) - count_t'(check);
            n_checked <= n_checked + count_t'(check) - count_t'(open);
            n_opened <= n_opened + count_t'(open) - count_t'(issue);
            if (accept) begin
                entry[tail] <= {in_is_write, in_address, in_data};
                tail <= after(tail);
            end
            if (check) begin
                needs_activate[check_at] <= !row_hit;
                check_at <= after(check_at);
            end
            if (open) open_at <= after(open_at);
            if (issue) issue_at <= after(issue_at);
        end
    end

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            is_open <= 0;
        end else if (precharge_all) begin
            is_open <= 0;
        end else if (check) begin
            is_open[check_bank] <= 1;
            row_of[check_bank] <= check_row;
        end
    end

    always_ff @(posedge clk) begin
        if (!rst_n) begin
            for (int b = 0; b < BANKS; b++) begin
                n_pending[b] <= 0;
                bank_wait[b] <= 0;
                precharge_wait[b] <= 0;
            end
            close_wait <= 0;
            activate_wait <= 0;
            read_wait <= 0;
            write_wait <= 0;
        end else begin
            for (int b = 0; b < BANKS; b++) begin
                n_pending[b] <= n_pending[b] + count_t'(check && check_bank == bank_t'(b))
                    - count_t'(issue && column_bank == bank_t'(b));
                bank_wait[b] <= tick(bank_wait[b]);
                precharge_wait[b] <= tick(precharge_wait[b]);
            end
            close_wait <= longer(tick(close_wait), longer(activate ? count_t'(T_RAS - 1) : 0, issue ? issued_wait : 0));
            activate_wait <= tick(activate_wait);
            read_wait <= tick(read_wait);
            write_wait <= tick(write_wait);
            if (precharge) bank_wait[check_bank] <= count_t'(T_RP - 1);
            if (activate) begin
                bank_wait[open_bank] <= count_t'(T_RCD - 1);
                precharge_wait[open_bank] <= count_t'(T_RAS - 1);
                activate_wait <= count_t'(T_RRD - 1);
            end
            if (issue) precharge_wait[column_bank] <= longer(tick(precharge_wait[column_bank]), issued_wait);
            if (read) begin
                read_wait <= count_t'(T_CCD - 1);
                write_wait <= count_t'(T_RTW - 1);
            end
            if (write) begin
                read_wait <= count_t'(WRITTEN + T_WTR - 1);
                write_wait <= count_t'(T_CCD - 1);
            end
        end
    end
endmodule
