"""Columns and codes of the arrays that hold a program and its progress (``archmodel.lowering.program``)."""

# Columns of a command: what it does, what it costs [cycles], what it takes from and adds to circular buffers [tokens].
UNIT, ISSUE, OCCUPANCY, LATENCY, RESOURCE, SERVICE, HOLD, CAST = range(8)
IN_A, NEED_A, POP_A, IN_B, NEED_B, POP_B, OUT, RESERVE, PUSH = range(8, 17)
N_COMMAND_FIELDS = 17
# Columns of the progress of a unit, a core, a buffer, a place in a queue, a token, a request of a PE and of a group.
FREE_AT, DONE_AT, INNER, POS, N_ISSUED, N_STARTED = range(6)
N_UNIT_FIELDS = 6
CORE_FREE_AT, CORE_OUTER, CORE_INNER, CORE_POS = range(4)
N_CORE_FIELDS = 4
N_RESERVED, N_PUSHED, N_CLAIMED, N_POPPED = range(4)
N_BUFFER_FIELDS = 4
STARTED_AT, ISSUED_AT = range(2)
VISIBLE_AT, POPPED_AT, TOKEN_CAUSE = range(3)
N_TOKEN_FIELDS = 3
N_ASKED, N_GRANTED = range(2)
REQUEST_COMMAND, REQUEST_AT, REQUEST_CAUSE = range(3)
N_REQUEST_FIELDS = 3
ASKED_AT, N_MISSING = range(2)
# Stall causes.
DATA, SPACE, ISSUED, ARBITRATION, DRAM_WAIT = range(5)
N_CAUSES = 5
# Resources that requests share: SRAM and DRAM of the chip, and the links between the PEs of one group.
SRAM, DRAM, LINK = range(3)
N_RESOURCES = 3
# Who shares a request: nobody, or the PEs that need the same part of the first operand, the second or the result.
OWN, SAME_A, SAME_B, SAME_C = range(4)
N_CASTS = 4

NONE = -1

# Units of a PE, in the order of arbitration.
PREFETCH, LOAD, MATRIX, REDUCE, SIMD, VECTOR, STORE, WRITE_BACK = range(8)
N_UNITS = 8
