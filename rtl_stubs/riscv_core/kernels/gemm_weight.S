// Matrix product, weight-stationary: a tile of b stays while m runs. c (M x N) = a (M x K) b (K x N), in tiles.
#include "commands.h"
#define M 8
#define N 4
#define K 2

    .text
    .globl _start
_start:
    who s0                      // n
    li a0, SHAPE
    li a1, K * 128
    li a2, BUFFER_A
    li a3, BUFFER_B
    li a4, SUMS
    li a5, RESULT
    li a6, TILE
    li a7, K * TILE             // from a row of tiles to the next, in a
    li s10, N
#ifdef AUTO
    li s9, N * TILE
    set_high 0, a0, a1          // slot 0 loads a, 1 loads b, 2 multiplies, 3 stores
    set_high 1, a0, a1
    step_low 0, x0, a7
    step_low 1, x0, a6
    set_low 2, a2, a3
    set_high 2, a4, x0
    set_high 3, a0, a1
    step_low 3, x0, s9
#endif
each_n:
    lui s3, 0x100               // b: column n
    mul t0, s0, a7
    add s3, s3, t0
    li s1, 0                    // k
#ifdef AUTO
    set_low 1, a3, s3
#endif
each_k:
    slli t1, s1, 12             // a: column k
    li s4, M / UNROLL
#ifdef AUTO
    push LOAD, 1
    set_low 0, a2, t1
each_m:
    .rept UNROLL
    push LOAD, 0
    push MATRIX, 2
    .endr
#else
    command LOAD, a3, s3, a0, a1
    add s3, s3, a6
each_m:
    .rept UNROLL
    command LOAD, a2, t1, a0, a1
    add t1, t1, a7
    command MATRIX, a2, a3, a4, x0
    .endr
#endif
    addi s4, s4, -1
    bnez s4, each_m
    addi s1, s1, 1
    li t0, K
    bne s1, t0, each_k
    slli t2, s0, 12             // c: column n
    li s4, M
#ifdef AUTO
    set_low 3, a5, t2
    repeat STORE, s4, 3
#else
    li t3, N * TILE
each_store:
    command STORE, a5, t2, a0, a1
    add t2, t2, t3
    addi s4, s4, -1
    bnez s4, each_store
#endif
    addi s0, s0, N_CONTEXTS
    blt s0, s10, each_n
    ecall
