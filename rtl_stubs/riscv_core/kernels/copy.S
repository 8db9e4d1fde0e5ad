// Copies rows: a load and a store each.
#include "commands.h"
#define ROWS 48

    .text
    .globl _start
_start:
    li a0, SHAPE
    li a1, 128
    li a2, BUFFER_A
    li a6, TILE
    li s2, 0
    lui s3, 0x100
    li s4, ROWS / UNROLL
#ifdef AUTO
    set_low 0, a2, s2           // slot 0 loads, 1 stores
    set_high 0, a0, a1
    step_low 0, x0, a6
    set_low 1, a2, s3
    set_high 1, a0, a1
    step_low 1, x0, a6
    li s4, ROWS / 4
    li s5, 4                    // as many as the buffer has room for
each_row:
    repeat LOAD, s5, 0
    repeat STORE, s5, 1
#else
each_row:
    .rept UNROLL
    command LOAD, a2, s2, a0, a1
    add s2, s2, a6
    command STORE, a2, s3, a0, a1
    add s3, s3, a6
    .endr
#endif
    addi s4, s4, -1
    bnez s4, each_row
    ecall
