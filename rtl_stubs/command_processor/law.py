"""What to play on the command processor, and what the model says happens (no simulator here)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from archmodel.kernels.command_processor import process_commands
from archmodel.kernels.program import (
    ARBITRATION,
    DATA,
    DRAM,
    DRAM_WAIT,
    EVENT_COMMAND,
    EVENT_ENDED_AT,
    EVENT_ISSUED_AT,
    EVENT_STARTED_AT,
    EVENT_VISIBLE_AT,
    HOLD,
    IN_A,
    IN_B,
    ISSUE,
    ISSUED,
    LATENCY,
    N_CAUSES,
    N_COMMAND_FIELDS,
    NONE,
    OCCUPANCY,
    OUT,
    POP_A,
    POP_B,
    PUSH,
    RESERVE,
    RESOURCE,
    SERVICE,
    SPACE,
    UNIT,
)
from archmodel.lowering.program import CAUSES, CommandTable, Grid
from archmodel.lowering.record import new_record
from archmodel.lowering.run import run_table
from archmodel.verify.stimulus import draw_gaps

MOST_CORES, MOST_UNITS = 2, 6  # for which the bench has events
N_SERVED = 3  # units that may ask a server; each has one of its own
Ints = np.ndarray


class Style(NamedTuple):
    """Whether commands reserve a token at a time, and how often one pushes all that is reserved."""

    is_shallow: bool
    hands_over: float


def draw(rng: np.random.Generator, parameters: dict[str, int]) -> dict[str, Any]:
    """Draw a program per core, in which no command waits for a later one; a third of the points issue at full rate."""
    n_cores, n_units, n_buffers = parameters["CORES"], parameters["UNITS"], parameters["BUFFERS"]
    capacity = rng.integers(1, parameters["TOKENS"] + 1, n_buffers)
    ends = rng.integers(0, n_units, (2, n_buffers))  # the unit that fills each buffer and the one that empties it
    is_busy = rng.random() < 1 / 3
    style = Style(is_shallow=rng.random() < 0.5, hands_over=float(rng.choice([0.3, 0.8])))
    times = _draw_times(rng, n_units)
    programs = []
    for core in range(n_cores):
        own = np.flatnonzero(np.arange(n_buffers) % n_cores == core)
        rows = _draw_program(rng, int(rng.integers(4, 60 // n_cores)), own, capacity, ends, style)
        gaps = np.zeros(len(rows), np.int64) if is_busy else _draw_issue(rng, len(rows))
        rows[:, ISSUE] = gaps + 1
        rows[:, OCCUPANCY] = rng.integers(1, times[0, rows[:, UNIT]] + 1)
        rows[:, LATENCY] = times[1, rows[:, UNIT]]
        programs.append(rows)
    _ask_servers(rng, programs)
    if n_cores == 1:  # the event engine has no limit to what is under way
        _shorten(parameters, capacity, programs)
    for rows in programs:
        rows[:, HOLD] = rows[:, SERVICE]
    return _stimulus(parameters, capacity, programs)


def _draw_times(rng: np.random.Generator, n_units: int) -> Ints:
    """Draw the longest occupancy and the latency of each unit."""
    times = np.stack([rng.integers(1, 25, n_units), rng.integers(0, 20, n_units)])
    times[1, rng.random(n_units) < 0.4] = 0
    return times


def _ask_servers(rng: np.random.Generator, programs: list[Ints]) -> None:
    """Let some units ask a server: all commands of a unit or none, so that they end in order, if tokens limit them."""
    for rows in programs:
        rows[:, RESOURCE] = NONE
    for unit in range(N_SERVED):
        of_unit = [rows[:, UNIT] == unit for rows in programs]
        own = np.concatenate([rows[is_own] for rows, is_own in zip(programs, of_unit, strict=True)])
        if rng.random() < 0.5 and own[:, [RESERVE, POP_A, POP_B]].any(axis=1).all():
            for rows, is_own in zip(programs, of_unit, strict=True):
                rows[is_own, RESOURCE] = unit
                rows[is_own, SERVICE] = rng.integers(1, 30, is_own.sum())


def _draw_issue(rng: np.random.Generator, n: int) -> Ints:
    """Draw waits before commands, a few of them long enough for units to run dry."""
    gaps = np.array(draw_gaps(rng, n))
    gaps[1:][rng.random(n - 1) < 0.05] = 40
    return gaps


def _draw_program(rng: np.random.Generator, n: int, own: Ints, capacity: Ints, ends: Ints, style: Style) -> Ints:
    """Draw commands of one core on its own buffers; each finds its tokens and its space after those before it."""
    rows = np.zeros((n, N_COMMAND_FIELDS), np.int64)
    rows[:, [IN_A, IN_B, OUT]] = NONE
    available, taken, unpushed = np.zeros((3, capacity.size), np.int64)
    for row in rows:
        unit = row[UNIT] = rng.integers(0, ends.max() + 1) if own.size == 0 else rng.choice(ends[:, own].reshape(-1))
        inputs = rng.permutation([b for b in own if ends[1, b] == unit and available[b] > 0])[:2]
        for column, b in zip((IN_A, IN_B), inputs, strict=False):
            needed = int(rng.integers(1, available[b] + 1))
            popped = needed if rng.random() < 0.7 else int(rng.integers(0, needed + 1))
            row[column : column + 3] = b, needed, popped
            available[b] -= popped
            taken[b] -= popped
        outputs = [b for b in own if ends[0, b] == unit and b not in inputs]
        if outputs and rng.random() < 0.9:
            b = rng.choice(outputs)
            room = capacity[b] - taken[b]
            reserved = min(room, 1) if style.is_shallow else int(rng.integers(0, room + 1))
            pushed = unpushed[b] + reserved
            pushed = pushed if rng.random() < style.hands_over else int(rng.integers(0, pushed + 1))
            row[[OUT, RESERVE, PUSH]] = b, reserved, pushed
            taken[b] += reserved
            unpushed[b] += reserved - pushed
            available[b] += pushed
    return rows


def _shorten(parameters: dict[str, int], capacity: Ints, programs: list[Ints]) -> None:
    """Halve latencies and services until the commands under way never hold up a start."""
    while follow(parameters, capacity, programs)[0]:
        for rows in programs:
            rows[:, LATENCY] //= 2
            rows[:, SERVICE] = np.where(rows[:, RESOURCE] == NONE, 0, np.maximum(1, rows[:, SERVICE] // 2))


def follow(parameters: dict[str, int], capacity: Ints, programs: list[Ints]) -> tuple[int, Ints, Ints]:
    """Ask the law: starts held up, the order of issue, and when each command is issued, starts, ends, is visible."""
    commands = np.concatenate(programs)
    first = np.cumsum([0, *(len(rows) for rows in programs)])
    order, times = np.zeros(len(commands), np.int64), np.zeros((4, len(commands)), np.int64)
    n_held = process_commands(
        parameters["DEPTH"], parameters["UNDER_WAY"], capacity, commands, first, parameters["UNITS"], order, *times
    )
    return n_held, order, times


def _stimulus(parameters: dict[str, int], capacity: Ints, programs: list[Ints]) -> dict[str, Any]:
    """Encode programs; the words are in the order in which they are expected to be issued."""
    count_bits = parameters["TOKENS"].bit_length()
    commands = np.concatenate(programs)
    first = np.cumsum([0, *(len(rows) for rows in programs)])
    words = [_encode(parameters, number, row) for number, row in enumerate(commands.tolist())]
    sources = {
        f"command[{core}]": {"data": words[first[core] : first[core + 1]], "gap": (rows[:, ISSUE] - 1).tolist()}
        for core, rows in enumerate(programs)
    }
    sinks = {
        f"start[{unit}]": {"n": int(np.sum(commands[:, UNIT] == unit)), "gap": [0]}
        for unit in range(parameters["UNITS"])
    }
    config = {"capacity": sum(int(tokens) << (count_bits * b) for b, tokens in enumerate(capacity))}
    return {
        "config": config, "sources": sources, "sinks": sinks, "capacity": capacity.tolist(),
        "programs": [rows.tolist() for rows in programs],
        "order": follow(parameters, capacity, programs)[1].tolist(),
    }  # fmt: skip


def _encode(parameters: dict[str, int], number: int, row: list[int]) -> int:
    """Word of a command: number, latency, service, occupancy, then what the command processor reads."""
    word, buffer_bits = number, max(1, (parameters["BUFFERS"] - 1).bit_length())
    unit_bits, count_bits = max(1, (parameters["UNITS"] - 1).bit_length()), parameters["TOKENS"].bit_length()
    for column in (LATENCY, SERVICE, OCCUPANCY):
        word = word << 8 | row[column]
    for column in (OUT, IN_B, IN_A):
        buffer, first, second = row[column : column + 3]  # tokens reserved and pushed, or needed and popped
        word = (word << count_bits | second) << count_bits | first
        word = word << buffer_bits | max(buffer, 0)
    return word << unit_bits | row[UNIT]


def run_engine(parameters: dict[str, int], capacity: Ints, rows: Ints) -> tuple[int, Ints, Ints]:
    """Ask the event engine about the program of one core: cycles, the times of each command as above, and stalls."""
    table = CommandTable(rows, np.array([0, len(rows), 0, 1, 1]), capacity)
    record = new_record(1, capacity.size, len(rows))
    run = run_table(table, Grid(), "grid", parameters["DEPTH"], record=record)
    times = np.zeros((4, len(rows)), np.int64)
    columns = [EVENT_ISSUED_AT, EVENT_STARTED_AT, EVENT_ENDED_AT, EVENT_VISIBLE_AT]
    times[:, record.events[:, EVENT_COMMAND]] = record.events[:, columns].T
    return run.cycles + 1, times, run.stall_cycles[0]  # the cycle of the last notice counts


def count_stalls(capacity: Ints, commands: Ints, times: Ints) -> Ints:
    """Cycles for which each unit was free before its commands started, by what came last, from the times of `follow`.

    What is held up because too much is under way counts as waiting for space.
    """
    stall = np.zeros((MOST_UNITS, N_CAUSES), np.int64)
    free_at = np.zeros(MOST_UNITS, np.int64)
    pushed: list[list[tuple[int, int]]] = [[] for _ in capacity]  # tokens: when they are visible, and why so late
    popped: list[list[int]] = [[] for _ in capacity]
    claimed, reserved = np.zeros((2, capacity.size), np.int64)
    for c in np.argsort(times[1], kind="stable"):
        row, (issued, started, ended, visible) = commands[c].tolist(), times[:, c].tolist()
        latest, cause = int(free_at[row[UNIT]]), DATA
        waits = [(issued, ISSUED)]
        for b, needed, n_popped in (row[IN_A : IN_A + 3], row[IN_B : IN_B + 3]):
            if b != NONE:
                waits += [pushed[b][claimed[b] + needed - 1]] if needed else []
                claimed[b] += n_popped
                popped[b] += [ended] * n_popped
        if row[OUT] != NONE:
            reserved[row[OUT]] += row[RESERVE]
            beyond = reserved[row[OUT]] - capacity[row[OUT]]
            waits += [(popped[row[OUT]][beyond - 1], SPACE)] if row[RESERVE] and beyond > 0 else []
        for at, why in [*waits, (started, SPACE)]:
            latest, cause = (at, why) if at > latest else (latest, cause)
        stall[row[UNIT], cause] += started - free_at[row[UNIT]]
        free_at[row[UNIT]] = started + row[OCCUPANCY]
        if row[OUT] != NONE:
            pushed[row[OUT]] += [(visible, _why_late(row, cause, started, ended))] * row[PUSH]
    return stall


def _why_late(row: list[int], cause: int, started: int, ended: int) -> int:
    """Cause that the tokens of a command carry."""
    if row[RESOURCE] == DRAM:
        return DRAM_WAIT
    is_held_up = row[RESOURCE] != NONE and ended > started + row[OCCUPANCY]
    return ARBITRATION if is_held_up and cause != DRAM_WAIT else cause


def expect(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, Any]:
    """Cycles in all and the cycles of all events; with one core, starts and ends are those of the event engine."""
    capacity = np.array(stimulus["capacity"])
    programs = [np.array(rows) for rows in stimulus["programs"]]
    commands = np.concatenate(programs)
    if parameters["CORES"] == 1:
        cycles, times, stalls = run_engine(parameters, capacity, commands)
    else:
        times = follow(parameters, capacity, programs)[2]
        cycles, stalls = int(times[3].max()) + 1, count_stalls(capacity, commands, times)
    issued, started, ended, visible = times
    events: dict[str, list[int]] = {}
    core_of = np.repeat(np.arange(len(programs)), [len(rows) for rows in programs])
    for core in range(MOST_CORES):
        events[f"accept{core}"] = sorted((issued[core_of == core] - 1).tolist())
    for name, at in (("start", started), ("end", ended), ("visible", visible)):
        for unit in range(MOST_UNITS):
            events[f"{name}{unit}"] = sorted(at[commands[:, UNIT] == unit].tolist())
    counters = {
        f"unit{unit}_{cause}": int(stalls[unit, c]) for unit in range(MOST_UNITS) for c, cause in enumerate(CAUSES)
    }
    return {"cycles": cycles, "events": events, "counters": {name: n for name, n in counters.items() if n}}
