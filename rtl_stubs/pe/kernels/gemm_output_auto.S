// Matrix product, output-stationary, with auto-increment: the same as gemm_output.S for circular buffers of two tokens.
//
// Each place of a circular buffer has a slot of the core with its words, which advance by two steps at a time: 0, 1 load a;
// 2, 3 load b; 4, 5 multiply. The code is there twice, for the step that comes into one place and for the other one.
#include "parameters.h"

    .macro begin phase, other, loads, works     // a block of c
    .if \loads
    add t0, s3, a4
    add t1, s6, a4
    .if \phase
    set_low 1, a1, s3
    set_low 0, a0, t0
    set_low 3, a3, s6
    set_low 2, a2, t1
    .else
    set_low 0, a0, s3
    set_low 1, a1, t0
    set_low 2, a2, s6
    set_low 3, a3, t1
    .endif
    .endif
    addi s2, tp, -2
    bltz s2, 3\phase\()f
    depths \phase, ra, \works
    operands PROLOGUE, \phase, \loads, \works
    beqz s2, 3\other\()f
    depths 0, sp, \works
    depths 1, sp, \works
    j 2\other\()f
    .endm

    .macro depths phase, word3, works
    .if \works
    .if \phase
    set_high 5, a5, \word3
    .else
    set_high 4, a5, \word3
    .endif
    .endif
    .endm

    .macro operands part, phase, loads, works
    .if \phase
    one \part, 1, 3, 5, \loads, \works
    .else
    one \part, 0, 2, 4, \loads, \works
    .endif
    .endm

    .macro one part, a, b, product, loads, works
    .if \loads
    push (\part), \a
    push (\part + 1), \b
    .endif
    .if \works
    push (\part + 2), \product
    .endif
    .endm

    .macro finish phase, other, loads, works
    depths \phase, gp, \works
    operands EPILOGUE, \phase, \loads, \works
    .if \works
    or t0, t3, s9
    set_low 6, t0, t4
    push (EPILOGUE + 3), 6
    set_low 7, s10, s9
    push (EPILOGUE + 4), 7
    add s10, s10, t5
    sub s9, s8, s9
    .endif
    add s6, s6, s5
    addi s1, s1, -1
    bnez s1, 1\other\()b
    mv s1, s7
    mv s6, t6
    add s3, s3, s4
    addi s0, s0, -1
    bnez s0, 1\other\()b
    .endm

    .macro program loads, works
    lw s0, OUTER(x0)
    lw s7, MIDDLE(x0)
    lw tp, INNER(x0)
    lw s3, X_SOURCE(x0)
    lw s4, X_ROW(x0)
    lw t6, Y_SOURCE(x0)
    lw s5, Y_ROW(x0)
    lw a4, X_STEP(x0)
    lw a0, X_FIRST(x0)
    lw t0, X_BYTES(x0)
    lw a2, Y_FIRST(x0)
    add a1, a0, t0
    lw t1, Y_BYTES(x0)
    mv s1, s7
    mv s6, t6
    add a3, a2, t1
    .if \loads
    lw t0, X_SHAPE(x0)
    lw t1, X_ROWS(x0)
    slli t2, a4, 1
    set_high 0, t0, t1
    set_high 1, t0, t1
    lw t0, Y_SHAPE(x0)
    lw t1, Y_ROWS(x0)
    step_low 0, x0, t2
    step_low 1, x0, t2
    set_high 2, t0, t1
    set_high 3, t0, t1
    step_low 2, x0, t2
    step_low 3, x0, t2
    .endif
    .if \works
    lw t2, HOLDS_Y(x0)
    xor t0, a0, a2              // which of them is held?
    and t0, t0, t2
    xor t1, a0, t0
    xor t0, a2, t0
    set_low 4, t1, t0
    xor t0, a1, a3
    and t0, t0, t2
    xor t1, a1, t0
    xor t0, a3, t0
    set_low 5, t1, t0
    lw t0, WORK_2(x0)
    lw t1, WORK_3(x0)
    lw t3, WORK(x0)
    set_high 6, t0, t1
    lw t0, C_SHAPE(x0)
    lw t1, C_ROWS(x0)
    lw t4, WORK_1(x0)
    set_high 7, t0, t1
    lw t5, C_STEP(x0)
    lw s9, R_FIRST(x0)
    lw t0, R_BYTES(x0)
    lw s10, C_TARGET(x0)
    add s8, s9, s9
    add s8, s8, t0              // sum of both places: one of them, and the other one
    lw a5, PRODUCT(x0)
    lw ra, OPENS(x0)
    lw sp, GOES_ON(x0)
    lw gp, CLOSES(x0)
    .endif
10: begin 0, 1, \loads, \works
11: begin 1, 0, \loads, \works
20: operands BODY, 0, \loads, \works
    addi s2, s2, -1
    beqz s2, 31f
21: operands BODY, 1, \loads, \works
    addi s2, s2, -1
    bnez s2, 20b
30: finish 0, 1, \loads, \works
    ecall
31: finish 1, 0, \loads, \works
    ecall
    .endm

    .text
    .globl _start
_start:
    start
