// Counts cycles and writes down when events happen: a line per cycle in which any strobe is high. Part of benches.
//
// Cycle 0 is the first one in which run is high. cycles stops counting when done is high: it is the number of the
// cycle in which the last event that completes the run happens, plus one.
module event_log #(
    parameter int EVENTS = 1,
    parameter int DEPTH = 8192
) (
    input  logic              clk,
    input  logic              run,
    input  logic              done,
    input  logic [EVENTS-1:0] strobes,
    output logic [31:0]       cycles
);
    logic [EVENTS+31:0] line_mem [0:DEPTH-1];
    logic [31:0] n_lines, now;

    always_ff @(posedge clk) begin
        if (!run) begin
            n_lines <= 0;
            now <= 0;
            cycles <= 0;
        end else begin
            now <= now + 1;
            if (!done) cycles <= now + 1;
            if (strobes != 0) begin
                line_mem[n_lines[$clog2(DEPTH)-1:0]] <= {now, strobes};
                n_lines <= n_lines + 1;
            end
        end
    end
endmodule
