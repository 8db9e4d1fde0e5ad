// Matrix product, output-stationary: over the blocks of c, row by row; for each, over k: load a, load b, multiply.
#include "parameters.h"

    .macro operands part, depths, loads, works
    .if \loads
    command (\part), s7, s4, a0, a1
    add s4, s4, a4
    command (\part + 1), s8, s5, a2, a3
    add s5, s5, a4
    .endif
    .if \works
    xor t0, s7, s8              // which of them is held?
    and t0, t0, a6
    xor t1, s7, t0
    xor t2, s8, t0
    command (\part + 2), t1, t2, a5, \depths
    .endif
    next s7, t4, a7, t3
    next s8, s11, t5, t6
    .endm

    .macro program loads, works
    lw s0, OUTER(x0)
    lw tp, INNER(x0)
    lw s3, X_SOURCE(x0)
    lw a0, X_SHAPE(x0)
    lw a1, X_ROWS(x0)
    lw t3, X_FIRST(x0)
    lw a7, X_END(x0)
    lw t4, X_BYTES(x0)
    lw a2, Y_SHAPE(x0)
    lw a3, Y_ROWS(x0)
    lw t6, Y_FIRST(x0)
    lw t5, Y_END(x0)
    lw s11, Y_BYTES(x0)
    lw a4, X_STEP(x0)
    lw a5, PRODUCT(x0)
    lw a6, HOLDS_Y(x0)
    lw ra, OPENS(x0)
    lw sp, GOES_ON(x0)
    lw gp, CLOSES(x0)
    lw s9, R_FIRST(x0)
    lw s10, C_TARGET(x0)
    mv s7, t3
    mv s8, t6
1:  lw s6, Y_SOURCE(x0)         // rows of blocks
    lw s1, MIDDLE(x0)
2:  mv s4, s3                   // blocks
    mv s5, s6
    addi s2, tp, -2
    bltz s2, 4f
    operands PROLOGUE, ra, \loads, \works
    beqz s2, 4f
3:  operands BODY, sp, \loads, \works
    addi s2, s2, -1
    bnez s2, 3b
4:  operands EPILOGUE, gp, \loads, \works
    .if \works
    lw t0, WORK(x0)
    lw t1, WORK_1(x0)
    or t0, t0, s9
    set_low 0, t0, t1
    lw t0, WORK_2(x0)
    lw t1, WORK_3(x0)
    set_high 0, t0, t1
    push (EPILOGUE + 3)
    lw t0, C_SHAPE(x0)
    lw t1, C_ROWS(x0)
    set_low 0, s10, s9
    set_high 0, t0, t1
    push (EPILOGUE + 4)
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
    lw t0, Y_ROW(x0)
    addi s1, s1, -1
    add s6, s6, t0
    bnez s1, 2b
    lw t0, X_ROW(x0)
    addi s0, s0, -1
    add s3, s3, t0
    bnez s0, 1b
    ecall
    .endm

    .text
    .globl _start
_start:
    start
