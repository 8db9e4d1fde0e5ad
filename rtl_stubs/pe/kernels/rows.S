// Any program (prologue, INNER times body, epilogue), OUTER times, whose commands come round: rows of tensors, circular
// slots. A command has a record: a place in the ring of its four words, the ends of that ring, steps of words 0 and 1.
// Each time a command is pushed, its words in the ring advance by the steps, and the next time those behind are used.
#include "../../riscv_core/kernels/commands.h"
#define PROLOGUE 0
#define BODY 16
#define EPILOGUE 32
#define MOST 12                 // commands of a part; those that are there are the last ones

#define OUTER 0
#define INNER 4
#define N_PROLOGUE 8            // commands of each part
#define N_BODY 12
#define N_EPILOGUE 16
#define RECORDS 64              // place, end and beginning of the ring, steps of words 0 and 1
#define RECORD 20

    .macro one kind
    lw t0, RECORDS + RECORD * (\kind)(x0)
    lw t1, RECORDS + RECORD * (\kind) + 16(x0)
    lw a0, 0(t0)
    lw a1, 4(t0)
    lw a2, 8(t0)
    lw a3, 12(t0)
    set_low 0, a0, a1
    set_high 0, a2, a3
    push (\kind)
    lw t2, RECORDS + RECORD * (\kind) + 12(x0)
    add a1, a1, t1
    lw t1, RECORDS + RECORD * (\kind) + 4(x0)
    add a0, a0, t2
    lw t2, RECORDS + RECORD * (\kind) + 8(x0)
    sw a0, 0(t0)
    sw a1, 4(t0)
    addi t0, t0, 16
    bne t0, t1, 1f
    mv t0, t2
1:  sw t0, RECORDS + RECORD * (\kind)(x0)
    .endm
#define SIZE 80                 // bytes of it

    .macro part first
    .set kind, \first
    .rept MOST
    one kind
    .set kind, kind + 1
    .endr
    .endm

    .macro entry register, count, end
    lw t1, \count(x0)
    la t0, \end
    mul t1, t1, t2
    sub \register, t0, t1
    .endm

    .text
    .globl _start
_start:
    who t0                      // a second context has nothing to do
    bnez t0, halt
    li t2, SIZE
    entry s3, N_PROLOGUE, end_of_prologue
    entry s4, N_BODY, end_of_body
    entry s5, N_EPILOGUE, end_of_epilogue
    lw s0, OUTER(x0)
each_turn:
    lw s1, INNER(x0)
    jr s3
    part PROLOGUE
end_of_prologue:
    beqz s1, last
each_step:
    jr s4
    part BODY
end_of_body:
    addi s1, s1, -1
    bnez s1, each_step
last:
    jr s5
    part EPILOGUE
end_of_epilogue:
    addi s0, s0, -1
    bnez s0, each_turn
halt:
    ecall
