// Gathers a block out of an array of three dimensions: three loops around a load.
#include "commands.h"
#define PLANES 3
#define ROWS 4
#define COLS 8

    .text
    .globl _start
_start:
    li a0, SHAPE
    li a1, 0x4000
    li a2, BUFFER_A
    li a6, 128
    lui a7, 0x10                // from plane to plane
    li s2, 0
    li s5, PLANES
#ifdef AUTO
    set_high 0, a0, a1
    step_low 0, x0, a6
    li t4, COLS
#endif
each_plane:
    mv s3, s2
    li s6, ROWS
each_row:
#ifdef AUTO
    set_low 0, a2, s3
    repeat LOAD, t4, 0
#else
    mv t1, s3
    li s7, COLS
each_col:
    command LOAD, a2, t1, a0, a1
    add t1, t1, a6
    addi s7, s7, -1
    bnez s7, each_col
#endif
    add s3, s3, a1
    addi s6, s6, -1
    bnez s6, each_row
    add s2, s2, a7
    addi s5, s5, -1
    bnez s5, each_plane
    ecall
