"""Programs of commands, and the same as tables. What the words mean: ``docs/methods/timing.md``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archmodel.errors import Fault, InputError
from archmodel.kernels.engine_pack import can_run
from archmodel.kernels.program import N_COMMAND_FIELDS, NONE

Ints = NDArray[np.int64]

UNITS = ("prefetch", "load", "matrix", "reduce", "simd", "vector", "layout", "network", "store", "write_back")
"""Units of a PE, in the order of arbitration."""
SHARED = ("sram", "dram", "host", "link")
CASTS = ("own", "same_a", "same_b", "same_c")
CAUSES = ("data", "space", "issue", "arbitration", "dram")
_UNIT, _RESOURCE, _CAST = ({name: idx for idx, name in enumerate(names)} for names in (UNITS, SHARED, CASTS))
_RESOURCE[""] = NONE
_NOTHING = (NONE, 0, 0)
MAX_TOKENS = 64
"""Largest circular buffer and queue."""


class Input(NamedTuple):
    """Tokens that a command needs in a buffer, and those that it frees when it ends."""

    buffer: str
    n_needed: int = 1
    n_popped: int = 1


class Command(NamedTuple):
    """One command of a program.

    Parameters
    ----------
    unit
        One of `UNITS`.
    issue_cycles, occupancy_cycles, latency_cycles
        To issue it, for which the unit is busy, and from its end until its result is visible.
    inputs
        At most two.
    output, n_reserved, n_pushed
        Buffer of the result, tokens for which it takes space when it starts, and tokens that it adds when it ends.
    resource, service_cycles, cast
        Shared resource (`SHARED`), the cycles it serves the request, and who shares the request (`CASTS`).
    """

    unit: str
    issue_cycles: int = 0
    occupancy_cycles: int = 0
    latency_cycles: int = 0
    inputs: tuple[Input, ...] = ()
    output: str = ""
    n_reserved: int = 1
    n_pushed: int = 1
    resource: str = ""
    service_cycles: int = 0
    cast: str = "own"


@dataclass(frozen=True, slots=True)
class Grid:
    """Logical grid of the PEs of a program.

    Parameters
    ----------
    n_batch, n_m, n_n, n_k
        Parts of the batch, of the rows, of the columns and of the depth.
    n_ports
        Ports of the SRAM. PE p is behind port p mod ``n_ports``.
    """

    n_batch: int = 1
    n_m: int = 1
    n_n: int = 1
    n_k: int = 1
    n_ports: int = 1

    @property
    def n_pes(self) -> int:
        """PEs at work."""
        return self.n_batch * self.n_m * self.n_n * self.n_k

    def groups(self, cast: str) -> Ints:
        """Give every PE the number of its group for a cast: (P,)."""
        batch, m, n, k = np.unravel_index(np.arange(self.n_pes), (self.n_batch, self.n_m, self.n_n, self.n_k))
        shared = {
            "own": np.arange(self.n_pes),
            "same_a": (batch * self.n_m + m) * self.n_k + k,
            "same_b": (batch * self.n_n + n) * self.n_k + k,
            "same_c": (batch * self.n_m + m) * self.n_n + n,
        }
        return shared[cast].astype(np.int64)

    def ports(self, cast: str) -> Ints:
        """Give every group of a cast the port of its PEs: (G,); −1 where these are behind several."""
        group, port = self.groups(cast), np.arange(self.n_pes) % self.n_ports
        first, last = np.full(self.n_groups(cast), self.n_ports), np.full(self.n_groups(cast), NONE)
        np.minimum.at(first, group, port)
        np.maximum.at(last, group, port)
        return np.where(first == last, first, NONE)

    def n_groups(self, cast: str) -> int:
        """Count the requests of a cast that the whole grid makes at a time."""
        return {
            "own": self.n_pes,
            "same_a": self.n_batch * self.n_m * self.n_k,
            "same_b": self.n_batch * self.n_n * self.n_k,
            "same_c": self.n_batch * self.n_m * self.n_n,
        }[cast]


@dataclass(frozen=True, slots=True)
class Program:
    """What every PE runs: ``prologue``, ``n_inner`` times ``body``, ``epilogue``; all of it ``n_outer`` times.

    Parameters
    ----------
    prologue, body, epilogue
        Commands in program order.
    n_inner, n_outer
        Repeats.
    buffers
        Capacity of each circular buffer [tokens].
    queue_depth
        Commands that wait in front of a unit.
    grid
        The PEs.
    is_round_robin
        Shared resources grant requests in turn instead of by age.
    slack_cycles
        For which a request may wait before that counts as arbitration in the stall ledger.
    """

    body: tuple[Command, ...]
    buffers: dict[str, int]
    prologue: tuple[Command, ...] = ()
    epilogue: tuple[Command, ...] = ()
    n_inner: int = 1
    n_outer: int = 1
    queue_depth: int = 8
    grid: Grid = field(default_factory=Grid)
    is_round_robin: bool = False
    slack_cycles: int = 0


class CommandTable(NamedTuple):
    """A program as arrays: C commands, B buffers.

    Parameters
    ----------
    commands : (C, 17) int64
        Columns as in ``archmodel.kernels.program``.
    loops : (5,) int64
        Commands of prologue, body and epilogue; inner and outer repeats.
    capacity : (B,) int64
        Tokens.
    """

    commands: Ints
    loops: Ints
    capacity: Ints


def tabulate(program: Program) -> CommandTable:
    """Turn a program into arrays; `InputError` lists the commands that can never run."""
    table = _write(program)
    is_sized = 1 <= program.queue_depth <= MAX_TOKENS
    is_sized &= program.n_inner >= 0 and program.n_outer >= 1 and program.slack_cycles >= 0
    if table is None or not (is_sized and can_run(*table, MAX_TOKENS)):
        raise InputError("program", _find_faults(program))
    return table


def _list_commands(program: Program) -> tuple[Command, ...]:
    return (*program.prologue, *(program.body if program.n_inner else ()), *program.epilogue)


def _write(program: Program) -> CommandTable | None:
    """Write the arrays; ``None`` where commands name what there is not."""
    listed, places = _list_commands(program), {name: idx for idx, name in enumerate(program.buffers)}
    n_body = len(program.body) if program.n_inner else 0
    rows: dict[int, list[int]] = {}  # prologue, body and epilogue have commands in common
    try:
        for command in listed:
            if id(command) not in rows:
                rows[id(command)] = _row(command, places)
    except KeyError:
        return None
    if any(len(row) != N_COMMAND_FIELDS for row in rows.values()):
        return None
    loops = [len(program.prologue), n_body, len(program.epilogue), n_body and program.n_inner, program.n_outer]
    commands = np.array([rows[id(command)] for command in listed], dtype=np.int64).reshape(-1, N_COMMAND_FIELDS)
    return CommandTable(commands, np.array(loops), np.array(list(program.buffers.values()), dtype=np.int64))


def _find_faults(program: Program) -> list[Fault]:
    """Say what is wrong with a program that can never run."""
    listed, n_body = _list_commands(program), len(program.body) if program.n_inner else 0
    faults = _wrong_sizes(program)
    for idx, command in enumerate(listed):
        faults += [Fault(f"command {idx + 1} ({command.unit})", reason) for reason in _why_stuck(command, program)]
    if not listed:
        faults.append(Fault("", "has no commands"))
    times = [1] * len(program.prologue) + [program.n_inner] * n_body + [1] * len(program.epilogue)
    return faults or _unbalanced(program.buffers, listed, times)


def _row(command: Command, places: Mapping[str, int]) -> list[int]:
    """Give the columns of a command that can run."""
    service, output = command.service_cycles, command.output
    row = [
        _UNIT[command.unit], command.issue_cycles, command.occupancy_cycles, command.latency_cycles,
        _RESOURCE[command.resource], service, service, _CAST[command.cast],
    ]  # fmt: skip
    for taken in command.inputs:
        row += (places[taken.buffer], taken.n_needed, taken.n_popped)
    row += _NOTHING * (2 - len(command.inputs))
    row += (places[output], command.n_reserved, command.n_pushed) if output else _NOTHING
    return row


def _unbalanced(buffers: Mapping[str, int], listed: Sequence[Command], times: Sequence[int]) -> list[Fault]:
    """Say of which buffers a turn takes space for more or fewer tokens than it adds."""
    reserved, pushed = dict.fromkeys(buffers, 0), dict.fromkeys(buffers, 0)
    for command, n_times in zip(listed, times, strict=True):
        if command.output:
            reserved[command.output] += n_times * command.n_reserved
            pushed[command.output] += n_times * command.n_pushed
    return [
        Fault(f"buffer {name!r}", f"a turn takes space for {reserved[name]} tokens and adds {pushed[name]}")
        for name in buffers
        if reserved[name] != pushed[name]
    ]


def _wrong_sizes(program: Program) -> list[Fault]:
    """Say which buffers and queues are empty or larger than the engine's rings."""
    sizes = {f"buffer {name!r}": size for name, size in program.buffers.items()} | {"queue_depth": program.queue_depth}
    return [
        Fault(where, f"{size} is not allowed; allowed: whole numbers from 1 to {MAX_TOKENS}")
        for where, size in sizes.items()
        if not 1 <= size <= MAX_TOKENS
    ] + [
        Fault(name, f"{times} is not allowed; allowed: whole numbers from {least}")
        for name, times, least in (
            ("n_inner", program.n_inner, 0),
            ("n_outer", program.n_outer, 1),
            ("slack_cycles", program.slack_cycles, 0),
        )
        if times < least
    ]


def _why_stuck(command: Command, program: Program) -> list[str]:
    """Say why a command could never run."""
    named = [taken.buffer for taken in command.inputs] + ([command.output] if command.output else [])
    reasons = [f"there is no buffer {name!r}" for name in named if name not in program.buffers]
    given = (command.issue_cycles, command.occupancy_cycles, command.service_cycles)
    if min(given) < 0:
        reasons.append("takes a negative number of cycles")
    if any(taken.n_popped > taken.n_needed for taken in command.inputs):
        reasons.append("frees more tokens than it needs")
    if len(command.inputs) > 2:
        reasons.append(f"has {len(command.inputs)} inputs; allowed are two")
    for what, name, known in (
        ("unit", command.unit, UNITS), ("resource", command.resource or "sram", SHARED), ("cast", command.cast, CASTS)
    ):  # fmt: skip
        if name not in known:
            reasons.append(f"{what} {name!r} is unknown; allowed: {', '.join(known)}")
    if reasons:
        return reasons
    wanted = [(taken.buffer, taken.n_needed) for taken in command.inputs]
    wanted += [(command.output, max(command.n_reserved, command.n_pushed))] if command.output else []
    for name, n_tokens in wanted:
        if n_tokens > program.buffers[name]:
            reasons.append(f"handles {n_tokens} tokens of {name!r}, which holds {program.buffers[name]}")
    limits = [taken.n_popped for taken in command.inputs] + ([command.n_reserved] if command.output else [])
    if command.resource and not any(limits):
        reasons.append("asks for a shared resource but no buffer limits how often at a time")
    return reasons
