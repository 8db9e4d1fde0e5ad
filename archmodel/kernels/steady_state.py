"""Fast-forward through repetitions that have become periodic: exactly, not by extrapolation.

Starts are maxima of sums. If everything that can still matter stands as it stood some repetitions ago, shifted in time,
the next repetitions go as those went, shifted likewise, until a loop ends. What can still matter is what lies after the
horizon: no later event is earlier than that.

Works on one PE (`archmodel.kernels.event_engine.run_program` with a state of one PE).
"""

from __future__ import annotations

from typing import Any

from archmodel.kernels.compile import kernel_part
from archmodel.kernels.program import (
    CORE_FREE_AT,
    CORE_INNER,
    CORE_OUTER,
    CORE_POS,
    DONE_AT,
    FREE_AT,
    ISSUED_AT,
    N_ASKED,
    N_BUFFER_COUNTS,
    N_CLAIMED,
    N_ISSUED,
    N_POPPED,
    N_PUSHED,
    N_RESERVED,
    N_STARTED,
    POPPED_AT,
    QUEUED_COMMAND,
    REQUEST_AT,
    REQUEST_CAUSE,
    SLOT_COMMAND,
    STARTED_AT,
    TOKEN_CAUSE,
    VISIBLE_AT,
    WAITS_SINCE,
)

# Columns of what is remembered of a watched loop; loop 0 is the inner one, loop 1 the outer.
IS_SAVED, SAVED_OUTER, SAVED_INNER, N_SEEN, LIMIT, SAVED_HORIZON = range(6)
N_WATCH_FIELDS = 6


@kernel_part
def find_horizon(state: Any) -> Any:
    """Find the cycle before which nothing that is still to come can start or be granted."""
    units, _, _, cores, queues, asks, requests = state[:7]
    slot_granted = state[8]
    queue_mask, request_mask = queues.shape[2] - 1, requests.shape[2] - 1
    horizon = cores[0, CORE_FREE_AT]
    for u in range(units.shape[1]):
        k = units[0, u, N_STARTED]
        if k < units[0, u, N_ISSUED]:
            horizon = min(horizon, queues[0, u, k & queue_mask, ISSUED_AT])
    for lane in range(asks.shape[1]):
        for k in range(slot_granted[lane], asks[0, lane, N_ASKED]):
            horizon = min(horizon, requests[0, lane, k & request_mask, REQUEST_AT])
    return horizon


@kernel_part
def write_phase(program: Any, state: Any, horizon: int, last_end: int, out: Any) -> Any:
    """Write down all that can still matter, times as cycles after the horizon; returns how many numbers that is.

    Parameters
    ----------
    program : ProgramPack
        What the PE runs.
    state : EngineState
        Its progress.
    horizon : int
        Cycle before which nothing can change any more.
    last_end : int
        End of the last command so far [cycles].
    out : ndarray (V,) int64
        Written to.
    """
    capacity, queue_depth = program.capacity, program.queue_depth
    units, buffers, tokens, cores, queues, asks, requests, slots, slot_granted = state[:9]
    slot_free_at, free_at, last_granted = state[9], state[13], state[14]
    token_mask, queue_mask, request_mask = tokens.shape[2] - 1, queues.shape[2] - 1, requests.shape[2] - 1
    out[0] = cores[0, CORE_POS]
    out[1] = cores[0, CORE_FREE_AT] - horizon
    out[2] = max(last_end - horizon, 0)
    n = 3
    for u in range(units.shape[1]):
        started, issued = units[0, u, N_STARTED], units[0, u, N_ISSUED]
        out[n] = max(units[0, u, FREE_AT] - horizon, 0)
        out[n + 1] = units[0, u, DONE_AT] - units[0, u, FREE_AT]
        out[n + 2] = issued - started
        n += 3
        for k in range(started, issued):
            out[n] = queues[0, u, k & queue_mask, ISSUED_AT] - horizon
            out[n + 1] = queues[0, u, k & queue_mask, QUEUED_COMMAND]
            n += 2
        for k in range(max(0, started - queue_depth), started):
            out[n] = max(queues[0, u, k & queue_mask, STARTED_AT] - horizon, 0)
            n += 1
    for b in range(buffers.shape[1]):
        pushed, popped = buffers[0, b, N_PUSHED], buffers[0, b, N_POPPED]
        out[n] = buffers[0, b, N_RESERVED] - pushed
        out[n + 1] = pushed - buffers[0, b, N_CLAIMED]
        out[n + 2] = pushed - popped
        n += 3
        for k in range(buffers[0, b, N_CLAIMED], pushed):
            out[n] = max(tokens[0, b, k & token_mask, VISIBLE_AT] - horizon, 0)
            out[n + 1] = tokens[0, b, k & token_mask, TOKEN_CAUSE]
            n += 2
        for k in range(max(0, popped - capacity[b]), popped):
            out[n] = max(tokens[0, b, k & token_mask, POPPED_AT] - horizon, 0)
            n += 1
    for lane in range(asks.shape[1]):
        out[n] = asks[0, lane, N_ASKED] - slot_granted[lane]
        out[n + 1] = max(slot_free_at[lane] - horizon, 0)
        n += 2
        for k in range(slot_granted[lane], asks[0, lane, N_ASKED]):
            out[n] = slots[lane, k & request_mask, SLOT_COMMAND]
            out[n + 1] = requests[0, lane, k & request_mask, REQUEST_AT] - horizon
            out[n + 2] = requests[0, lane, k & request_mask, REQUEST_CAUSE]
            n += 3
    for r in range(free_at.size):
        out[n] = max(free_at[r] - horizon, 0)
        out[n + 1] = last_granted[r]
        n += 2
    return n


@kernel_part
def write_counts(state: Any, n_done: int, busy: Any, stall: Any, served: Any, out: Any) -> None:
    """Write down all that only grows: counters of commands, tokens and requests, and what results add up.

    Parameters
    ----------
    state : EngineState
        Progress of one PE.
    n_done : int
        Commands so far.
    busy : ndarray (1, U) int64
        Cycles for which each unit was busy.
    stall : ndarray (1, U, 5) int64
        Cycles for which it waited, by cause.
    served : ndarray (R,) int64
        Cycles for which each resource served.
    out : ndarray (N,) int64
        Written to.
    """
    units, buffers, asks, slot_granted = state[0], state[1], state[5], state[8]
    out[0] = n_done
    n = 1
    for u in range(units.shape[1]):
        out[n], out[n + 1], out[n + 2] = units[0, u, N_ISSUED], units[0, u, N_STARTED], busy[0, u]
        n += 3
        for cause in range(stall.shape[2]):
            out[n] = stall[0, u, cause]
            n += 1
    for b in range(buffers.shape[1]):
        for column in range(N_BUFFER_COUNTS):
            out[n] = buffers[0, b, column]
            n += 1
    for lane in range(asks.shape[1]):
        out[n], out[n + 1] = asks[0, lane, N_ASKED], slot_granted[lane]
        n += 2
    for r in range(served.size):
        out[n] = served[r]
        n += 1


@kernel_part
def add_counts(state: Any, busy: Any, stall: Any, served: Any, now: Any, before: Any, n_times: int) -> Any:
    """Add ``n_times`` what has grown since ``before`` to all that `write_counts` wrote; returns the commands added.

    Parameters
    ----------
    state : EngineState
        Progress of one PE.
    busy : ndarray (1, U) int64
        Cycles for which each unit was busy.
    stall : ndarray (1, U, 5) int64
        Cycles for which it waited, by cause.
    served : ndarray (R,) int64
        Cycles for which each resource served.
    now : ndarray (N,) int64
        What has been counted.
    before : ndarray (N,) int64
        What had been.
    n_times : int
        Periods to add.
    """
    units, buffers, asks, slot_granted = state[0], state[1], state[5], state[8]
    n = 1
    for u in range(units.shape[1]):
        units[0, u, N_ISSUED] += n_times * (now[n] - before[n])
        units[0, u, N_STARTED] += n_times * (now[n + 1] - before[n + 1])
        busy[0, u] += n_times * (now[n + 2] - before[n + 2])
        n += 3
        for cause in range(stall.shape[2]):
            stall[0, u, cause] += n_times * (now[n] - before[n])
            n += 1
    for b in range(buffers.shape[1]):
        for column in range(N_BUFFER_COUNTS):
            buffers[0, b, column] += n_times * (now[n] - before[n])
            n += 1
    for lane in range(asks.shape[1]):
        asks[0, lane, N_ASKED] += n_times * (now[n] - before[n])
        slot_granted[lane] += n_times * (now[n + 1] - before[n + 1])
        n += 2
    for r in range(served.size):
        served[r] += n_times * (now[n] - before[n])
        n += 1
    return n_times * (now[0] - before[0])


@kernel_part
def is_at_work(unit_parts: Any, u: int, loop: int) -> Any:
    """Whether a unit has commands in the repeated part of a loop: the body of the inner one, all of the outer one.

    Parameters
    ----------
    unit_parts : ndarray (U, 3) int64
        Commands of each unit in prologue, body and epilogue.
    u : int
        The unit.
    loop : int
        0 for the inner loop, 1 for the outer.
    """
    is_in_outer = unit_parts[u, 0] + unit_parts[u, 1] + unit_parts[u, 2] > 0
    return unit_parts[u, 1] > 0 if loop == 0 else is_in_outer


@kernel_part
def shift_times(state: Any, unit_parts: Any, loop: int, horizon: int, cycles: int) -> None:
    """Move everything from the horizon on by ``cycles``; what lies before it matters no more and stays.

    But waits are counted from when a unit became free, so that moves for every unit at work in the loop.

    Parameters
    ----------
    state : EngineState
        Progress of one PE.
    unit_parts : ndarray (U, 3) int64
        Commands of each unit in prologue, body and epilogue.
    loop : int
        0 for the inner loop, 1 for the outer.
    horizon : int
        Cycle before which nothing can change any more.
    cycles : int
        To move by [cycles].
    """
    units, _, tokens, cores, queues, _, requests = state[:7]
    slot_free_at, line, n_joined, n_left, free_at = state[9:14]
    line_mask = line.shape[1] - 1
    cores[0, CORE_FREE_AT] += cycles
    for u in range(units.shape[1]):
        if is_at_work(unit_parts, u, loop):
            units[0, u, FREE_AT] += cycles
            units[0, u, DONE_AT] += cycles
        for i in range(queues.shape[2]):
            for column in (STARTED_AT, ISSUED_AT):
                if queues[0, u, i, column] >= horizon:
                    queues[0, u, i, column] += cycles
    for b in range(tokens.shape[1]):
        for i in range(tokens.shape[2]):
            for column in (VISIBLE_AT, POPPED_AT):
                if tokens[0, b, i, column] >= horizon:
                    tokens[0, b, i, column] += cycles
    for lane in range(requests.shape[1]):
        if slot_free_at[lane] >= horizon:
            slot_free_at[lane] += cycles
        for i in range(requests.shape[2]):
            if requests[0, lane, i, REQUEST_AT] >= horizon:
                requests[0, lane, i, REQUEST_AT] += cycles
    for r in range(free_at.size):
        if free_at[r] >= horizon:
            free_at[r] += cycles
        for i in range(n_left[r], n_joined[r]):
            line[r, i & line_mask, WAITS_SINCE] += cycles


@kernel_part
def count_repeats_left(program: Any, state: Any, loop: int, period: int) -> Any:
    """Count the whole periods until the core leaves the loop; what units have yet to do is in their queues.

    Parameters
    ----------
    program : ProgramPack
        What the PE runs.
    state : EngineState
        Its progress.
    loop : int
        0 for the inner loop, 1 for the outer.
    period : int
        Turns of the loop in one period.
    """
    _, _, _, n_inner, n_outer = program.loops
    cores = state.cores
    left = n_outer - 1 - cores[0, CORE_OUTER] if loop == 1 else n_inner - 1 - cores[0, CORE_INNER]
    return left // period


@kernel_part
def skip_repeats(
    program: Any, state: Any, repeats: Any, last_end: int, n_done: int, busy: Any, stall: Any, served: Any
) -> Any:
    """Compare with what was remembered of either loop, and skip the periods that would only repeat it.

    A remembered repetition is replaced after 1, 2, 4, … others (R. Brent, BIT 20, 1980), so that any period is found.

    Parameters
    ----------
    program : ProgramPack
        What the PE runs.
    state : EngineState
        Its progress.
    repeats : RepeatLog
        What is remembered.
    last_end : int
        End of the last command so far [cycles].
    n_done : int
        Commands so far.
    busy : ndarray (1, U) int64
        Cycles for which each unit was busy.
    stall : ndarray (1, U, 5) int64
        Cycles for which it waited, by cause.
    served : ndarray (R,) int64
        Cycles for which each resource served.

    Returns
    -------
    (int, int, int)
        New end of the last command, commands run, and those of them that were skipped.
    """
    watch, phase, saved, size, counts, saved_counts, saved_free, ring = repeats
    units, cores, unit_parts = state.units, state.cores, program.unit_parts
    outer, inner = cores[0, CORE_OUTER], cores[0, CORE_INNER]
    if outer >= program.loops[4]:
        return last_end, n_done, 0
    horizon = find_horizon(state)
    n = write_phase(program, state, horizon, last_end, phase)
    write_counts(state, n_done, busy, stall, served, counts)
    n_skipped = 0
    for loop in range(2):
        if loop == 1 and watch[1, IS_SAVED] == 1 and watch[1, SAVED_OUTER] == outer:
            continue
        is_same = watch[loop, IS_SAVED] == 1 and size[loop] == n
        if loop == 0:
            is_same = is_same and watch[0, SAVED_OUTER] == outer
            period = inner - watch[0, SAVED_INNER]
        else:
            is_same = is_same and watch[1, SAVED_INNER] == inner
            period = outer - watch[1, SAVED_OUTER]
        i = 0
        while is_same and i < n:
            is_same = saved[loop, i] == phase[i]
            i += 1
        # Waits are counted from when a unit became free, even if that lies before the horizon.
        for u in range(units.shape[1]):
            if is_at_work(unit_parts, u, loop):
                is_same = is_same and saved_free[loop, u] == units[0, u, FREE_AT] - horizon
        if is_same and period > 0:
            # Rings keep their places if every counter grows by a multiple of their size.
            n_times = count_repeats_left(program, state, loop, period) // ring * ring
            if n_times > 0:
                cycles = n_times * (horizon - watch[loop, SAVED_HORIZON])
                n_skipped = add_counts(state, busy, stall, served, counts, saved_counts[loop], n_times)
                if last_end >= horizon:
                    last_end += cycles
                shift_times(state, unit_parts, loop, horizon, cycles)
                if loop == 0:
                    cores[0, CORE_INNER] += n_times * period
                    watch[0, IS_SAVED] = 0
                else:
                    cores[0, CORE_OUTER] += n_times * period
                    watch[0, IS_SAVED] = 0
                    watch[1, IS_SAVED] = 0
                return last_end, n_done + n_skipped, n_skipped
        is_new = watch[loop, IS_SAVED] == 0 or (loop == 0 and watch[0, SAVED_OUTER] != outer)
        if is_new:
            watch[loop, N_SEEN] = 0
            watch[loop, LIMIT] = 1
        watch[loop, N_SEEN] += 1
        if is_new or watch[loop, N_SEEN] > watch[loop, LIMIT]:
            if not is_new:
                watch[loop, LIMIT] *= 2
            watch[loop, N_SEEN] = 0
            watch[loop, IS_SAVED] = 1
            watch[loop, SAVED_OUTER] = outer
            watch[loop, SAVED_INNER] = inner
            watch[loop, SAVED_HORIZON] = horizon
            size[loop] = n
            # Element by element: an assignment of arrays takes numba seconds to compile.
            for i in range(n):
                saved[loop, i] = phase[i]
            for i in range(counts.size):
                saved_counts[loop, i] = counts[i]
            for u in range(units.shape[1]):
                saved_free[loop, u] = units[0, u, FREE_AT] - horizon
    return last_end, n_done, 0
