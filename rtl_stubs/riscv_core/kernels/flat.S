// One loop over all tiles of a matrix; row and column of a tile come from a division.
#include "commands.h"
#define TILES 20
#define COLS 6

    .text
    .globl _start
_start:
    li a0, SHAPE
    li a1, 128
    li a2, BUFFER_A
    li a3, COLS
    li a4, 0x3000               // bytes from a row of tiles to the next
    li s1, 0
    li s2, TILES
each_tile:
    divu t0, s1, a3
    remu t1, s1, a3
    mul t2, t0, a4
    slli t3, t1, 7
    add t2, t2, t3
    command LOAD, a2, t2, a0, a1
    addi s1, s1, 1
    bne s1, s2, each_tile
    ecall
