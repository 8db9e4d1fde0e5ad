// Matrix product, input-stationary: a tile of a stays while n runs. c (M x N) = a (M x K) b (K x N), in tiles.
#include "commands.h"
#define M 4
#define N 6
#define K 3

    .text
    .globl _start
_start:
    who s0                      // m
    li a0, SHAPE
    li a1, N * 128
    li a2, BUFFER_A
    li a3, BUFFER_B
    li a4, SUMS
    li a5, RESULT
    li a6, TILE
    li s10, M
    li s11, K
    li s2, 0                    // a: tiles follow one another
#ifdef CONTEXTS
    li t0, K * TILE
    mul s2, s0, t0
#endif
#ifdef AUTO
    set_low 0, a2, s2           // slot 0 loads a, 1 loads b, 2 multiplies, 3 stores
    set_high 0, a0, a1
    step_low 0, x0, a6
    set_high 1, a0, a1
    step_low 1, x0, a6
    set_low 2, a2, a3
    set_high 2, a4, x0
    set_high 3, a0, a1
    step_low 3, x0, a6
#endif
each_m:
    lui s3, 0x100               // b: all its tiles
    li s1, 0                    // k
#ifdef AUTO
    set_low 1, a3, s3
#endif
each_k:
    li s4, N / UNROLL
#ifdef AUTO
    push LOAD, 0
each_n:
    .rept UNROLL
    push LOAD, 1
    push MATRIX, 2
    .endr
#else
    command LOAD, a2, s2, a0, a1
    add s2, s2, a6
each_n:
    .rept UNROLL
    command LOAD, a3, s3, a0, a1
    add s3, s3, a6
    command MATRIX, a2, a3, a4, x0
    .endr
#endif
    addi s4, s4, -1
    bnez s4, each_n
    addi s1, s1, 1
    bne s1, s11, each_k
    li s4, N
    li t2, N * TILE             // c: row m
    mul t2, t2, s0
#ifdef AUTO
    set_low 3, a5, t2
    repeat STORE, s4, 3
#else
each_store:
    command STORE, a5, t2, a0, a1
    add t2, t2, a6
    addi s4, s4, -1
    bnez s4, each_store
#endif
#ifdef CONTEXTS
    li t0, K * TILE             // the rows between are those of the other context
    add s2, s2, t0
#ifdef AUTO
    set_low 0, a2, s2
#endif
#endif
    addi s0, s0, N_CONTEXTS
    blt s0, s10, each_m
    ecall
