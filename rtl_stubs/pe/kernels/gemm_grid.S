// Part of a matrix product, for a PE of a grid, whose sums are added up over a chain of PEs; tiles may lie anywhere.
//
// With OUTPUT defined, output-stationary: over the blocks of c, row by row; for each, over k: load X, load Y, multiply.
// Else a panel of X stays in place: load it; over the tiles of Y: load, multiply. Behind a block: add up, convert, store.
// A tile in DRAM is prefetched first. Commands have the kinds below, whatever the program leaves out.
#include "parameters.h"
#define X 0                     // prefetch, and behind it load
#define Y 2
#define MULTIPLY 4
#define REDUCTION 5
#define CONVERSION 6
#define RESULTS 7

    .macro bring kind, is_far, slot, source, shape, rows
    beqz \is_far, 9f
    command (\kind), x0, \source, \shape, \rows
9:  command (\kind + 1), \slot, \source, \shape, \rows
    .endm

    .macro bring_x part
    bring (\part + X), s11, s7, s4, a0, a1
    .endm

    .macro multiply part, depths
    bring (\part + Y), t3, s8, s5, a2, a3
    add s5, s5, a7
    xor t0, s7, s8              // which of them is held?
    and t0, t0, a6
    xor t1, s7, t0
    xor t2, s8, t0
    command (\part + MULTIPLY), t1, t2, a5, \depths
    advance s8, Y_FIRST
    .endm

    .macro advance slot, first  // to the next slot of a circular buffer
    lw t0, \first + 8(x0)
    lw t1, \first + 4(x0)
    add \slot, \slot, t0
    bne \slot, t1, 8f
    lw \slot, \first(x0)
8:
    .endm

    .macro give_results part
    lw t0, REDUCE(x0)
    lw t1, REDUCE_1(x0)
    command (\part + REDUCTION), t0, t1, x0, x0
    lw t0, WORK(x0)
    lw t1, WORK_1(x0)
    or t0, t0, s9
    set_low 0, t0, t1
    lw t0, WORK_2(x0)
    lw t1, WORK_3(x0)
    set_high 0, t0, t1
    push (\part + CONVERSION)
    lw t0, C_SHAPE(x0)
    lw t1, C_ROWS(x0)
    command (\part + RESULTS), s10, s9, t0, t1
    lw t0, C_STEP(x0)
    add s10, s10, t0
    advance s9, R_FIRST
    .endm

    .text
    .globl _start
_start:
    who t0                      // a second context has nothing to do
    bnez t0, halt
    lw s0, OUTER(x0)
    lw tp, INNER(x0)
    lw s3, X_SOURCE(x0)
    lw s7, X_FIRST(x0)
    lw a0, X_SHAPE(x0)
    lw a1, X_ROWS(x0)
    lw s11, X_IS_FAR(x0)
    lw a4, X_STEP(x0)
    lw s8, Y_FIRST(x0)
    lw a2, Y_SHAPE(x0)
    lw a3, Y_ROWS(x0)
    lw t3, Y_IS_FAR(x0)
    lw a7, Y_STEP(x0)
    lw a5, PRODUCT(x0)
    lw a6, HOLDS_Y(x0)
    lw ra, OPENS(x0)
    lw sp, GOES_ON(x0)
    lw gp, CLOSES(x0)
    lw s9, R_FIRST(x0)
    lw s10, C_TARGET(x0)

#ifdef OUTPUT
    .macro step part, depths
    bring_x \part
    add s4, s4, a4
    multiply \part, \depths
    advance s7, X_FIRST
    .endm

1:  lw s6, Y_SOURCE(x0)         // rows of blocks
    lw s1, MIDDLE(x0)
2:  mv s4, s3                   // blocks
    mv s5, s6
    addi s2, tp, -2
    bltz s2, 4f
    step PROLOGUE, ra
    beqz s2, 4f
3:  step BODY, sp
    addi s2, s2, -1
    bnez s2, 3b
4:  step EPILOGUE, gp
    give_results EPILOGUE
    lw t0, Y_ROW(x0)
    addi s1, s1, -1
    add s6, s6, t0
    bnez s1, 2b
    lw t0, X_ROW(x0)
    addi s0, s0, -1
    add s3, s3, t0
    bnez s0, 1b
#else
    mv s4, s3
1:  bring_x PROLOGUE            // panels
    add s4, s4, a4
    lw s5, Y_SOURCE(x0)
    addi s2, tp, -1
    beqz s2, 4f
3:  multiply BODY, ra           // tiles
    give_results BODY
    addi s2, s2, -1
    bnez s2, 3b
4:  multiply EPILOGUE, ra
    give_results EPILOGUE
    advance s7, X_FIRST
    addi s0, s0, -1
    bnez s0, 1b
#endif
halt:
    ecall
