"""Event engine: when every command of a program starts and ends on every PE, in whole cycles.

The contract is ``docs/methods/timing.md``. Packs are the `ProgramPack` and `EngineState` of ``archmodel.lowering.run``.

A start is settled as soon as everything it waits for is. Requests to shared resources are granted in order of time, so
that what a grant sets free is known before anything later is granted: every command is visited once, however many
cycles pass, and memory does not grow with the program, because counters and rings replace lists.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.compile import kernel
from archmodel.kernels.event_record import record_grant, record_skip, record_start
from archmodel.kernels.program import (
    ARBITRATION,
    ASK_ROW,
    BUFFER_ROW,
    COMMAND_ROW,
    CORE_ROW,
    DATA,
    DRAM,
    DRAM_WAIT,
    EVENT_ROW,
    GROUP_ROW,
    ISSUED,
    LINK,
    LOST_FROM,
    N_LOST,
    N_ROWS,
    N_UNITS,
    NONE,
    QUEUED_ROW,
    REQUEST_ROW,
    SLOT_ROW,
    SPACE,
    TOKEN_ROW,
    UNIT_ROW,
    WAIT_ROW,
)
from archmodel.kernels.steady_state import skip_repeats

_FAR = 1 << 62
_at = np.uint64  # numba need not check an unsigned index for being negative
_LOWEST = np.array([0] + [(bits & -bits).bit_length() - 1 for bits in range(1, 1 << N_UNITS)])  # set bit of each number


@kernel
def run_program(
    program: Any, state: Any, repeats: Any, record: Any, out_busy: Any, out_stall: Any, out_served: Any
) -> Any:
    """Run a program on all PEs of the state.

    One function without calls, on rows: numba counts references on every array handed to a helper (measured: eight
    times slower) and checks every index into an array. A row is a bare pointer, and its columns lie at fixed distances.

    Parameters
    ----------
    program : ProgramPack
        What every PE runs.
    state : EngineState
        Progress, as new.
    repeats : RepeatLog
        Room to find that repetitions have become periodic (`archmodel.kernels.steady_state`); of size 0 to follow every
        command.
    record : EventRecord
        Room for what happens, and from and until when that is of interest; of size 0 and until 0 for nothing.
    out_busy : ndarray (P, U) int64
        Cycles for which each unit of each PE is busy.
    out_stall : ndarray (P, U, 5) int64
        Cycles for which it waits for data, space, issue, arbitration or DRAM, until its last command starts.
    out_served : ndarray (R,) int64
        Cycles for which each server of a shared resource serves.

    Returns
    -------
    (int, int, int)
        The cycle in which the last command ends, the commands that ran, and those of them that were fast-forwarded.
    """
    n_prologue, n_body, n_epilogue, n_inner, n_outer = program.loops
    n_pes, n_units, _ = state.units.shape
    n_buffers, n_lanes = state.buffers.shape[1], state.asks.shape[1]
    n_tokens, n_queue, n_requests = state.tokens.shape[2], state.queues.shape[2], state.requests.shape[2]
    token_mask, queue_mask, request_mask = n_tokens - 1, n_queue - 1, n_requests - 1
    n_servers, n_line, _ = state.line.shape
    line_mask = n_line - 1
    capacity, queue_depth, in_turn, slack = program.capacity, program.queue_depth, program.in_turn, program.slack
    slot_member, slot_granted, slot_free_at = program.slot_member, state.slot_granted, state.slot_free_at
    n_joined, n_left, free_at, last_granted = state.n_joined, state.n_left, state.free_at, state.last_granted
    commands = program.commands.reshape(-1).view(COMMAND_ROW)
    groups = program.slot_size.reshape(-1).view(GROUP_ROW)
    units = state.units.reshape(-1).view(UNIT_ROW)
    cores = state.cores.reshape(-1).view(CORE_ROW)
    buffers = state.buffers.reshape(-1).view(BUFFER_ROW)
    tokens = state.tokens.reshape(-1).view(TOKEN_ROW)
    queues = state.queues.reshape(-1).view(QUEUED_ROW)
    asks = state.asks.reshape(-1).view(ASK_ROW)
    requests = state.requests.reshape(-1).view(REQUEST_ROW)
    slots = state.slots.reshape(-1).view(SLOT_ROW)
    line = state.line.reshape(-1).view(WAIT_ROW)
    busy, stall = out_busy.reshape(-1), out_stall.reshape(-1)
    n_causes = out_stall.shape[2]
    events = record.rows.reshape(-1).view(EVENT_ROW)
    n_rows, since, until = record.rows.shape[0], record.window[0], record.window[1]
    n_events, n_lost, lost_from = 0, 0, _FAR
    held_before = record.held_before.reshape(-1)
    is_watching = repeats.saved.size > 0
    n_done, n_skipped, last_end = 0, 0, 0
    core_bit = 1 << n_units
    for pe in range(n_pes):
        cores[pe].waits_for = NONE
    # Nothing is granted yet, but every PE has to be looked at: they are the members of the slots of the first lane.
    granted, granted_at, lane, place, first_member, n_members = NONE, 0, 0, 0, 0, n_pes
    c, ended_at, cause = NONE, 0, DATA
    while True:
        for member in range(first_member, first_member + n_members):
            pe = slot_member[member]
            first_unit, first_buffer = pe * n_units, pe * n_buffers
            # Who of this PE has to be looked at, a bit each: the units, then the core.
            has_ended, has_wrapped, to_look_at = False, False, core_bit
            if granted != NONE:
                c, to_look_at, has_ended = granted, 0, True
                command = commands[_at(c)]
                request = requests[_at((pe * n_lanes + lane) * n_requests + place)]
                ended_at, cause = request.at + command.occupancy, request.cause
                served_at = granted_at + command.service
                if command.resource == DRAM:
                    cause = DRAM_WAIT
                elif cause != DRAM_WAIT and served_at > ended_at + slack:
                    cause = ARBITRATION
                ended_at = max(ended_at, served_at)
                row = request.row
                if row != NONE:
                    record_grant(events[_at(row)], command, request, granted_at, ended_at)
            while True:
                if has_ended:
                    # A command is known to end: its output gets a time, and so does the space of its inputs.
                    has_ended = False
                    command = commands[_at(c)]
                    visible_at = ended_at + command.latency
                    if command.push > 0:
                        idx = first_buffer + command.out
                        buffer = buffers[_at(idx)]
                        first = buffer.n_pushed
                        for k in range(first, first + command.push):
                            token = tokens[_at(idx * n_tokens + (k & token_mask))]
                            token.visible_at = visible_at
                            token.cause = cause
                        buffer.n_pushed = first + command.push
                        to_look_at |= buffer.waiting_takers
                        buffer.waiting_takers = 0
                    if command.pop_a > 0:
                        idx = first_buffer + command.in_a
                        buffer = buffers[_at(idx)]
                        first = buffer.n_popped
                        for k in range(first, first + command.pop_a):
                            tokens[_at(idx * n_tokens + (k & token_mask))].popped_at = ended_at
                        buffer.n_popped = first + command.pop_a
                        to_look_at |= buffer.waiting_givers
                        buffer.waiting_givers = 0
                    if command.pop_b > 0:
                        idx = first_buffer + command.in_b
                        buffer = buffers[_at(idx)]
                        first = buffer.n_popped
                        for k in range(first, first + command.pop_b):
                            tokens[_at(idx * n_tokens + (k & token_mask))].popped_at = ended_at
                        buffer.n_popped = first + command.pop_b
                        to_look_at |= buffer.waiting_givers
                        buffer.waiting_givers = 0
                    unit = units[_at(first_unit + command.unit)]
                    unit.done_at = max(unit.done_at, visible_at)
                    last_end = max(last_end, visible_at)
                elif to_look_at >= core_bit:
                    # The core issues in program order, until a queue is full of commands that have not started.
                    to_look_at ^= core_bit
                    core = cores[_at(pe)]
                    outer, inner, pos, issued_at = core.outer, core.inner, core.pos, core.free_at
                    core.waits_for = NONE
                    while outer < n_outer:
                        command = commands[_at(pos)]
                        u = command.unit
                        unit = units[_at(first_unit + u)]
                        first = (first_unit + u) * n_queue
                        k = unit.n_issued
                        if k >= queue_depth:
                            if unit.n_started <= k - queue_depth:
                                core.waits_for = u
                                break
                            # Prepared by then, it takes the place of a command that has left the queue.
                            left_at = queues[_at(first + ((k - queue_depth) & queue_mask))].started_at
                            issued_at = max(issued_at + command.issue, left_at + min(1, command.issue))
                        else:
                            issued_at += command.issue
                        queued = queues[_at(first + (k & queue_mask))]
                        queued.issued_at = issued_at
                        queued.command = pos
                        unit.n_issued = k + 1
                        if unit.n_started == k:
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
                    core.outer = outer
                    core.inner = inner
                    core.pos = pos
                    core.free_at = issued_at
                    if is_watching and has_wrapped:
                        last_end, n_done, n_now = skip_repeats(
                            program, state, repeats, last_end, n_done, out_busy, out_stall, out_served
                        )
                        n_skipped += n_now
                        if n_now > 0 and until > 0:
                            n_written = record_skip(
                                state, repeats, record.rows, n_events, n_now, outer, inner, issued_at
                            )
                            n_events += n_written
                            if n_written == 0:
                                n_lost += n_units + n_servers
                                lost_from = min(lost_from, issued_at)
                        has_wrapped = False
                elif to_look_at > 0:
                    # The first unit in question: when does its next command start, and what came last?
                    u = _LOWEST[_at(to_look_at)]
                    to_look_at ^= 1 << u
                    unit = units[_at(first_unit + u)]
                    k = unit.n_started
                    queued = queues[_at((first_unit + u) * n_queue + (k & queue_mask))]
                    c = queued.command
                    command = commands[_at(c)]
                    # What is lacking? The second input first: it is loaded after the first, and whoever wakes up too
                    # early is looked at in vain.
                    if command.in_b != NONE:
                        buffer = buffers[_at(first_buffer + command.in_b)]
                        if buffer.n_pushed < buffer.n_claimed + command.need_b:
                            buffer.waiting_takers |= 1 << u
                            continue
                    if command.in_a != NONE:
                        buffer = buffers[_at(first_buffer + command.in_a)]
                        if buffer.n_pushed < buffer.n_claimed + command.need_a:
                            buffer.waiting_takers |= 1 << u
                            continue
                    beyond = 0
                    if command.reserve > 0:
                        buffer = buffers[_at(first_buffer + command.out)]
                        beyond = buffer.n_reserved + command.reserve - capacity[command.out]
                        if buffer.n_popped < beyond:
                            buffer.waiting_givers |= 1 << u
                            continue
                        buffer.n_reserved += command.reserve
                    # Nothing is: it starts as soon as the last of it is there. Its inputs are claimed.
                    unit_free_at = unit.free_at
                    start, cause = unit_free_at, DATA
                    if queued.issued_at > start:
                        start, cause = queued.issued_at, ISSUED
                    if command.in_a != NONE:
                        idx = first_buffer + command.in_a
                        buffer = buffers[_at(idx)]
                        claimed = buffer.n_claimed
                        buffer.n_claimed = claimed + command.pop_a
                        token = tokens[_at(idx * n_tokens + ((claimed + command.need_a - 1) & token_mask))]
                        if token.visible_at > start:
                            start, cause = token.visible_at, token.cause
                    if command.in_b != NONE:
                        idx = first_buffer + command.in_b
                        buffer = buffers[_at(idx)]
                        claimed = buffer.n_claimed
                        buffer.n_claimed = claimed + command.pop_b
                        token = tokens[_at(idx * n_tokens + ((claimed + command.need_b - 1) & token_mask))]
                        if token.visible_at > start:
                            start, cause = token.visible_at, token.cause
                    if beyond > 0:
                        token = tokens[_at((first_buffer + command.out) * n_tokens + ((beyond - 1) & token_mask))]
                        if token.popped_at > start:
                            start, cause = token.popped_at, SPACE
                    # It starts: account for the cycles before, claim its inputs.
                    stall[_at((first_unit + u) * n_causes + cause)] += start - unit_free_at
                    busy[_at(first_unit + u)] += command.occupancy
                    ended_at = start + command.occupancy
                    unit.free_at = ended_at
                    queued.started_at = start
                    unit.n_started = k + 1
                    n_done += 1
                    row = NONE
                    if start < until and ended_at >= since:
                        if n_events < n_rows:
                            row = n_events
                            n_events += 1
                            record_start(events[_at(row)], pe, u, c, command, queued, cause)
                        else:
                            n_lost += 1
                            lost_from = min(lost_from, start)
                    elif start < since:
                        # Over before anything is recorded, but for the tokens that it leaves.
                        if command.reserve > 0:
                            held_before[_at(first_buffer + command.out)] += command.reserve
                        if command.pop_a > 0:
                            held_before[_at(first_buffer + command.in_a)] -= command.pop_a
                        if command.pop_b > 0:
                            held_before[_at(first_buffer + command.in_b)] -= command.pop_b
                    if k + 1 < unit.n_issued:
                        to_look_at |= 1 << u
                    if cores[_at(pe)].waits_for == u:
                        to_look_at |= core_bit
                    if command.resource == NONE:
                        has_ended = True
                        continue
                    # It asks for a resource; once all who share the request have asked, that stands in line.
                    idx = pe * n_lanes + command.lane
                    ask = asks[_at(idx)]
                    k = ask.n_asked & request_mask
                    ask.n_asked += 1
                    request = requests[_at(idx * n_requests + k)]
                    request.at = start
                    request.cause = cause
                    request.row = row
                    slot_idx = ask.slot
                    slot = slots[_at(slot_idx * n_requests + k)]
                    slot.command = c
                    slot.asked_at = max(slot.asked_at, start)
                    slot.n_missing -= 1
                    if slot.n_missing == 0:
                        # Requests come almost in order of time: the place is close to the end.
                        asked_at = slot.asked_at
                        server = groups[_at(slot_idx)].server
                        first = server * n_line
                        k = n_joined[server]
                        n_joined[server] = k + 1
                        while k > n_left[server]:
                            before = line[_at(first + ((k - 1) & line_mask))]
                            if before.since < asked_at or (before.since == asked_at and before.slot <= slot_idx):
                                break
                            wait = line[_at(first + (k & line_mask))]
                            wait.since = before.since
                            wait.slot = before.slot
                            k -= 1
                        wait = line[_at(first + (k & line_mask))]
                        wait.since = asked_at
                        wait.slot = slot_idx
                else:
                    break
        # Which server grants next, and to whom?
        granted_at, server = _FAR, NONE
        for r in range(n_servers):
            if n_left[r] < n_joined[r]:
                at = max(line[_at(r * n_line + (n_left[r] & line_mask))].since, free_at[r])
                if at < granted_at:
                    granted_at, server = at, r
        if server == NONE:
            break
        first, chosen = server * n_line, n_left[server]
        if in_turn and server != LINK:
            # In turn: of those who ask by now, the first one after the one served last; the others keep their order.
            best_rank, last = _FAR, last_granted[server]
            for k in range(n_left[server], n_joined[server]):
                wait = line[_at(first + (k & line_mask))]
                if wait.since > granted_at:
                    break
                rank = (wait.slot - last - 1) & (_FAR - 1)
                chosen = k if rank < best_rank else chosen
                best_rank = min(rank, best_rank)
        slot_idx = line[_at(first + (chosen & line_mask))].slot
        for k in range(chosen, n_left[server], -1):
            before, wait = line[_at(first + ((k - 1) & line_mask))], line[_at(first + (k & line_mask))]
            wait.since = before.since
            wait.slot = before.slot
        n_left[server] += 1
        last_granted[server] = slot_idx
        place = slot_granted[slot_idx] & request_mask
        slot_granted[slot_idx] += 1
        group = groups[_at(slot_idx)]
        lane, n_members, first_member = group.lane, group.n_members, group.first_member
        slot = slots[_at(slot_idx * n_requests + place)]
        slot.asked_at = 0
        slot.n_missing = n_members
        granted = slot.command
        hold = commands[_at(granted)].hold
        if server == LINK:
            # The PEs of a group have their links to themselves.
            granted_at = max(granted_at, slot_free_at[slot_idx])
            slot_free_at[slot_idx] = granted_at + hold
        else:
            free_at[server] = granted_at + hold
        out_served[server] += hold
    # A unit is busy until it can take a command; the last one only keeps it until its result is there.
    for pe in range(n_pes):
        for u in range(n_units):
            unit = units[_at(pe * n_units + u)]
            out_busy[pe, u] -= max(0, unit.free_at - max(unit.done_at, 0))
    record.counts[N_ROWS], record.counts[N_LOST], record.counts[LOST_FROM] = n_events, n_lost, lost_from
    return last_end, n_done, n_skipped
