// Matrix product with a panel in place, of b (weight-stationary) or of a (input-stationary): over the panels, load one;
// over the tiles of the other operand: load it, multiply, convert, store.
#include "parameters.h"

    .macro turn part, loads, works
    .if \loads
    command (\part), s8, s5, a2, a3
    add s5, s5, a4
    .endif
    .if \works
    command (\part + 1), s7, s8, a5, a6
    or t0, ra, s9
    command (\part + 2), t0, sp, gp, tp
    command (\part + 3), s10, s9, a0, a1
    lw t0, C_STEP(x0)
    lw t1, R_BYTES(x0)
    lw t2, R_END(x0)
    add s10, s10, t0
    lw t0, R_FIRST(x0)
    add s9, s9, t1
    bne s9, t2, 5f
    mv s9, t0
5:
    .endif
    next s8, s11, t5, t6
    .endm

    .macro program loads, works
    lw s0, OUTER(x0)
    lw s3, X_SOURCE(x0)
    lw t3, X_FIRST(x0)
    lw a7, X_END(x0)
    lw t4, X_BYTES(x0)
    lw a2, Y_SHAPE(x0)
    lw a3, Y_ROWS(x0)
    lw t6, Y_FIRST(x0)
    lw t5, Y_END(x0)
    lw s11, Y_BYTES(x0)
    lw a4, Y_STEP(x0)
    lw a5, PRODUCT(x0)
    lw a6, OPENS(x0)
    lw ra, WORK(x0)
    lw sp, WORK_1(x0)
    lw gp, WORK_2(x0)
    lw tp, WORK_3(x0)
    lw s9, R_FIRST(x0)
    lw s10, C_TARGET(x0)
    lw a0, C_SHAPE(x0)
    lw a1, C_ROWS(x0)
    mv s7, t3
    mv s8, t6
1:                              // panels
    .if \loads
    lw t0, X_SHAPE(x0)
    lw t1, X_ROWS(x0)
    set_low 0, s7, s3
    set_high 0, t0, t1
    push PROLOGUE
    lw t0, X_STEP(x0)
    lw s5, Y_SOURCE(x0)
    add s3, s3, t0
    .endif
    lw s2, INNER(x0)
    addi s2, s2, -1
    beqz s2, 4f
3:  turn BODY, \loads, \works   // tiles
    addi s2, s2, -1
    bnez s2, 3b
4:  turn EPILOGUE, \loads, \works
    next s7, t4, a7, t3
    addi s0, s0, -1
    bnez s0, 1b
    ecall
    .endm

    .text
    .globl _start
_start:
    start
