"""Runs of programs: their packs for the event engine, its state, and what a run took."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np

from archmodel.errors import Fault, InputError
from archmodel.kernels.engine_pack import number_lanes, share_commands
from archmodel.kernels.event_engine import run_program
from archmodel.kernels.program import (
    ASKS_SLOT,
    CAST,
    CORE_OUTER,
    HOLD,
    LINK,
    N_ASK_FIELDS,
    N_BUFFER_COUNTS,
    N_BUFFER_FIELDS,
    N_CAUSES,
    N_CORE_FIELDS,
    N_ISSUED,
    N_MEMBERS,
    N_MISSING,
    N_QUEUE_FIELDS,
    N_REQUEST_FIELDS,
    N_RESOURCES,
    N_SLOT_FIELDS,
    N_STARTED,
    N_TOKEN_FIELDS,
    N_UNIT_FIELDS,
    N_WAIT_FIELDS,
    NONE,
    OWN,
    RESOURCE,
    SRAM,
)
from archmodel.kernels.steady_state import N_WATCH_FIELDS
from archmodel.lowering.program import CASTS, UNITS, CommandTable, Grid, Ints, Program, tabulate
from archmodel.lowering.record import EventRecord, new_record

Mode = Literal["representative", "grid"]


class ProgramPack(NamedTuple):
    """A program on its PEs: C commands, U units, B buffers, P PEs, L lanes, S groups of PEs that share requests.

    Parameters
    ----------
    commands, loops, capacity
        As in `CommandTable`, with the lane of a request for its cast: a unit, a cast and a resource.
    unit_parts : (U, 3) int64
        How many commands of each unit are in prologue, body and epilogue.
    cast_slot : (P, L) int64
        Group of a PE for each lane.
    slot_size : (S, 4) int64
        Members of a group, its lane, where its members begin, and the server of its requests.
    slot_member : (P · L,) int64
        The PEs of the groups, one group after the other.
    queue_depth : int
        Commands that wait in front of a unit.
    in_turn : bool
        Round-robin instead of oldest first.
    slack : int
        Cycles for which a request may wait before that counts as arbitration.
    """

    commands: Ints
    loops: Ints
    unit_parts: Ints
    capacity: Ints
    cast_slot: Ints
    slot_size: Ints
    slot_member: Ints
    queue_depth: int
    in_turn: bool
    slack: int


class EngineState(NamedTuple):
    """Progress of a run; columns as in ``archmodel.kernels.program``.

    Parameters
    ----------
    units : (P, U, 4) int64
    buffers : (P, B, 6) int64
    tokens : (P, B, T, 3) int64
        The last T tokens; T is a power of 2, as are the sizes of all rings.
    cores : (P, 5) int64
    queues : (P, U, Q, 3) int64
    asks : (P, L, 2) int64
    requests : (P, L, F, 3) int64
        Requests of a PE under way.
    slots : (S, F, 3) int64
        Requests of a group being gathered.
    slot_granted, slot_free_at : (S,) int64
    line : (R, W, 2) int64
        Requests that wait for a server, the oldest first, ties in order of the slots. Servers are the shared resources,
        the SRAM with its first port, and then its other ports.
    n_joined, n_left : (R,) int64
        Requests that have joined the line and left it.
    free_at, last_granted : (R,) int64
    """

    units: Ints
    buffers: Ints
    tokens: Ints
    cores: Ints
    queues: Ints
    asks: Ints
    requests: Ints
    slots: Ints
    slot_granted: Ints
    slot_free_at: Ints
    line: Ints
    n_joined: Ints
    n_left: Ints
    free_at: Ints
    last_granted: Ints


class RepeatLog(NamedTuple):
    """What is remembered of the inner and the outer loop (`archmodel.kernels.steady_state`); V numbers at most.

    Parameters
    ----------
    watch : (2, 6) int64
    phase : (V,) int64
    saved : (2, V) int64
        Of size 0 when nothing is watched.
    size : (2,) int64
    counts : (N,) int64
    saved_counts : (2, N) int64
    saved_free : (2, U) int64
    ring : int
        Largest ring.
    """

    watch: Ints
    phase: Ints
    saved: Ints
    size: Ints
    counts: Ints
    saved_counts: Ints
    saved_free: Ints
    ring: int


@dataclass(frozen=True, slots=True)
class Run:
    """What a run of a program took.

    Parameters
    ----------
    cycles
        Until the last command ended.
    n_commands, n_skipped
        Commands of all PEs, and those of them that repeated a period and were added at once.
    busy_cycles
        (P, U): for which each unit was busy.
    stall_cycles
        (P, U, 5): for which it waited, by `CAUSES`, until its last command started.
    served_cycles
        (R,): for which each shared resource (`SHARED`) served, the SRAM at its first port; then its other ports.
    """

    cycles: int
    n_commands: int
    n_skipped: int
    busy_cycles: Ints
    stall_cycles: Ints
    served_cycles: Ints


def run(program: Program, mode: Mode = "grid") -> Run:
    """Run a program.

    Parameters
    ----------
    program
        What every PE runs.
    mode
        ``grid`` follows every PE; ``representative`` one of them, with shared resources that take as much longer as
        there are requests like its own.

    Raises
    ------
    InputError
        When a command names what is not there or can never start.
    """
    table = tabulate(program)
    return run_table(
        table, program.grid, mode, program.queue_depth, program.is_round_robin, slack_cycles=program.slack_cycles
    )


def run_table(
    table: CommandTable,
    grid: Grid,
    mode: Mode,
    queue_depth: int,
    is_round_robin: bool = False,
    record: EventRecord | None = None,
    slack_cycles: int = 0,
) -> Run:
    """Run a program given as arrays; other parameters as in `Program` and `run`.

    Parameters
    ----------
    record
        Filled with what happens. If it is of a part of the run only, all repetitions are followed.
    """
    if grid.n_ports > 1:
        _check_ports(table, grid)
    is_grid = mode == "grid"
    chosen, lag = (table, 0) if is_grid else _share(table, grid)
    followed = grid if is_grid else Grid()
    pack = _pack(chosen, followed, queue_depth, is_round_robin, slack_cycles)
    n_servers = N_RESOURCES + followed.n_ports - 1
    state = _new_state(pack, n_servers)
    n_pes, n_units = state.units.shape[:2]
    busy, stall, served = _zeros((n_pes, n_units), (n_pes, n_units, N_CAUSES), (n_servers,))
    record = new_record(n_pes, table.capacity.size, 0, 0, 0) if record is None else record
    repeats = _new_log(state, is_watching=not is_grid and not record.is_of_part)
    cycles, n_commands, n_skipped = run_program(pack, state, repeats, record, busy, stall, served)
    _check_finished(pack, state, n_commands)
    n_like = 1 if is_grid else grid.n_pes
    at_least = int(served[:LINK].max())  # one PE may be served early in the turn of all
    return Run(max(int(cycles) + lag, at_least), int(n_commands) * n_like, int(n_skipped) * n_like, busy, stall, served)


def _check_finished(pack: ProgramPack, state: EngineState, n_commands: int) -> None:
    """Refuse a program that came to a halt: its commands wait for one another."""
    n_prologue, n_body, n_epilogue, n_inner, n_outer = pack.loops.tolist()
    if n_commands == len(state.cores) * n_outer * (n_prologue + n_inner * n_body + n_epilogue):
        return
    pe = int(np.argmax(state.cores[:, CORE_OUTER] < n_outer))
    waiting = [UNITS[u] for u in np.flatnonzero(state.units[pe, :, N_STARTED] < state.units[pe, :, N_ISSUED])]
    raise InputError(
        "program",
        [Fault("", f"comes to a halt: on PE {pe} {', '.join(waiting)} wait for tokens or space that never come")],
    )


def _share(table: CommandTable, grid: Grid) -> tuple[CommandTable, int]:
    """Let one PE see the shared resources as it would among all; returns its program and what PEs lag one another."""
    commands = table.commands.copy()
    lag = share_commands(commands, _groups_at_a_time(grid))
    return CommandTable(commands, table.loops, table.capacity), lag


@lru_cache(maxsize=4096)
def _groups_at_a_time(grid: Grid) -> Ints:
    """Count the requests of each cast at a time: those of the whole grid, and those at the busiest port of the SRAM."""
    groups = [grid.n_groups(cast) for cast in CASTS]
    if grid.n_ports == 1:
        return np.array([groups, groups], dtype=np.int64)
    ports = [grid.ports(cast) for cast in CASTS]
    at_port = [int(np.bincount(port[port != NONE]).max(initial=0)) for port in ports]
    return np.array([groups, at_port], dtype=np.int64)


@lru_cache(maxsize=64)
def _divided_casts(grid: Grid) -> frozenset[int]:
    """Name the casts with groups of PEs that are behind several ports of the SRAM."""
    return frozenset(number for number, cast in enumerate(CASTS) if (grid.ports(cast) == NONE).any())


def _check_ports(table: CommandTable, grid: Grid) -> None:
    """Refuse requests to the SRAM that PEs behind several of its ports share."""
    asked = set(table.commands[table.commands[:, RESOURCE] == SRAM, CAST].tolist())
    if divided := sorted(asked & _divided_casts(grid)):
        text = "is shared by PEs behind several ports of the SRAM; allowed are groups behind one port"
        raise InputError("program", [Fault(f"cast {CASTS[cast]!r}", text) for cast in divided])


def hold_cycles(table: CommandTable, grid: Grid, mode: Mode) -> Ints:
    """Count the cycles for which each command holds its shared resource in a run: (C,)."""
    return (table if mode == "grid" else _share(table, grid)[0]).commands[:, HOLD]


def _pack(table: CommandTable, grid: Grid, queue_depth: int, is_round_robin: bool, slack: int) -> ProgramPack:
    commands, parts = table.commands.copy(), np.zeros((len(UNITS), 3), dtype=np.int64)
    lanes = np.empty((len(commands), 2), dtype=np.int64)
    n_lanes = number_lanes(commands, table.loops, parts, lanes)
    kinds = tuple(map(tuple, lanes[:n_lanes].tolist())) or ((OWN, LINK),)
    slots = _slots(grid, kinds)
    return ProgramPack(commands, table.loops, parts, table.capacity, *slots, queue_depth, is_round_robin, slack)


@lru_cache(maxsize=64)
def _slots(grid: Grid, lanes: tuple[tuple[int, ...], ...]) -> tuple[Ints, Ints, Ints]:
    """Give numbers to the groups of PEs that share requests: for each lane (a cast, a resource), those of its cast."""
    cast_slot = np.empty((grid.n_pes, len(lanes)), dtype=np.int64)
    sizes, members, n_slots = [], [], 0
    for lane, (number, resource) in enumerate(lanes):
        cast = CASTS[number]
        group = grid.groups(cast)
        cast_slot[:, lane] = n_slots + group
        counts = np.bincount(group)
        first = lane * grid.n_pes + np.concatenate(([0], np.cumsum(counts)[:-1]))
        server = np.full(counts.size, resource)
        if resource == SRAM:
            port = grid.ports(cast)
            server = np.where(port > 0, N_RESOURCES - 1 + port, SRAM)
        sizes.append(np.stack([counts, np.full(counts.size, lane), first, server], axis=1))
        members.append(np.argsort(group, kind="stable"))
        n_slots += counts.size
    return cast_slot, np.concatenate(sizes).astype(np.int64), np.concatenate(members).astype(np.int64)


def _new_state(pack: ProgramPack, n_servers: int) -> EngineState:
    """Make the state of a machine on which nothing has happened yet."""
    n_pes, n_lanes = pack.cast_slot.shape
    n_units, n_buffers, n_slots = len(UNITS), pack.capacity.size, pack.slot_size.shape[0]
    capacity = pack.capacity.tolist()
    n_tokens, n_requests = _power_of_two(max(capacity, default=1)), _power_of_two(sum(capacity))
    state = EngineState(
        *_zeros(
            (n_pes, n_units, N_UNIT_FIELDS),
            (n_pes, n_buffers, N_BUFFER_FIELDS),
            (n_pes, n_buffers, n_tokens, N_TOKEN_FIELDS),
            (n_pes, N_CORE_FIELDS),
            (n_pes, n_units, _power_of_two(pack.queue_depth), N_QUEUE_FIELDS),
            (n_pes, n_lanes, N_ASK_FIELDS),
            (n_pes, n_lanes, n_requests, N_REQUEST_FIELDS),
            (n_slots, n_requests, N_SLOT_FIELDS),
            (n_slots,),
            (n_slots,),
            (n_servers, _power_of_two(n_slots * n_requests), N_WAIT_FIELDS),
            (n_servers,),
            (n_servers,),
            (n_servers,),
            (n_servers,),
        )
    )
    state.slots[:, :, N_MISSING] = pack.slot_size[:, N_MEMBERS, None]
    state.asks[:, :, ASKS_SLOT] = pack.cast_slot
    state.last_granted[:] = NONE  # in turn, the first is the first
    return state


def _new_log(state: EngineState, *, is_watching: bool) -> RepeatLog:
    """Make room for two remembered repetitions, or none."""
    _, n_units, n_queue, _ = state.queues.shape
    _, n_buffers, n_tokens, _ = state.tokens.shape
    _, n_lanes, n_requests, _ = state.requests.shape
    n_phase = 3 + n_units * (3 + 3 * n_queue) + n_buffers * (3 + 3 * n_tokens)
    n_servers = state.free_at.size
    n_phase = (n_phase + n_lanes * (2 + 3 * n_requests) + 2 * n_servers) if is_watching else 0
    n_counts = 1 + n_units * (3 + N_CAUSES) + n_buffers * N_BUFFER_COUNTS + 2 * n_lanes + n_servers
    watch, phase, saved, size, counts, saved_counts, saved_free = _zeros(
        (2, N_WATCH_FIELDS), (n_phase,), (2, n_phase), (2,), (n_counts,), (2, n_counts), (2, n_units)
    )
    ring = max(n_queue, n_tokens, n_requests)
    return RepeatLog(watch, phase, saved, size, counts, saved_counts, saved_free, ring)


def _zeros(*shapes: tuple[int, ...]) -> list[Ints]:
    """Make arrays of zeros, all in one piece of memory: programs are many, and small."""
    parts = _cut(shapes)
    block = np.zeros(parts[-1][1], dtype=np.int64)
    return [block[begin:end].reshape(shape) for (begin, end), shape in zip(parts, shapes, strict=True)]


@lru_cache(maxsize=4096)
def _cut(shapes: tuple[tuple[int, ...], ...]) -> list[tuple[int, int]]:
    """Find where each of some arrays begins and ends."""
    ends = np.cumsum([math.prod(shape) for shape in shapes]).tolist()
    return list(zip([0, *ends], ends, strict=False))


def _power_of_two(n: int) -> int:
    return 1 << max(0, n - 1).bit_length()
