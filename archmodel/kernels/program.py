"""Columns and codes of the arrays that hold a program and its progress (``archmodel.lowering``)."""

from __future__ import annotations

import numpy as np

# Columns of a command: what it does, what it costs [cycles], what it takes from and adds to circular buffers [tokens].
UNIT, ISSUE, OCCUPANCY, LATENCY, RESOURCE, SERVICE, HOLD, CAST = range(8)
IN_A, NEED_A, POP_A, IN_B, NEED_B, POP_B, OUT, RESERVE, PUSH = range(8, 17)
N_COMMAND_FIELDS = 17
LANE = CAST  # in a pack: requests of one unit to one resource with one cast are granted in order
# Columns of the progress of a unit, a core, a buffer, a place in a queue, a token, a lane, a request of a PE and of a
# group, and of a group itself and a place in the line for a resource.
FREE_AT, DONE_AT, N_ISSUED, N_STARTED = range(4)
N_UNIT_FIELDS = 4
CORE_FREE_AT, CORE_OUTER, CORE_INNER, CORE_POS, CORE_WAITS_FOR = range(5)
N_CORE_FIELDS = 5
# A buffer counts tokens and knows, a bit each, the units that wait for tokens and for space.
N_RESERVED, N_PUSHED, N_CLAIMED, N_POPPED, WAITING_TAKERS, WAITING_GIVERS = range(6)
N_BUFFER_COUNTS = 4
N_BUFFER_FIELDS = 6
STARTED_AT, ISSUED_AT, QUEUED_COMMAND = range(3)
N_QUEUE_FIELDS = 3
VISIBLE_AT, POPPED_AT, TOKEN_CAUSE = range(3)
N_TOKEN_FIELDS = 3
N_ASKED, ASKS_SLOT = range(2)
N_ASK_FIELDS = 2
REQUEST_AT, REQUEST_CAUSE, REQUEST_EVENT = range(3)
N_REQUEST_FIELDS = 3
ASKED_AT, N_MISSING, SLOT_COMMAND = range(3)
N_SLOT_FIELDS = 3
N_MEMBERS, SLOT_LANE, FIRST_MEMBER, SLOT_SERVER = range(4)
WAITS_SINCE, WAITING_SLOT = range(2)
N_WAIT_FIELDS = 2
# Columns of a row of a record: a command from its being issued until its result is visible, and what it waited for. Or
# repeats that were skipped (no command): for how long, how many turns of a loop and commands, and for how many cycles
# they keep the unit busy. Shared resources follow on the units.
EVENT_PE, EVENT_UNIT, EVENT_COMMAND, EVENT_ISSUED_AT, EVENT_STARTED_AT, EVENT_FREE_AT = range(6)
EVENT_GRANTED_AT, EVENT_ENDED_AT, EVENT_VISIBLE_AT, EVENT_CAUSE = range(6, 10)
EVENT_TURNS, EVENT_COMMANDS, EVENT_BUSY = range(10, 13)
N_EVENT_FIELDS = 13
# What a record says of itself: rows written, those for which there was no room, and the earliest cycle of these.
N_ROWS, N_LOST, LOST_FROM = range(3)
N_RECORD_COUNTS = 3
# Stall causes.
DATA, SPACE, ISSUED, ARBITRATION, DRAM_WAIT = range(5)
N_CAUSES = 5
# Resources that requests share: SRAM and DRAM of the chip, its link to the host, and the links between the PEs of one
# group. Each is a server of the same number; further ports of the SRAM are servers behind these.
SRAM, DRAM, HOST, LINK = range(4)
N_RESOURCES = 4
# Who shares a request: nobody, or the PEs that need the same part of the first operand, the second or the result.
OWN, SAME_A, SAME_B, SAME_C = range(4)

NONE = -1

# Units of a PE, in the order of arbitration.
PREFETCH, LOAD, MATRIX, REDUCE, SIMD, VECTOR, LAYOUT, NETWORK, STORE, WRITE_BACK = range(10)
N_UNITS = 10


def _row(**columns: int) -> np.dtype[np.void]:
    """Type of a row of an array of integers: a bare pointer, with no index to be checked; columns by their names."""
    return np.dtype((np.record, [(name, np.int64) for name in sorted(columns, key=columns.__getitem__)]))


COMMAND_ROW = _row(
    unit=UNIT, issue=ISSUE, occupancy=OCCUPANCY, latency=LATENCY, resource=RESOURCE, service=SERVICE, hold=HOLD,
    lane=LANE, in_a=IN_A, need_a=NEED_A, pop_a=POP_A, in_b=IN_B, need_b=NEED_B, pop_b=POP_B, out=OUT, reserve=RESERVE,
    push=PUSH,
)  # fmt: skip
UNIT_ROW = _row(free_at=FREE_AT, done_at=DONE_AT, n_issued=N_ISSUED, n_started=N_STARTED)
CORE_ROW = _row(
    free_at=CORE_FREE_AT, outer=CORE_OUTER, inner=CORE_INNER, pos=CORE_POS, waits_for=CORE_WAITS_FOR
)  # fmt: skip
BUFFER_ROW = _row(
    n_reserved=N_RESERVED, n_pushed=N_PUSHED, n_claimed=N_CLAIMED, n_popped=N_POPPED, waiting_takers=WAITING_TAKERS,
    waiting_givers=WAITING_GIVERS,
)  # fmt: skip
QUEUED_ROW = _row(started_at=STARTED_AT, issued_at=ISSUED_AT, command=QUEUED_COMMAND)
TOKEN_ROW = _row(visible_at=VISIBLE_AT, popped_at=POPPED_AT, cause=TOKEN_CAUSE)
ASK_ROW = _row(n_asked=N_ASKED, slot=ASKS_SLOT)
REQUEST_ROW = _row(at=REQUEST_AT, cause=REQUEST_CAUSE, row=REQUEST_EVENT)
SLOT_ROW = _row(asked_at=ASKED_AT, n_missing=N_MISSING, command=SLOT_COMMAND)
GROUP_ROW = _row(n_members=N_MEMBERS, lane=SLOT_LANE, first_member=FIRST_MEMBER, server=SLOT_SERVER)
WAIT_ROW = _row(since=WAITS_SINCE, slot=WAITING_SLOT)
EVENT_ROW = _row(
    pe=EVENT_PE, unit=EVENT_UNIT, command=EVENT_COMMAND, issued_at=EVENT_ISSUED_AT, started_at=EVENT_STARTED_AT,
    free_at=EVENT_FREE_AT, granted_at=EVENT_GRANTED_AT, ended_at=EVENT_ENDED_AT, visible_at=EVENT_VISIBLE_AT,
    cause=EVENT_CAUSE, turns=EVENT_TURNS, commands=EVENT_COMMANDS, busy=EVENT_BUSY,
)  # fmt: skip
