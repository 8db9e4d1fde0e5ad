"""What to play on the SIMD engine, and what the model says happens (no simulator here)."""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.lanes import simd_cycles
from archmodel.kernels.simd_engine import simd_events
from archmodel.verify.stimulus import draw_gaps, draw_words, ready_cycles

LOOKUP, QUANTISE = 0, 2
CODES = 6  # the last one moves
OPERATION_BITS = 35


def draw(rng: np.random.Generator, parameters: dict[str, int]) -> dict[str, Any]:
    """Draw a stimulus: a table, up to 6 commands of up to 6 vectors; a third of the points without stalls."""
    lanes, table = parameters["LANES"], parameters["TABLE"]
    has_table = rng.random() < 0.7
    commands = [_write_command([], table)] if has_table else []
    for i in range(int(rng.integers(1, 6))):
        n_elements = int(rng.integers(1, 6 * lanes + 1))
        is_load = has_table and i > 0 and rng.random() < 0.2
        operations = [] if is_load else _draw_operations(rng, has_table)
        commands.append(_write_command(operations, min(n_elements, table) if is_load else n_elements))
    commands.append(_write_command(_draw_operations(rng, has_table), lanes))  # the last event is a result
    counts = [-(-(word >> 4 & 0xFFFF) // lanes) for word in commands]
    n_vectors = sum(counts)
    n_results = sum(n for n, word in zip(counts, commands, strict=True) if not word & 1)
    if rng.random() < 1 / 3:
        gaps = [[0], [0], [0]]
    else:
        gaps = [_draw_waits(rng, n) for n in (len(commands), n_vectors, n_results)]
    return {
        "sources": {
            "command": {"data": commands, "gap": gaps[0]},
            "in": {"data": _draw_vectors(rng, n_vectors, lanes), "gap": gaps[1]},
        },
        "sinks": {"out": {"n": n_results, "gap": gaps[2]}},
    }


def _draw_operations(rng: np.random.Generator, has_table: bool) -> list[int]:
    words = []
    for _ in range(int(rng.integers(1, 5))):
        code = int(rng.integers(LOOKUP if has_table else LOOKUP + 1, CODES))
        a, b = (int(value) for value in rng.integers(0, 1 << 16, 2))
        if code == QUANTISE:
            a = int(rng.integers(0, 32)) if rng.random() < 0.3 else int(rng.integers(0, 6))
        words.append(a + (b << 16) + (code << 32))
    return words


def _write_command(operations: list[int], n_elements: int) -> int:
    """Word of a command; one without operations loads the table."""
    word = sum(operation << (OPERATION_BITS * i) for i, operation in enumerate(operations))
    return (not operations) + (max(1, len(operations)) << 1) + (n_elements << 4) + (word << 20)


def _draw_vectors(rng: np.random.Generator, n: int, lanes: int) -> list[int]:
    """Draw vectors, half of them of small elements."""
    small = rng.integers(-300, 300, (n, lanes)).astype("<i4")
    words = draw_words(rng, n, 32 * lanes)
    return [
        int.from_bytes(row.tobytes(), "little") if rng.random() < 0.5 else word
        for row, word in zip(small, words, strict=True)
    ]


def _draw_waits(rng: np.random.Generator, n: int) -> list[int]:
    """Draw gaps, a few of them long enough to fill the pipe."""
    gaps = np.array(draw_gaps(rng, n))
    gaps[rng.random(n) < 0.1] = 25
    return gaps.tolist()


def expect(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, Any]:
    """Cycles in all and the cycles of all events; the closed form where nothing stalls."""
    sources, sink = stimulus["sources"], stimulus["sinks"]["out"]
    lanes, latency = parameters["LANES"], parameters["LATENCY"]
    commands = sources["command"]["data"]
    is_load, n_operations, n_elements = _read_commands(commands)
    n_vectors = -(-n_elements // lanes)
    gaps = [np.array(stream["gap"]) for stream in (sources["command"], sources["in"], sink)]
    counts = (len(commands), n_vectors.sum(), n_vectors @ n_operations, sink["n"])
    events = [np.zeros(n, np.int64) for n in counts]
    simd_events(latency, n_vectors, n_operations, is_load, *gaps, *events)
    cycles = int(events[-1][-1]) + 1
    if not any(gap.any() for gap in gaps):
        busy = [simd_cycles(n, count, float(lanes)) for n, count in zip(n_elements, n_operations, strict=True)]
        cycles = int(sum(busy)) + latency
    names = ("command", "in", "operation", "out")
    return {"cycles": cycles, "events": {name: row.tolist() for name, row in zip(names, events, strict=True)}}


def _read_commands(commands: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each command: whether it loads the table, operations, elements."""
    fields = ((0, 1), (1, 7), (4, 0xFFFF))
    is_load, n_operations, n_elements = (
        np.array([word >> shift & mask for word in commands], np.int64) for shift, mask in fields
    )
    return is_load, n_operations, n_elements


def words(
    parameters: dict[str, int], stimulus: dict[str, Any], events: dict[str, list[int]]
) -> dict[str, list[int] | np.ndarray]:
    """Say when results could enter the pipe, entered it with their last operation, left it and were wanted."""
    sources, operations = stimulus["sources"], events["operation"]
    is_load, n_operations, n_elements = _read_commands(sources["command"]["data"])
    command_offered = ready_cycles(sources["command"]["gap"], events["command"])
    vector_offered = ready_cycles(sources["in"]["gap"], events["in"])
    offered, entered, vector, operation = [], [], 0, 0
    for command, n_vectors in enumerate(-(-n_elements // parameters["LANES"])):
        for _ in range(n_vectors):
            operation += n_operations[command]
            at = operations[operation - 2] + 1 if operation > 1 else 0
            if n_operations[command] == 1:  # what is taken in is handed over in the same cycle
                at = max(at, command_offered[command], vector_offered[vector])
            if not is_load[command]:
                offered.append(int(at))
                entered.append(operations[operation - 1])
            vector += 1
    wanted = ready_cycles(stimulus["sinks"]["out"]["gap"], events["out"])
    return {"offered": offered, "entered": entered, "left": events["out"], "wanted": wanted}
