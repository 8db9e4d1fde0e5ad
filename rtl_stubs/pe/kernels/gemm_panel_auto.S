// Matrix product with a panel in place, with auto-increment: the same as gemm_panel.S for circular buffers of two tokens.
//
// Each place of a circular buffer has a slot of the core with its words, which advance by two steps at a time: 0, 1 load
// tiles; 2, 3 multiply; 4, 5 convert; 6, 7 store; 8 loads panels. The code is there twice, once for each place.
#include "parameters.h"

    .macro begin phase, other, loads, works     // a panel
    .if \loads
    set_low 8, s7, s3
    push PROLOGUE, 8
    add s3, s3, s4
    .if \phase
    set_low 1, a3, t6
    set_low 0, a2, t5
    .else
    set_low 0, a2, t6
    set_low 1, a3, t5
    .endif
    .endif
    .if \works
    set_low 2, s7, a2
    set_low 3, s7, a3
    .endif
    sub s7, s8, s7
    mv s2, tp
    beqz s2, 3\phase\()f
    j 2\phase\()f
    .endm

    .macro turn part, phase, loads, works
    .if \phase
    one \part, 1, 3, 5, 7, \loads, \works
    .else
    one \part, 0, 2, 4, 6, \loads, \works
    .endif
    .endm

    .macro one part, tile, product, work, result, loads, works
    .if \loads
    push (\part), \tile
    .endif
    .if \works
    push (\part + 1), \product
    push (\part + 2), \work
    push (\part + 3), \result
    .endif
    .endm

    .macro program loads, works
    lw s0, OUTER(x0)
    lw tp, INNER(x0)
    lw s7, X_FIRST(x0)
    addi tp, tp, -1
    lw t0, X_BYTES(x0)
    lw a2, Y_FIRST(x0)
    add s8, s7, s7
    add s8, s8, t0              // sum of both places: one of them, and the other one
    lw t1, Y_BYTES(x0)
    lw t0, Y_STEP(x0)
    add a3, a2, t1
    .if \loads
    lw t6, Y_SOURCE(x0)
    lw s3, X_SOURCE(x0)
    add t5, t6, t0
    slli t2, t0, 1
    lw s4, X_STEP(x0)
    lw t0, Y_SHAPE(x0)
    lw t1, Y_ROWS(x0)
    step_low 0, x0, t2
    step_low 1, x0, t2
    set_high 0, t0, t1
    set_high 1, t0, t1
    lw t0, X_SHAPE(x0)
    lw t1, X_ROWS(x0)
    set_high 8, t0, t1
    .endif
    .if \works
    lw t0, PRODUCT(x0)
    lw t1, OPENS(x0)
    lw t2, R_FIRST(x0)
    set_high 2, t0, t1
    set_high 3, t0, t1
    lw t0, WORK_2(x0)
    lw t1, WORK_3(x0)
    lw t3, R_BYTES(x0)
    set_high 4, t0, t1
    set_high 5, t0, t1
    lw t0, WORK(x0)
    lw t1, WORK_1(x0)
    add t3, t2, t3              // places of results: t2, t3
    or t4, t0, t2
    set_low 4, t4, t1
    or t4, t0, t3
    set_low 5, t4, t1
    lw t0, C_SHAPE(x0)
    lw t1, C_ROWS(x0)
    lw t4, C_STEP(x0)
    set_high 6, t0, t1
    set_high 7, t0, t1
    lw t0, C_TARGET(x0)
    slli t1, t4, 1
    step_low 6, t1, x0
    step_low 7, t1, x0
    set_low 6, t0, t2
    add t0, t0, t4
    set_low 7, t0, t3
    .endif
10: begin 0, 1, \loads, \works
11: begin 1, 0, \loads, \works
20: turn BODY, 0, \loads, \works
    addi s2, s2, -1
    beqz s2, 31f
21: turn BODY, 1, \loads, \works
    addi s2, s2, -1
    bnez s2, 20b
30: turn EPILOGUE, 0, \loads, \works
    addi s0, s0, -1
    bnez s0, 11b
    ecall
31: turn EPILOGUE, 1, \loads, \works
    addi s0, s0, -1
    bnez s0, 10b
    ecall
    .endm

    .text
    .globl _start
_start:
    start
