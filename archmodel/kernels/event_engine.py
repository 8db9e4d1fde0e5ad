"""Event engine: when every command of a program starts and ends on every PE, in whole cycles.

The contract is ``docs/methods/timing.md``. Packs are the `ProgramPack` and `EngineState` of
``archmodel.lowering.run``.

A start is settled as soon as everything it waits for is. Requests to shared resources are granted in order of time, so
that what a grant sets free is known before anything later is granted: every command is visited once, however many
cycles pass, and memory does not grow with the program, because counters and rings replace lists.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.compile import kernel
from archmodel.kernels.event_record import record_skip
from archmodel.kernels.program import (
    ARBITRATION,
    ASKED_AT,
    ASKS_SLOT,
    CORE_FREE_AT,
    CORE_INNER,
    CORE_OUTER,
    CORE_POS,
    CORE_WAITS_FOR,
    DATA,
    DONE_AT,
    DRAM,
    DRAM_WAIT,
    EVENT_BUSY,
    EVENT_CAUSE,
    EVENT_COMMAND,
    EVENT_COMMANDS,
    EVENT_ENDED_AT,
    EVENT_FREE_AT,
    EVENT_GRANTED_AT,
    EVENT_ISSUED_AT,
    EVENT_PE,
    EVENT_STARTED_AT,
    EVENT_TURNS,
    EVENT_UNIT,
    EVENT_VISIBLE_AT,
    FIRST_MEMBER,
    FREE_AT,
    HOLD,
    IN_A,
    IN_B,
    ISSUE,
    ISSUED,
    ISSUED_AT,
    LANE,
    LATENCY,
    LINK,
    LOST_FROM,
    N_ASK_FIELDS,
    N_ASKED,
    N_BUFFER_FIELDS,
    N_CLAIMED,
    N_COMMAND_FIELDS,
    N_CORE_FIELDS,
    N_EVENT_FIELDS,
    N_ISSUED,
    N_LOST,
    N_MEMBERS,
    N_MISSING,
    N_POPPED,
    N_PUSHED,
    N_QUEUE_FIELDS,
    N_REQUEST_FIELDS,
    N_RESERVED,
    N_ROWS,
    N_SLOT_FIELDS,
    N_STARTED,
    N_TOKEN_FIELDS,
    N_UNIT_FIELDS,
    N_UNITS,
    N_WAIT_FIELDS,
    NEED_A,
    NEED_B,
    NONE,
    OCCUPANCY,
    OUT,
    POP_A,
    POP_B,
    POPPED_AT,
    PUSH,
    QUEUED_COMMAND,
    REQUEST_AT,
    REQUEST_CAUSE,
    REQUEST_ROW,
    RESERVE,
    RESOURCE,
    SERVICE,
    SLOT_COMMAND,
    SLOT_LANE,
    SLOT_SERVER,
    SPACE,
    STARTED_AT,
    TOKEN_CAUSE,
    UNIT,
    VISIBLE_AT,
    WAITING_GIVERS,
    WAITING_SLOT,
    WAITING_TAKERS,
    WAITS_SINCE,
)
from archmodel.kernels.steady_state import skip_repeats

_FAR = 1 << 62
_at = np.uint64  # numba need not check an unsigned index for being negative
_LOWEST = np.array([0] + [(bits & -bits).bit_length() - 1 for bits in range(1, 1 << N_UNITS)])  # set bit of each number


def _row(n_fields: int) -> np.dtype[np.void]:
    """Type of one row of an array of integers."""
    return np.dtype([(f"column_{i}", np.int64) for i in range(n_fields)])


_COMMAND, _UNIT, _CORE = _row(N_COMMAND_FIELDS), _row(N_UNIT_FIELDS), _row(N_CORE_FIELDS)
_BUFFER = _row(N_BUFFER_FIELDS)
_TOKEN, _QUEUED, _ASK, _REQUEST = _row(N_TOKEN_FIELDS), _row(N_QUEUE_FIELDS), _row(N_ASK_FIELDS), _row(N_REQUEST_FIELDS)
_SLOT, _WAIT, _EVENT = _row(N_SLOT_FIELDS), _row(N_WAIT_FIELDS), _row(N_EVENT_FIELDS)


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
    slot_member = program.slot_member
    slot_size, slot_granted, slot_free_at = program.slot_size, state.slot_granted, state.slot_free_at
    n_joined, n_left, free_at, last_granted = state.n_joined, state.n_left, state.free_at, state.last_granted
    commands = program.commands.reshape(-1).view(_COMMAND)
    units = state.units.reshape(-1).view(_UNIT)
    cores = state.cores.reshape(-1).view(_CORE)
    buffers = state.buffers.reshape(-1).view(_BUFFER)
    tokens = state.tokens.reshape(-1).view(_TOKEN)
    queues = state.queues.reshape(-1).view(_QUEUED)
    asks = state.asks.reshape(-1).view(_ASK)
    requests = state.requests.reshape(-1).view(_REQUEST)
    slots = state.slots.reshape(-1).view(_SLOT)
    line = state.line.reshape(-1).view(_WAIT)
    busy, stall = out_busy.reshape(-1), out_stall.reshape(-1)
    n_causes = out_stall.shape[2]
    events = record.rows.reshape(-1).view(_EVENT)
    n_rows, since, until = record.rows.shape[0], record.window[0], record.window[1]
    n_events, n_lost, lost_from = 0, 0, _FAR
    held_before = record.held_before.reshape(-1)
    is_watching = repeats.saved.size > 0
    n_done, n_skipped, last_end = 0, 0, 0
    core_bit = 1 << n_units
    for pe in range(n_pes):
        cores[pe][CORE_WAITS_FOR] = NONE
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
                ended_at, cause = request[REQUEST_AT] + command[OCCUPANCY], request[REQUEST_CAUSE]
                served_at = granted_at + command[SERVICE]
                if command[RESOURCE] == DRAM:
                    cause = DRAM_WAIT
                elif cause != DRAM_WAIT and served_at > ended_at + slack:
                    cause = ARBITRATION
                ended_at = max(ended_at, served_at)
                row = request[REQUEST_ROW]
                if row != NONE:
                    # If repeats were skipped meanwhile, this is a later request; the one recorded was as much earlier.
                    event = events[_at(row)]
                    late = request[REQUEST_AT] - event[EVENT_STARTED_AT]
                    event[EVENT_GRANTED_AT] = granted_at - late
                    event[EVENT_ENDED_AT] = ended_at - late
                    event[EVENT_VISIBLE_AT] = ended_at - late + command[LATENCY]
            while True:
                if has_ended:
                    # A command is known to end: its output gets a time, and so does the space of its inputs.
                    has_ended = False
                    command = commands[_at(c)]
                    visible_at = ended_at + command[LATENCY]
                    if command[PUSH] > 0:
                        idx = first_buffer + command[OUT]
                        buffer = buffers[_at(idx)]
                        first = buffer[N_PUSHED]
                        for k in range(first, first + command[PUSH]):
                            token = tokens[_at(idx * n_tokens + (k & token_mask))]
                            token[VISIBLE_AT] = visible_at
                            token[TOKEN_CAUSE] = cause
                        buffer[N_PUSHED] = first + command[PUSH]
                        to_look_at |= buffer[WAITING_TAKERS]
                        buffer[WAITING_TAKERS] = 0
                    if command[POP_A] > 0:
                        idx = first_buffer + command[IN_A]
                        buffer = buffers[_at(idx)]
                        first = buffer[N_POPPED]
                        for k in range(first, first + command[POP_A]):
                            tokens[_at(idx * n_tokens + (k & token_mask))][POPPED_AT] = ended_at
                        buffer[N_POPPED] = first + command[POP_A]
                        to_look_at |= buffer[WAITING_GIVERS]
                        buffer[WAITING_GIVERS] = 0
                    if command[POP_B] > 0:
                        idx = first_buffer + command[IN_B]
                        buffer = buffers[_at(idx)]
                        first = buffer[N_POPPED]
                        for k in range(first, first + command[POP_B]):
                            tokens[_at(idx * n_tokens + (k & token_mask))][POPPED_AT] = ended_at
                        buffer[N_POPPED] = first + command[POP_B]
                        to_look_at |= buffer[WAITING_GIVERS]
                        buffer[WAITING_GIVERS] = 0
                    unit = units[_at(first_unit + command[UNIT])]
                    unit[DONE_AT] = max(unit[DONE_AT], visible_at)
                    last_end = max(last_end, visible_at)
                elif to_look_at >= core_bit:
                    # The core issues in program order, until a queue is full of commands that have not started.
                    to_look_at ^= core_bit
                    core = cores[_at(pe)]
                    outer, inner, pos, issued_at = (
                        core[CORE_OUTER],
                        core[CORE_INNER],
                        core[CORE_POS],
                        core[CORE_FREE_AT],
                    )
                    core[CORE_WAITS_FOR] = NONE
                    while outer < n_outer:
                        command = commands[_at(pos)]
                        u = command[UNIT]
                        unit = units[_at(first_unit + u)]
                        first = (first_unit + u) * n_queue
                        k = unit[N_ISSUED]
                        if k >= queue_depth:
                            if unit[N_STARTED] <= k - queue_depth:
                                core[CORE_WAITS_FOR] = u
                                break
                            # Prepared by then, it takes the place of a command that has left the queue.
                            left_at = queues[_at(first + ((k - queue_depth) & queue_mask))][STARTED_AT]
                            issued_at = max(issued_at + command[ISSUE], left_at + min(1, command[ISSUE]))
                        else:
                            issued_at += command[ISSUE]
                        queued = queues[_at(first + (k & queue_mask))]
                        queued[ISSUED_AT] = issued_at
                        queued[QUEUED_COMMAND] = pos
                        unit[N_ISSUED] = k + 1
                        if unit[N_STARTED] == k:
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
                    core[CORE_OUTER] = outer
                    core[CORE_INNER] = inner
                    core[CORE_POS] = pos
                    core[CORE_FREE_AT] = issued_at
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
                    k = unit[N_STARTED]
                    queued = queues[_at((first_unit + u) * n_queue + (k & queue_mask))]
                    c = queued[QUEUED_COMMAND]
                    command = commands[_at(c)]
                    # What is lacking? The second input first: it is loaded after the first, and whoever wakes up too
                    # early is looked at in vain.
                    if command[IN_B] != NONE:
                        buffer = buffers[_at(first_buffer + command[IN_B])]
                        if buffer[N_PUSHED] < buffer[N_CLAIMED] + command[NEED_B]:
                            buffer[WAITING_TAKERS] |= 1 << u
                            continue
                    if command[IN_A] != NONE:
                        buffer = buffers[_at(first_buffer + command[IN_A])]
                        if buffer[N_PUSHED] < buffer[N_CLAIMED] + command[NEED_A]:
                            buffer[WAITING_TAKERS] |= 1 << u
                            continue
                    beyond = 0
                    if command[RESERVE] > 0:
                        buffer = buffers[_at(first_buffer + command[OUT])]
                        beyond = buffer[N_RESERVED] + command[RESERVE] - capacity[command[OUT]]
                        if buffer[N_POPPED] < beyond:
                            buffer[WAITING_GIVERS] |= 1 << u
                            continue
                        buffer[N_RESERVED] += command[RESERVE]
                    # Nothing is: it starts as soon as the last of it is there. Its inputs are claimed.
                    unit_free_at = unit[FREE_AT]
                    start, cause = unit_free_at, DATA
                    if queued[ISSUED_AT] > start:
                        start, cause = queued[ISSUED_AT], ISSUED
                    if command[IN_A] != NONE:
                        idx = first_buffer + command[IN_A]
                        buffer = buffers[_at(idx)]
                        claimed = buffer[N_CLAIMED]
                        buffer[N_CLAIMED] = claimed + command[POP_A]
                        token = tokens[_at(idx * n_tokens + ((claimed + command[NEED_A] - 1) & token_mask))]
                        if token[VISIBLE_AT] > start:
                            start, cause = token[VISIBLE_AT], token[TOKEN_CAUSE]
                    if command[IN_B] != NONE:
                        idx = first_buffer + command[IN_B]
                        buffer = buffers[_at(idx)]
                        claimed = buffer[N_CLAIMED]
                        buffer[N_CLAIMED] = claimed + command[POP_B]
                        token = tokens[_at(idx * n_tokens + ((claimed + command[NEED_B] - 1) & token_mask))]
                        if token[VISIBLE_AT] > start:
                            start, cause = token[VISIBLE_AT], token[TOKEN_CAUSE]
                    if beyond > 0:
                        token = tokens[_at((first_buffer + command[OUT]) * n_tokens + ((beyond - 1) & token_mask))]
                        if token[POPPED_AT] > start:
                            start, cause = token[POPPED_AT], SPACE
                    # It starts: account for the cycles before, claim its inputs.
                    stall[_at((first_unit + u) * n_causes + cause)] += start - unit_free_at
                    busy[_at(first_unit + u)] += command[OCCUPANCY]
                    ended_at = start + command[OCCUPANCY]
                    unit[FREE_AT] = ended_at
                    queued[STARTED_AT] = start
                    unit[N_STARTED] = k + 1
                    n_done += 1
                    row = NONE
                    if start < until and ended_at >= since:
                        if n_events < n_rows:
                            row = n_events
                            n_events += 1
                            event = events[_at(row)]
                            event[EVENT_PE] = pe
                            event[EVENT_UNIT] = u
                            event[EVENT_COMMAND] = c
                            event[EVENT_ISSUED_AT] = queued[ISSUED_AT]
                            event[EVENT_STARTED_AT] = start
                            event[EVENT_FREE_AT] = ended_at
                            event[EVENT_GRANTED_AT] = start
                            event[EVENT_ENDED_AT] = ended_at
                            event[EVENT_VISIBLE_AT] = ended_at + command[LATENCY]
                            event[EVENT_CAUSE] = cause
                            event[EVENT_TURNS] = 0
                            event[EVENT_COMMANDS] = 1
                            event[EVENT_BUSY] = command[OCCUPANCY]
                        else:
                            n_lost += 1
                            lost_from = min(lost_from, start)
                    elif start < since:
                        # Over before anything is recorded, but for the tokens that it leaves.
                        if command[RESERVE] > 0:
                            held_before[_at(first_buffer + command[OUT])] += command[RESERVE]
                        if command[POP_A] > 0:
                            held_before[_at(first_buffer + command[IN_A])] -= command[POP_A]
                        if command[POP_B] > 0:
                            held_before[_at(first_buffer + command[IN_B])] -= command[POP_B]
                    if k + 1 < unit[N_ISSUED]:
                        to_look_at |= 1 << u
                    if cores[_at(pe)][CORE_WAITS_FOR] == u:
                        to_look_at |= core_bit
                    if command[RESOURCE] == NONE:
                        has_ended = True
                        continue
                    # It asks for a resource; once all who share the request have asked, that stands in line.
                    idx = pe * n_lanes + command[LANE]
                    ask = asks[_at(idx)]
                    k = ask[N_ASKED] & request_mask
                    ask[N_ASKED] += 1
                    request = requests[_at(idx * n_requests + k)]
                    request[REQUEST_AT] = start
                    request[REQUEST_CAUSE] = cause
                    request[REQUEST_ROW] = row
                    slot_idx = ask[ASKS_SLOT]
                    slot = slots[_at(slot_idx * n_requests + k)]
                    slot[SLOT_COMMAND] = c
                    slot[ASKED_AT] = max(slot[ASKED_AT], start)
                    slot[N_MISSING] -= 1
                    if slot[N_MISSING] == 0:
                        # Requests come almost in order of time: the place is close to the end.
                        asked_at = slot[ASKED_AT]
                        server = slot_size[slot_idx, SLOT_SERVER]
                        first = server * n_line
                        k = n_joined[server]
                        n_joined[server] = k + 1
                        while k > n_left[server]:
                            before = line[_at(first + ((k - 1) & line_mask))]
                            if before[WAITS_SINCE] < asked_at or (
                                before[WAITS_SINCE] == asked_at and before[WAITING_SLOT] <= slot_idx
                            ):
                                break
                            wait = line[_at(first + (k & line_mask))]
                            wait[WAITS_SINCE] = before[WAITS_SINCE]
                            wait[WAITING_SLOT] = before[WAITING_SLOT]
                            k -= 1
                        wait = line[_at(first + (k & line_mask))]
                        wait[WAITS_SINCE] = asked_at
                        wait[WAITING_SLOT] = slot_idx
                else:
                    break
        # Which server grants next, and to whom?
        granted_at, server = _FAR, NONE
        for r in range(n_servers):
            if n_left[r] < n_joined[r]:
                at = max(line[_at(r * n_line + (n_left[r] & line_mask))][WAITS_SINCE], free_at[r])
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
                if wait[WAITS_SINCE] > granted_at:
                    break
                rank = (wait[WAITING_SLOT] - last - 1) & (_FAR - 1)
                chosen = k if rank < best_rank else chosen
                best_rank = min(rank, best_rank)
        slot_idx = line[_at(first + (chosen & line_mask))][WAITING_SLOT]
        for k in range(chosen, n_left[server], -1):
            before, wait = line[_at(first + ((k - 1) & line_mask))], line[_at(first + (k & line_mask))]
            wait[WAITS_SINCE] = before[WAITS_SINCE]
            wait[WAITING_SLOT] = before[WAITING_SLOT]
        n_left[server] += 1
        last_granted[server] = slot_idx
        place = slot_granted[slot_idx] & request_mask
        slot_granted[slot_idx] += 1
        lane, n_members = slot_size[slot_idx, SLOT_LANE], slot_size[slot_idx, N_MEMBERS]
        first_member = slot_size[slot_idx, FIRST_MEMBER]
        slot = slots[_at(slot_idx * n_requests + place)]
        slot[ASKED_AT] = 0
        slot[N_MISSING] = n_members
        granted = slot[SLOT_COMMAND]
        hold = commands[_at(granted)][HOLD]
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
            out_busy[pe, u] -= max(0, unit[FREE_AT] - max(unit[DONE_AT], 0))
    record.counts[N_ROWS], record.counts[N_LOST], record.counts[LOST_FROM] = n_events, n_lost, lost_from
    return last_end, n_done, n_skipped
