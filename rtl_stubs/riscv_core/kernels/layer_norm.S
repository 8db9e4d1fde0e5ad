// Layer norm of rows: load, mean, difference, mean of squares, inverse root, product, scale and offset, store.
#include "commands.h"
#define ROWS 12

    .text
    .globl _start
_start:
    la s1, lengths              // bytes of each row, which is how far the next one is
    li a0, 0x10000              // one row
    li a2, BUFFER_A
    li a3, BUFFER_B
    li a4, SUMS
    li a5, RESULT
    li a7, 8                    // first of the functions
    li s2, 0
    lui s3, 0x100
    li s4, ROWS
#ifdef AUTO
    li t6, 6
    li t5, 1
    set_low 1, a2, a3           // slot 0 loads, 1 works, 2 stores
    step_high 1, t5, x0
#endif
each_row:
    lw t0, 0(s1)
    addi s1, s1, 4
    add t1, a0, t0
#ifdef AUTO
    set_low 0, a2, s2
    set_high 0, t1, x0
    push LOAD, 0
    set_high 1, a7, t0
    repeat SIMD, t6, 1
    set_low 2, a5, s3
    set_high 2, t1, x0
    push STORE, 2
#else
    command LOAD, a2, s2, t1, x0
    mv t2, a7
    .rept 6
    command SIMD, a2, a3, t2, t0
    addi t2, t2, 1
    .endr
    command STORE, a5, s3, t1, x0
#endif
    add s2, s2, t0
    add s3, s3, t0
    addi s4, s4, -1
    bnez s4, each_row
    ecall

    .data
lengths:
    .word 512, 512, 256, 1024, 512, 64, 512, 768, 512, 512, 128, 512
