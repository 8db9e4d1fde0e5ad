// Local memory of a processing element: words of one operand of the matrix engine, a port of its own for each engine.
//
// Reads give data in the same cycle; what is written can be read from the next cycle on. Addresses are of bytes and wrap
// around. Operands are whole words, beats do not cross words, vectors of elements and results may. No port waits for
// another one: this is the memory of the cycle model, which limits local memory by its width alone.
module local_memory #(
    parameter int ADDRESS = 12,  // bits of an address
    parameter int DEPTH   = 8,   // bytes of a word; a power of two
    parameter int BEAT    = 4,   // bytes that a transfer moves at a time; a power of two up to DEPTH
    parameter int RESULT  = 8,   // most bytes of a vector of the SIMD engine
    parameter int READS   = 2,   // operands that the matrix engine reads at a time
    parameter int GROUP   = 4    // bytes that the vector unit moves at a time; a power of two up to DEPTH
) (
    input  logic                     clk,
    input  logic                     load_valid,
    input  logic [ADDRESS-1:0]       load_address,
    input  logic [$clog2(BEAT):0]    load_bytes,
    input  logic [BEAT*8-1:0]        load_data,
    input  logic                     result_valid,
    input  logic [ADDRESS-1:0]       result_address,
    input  logic [$clog2(RESULT):0]  result_bytes,
    input  logic [RESULT*8-1:0]      result_data,
    input  logic                     group_valid,
    input  logic [ADDRESS-$clog2(GROUP)-1:0] group_address,
    input  logic [GROUP-1:0]         group_mask,
    input  logic [GROUP*8-1:0]       group_data,
    output logic [GROUP*8-1:0]       read_group,
    input  logic [ADDRESS-1:0]       element_address,
    output logic [RESULT*8-1:0]      element_data,
    /* verilator lint_off UNUSEDSIGNAL */  // the lowest bits do not matter where whole words or beats are read
    input  logic [READS*ADDRESS-1:0] operand_address,
    input  logic [ADDRESS-1:0]       store_address,
    input  logic [ADDRESS-1:0]       index_address,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [READS*DEPTH*8-1:0] operand_data,
    output logic [BEAT*8-1:0]        store_data,    // the aligned beat that holds the address
    output logic [ADDRESS-1:0]       index_data     // the lowest bits of the aligned four bytes that hold it
);
    localparam int LOW = $clog2(DEPTH);
    localparam int IN_BEAT = $clog2(BEAT);
    localparam int SPAN = (RESULT + DEPTH - 2) / DEPTH + 1;  // words that RESULT bytes may lie in

    logic [DEPTH*8-1:0] word [0:(1<<(ADDRESS-LOW))-1];
    logic [DEPTH*8-1:0] store_word;
    logic [RESULT*ADDRESS-1:0] result_at;  // addresses of its bytes
    logic [SPAN*DEPTH*8-1:0] element_words;
    logic [ADDRESS-1:0] group_at;

    // Words are read by assignments: Icarus would wake a process with every word that is written.
    genvar r;
    for (r = 0; r < READS; r++) begin : gen_operand
        assign operand_data[r*DEPTH*8 +: DEPTH*8] = word[operand_address[r*ADDRESS+LOW +: ADDRESS-LOW]];
    end

    assign store_word = word[store_address[ADDRESS-1:LOW]];
    always_comb begin
        store_data = store_word[BEAT*8-1:0];
        for (int i = 1; i < DEPTH / BEAT; i++)
            if (32'(store_address[LOW-1:0] >> IN_BEAT) == i) store_data = store_word[i*BEAT*8 +: BEAT*8];
    end

    assign index_data = ADDRESS'(word[index_address[ADDRESS-1:LOW]] >> {index_address[LOW-1:2], 5'd0});

    assign group_at = {group_address, ($clog2(GROUP))'(0)};
    assign read_group = (GROUP*8)'(word[group_at[ADDRESS-1:LOW]] >> {group_at[LOW-1:0], 3'd0});

    always_comb for (int i = 0; i < RESULT; i++) result_at[i*ADDRESS +: ADDRESS] = result_address + ADDRESS'(i);

    // Elements may begin anywhere in a word.
    genvar e;
    for (e = 0; e < SPAN; e++) begin : gen_element
        assign element_words[e*DEPTH*8 +: DEPTH*8] = word[element_address[ADDRESS-1:LOW] + (ADDRESS-LOW)'(e)];
    end
    assign element_data = (RESULT*8)'(element_words >> {element_address[LOW-1:0], 3'd0});

    always_ff @(posedge clk) begin
        for (int i = 0; i < BEAT; i++)
            if (load_valid && i < 32'(load_bytes))
                word[load_address[ADDRESS-1:LOW]][(load_address[LOW-1:0]+LOW'(i))*8 +: 8] <= load_data[i*8 +: 8];
        for (int i = 0; i < RESULT; i++)
            if (result_valid && i < 32'(result_bytes))
                word[result_at[i*ADDRESS+LOW +: ADDRESS-LOW]][result_at[i*ADDRESS +: LOW]*8 +: 8]
                    <= result_data[i*8 +: 8];
        for (int i = 0; i < GROUP; i++)
            if (group_valid && group_mask[i])
                word[group_at[ADDRESS-1:LOW]][(group_at[LOW-1:0]+LOW'(i))*8 +: 8] <= group_data[i*8 +: 8];
    end
endmodule
