// Embedding bags: loads the rows that a list of indices names, adds up each bag, stores it.
#include "commands.h"
#define BAGS 4
#define POOLING 10
#define ROW 128

    .text
    .globl _start
_start:
    who s0                      // bag
    la s1, indices
    li a0, 0x10080              // one row of 128 bytes
    li a1, ROW
    li a2, BUFFER_A
    li a3, RESULT
    lui a4, 0x200               // the table
    li a5, POOLING
    li s10, BAGS
#ifdef AUTO
    set_high 0, a0, x0          // slot 0 loads, 1 adds, 2 stores
    set_low 1, a2, a3
    set_high 1, a5, a1
    slli t2, s0, 7
    set_low 2, a3, t2
    set_high 2, a0, x0
    li t3, ROW * N_CONTEXTS
    step_low 2, x0, t3
#endif
each_bag:
    li t0, POOLING * 4
    mul t1, s0, t0
    add t1, t1, s1              // indices of the bag
    add s3, t1, t0              // and where they end
each_row:
    lw t4, 0(t1)
    addi t1, t1, 4
    mul t5, t4, a1
    add t5, t5, a4
#ifdef AUTO
    set_low 0, a2, t5
    push LOAD, 0
#else
    command LOAD, a2, t5, a0, x0
#endif
    bne t1, s3, each_row
#ifdef AUTO
    push SIMD, 1
    push STORE, 2
#else
    command SIMD, a2, a3, a5, a1
    slli t2, s0, 7
    command STORE, a3, t2, a0, x0
#endif
    addi s0, s0, N_CONTEXTS
    blt s0, s10, each_bag
    ecall

    .data
indices:
    .word 17, 4, 99, 1023, 0, 512, 77, 8, 3, 250, 31, 31, 640, 2, 901, 55, 6, 7, 300, 10
    .word 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 12, 24, 48, 96, 192
