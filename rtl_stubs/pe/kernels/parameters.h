// Parameter block of the matrix products: a word each, from address 0 of data memory (archmodel/verify/core_programs.py).
//
// X is the operand that is loaded first: a, or the panel that stays in place. Y is the other one. A slot is a place for a
// tile in local memory; those of a circular buffer lie side by side from FIRST to END.
#include "../../riscv_core/kernels/commands.h"

// Kinds: rows of the program, at a fixed place for each of its parts
#define PROLOGUE 0
#define BODY 16
#define EPILOGUE 32

#define OUTER 0         // turns of the loops
#define MIDDLE 4
#define INNER 8
#define X_SOURCE 12     // address of the first tile
#define X_STEP 16       // bytes to the next one
#define X_ROW 20        // and to the next row of them
#define X_SHAPE 24      // words 2 and 3 of the load
#define X_ROWS 28
#define X_FIRST 32      // slots
#define X_END 36
#define X_BYTES 40
#define Y_SOURCE 44
#define Y_STEP 48
#define Y_ROW 52
#define Y_SHAPE 56
#define Y_ROWS 60
#define Y_FIRST 64
#define Y_END 68
#define Y_BYTES 72
#define HOLDS_Y 76      // all ones if the matrix engine holds Y, else 0
#define PRODUCT 80      // word 2 of a multiply
#define OPENS 84        // word 3 of the first multiply of a block, of those in between, of the last one
#define GOES_ON 88
#define CLOSES 92
#define WORK 96         // words of the SIMD command; word 0 without the slot
#define WORK_1 100
#define WORK_2 104
#define WORK_3 108
#define R_FIRST 112     // slots of results
#define R_END 116
#define R_BYTES 120
#define C_TARGET 124    // address of the first tile of the result
#define C_STEP 128
#define C_SHAPE 132     // words 2 and 3 of the store
#define C_ROWS 136
#define REDUCE 140      // words of a reduction; in a grid alone, as what follows
#define REDUCE_1 144
#define X_IS_FAR 148    // tiles are prefetched
#define Y_IS_FAR 152

// The next slot of a circular buffer
    .macro next slot, bytes, end, first
    add \slot, \slot, \bytes
    bne \slot, \end, 9f
    mv \slot, \first
9:
    .endm

// With two contexts, one loads and the other one does the rest: they meet in the circular buffers alone.
    .macro start
#ifdef CONTEXTS
    who t0
    bnez t0, 8f
    program 1, 0
8:
    program 0, 1
#else
    program 1, 1
#endif
    .endm
