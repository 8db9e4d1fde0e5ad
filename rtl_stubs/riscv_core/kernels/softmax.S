// Softmax of rows: load, largest, exponential of the difference, sum, reciprocal, product, store.
#include "commands.h"
#define ROWS 16

    .text
    .globl _start
_start:
    li a0, SHAPE
    li a1, 128
    li a2, BUFFER_A
    li a3, BUFFER_B
    li a4, SUMS
    li a5, RESULT
    li a6, 512                  // bytes of a row
    li a7, 1                    // functions: 1 largest, 2 exponential, 3 sum, 4 reciprocal, 5 product
    li t3, 2
    li t4, 3
    li t5, 4
    li t6, 5
    li s2, 0
    lui s3, 0x100
    li s4, ROWS
#ifdef AUTO
    set_low 0, a2, s2           // slot 0 loads, 1 works, 2 stores; the function is what advances
    set_high 0, a0, a1
    step_low 0, x0, a6
    set_low 1, a2, a3
    step_high 1, a7, x0
    set_low 2, a5, s3
    set_high 2, a0, a1
    step_low 2, x0, a6
each_row:
    push LOAD, 0
    set_high 1, a7, a6
    repeat SIMD, t6, 1
    push STORE, 2
#else
each_row:
    command LOAD, a2, s2, a0, a1
    add s2, s2, a6
    command SIMD, a2, a4, a7, a6
    command SIMD, a2, a3, t3, a6
    command SIMD, a3, a4, t4, a6
    command SIMD, a4, a4, t5, a6
    command SIMD, a3, a5, t6, a6
    command STORE, a5, s3, a0, a1
    add s3, s3, a6
#endif
    addi s4, s4, -1
    bnez s4, each_row
    ecall
