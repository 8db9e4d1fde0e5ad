"""Commands as the event engine takes them: whether they can run, what one PE among all sees, lanes of requests."""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.compile import kernel
from archmodel.kernels.program import (
    CAST,
    HOLD,
    IN_A,
    IN_B,
    ISSUE,
    LANE,
    LINK,
    N_RESOURCES,
    NONE,
    OCCUPANCY,
    OUT,
    OWN,
    PUSH,
    RESERVE,
    RESOURCE,
    SERVICE,
    SRAM,
    UNIT,
)

N_CASTS = 4


@kernel
def can_run(commands: Any, loops: Any, capacity: Any, most_tokens: int) -> bool:
    """Whether nothing in a program keeps a command from ever running, or buffers from being as they were at the end.

    Model
    -----
    There are commands, and none takes a negative time, frees more tokens than it needs, or handles more than a buffer
    holds. Who asks for a shared resource frees or takes space in a buffer, which limits how often at a time. In a turn,
    commands add as many tokens to each buffer as they take space for.

    Parameters
    ----------
    commands : ndarray (C, 17) int64
        Columns as in ``archmodel.kernels.program``.
    loops : ndarray (5,) int64
        Commands of prologue, body and epilogue; inner and outer repeats.
    capacity : ndarray (B,) int64
        Tokens of each buffer.
    most_tokens : int
        That a buffer may have.

    Sources
    -------
    Follows from what commands take and give: ``docs/methods/timing.md``.
    """
    balance, n_body_end = np.zeros(capacity.size, np.int64), loops[0] + loops[1]
    for b in range(capacity.size):
        if not 1 <= capacity[b] <= most_tokens:
            return False
    for c in range(commands.shape[0]):
        if min(commands[c, ISSUE], commands[c, OCCUPANCY], commands[c, SERVICE]) < 0:
            return False
        limit = 0
        for taken in (IN_A, IN_B):
            if commands[c, taken] != NONE:
                n_needed, n_popped = commands[c, taken + 1], commands[c, taken + 2]
                if n_popped > n_needed or n_needed > capacity[commands[c, taken]]:
                    return False
                limit = max(limit, abs(n_popped))
        out, n_reserved, n_pushed = commands[c, OUT], commands[c, RESERVE], commands[c, PUSH]
        if out != NONE:
            if max(n_reserved, n_pushed) > capacity[out]:
                return False
            limit = max(limit, abs(n_reserved))
            balance[out] += (loops[3] if loops[0] <= c < n_body_end else 1) * (n_reserved - n_pushed)
        if commands[c, RESOURCE] != NONE and limit == 0:
            return False
    for b in range(capacity.size):
        if balance[b] != 0:
            return False
    return bool(commands.shape[0] > 0)


@kernel
def share_commands(commands: Any, at_a_time: Any) -> int:
    """Let one PE see the shared resources as it would among all; returns what PEs lag one another [cycles].

    Model
    -----
    Every request holds the resource for all those like it. PEs that share requests keep in step, so the last of them
    waits for all. PEs on their own fall behind one another once, by what the services of the others outlast a
    transfer of their own, and do not meet again.

    Parameters
    ----------
    commands : ndarray (C, 17) int64
        Columns as in ``archmodel.kernels.program``; written to.
    at_a_time : ndarray (2, 4) int64
        Requests of each cast at a time: of the whole grid, and at the busiest port of the SRAM.

    Sources
    -------
    ``docs/methods/timing.md``, mode ``representative``.
    """
    lag = 0
    for c in range(commands.shape[0]):
        resource, occupancy, service = commands[c, RESOURCE], commands[c, OCCUPANCY], commands[c, SERVICE]
        if resource in (NONE, LINK):
            continue
        n_groups = at_a_time[1 if resource == SRAM else 0, commands[c, CAST]]
        commands[c, HOLD] *= n_groups
        if commands[c, CAST] == OWN:
            lag = max(lag, max(occupancy, n_groups * service) - max(occupancy, service))
        else:
            commands[c, SERVICE] = n_groups * service
    return lag


@kernel
def number_lanes(commands: Any, loops: Any, out_parts: Any, out_lanes: Any) -> int:
    """Give requests of one unit to one resource with one cast a lane, in which they are granted in order.

    Requests of one unit to different resources may be granted out of order: they are lanes of their own.

    Parameters
    ----------
    commands : ndarray (C, 17) int64
        Written to: the cast becomes a lane.
    loops : ndarray (5,) int64
        Commands of prologue, body and epilogue; inner and outer repeats.
    out_parts : ndarray (U, 3) int64
        Zeros; written to: how many commands of each unit are in prologue, body and epilogue.
    out_lanes : ndarray (L, 2) int64
        Written to: cast and resource of each lane.

    Returns
    -------
    int
        Lanes.

    Sources
    -------
    The order of grants follows from the queues in front of units: ``docs/methods/timing.md``.
    """
    n_lanes, n_body_end = 0, loops[0] + loops[1]
    lane_of = np.empty(out_parts.shape[0] * N_CASTS * N_RESOURCES, np.int64)
    for kind in range(lane_of.size):
        lane_of[kind] = NONE
    for c in range(commands.shape[0]):
        out_parts[commands[c, UNIT], 0 if c < loops[0] else 1 if c < n_body_end else 2] += 1
        if commands[c, RESOURCE] != NONE:
            lane_of[(commands[c, UNIT] * N_CASTS + commands[c, CAST]) * N_RESOURCES + commands[c, RESOURCE]] = 0
    for kind in range(lane_of.size):
        if lane_of[kind] != NONE:
            lane_of[kind] = n_lanes
            out_lanes[n_lanes, 0], out_lanes[n_lanes, 1] = kind // N_RESOURCES % N_CASTS, kind % N_RESOURCES
            n_lanes += 1
    for c in range(commands.shape[0]):
        lane = 0
        if commands[c, RESOURCE] != NONE:
            lane = lane_of[(commands[c, UNIT] * N_CASTS + commands[c, CAST]) * N_RESOURCES + commands[c, RESOURCE]]
        commands[c, LANE] = lane
    return n_lanes
