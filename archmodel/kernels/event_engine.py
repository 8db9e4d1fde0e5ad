"""Event engine: when every command of a program starts and ends on every PE, in whole cycles.

The contract is ``docs/methods/timing.md``. Packs are the `ProgramPack` and `EngineState` of ``archmodel.lowering.program``.

A start is settled as soon as everything it waits for is. Requests to shared resources are granted in order of time, so
that what a grant sets free is known before anything later is granted: every command is visited once, however many cycles
pass, and memory does not grow with the program, because counters and rings replace lists.
"""

from __future__ import annotations

from typing import Any

from archmodel.kernels.compile import kernel
from archmodel.kernels.program import (
    ARBITRATION,
    ASKED_AT,
    CAST,
    CORE_FREE_AT,
    CORE_INNER,
    CORE_OUTER,
    CORE_POS,
    DATA,
    DONE_AT,
    DRAM,
    DRAM_WAIT,
    FREE_AT,
    HOLD,
    IN_A,
    IN_B,
    INNER,
    ISSUE,
    ISSUED,
    ISSUED_AT,
    LATENCY,
    LINK,
    N_ASKED,
    N_CASTS,
    N_CLAIMED,
    N_GRANTED,
    N_ISSUED,
    N_MISSING,
    N_POPPED,
    N_PUSHED,
    N_RESERVED,
    N_RESOURCES,
    N_STARTED,
    NEED_A,
    NEED_B,
    NONE,
    OCCUPANCY,
    OUT,
    POP_A,
    POP_B,
    POPPED_AT,
    POS,
    PUSH,
    REQUEST_AT,
    REQUEST_CAUSE,
    REQUEST_COMMAND,
    RESERVE,
    RESOURCE,
    SERVICE,
    SPACE,
    STARTED_AT,
    TOKEN_CAUSE,
    UNIT,
    VISIBLE_AT,
)
from archmodel.kernels.steady_state import skip_repeats

_FAR = 1 << 62


@kernel
def push_heap(heaps: Any, r: int, n: int, key: int, idx: int) -> None:
    """Insert a request into heap ``r`` of ``n`` (key, index) rows, smallest first, ties to the lower index."""
    heap = heaps[r]
    pos = n
    while pos > 0:
        parent = (pos - 1) >> 1
        if heap[parent, 0] < key or (heap[parent, 0] == key and heap[parent, 1] < idx):
            break
        heap[pos, 0] = heap[parent, 0]
        heap[pos, 1] = heap[parent, 1]
        pos = parent
    heap[pos, 0] = key
    heap[pos, 1] = idx


@kernel
def remove_from_heap(heaps: Any, r: int, n: int, pos: int) -> None:
    """Remove the row at ``pos`` from heap ``r`` of ``n`` rows."""
    heap = heaps[r]
    n -= 1
    if pos == n:
        return
    key, idx = heap[n, 0], heap[n, 1]
    while pos > 0:
        parent = (pos - 1) >> 1
        if heap[parent, 0] < key or (heap[parent, 0] == key and heap[parent, 1] < idx):
            break
        heap[pos, 0] = heap[parent, 0]
        heap[pos, 1] = heap[parent, 1]
        pos = parent
    while True:
        child = 2 * pos + 1
        if child >= n:
            break
        right = child + 1
        if right < n and (
            heap[right, 0] < heap[child, 0] or (heap[right, 0] == heap[child, 0] and heap[right, 1] < heap[child, 1])
        ):
            child = right
        if heap[child, 0] > key or (heap[child, 0] == key and heap[child, 1] > idx):
            break
        heap[pos, 0] = heap[child, 0]
        heap[pos, 1] = heap[child, 1]
        pos = child
    heap[pos, 0] = key
    heap[pos, 1] = idx


@kernel
def find_next_in_turn(heaps: Any, r: int, n: int, latest: int, last_idx: int) -> int:
    """Find the request that round-robin grants: of those made by ``latest``, the first index after ``last_idx``."""
    heap = heaps[r]
    best, best_rank = 0, _FAR
    for pos in range(n):
        if heap[pos, 0] <= latest:
            idx = heap[pos, 1]
            rank = idx - last_idx if idx > last_idx else idx - last_idx + _FAR // 2
            if rank < best_rank:
                best, best_rank = pos, rank
    return best


@kernel
def run_program(program: Any, state: Any, repeats: Any, out_busy: Any, out_stall: Any, out_served: Any) -> Any:
    """Run a program on all PEs of the state.

    One function with few calls: numba counts references on every array handed to a helper, which made the same code eight
    times slower (measured: 22 against 2.8 million commands per second).

    Parameters
    ----------
    program : ProgramPack
        What every PE runs.
    state : EngineState
        Progress, as new.
    repeats : RepeatLog
        Room to find that repetitions have become periodic (`archmodel.kernels.steady_state`); of size 0 to follow every
        command.
    out_busy : ndarray (P, U) int64
        Cycles for which each unit of each PE is busy.
    out_stall : ndarray (P, U, 5) int64
        Cycles for which it waits for data, space, issue, arbitration or DRAM, until its last command starts.
    out_served : ndarray (R,) int64
        Cycles for which each shared resource serves.

    Returns
    -------
    (int, int, int)
        The cycle in which the last command ends, the commands that ran, and those of them that were fast-forwarded.
    """
    commands, loops, unit_commands, unit_parts, capacity, cast_slot, slot_size, slot_member, queue_depth, in_turn = program[:10]
    takers, givers = program[10:]
    units, buffers, tokens, cores, queues, asks, requests, slots, slot_granted, slot_free_at, heaps, n_heap = state[:12]
    touched, free_at, last_granted = state[12:]
    n_prologue, n_body, n_epilogue, n_inner, n_outer = loops
    n_pes, n_units = units.shape[0], units.shape[1]
    token_mask, queue_mask, request_mask = tokens.shape[2] - 1, queues.shape[2] - 1, requests.shape[2] - 1
    is_watching = repeats.saved.size > 0
    n_done, n_skipped, last_end = 0, 0, 0
    n_touched = n_pes
    for pe in range(n_pes):
        touched[pe] = n_pes - 1 - pe
    slot, member, granted_at, seq = NONE, 0, 0, 0
    while True:
        # Whose turn: the next member of a granted request, a PE not yet looked at, or the next request.
        if slot != NONE:
            pe = slot_member[slot_size[slot, 2] + member]
            member += 1
            to_look_at = 0
            # The request of this PE is granted: its inputs are freed, its output gets a time.
            lane = slot_size[slot, 1]
            c = requests[pe, lane, seq & request_mask, REQUEST_COMMAND]
            start = requests[pe, lane, seq & request_mask, REQUEST_AT]
            cause = requests[pe, lane, seq & request_mask, REQUEST_CAUSE]
            served_at = granted_at + commands[c, SERVICE]
            done = max(start + commands[c, OCCUPANCY], served_at)
            if commands[c, RESOURCE] == DRAM:
                cause = DRAM_WAIT
            elif cause != DRAM_WAIT and served_at > start + commands[c, OCCUPANCY]:
                cause = ARBITRATION
            asks[pe, lane, N_GRANTED] = seq + 1
            buffer = commands[c, OUT]
            if buffer != NONE:
                first = buffers[pe, buffer, N_PUSHED]
                for i in range(commands[c, PUSH]):
                    tokens[pe, buffer, (first + i) & token_mask, VISIBLE_AT] = done + commands[c, LATENCY]
                    tokens[pe, buffer, (first + i) & token_mask, TOKEN_CAUSE] = cause
                buffers[pe, buffer, N_PUSHED] = first + commands[c, PUSH]
                to_look_at |= takers[buffer]
            buffer = commands[c, IN_A]
            if buffer != NONE:
                first = buffers[pe, buffer, N_POPPED]
                for i in range(commands[c, POP_A]):
                    tokens[pe, buffer, (first + i) & token_mask, POPPED_AT] = done
                buffers[pe, buffer, N_POPPED] = first + commands[c, POP_A]
                to_look_at |= givers[buffer]
            buffer = commands[c, IN_B]
            if buffer != NONE:
                first = buffers[pe, buffer, N_POPPED]
                for i in range(commands[c, POP_B]):
                    tokens[pe, buffer, (first + i) & token_mask, POPPED_AT] = done
                buffers[pe, buffer, N_POPPED] = first + commands[c, POP_B]
                to_look_at |= givers[buffer]
            unit = commands[c, UNIT]
            units[pe, unit, DONE_AT] = max(units[pe, unit, DONE_AT], done + commands[c, LATENCY])
            last_end = max(last_end, done + commands[c, LATENCY])
            if member == slot_size[slot, 0]:
                slot = NONE
        elif n_touched > 0:
            n_touched -= 1
            pe = touched[n_touched]
            to_look_at = 1 << n_units
        else:
            granted_at, resource = _FAR, NONE
            for r in range(N_RESOURCES):
                if n_heap[r] > 0:
                    at = max(heaps[r, 0, 0], free_at[r])
                    if at < granted_at:
                        granted_at, resource = at, r
            if resource == NONE:
                break
            pos = 0
            if in_turn and resource != LINK:
                pos = find_next_in_turn(heaps, resource, n_heap[resource], granted_at, last_granted[resource])
            slot, member = heaps[resource, pos, 1], 0
            remove_from_heap(heaps, resource, n_heap[resource], pos)
            n_heap[resource] -= 1
            last_granted[resource] = slot
            seq = slot_granted[slot]
            slot_granted[slot] = seq + 1
            slots[slot, seq & request_mask, ASKED_AT] = 0
            slots[slot, seq & request_mask, N_MISSING] = slot_size[slot, 0]
            c = requests[slot_member[slot_size[slot, 2]], slot_size[slot, 1], seq & request_mask, REQUEST_COMMAND]
            if resource == LINK:
                # The PEs of a group have their links to themselves.
                granted_at = max(granted_at, slot_free_at[slot])
                slot_free_at[slot] = granted_at + commands[c, HOLD]
            else:
                free_at[resource] = granted_at + commands[c, HOLD]
            out_served[resource] += commands[c, HOLD]
            continue
        has_wrapped = False
        while to_look_at != 0:
            if to_look_at >> n_units == 0:
                u = 0
                while (to_look_at >> u) & 1 == 0:
                    u += 1
                to_look_at ^= 1 << u
                while units[pe, u, N_STARTED] < units[pe, u, N_ISSUED]:
                    k = units[pe, u, N_STARTED]
                    c = unit_commands[u, units[pe, u, POS]]
                    # When does it start, and what came last?
                    unit_free_at = units[pe, u, FREE_AT]
                    start, cause = unit_free_at, DATA
                    at = queues[pe, u, k & queue_mask, ISSUED_AT]
                    if at > start:
                        start, cause = at, ISSUED
                    buffer_a, buffer_b, buffer_out = commands[c, IN_A], commands[c, IN_B], commands[c, OUT]
                    if buffer_a != NONE:
                        needed = buffers[pe, buffer_a, N_CLAIMED] + commands[c, NEED_A]
                        if buffers[pe, buffer_a, N_PUSHED] < needed:
                            break
                        at = tokens[pe, buffer_a, (needed - 1) & token_mask, VISIBLE_AT]
                        if at > start:
                            start, cause = at, tokens[pe, buffer_a, (needed - 1) & token_mask, TOKEN_CAUSE]
                    if buffer_b != NONE:
                        needed = buffers[pe, buffer_b, N_CLAIMED] + commands[c, NEED_B]
                        if buffers[pe, buffer_b, N_PUSHED] < needed:
                            break
                        at = tokens[pe, buffer_b, (needed - 1) & token_mask, VISIBLE_AT]
                        if at > start:
                            start, cause = at, tokens[pe, buffer_b, (needed - 1) & token_mask, TOKEN_CAUSE]
                    if commands[c, RESERVE] > 0:
                        beyond = buffers[pe, buffer_out, N_RESERVED] + commands[c, RESERVE] - capacity[buffer_out]
                        if beyond > 0:
                            if buffers[pe, buffer_out, N_POPPED] < beyond:
                                break
                            at = tokens[pe, buffer_out, (beyond - 1) & token_mask, POPPED_AT]
                            if at > start:
                                start, cause = at, SPACE
                        buffers[pe, buffer_out, N_RESERVED] += commands[c, RESERVE]
                    # It starts: account for the cycles before, then move tokens and pointers.
                    out_stall[pe, u, cause] += start - unit_free_at
                    out_busy[pe, u] += commands[c, OCCUPANCY]
                    end = start + commands[c, OCCUPANCY]
                    units[pe, u, FREE_AT] = end
                    queues[pe, u, k & queue_mask, STARTED_AT] = start
                    units[pe, u, N_STARTED] = k + 1
                    n_done += 1
                    if buffer_a != NONE:
                        buffers[pe, buffer_a, N_CLAIMED] += commands[c, POP_A]
                    if buffer_b != NONE:
                        buffers[pe, buffer_b, N_CLAIMED] += commands[c, POP_B]
                    if commands[c, RESOURCE] != NONE:
                        lane = u * N_CASTS + commands[c, CAST]
                        asked = asks[pe, lane, N_ASKED]
                        requests[pe, lane, asked & request_mask, REQUEST_COMMAND] = c
                        requests[pe, lane, asked & request_mask, REQUEST_AT] = start
                        requests[pe, lane, asked & request_mask, REQUEST_CAUSE] = cause
                        asks[pe, lane, N_ASKED] = asked + 1
                        group = cast_slot[pe, lane]
                        place = asked & request_mask
                        slots[group, place, ASKED_AT] = max(slots[group, place, ASKED_AT], start)
                        slots[group, place, N_MISSING] -= 1
                        if slots[group, place, N_MISSING] == 0:
                            resource = commands[c, RESOURCE]
                            push_heap(heaps, resource, n_heap[resource], slots[group, place, ASKED_AT], group)
                            n_heap[resource] += 1
                    else:
                        if buffer_out != NONE:
                            first = buffers[pe, buffer_out, N_PUSHED]
                            for i in range(commands[c, PUSH]):
                                tokens[pe, buffer_out, (first + i) & token_mask, VISIBLE_AT] = end + commands[c, LATENCY]
                                tokens[pe, buffer_out, (first + i) & token_mask, TOKEN_CAUSE] = cause
                            buffers[pe, buffer_out, N_PUSHED] = first + commands[c, PUSH]
                            to_look_at |= takers[buffer_out]
                        if buffer_a != NONE:
                            first = buffers[pe, buffer_a, N_POPPED]
                            for i in range(commands[c, POP_A]):
                                tokens[pe, buffer_a, (first + i) & token_mask, POPPED_AT] = end
                            buffers[pe, buffer_a, N_POPPED] = first + commands[c, POP_A]
                            to_look_at |= givers[buffer_a]
                        if buffer_b != NONE:
                            first = buffers[pe, buffer_b, N_POPPED]
                            for i in range(commands[c, POP_B]):
                                tokens[pe, buffer_b, (first + i) & token_mask, POPPED_AT] = end
                            buffers[pe, buffer_b, N_POPPED] = first + commands[c, POP_B]
                            to_look_at |= givers[buffer_b]
                        units[pe, u, DONE_AT] = max(units[pe, u, DONE_AT], end + commands[c, LATENCY])
                        last_end = max(last_end, end + commands[c, LATENCY])
                    pos = units[pe, u, POS] + 1
                    n_repeated = unit_parts[u, 0] + unit_parts[u, 1]
                    if pos == n_repeated and unit_parts[u, 1] > 0 and units[pe, u, INNER] + 1 < n_inner:
                        units[pe, u, INNER] += 1
                        pos = unit_parts[u, 0]
                    elif pos == n_repeated + unit_parts[u, 2]:
                        units[pe, u, INNER] = 0
                        pos = 0
                    units[pe, u, POS] = pos
                    to_look_at |= 1 << n_units
                continue
            # The core issues in program order, until a queue is full of commands that have not started.
            to_look_at ^= 1 << n_units
            outer, inner, pos = cores[pe, CORE_OUTER], cores[pe, CORE_INNER], cores[pe, CORE_POS]
            issued_at = cores[pe, CORE_FREE_AT]
            while outer < n_outer:
                u = commands[pos, UNIT]
                k = units[pe, u, N_ISSUED]
                if k >= queue_depth:
                    if units[pe, u, N_STARTED] <= k - queue_depth:
                        break
                    issued_at = max(issued_at, queues[pe, u, (k - queue_depth) & queue_mask, STARTED_AT])
                issued_at += commands[pos, ISSUE]
                queues[pe, u, k & queue_mask, ISSUED_AT] = issued_at
                units[pe, u, N_ISSUED] = k + 1
                to_look_at |= 1 << u
                pos += 1
                if pos == n_prologue + n_body and inner + 1 < n_inner:
                    inner += 1
                    pos = n_prologue
                    has_wrapped = True
                elif pos == n_prologue + n_body + n_epilogue:
                    outer += 1
                    inner = 0
                    pos = 0
                    has_wrapped = True
            cores[pe, CORE_OUTER], cores[pe, CORE_INNER], cores[pe, CORE_POS] = outer, inner, pos
            cores[pe, CORE_FREE_AT] = issued_at
            if is_watching and has_wrapped:
                last_end, n_done, n_now = skip_repeats(
                    program, state, repeats, last_end, n_done, out_busy, out_stall, out_served
                )
                n_skipped += n_now
                has_wrapped = False
    # A unit is busy until it can take a command; the last one only keeps it until its result is there.
    for pe in range(n_pes):
        for u in range(n_units):
            out_busy[pe, u] -= max(0, units[pe, u, FREE_AT] - max(units[pe, u, DONE_AT], 0))
    return last_end, n_done, n_skipped
