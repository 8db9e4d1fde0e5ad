"""Law of the command processor. Contract: *When a command starts* in ``docs/methods/timing.md``.

The event engine (`archmodel.kernels.event_engine`) follows one core per PE and any order of dependencies; this law
follows one or two cores, whose commands wait for nothing that comes later in their own program.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.compile import kernel
from archmodel.kernels.program import (
    IN_A,
    IN_B,
    ISSUE,
    LATENCY,
    NEED_A,
    NEED_B,
    NONE,
    OCCUPANCY,
    OUT,
    POP_A,
    POP_B,
    PUSH,
    RESERVE,
    RESOURCE,
    SERVICE,
    UNIT,
)

_FAR = 1 << 62


@kernel
def next_to_issue(
    queue_depth: int, commands: Any, first: Any, at: Any, core_free_at: Any, last_issued: int, turn: int,
    queue: Any, n_issued: Any, started: Any,
) -> Any:  # fmt: skip
    """Which core hands over the next command, and the cycle from which that may start; returns (core, cycle).

    Parameters
    ----------
    queue_depth : int
        Commands that wait in front of a unit.
    commands : ndarray (C, 17) int64
        Of all cores.
    first : ndarray (N + 1,) int64
        Where the commands of each core begin, and where the last ones end.
    at, core_free_at : ndarray (N,) int64
        Next command of each core, and the cycle in which its last one was issued.
    last_issued : int
        Cycle in which any core issued its last command.
    turn : int
        Core that goes first if both can hand over.
    queue : ndarray (U, C) int64
        Commands of each unit in the order of issue.
    n_issued : ndarray (U,) int64
        How many there are.
    started : ndarray (C,) int64
        When they started [cycles].
    """
    issued, core = _FAR, 0
    for offering in range(at.size):
        c = at[offering]
        if c == first[offering + 1]:
            continue
        could, u = max(core_free_at[offering] + commands[c, ISSUE], last_issued + 1), commands[c, UNIT]
        if n_issued[u] >= queue_depth:
            could = max(could, started[queue[u, n_issued[u] - queue_depth]] + 1)
        if could < issued or (could == issued and offering == turn):
            issued, core = could, offering
    return core, issued


@kernel
def process_commands(
    queue_depth: int, under_way: int, capacity: Any, commands: Any, first: Any, n_units: int,
    out_order: Any, out_issued: Any, out_started: Any, out_ended: Any, out_visible: Any,
) -> int:  # fmt: skip
    """Cycles in which the commands of all cores are issued, start, end and have visible results.

    Model
    -----
    A core hands a command over ``issue`` cycles after the one before, or when the queue of its unit has a place;
    cores that can do so in the same cycle take turns. A command starts at the latest of: the cycle in which it is
    issued, the end of the occupancy of the command before on its unit, the visibility of its tokens, the end of
    those who free its space, and the visibility of the result of the command ``under_way`` places before::

        ended = max(start + occupancy, served)      visible = ended + latency

    where a server of the unit's own serves one command after the other. Commands are visited in the order in which they
    are issued, and none waits for a later one, so that each is visited once.

    Parameters
    ----------
    queue_depth : int
        Commands that wait in front of a unit.
    under_way : int
        Commands of a unit that have started and are not visible, at most.
    capacity : ndarray (B,) int64
        Tokens of each buffer; it is filled by one unit and emptied by one.
    commands : ndarray (C, 17) int64
        Of all cores, one core after the other, as in ``archmodel.kernels.program``; to issue one takes a cycle or more.
    first : ndarray (N + 1,) int64
        Where the commands of each of one or two cores begin, and where the last ones end.
    n_units : int
        Units.
    out_order : ndarray (C,) int64
        Commands in the order in which they are issued.
    out_issued, out_started, out_ended, out_visible : ndarray (C,) int64
        Cycles of each command.

    Returns
    -------
    int
        How many starts were held up by commands under way.

    Sources
    -------
    Follows from the rules in ``rtl_stubs/command_processor/README.md``: those of ``docs/methods/timing.md``, with a
    second core and a limit to what is under way.
    """
    n = commands.shape[0]
    n_tokens = 1 + np.sum(commands[:, PUSH]) + np.sum(commands[:, POP_A]) + np.sum(commands[:, POP_B])
    pushed_at, popped_at = np.zeros((capacity.size, n_tokens), np.int64), np.zeros((capacity.size, n_tokens), np.int64)
    counts = np.zeros((capacity.size, 4), np.int64)  # reserved, pushed, claimed, popped
    queue, n_issued = np.zeros((n_units, n), np.int64), np.zeros(n_units, np.int64)
    free_at, served_at = np.zeros(n_units, np.int64), np.zeros(n_units, np.int64)
    at, core_free_at = first[:-1].copy(), np.zeros(first.size - 1, np.int64)
    last_issued, turn, n_held = 0, 0, 0
    for i in range(n):
        core, issued = next_to_issue(
            queue_depth, commands, first, at, core_free_at, last_issued, turn, queue, n_issued, out_started
        )
        c = at[core]
        at[core] += 1
        core_free_at[core], last_issued, turn = issued, issued, 1 - core
        command, u = commands[c], commands[c, UNIT]
        start = max(issued, free_at[u])
        for taken, needed, popped in ((IN_A, NEED_A, POP_A), (IN_B, NEED_B, POP_B)):
            b = command[taken]
            if b != NONE:
                start = max(start, pushed_at[b, counts[b, 2] + command[needed] - 1])
                counts[b, 2] += command[popped]
        b = command[OUT]
        if b != NONE and command[RESERVE] > 0:
            counts[b, 0] += command[RESERVE]
            if counts[b, 0] > capacity[b]:
                start = max(start, popped_at[b, counts[b, 0] - capacity[b] - 1])
        k = n_issued[u]
        if k >= under_way and out_visible[queue[u, k - under_way]] > start:
            start = out_visible[queue[u, k - under_way]]
            n_held += 1
        queue[u, k] = c
        n_issued[u] = k + 1
        free_at[u] = ended = start + command[OCCUPANCY]
        if command[RESOURCE] != NONE:
            served_at[u] = max(start, served_at[u]) + command[SERVICE]
            ended = max(ended, served_at[u])
        visible = ended + command[LATENCY]
        for taken, popped in ((IN_A, POP_A), (IN_B, POP_B)):
            b = command[taken]
            if b != NONE:
                for k in range(counts[b, 3], counts[b, 3] + command[popped]):
                    popped_at[b, k] = ended
                counts[b, 3] += command[popped]
        b = command[OUT]
        if b != NONE:
            for k in range(counts[b, 1], counts[b, 1] + command[PUSH]):
                pushed_at[b, k] = visible
            counts[b, 1] += command[PUSH]
        out_order[i] = c
        out_issued[c], out_started[c], out_ended[c], out_visible[c] = issued, start, ended, visible
    return n_held
