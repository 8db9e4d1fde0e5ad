// Matrix product, output-stationary: the sums of a tile stay while k runs. c (M x N) = a (M x K) b (K x N), in tiles.
#include "commands.h"
#define M 4
#define N 2
#define K 8

    .text
    .globl _start
_start:
    who s0                      // m
    li a0, SHAPE
    li a1, K * 128              // bytes from row to row
    li a2, BUFFER_A
    li a3, BUFFER_B
    li a4, SUMS
    li a5, RESULT
    li a6, TILE
    li s10, M
    li s11, N
#ifdef AUTO
    set_high 0, a0, a1          // slot 0 loads a, 1 loads b, 2 multiplies, 3 converts and stores
    set_high 1, a0, a1
    step_low 0, x0, a6
    step_low 1, x0, a6
    set_low 2, a2, a3
    set_high 2, a4, x0
    set_high 3, a0, a1
#endif
each_m:
    li t0, K * TILE
    mul s2, s0, t0              // a: row m
    lui s3, 0x100               // b: from the first column on
    li s1, 0                    // n
each_n:
    li s4, K / UNROLL
#ifdef AUTO
    set_low 0, a2, s2
    set_low 1, a3, s3
each_k:
    .rept UNROLL
    push LOAD, 0
    push LOAD, 1
    push MATRIX, 2
    .endr
    addi s4, s4, -1
    bnez s4, each_k
    set_low 3, a4, a5
    push SIMD, 3
#else
    mv t1, s2
each_k:
    .rept UNROLL
    command LOAD, a2, t1, a0, a1
    add t1, t1, a6
    command LOAD, a3, s3, a0, a1
    add s3, s3, a6
    command MATRIX, a2, a3, a4, x0
    .endr
    addi s4, s4, -1
    bnez s4, each_k
    command SIMD, a4, a5, a0, a1
#endif
    li t2, N * TILE             // c: row m, column n
    mul t2, t2, s0
    slli t3, s1, 12
    add t2, t2, t3
#ifdef AUTO
    set_low 3, a5, t2
    push STORE, 3
    li t3, K * TILE
    add s3, s3, t3
#else
    command STORE, a5, t2, a0, a1
#endif
    addi s1, s1, 1
    bne s1, s11, each_n
    addi s0, s0, N_CONTEXTS
    blt s0, s10, each_m
    ecall
