"""Closed form of a program: how many cycles it takes, from sums, without following its commands."""

from __future__ import annotations

from typing import Any, NamedTuple

from archmodel.kernels.compile import kernel, kernel_part
from archmodel.kernels.program import (
    CAST,
    IN_A,
    IN_B,
    ISSUE,
    LATENCY,
    LINK,
    LOAD,
    MATRIX,
    N_RESOURCES,
    N_UNITS,
    NONE,
    OCCUPANCY,
    OUT,
    OWN,
    PUSH,
    RESOURCE,
    SAME_A,
    SAME_B,
    SAME_C,
    SERVICE,
    UNIT,
)

CORE = N_UNITS + N_RESOURCES
N_STATIONS = CORE + 1  # units, shared resources, the core
# Rows of the working memory of `count_cycles`.
TOTAL, HEAD, TAIL, IS_SEEN, VISIBLE, PRODUCED, CONSUMED, TOKENS, FIRST_PRODUCED, LAST_CONSUMED = range(10)
N_WORK_ROWS = 10


@kernel_part
def count_groups(cast: int, grid_b: int, grid_m: int, grid_n: int, grid_k: int) -> int:
    """Count the requests of a cast that the whole grid makes at a time.

    Parameters
    ----------
    cast : int
        Who shares the request.
    grid_b : int
        Parts of the batch.
    grid_m : int
        Parts of m.
    grid_n : int
        Parts of n.
    grid_k : int
        Parts of k.
    """
    if cast == SAME_A:
        return grid_b * grid_m * grid_k
    if cast == SAME_B:
        return grid_b * grid_n * grid_k
    if cast == SAME_C:
        return grid_b * grid_m * grid_n
    return grid_b * grid_m * grid_n * grid_k


class Walk(NamedTuple):
    """What one walk through a program finds, whatever its buffers hold [cycles].

    If nothing overlapped; for how long resources serve other PEs at the end; of the walk; as the busiest station but
    the matrix engine allows, and as that engine does. It waits at every turn of the outer loop, of which there are so
    many more, for a panel, unless it still has as many multiplies to do as the buffer loaded last holds tokens, which
    is no more than the loads of a turn.
    """

    serial: int
    lag: int
    end: int
    busiest: int
    matrix: int
    turns: int
    panel: int
    multiply: int
    loaded: int
    loads: int


@kernel_part
def walk_program(
    commands: Any, n: int, loops: Any, grid_b: int, grid_m: int, grid_n: int, grid_k: int, work: Any
) -> Walk:
    """Walk through prologue, body and epilogue of a program: the part of `count_cycles` that no buffer changes.

    Parameters
    ----------
    commands : ndarray (C, 17) int64
        As in `count_cycles`.
    n : int
        Commands.
    loops : ndarray (5,) int64
        As in `count_cycles`.
    grid_b : int
        Parts of the batch.
    grid_m : int
        Parts of m.
    grid_n : int
        Parts of n.
    grid_k : int
        Parts of k.
    work : ndarray (10, 15) int64
        Written to: fields above.
    """
    n_prologue, n_body, n_inner, n_outer = loops[0], loops[1], loops[3], loops[4]
    for row in range(N_WORK_ROWS):
        for station in range(N_STATIONS):
            work[row, station] = 0
    groups = (
        count_groups(0, grid_b, grid_m, grid_n, grid_k),
        count_groups(SAME_A, grid_b, grid_m, grid_n, grid_k),
        count_groups(SAME_B, grid_b, grid_m, grid_n, grid_k),
        count_groups(SAME_C, grid_b, grid_m, grid_n, grid_k),
    )
    serial, issued_at, walk_end, lag = 0, 0, 0, 0
    ahead, step, latency, multiply, loaded = 0, 0, 0, 0, NONE
    has_multiply = False
    for c in range(n):
        times = n_outer * n_inner if n_prologue <= c < n_prologue + n_body else n_outer
        unit, resource, out = commands[c, UNIT], commands[c, RESOURCE], commands[c, OUT]
        service, hold = 0, 0
        issued_at += commands[c, ISSUE]
        work[TOTAL, CORE] += times * commands[c, ISSUE]
        start = max(issued_at, work[TAIL, unit])
        for column in (IN_A, IN_B):
            if commands[c, column] != NONE:
                start = max(start, work[VISIBLE, commands[c, column]])
                work[CONSUMED, commands[c, column]] += times * commands[c, OCCUPANCY]
        end = start + commands[c, OCCUPANCY]
        for column in (IN_A, IN_B):
            if commands[c, column] != NONE:
                work[LAST_CONSUMED, commands[c, column]] = end
        if out != NONE and work[PRODUCED, out] == 0:
            work[FIRST_PRODUCED, out] = start
        if work[IS_SEEN, unit] == 0:
            work[IS_SEEN, unit] = 1
            work[HEAD, unit] = start
        work[TOTAL, unit] += times * commands[c, OCCUPANCY]
        work[TAIL, unit] = end
        if resource != NONE:
            station = N_UNITS + resource
            cast = commands[c, CAST]
            share = 1 if resource == LINK else groups[cast]
            hold = share * commands[c, SERVICE]
            service = commands[c, SERVICE] if cast == OWN else hold
            lag = max(lag, max(commands[c, OCCUPANCY], hold) - max(commands[c, OCCUPANCY], service))
            granted = max(start, work[TAIL, station])
            if work[IS_SEEN, station] == 0:
                work[IS_SEEN, station] = 1
                work[HEAD, station] = granted
            work[TOTAL, station] += times * hold
            work[TAIL, station] = granted + hold
            end = max(end, granted + service)
        end += commands[c, LATENCY]
        took = max(commands[c, OCCUPANCY], hold) + commands[c, LATENCY]
        serial += times * (commands[c, ISSUE] + took)
        if unit == LOAD:
            if c < n_prologue:
                ahead += max(commands[c, OCCUPANCY], hold)
            elif c >= n_prologue + n_body:
                step += max(commands[c, OCCUPANCY], hold)
                latency = max(latency, commands[c, LATENCY])
                loaded = out
        elif unit == MATRIX:
            has_multiply = has_multiply or c < n_prologue
            multiply = commands[c, OCCUPANCY]
        if out != NONE:
            work[VISIBLE, out] = end
            work[TOKENS, out] += times * commands[c, PUSH]
            work[PRODUCED, out] += times * max(commands[c, OCCUPANCY], service)
            if commands[c, PUSH] > 0:
                work[PRODUCED, out] += times * commands[c, LATENCY]
        walk_end = max(walk_end, end)
    work[TAIL, CORE] = issued_at
    busiest, matrix = walk_end, 0
    for station in range(N_STATIONS):
        if work[TOTAL, station] > 0:
            behind = max(0, walk_end - work[TAIL, station])  # a write-back may end after all else
            cycles = work[HEAD, station] + work[TOTAL, station] + behind
            if station == MATRIX:
                matrix = cycles
            else:
                busiest = max(busiest, cycles)
    turns = n_outer - 1 if ahead > 0 and matrix > 0 and not has_multiply else 0
    panel = ahead + 2 * step + latency
    return Walk(serial, lag, walk_end, busiest, matrix, turns, panel, multiply, loaded, n_inner + 1)


@kernel_part
def close_form(walk: Walk, capacity: Any, work: Any) -> int:
    """Count what a program that was walked through takes with buffers of some capacity [cycles].

    Parameters
    ----------
    walk : Walk
        From `walk_program`.
    capacity : ndarray (B,) int64
        Tokens of each buffer.
    work : ndarray (10, 15) int64
        As `walk_program` left it.
    """
    slack = 0 if walk.loaded == NONE else min(capacity[walk.loaded], walk.loads)
    waited = walk.turns * max(0, walk.panel - slack * walk.multiply)
    cycles = max(walk.busiest, walk.matrix + waited)
    for buffer in range(capacity.size):
        if work[TOKENS, buffer] > capacity[buffer]:
            filled = (work[PRODUCED, buffer] + work[CONSUMED, buffer]) // capacity[buffer]
            before, after = work[FIRST_PRODUCED, buffer], walk.end - work[LAST_CONSUMED, buffer]
            cycles = max(cycles, before + filled + after)
    return int(min(cycles + walk.lag, walk.serial))


@kernel
def count_cycles(
    commands: Any, n: int, loops: Any, capacity: Any, grid_b: int, grid_m: int, grid_n: int, grid_k: int, work: Any
) -> Any:
    """Cycles of a program on its grid, in closed form.

    Model
    -----
    Stations are the units of a PE, its core, and the shared resources. With ``T_s`` the time that station s is at work
    in all, ``head_s`` the time until its first command can start and ``tail_s`` the time from the end of its last one
    to the end of the program (both from one walk through prologue, body and epilogue with nothing else on the
    machine)::

        cycles = max over s of (head_s + T_s + tail_s)

    and no less than every buffer allows: ``tokens · (time to produce + time to consume one) / capacity``, with what
    comes before its first and after its last token. Where the prologue only loads, the matrix engine waits for it at
    every turn of the outer loop, unless it still has work: loads run ahead by as many tokens as their buffer holds.
    With ``load`` the loads of the epilogue, those of one step::

        wait = max(0, load of the prologue + 2 · load + latency − tokens · multiply)

    Parameters
    ----------
    commands : ndarray (C, 17) int64
        Columns as in ``archmodel.kernels.program``; the first ``n`` rows count.
    n : int
        Commands.
    loops : ndarray (5,) int64
        Commands of prologue, body and epilogue; inner and outer repeats.
    capacity : ndarray (B,) int64
        Tokens of each buffer.
    grid_b, grid_m, grid_n, grid_k : int
        Logical grid of the PEs.
    work : ndarray (10, 15) int64
        Working memory; afterwards row ``TOTAL`` has the cycles of each station.

    Returns
    -------
    (int, int)
        Cycles, and cycles if nothing overlapped.
    """
    walk = walk_program(commands, n, loops, grid_b, grid_m, grid_n, grid_k, work)
    return close_form(walk, capacity, work), walk.serial
