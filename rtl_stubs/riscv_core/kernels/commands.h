// Instructions about commands, for the assembler. A command has a kind and four words, which wait in a slot.
//
// Words of a load or store: circular buffer, address, rows and bytes per row, bytes from row to row. Words of a multiply:
// buffers of both operands, buffer of the sums, what to do with the tokens. Words of a row command: buffers, function, size.
    .macro set_low slot, a, b       // words 0 and 1
    .insn r 0x0b, 0, 0, x\slot, \a, \b
    .endm
    .macro set_high slot, a, b      // words 2 and 3
    .insn r 0x0b, 0, 1, x\slot, \a, \b
    .endm
    .macro push kind, slot=0
    .insn r 0x0b, 1, \kind, x\slot, x0, x0
    .endm
    .macro step_low slot, a, b      // words 0 and 1 advance by that with each push
    .insn r 0x0b, 2, 0, x\slot, \a, \b
    .endm
    .macro step_high slot, a, b
    .insn r 0x0b, 2, 1, x\slot, \a, \b
    .endm
    .macro repeat kind, times, slot=0
    .insn r 0x0b, 3, \kind, x\slot, \times, x0
    .endm
    .macro who register             // number of the context
    .insn r 0x0b, 4, 0, \register, x0, x0
    .endm
    .macro command kind, low, high, second_low, second_high
    set_low 0, \low, \high
    set_high 0, \second_low, \second_high
    push \kind
    .endm

// Kinds: the units of a PE, in the order of docs/methods/timing.md
#define LOAD 1
#define MATRIX 2
#define SIMD 4
#define STORE 8

// Circular buffers
#define BUFFER_A 0
#define BUFFER_B 1
#define SUMS 2
#define RESULT 3

#define TILE 0x1000     // bytes of a tile
#define SHAPE 0x200080  // 32 rows of 128 bytes

#ifdef CONTEXTS
#define N_CONTEXTS 2
#else
#define N_CONTEXTS 1
#endif
#ifndef UNROLL
#define UNROLL 1
#endif
