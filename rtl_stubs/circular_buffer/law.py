"""What to play on the circular buffers, and what the model says happens (no simulator here).

Operations come from one order in which they can be done one after another; each engine plays its own ones in that
order, so that they never wait for one another in a circle.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels import circular_buffer as law
from archmodel.kernels.circular_buffer import CLAIM, POP, PUSH, READ, RESERVE, WRITE
from archmodel.lowering.program import Command, Input, Program
from archmodel.lowering.run import run
from archmodel.verify.stimulus import draw_gaps

N_PORTS = 4  # of the bench; a build may use fewer
MOST_TOKENS = 255
MOST_WORDS = 32  # written and read of a transfer; the bench plays up to 1024 operations per port
PLAIN_UNITS = ("load", "matrix", "vector", "store")  # unit of each port where commands are plain
Step = tuple[int, int, int, int, int, int]  # port, kind, buffer, count, needed, gap


def draw(rng: np.random.Generator, parameters: dict[str, int]) -> dict[str, Any]:
    """Draw a stimulus: plain commands, all of one length or not, or any operations with data and stalls."""
    kind = str(rng.choice(["any", "plain", "uniform"], p=[0.7, 0.15, 0.15]))
    layout = _draw_layout(rng, parameters, has_long=kind == "any" and rng.random() < 0.25)
    if kind == "any":
        steps = _draw_transfers(rng, parameters, layout, int(rng.integers(2, 24)))
    else:
        layout[0][0] = min(layout[0][0], int(rng.choice([1, 2, 8])))
        steps = _draw_commands(rng, parameters, layout, is_uniform=kind == "uniform")
    is_stalled = kind == "any" and rng.random() < 0.6
    sources, sinks = {}, {}
    for p in range(N_PORTS):
        own = [step for step in steps if step[0] == p]
        n_reads = sum(step[1] == READ for step in own)
        gaps = draw_gaps(rng, len(own)) if is_stalled else [step[5] for step in own]
        words = rng.integers(0, 1 << parameters["WIDTH"], len(own)).tolist()
        data = [_encode(parameters, step, word) for step, word in zip(own, words, strict=True)]
        sources[f"port{p}"] = {"data": data, "gap": gaps or [0]}
        longest = int(rng.choice([1, 6]))
        sinks[f"port{p}"] = {"n": n_reads, "gap": draw_gaps(rng, n_reads, longest=longest) * is_stalled or [0]}
    address_bits = (parameters["WORDS"] - 1).bit_length()
    config = {
        "capacity": sum(row[0] << (8 * b) for b, row in enumerate(layout)),
        "token_shift": sum((row[1] - 1).bit_length() << (2 * b) for b, row in enumerate(layout)),
        "base": sum(row[2] << (address_bits * b) for b, row in enumerate(layout)),
        "operations": len(steps),
    }
    return {
        "config": config, "sources": sources, "sinks": sinks, "memories": {},
        "kind": kind, "layout": layout, "steps": steps,
    }  # fmt: skip


def expect(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, Any]:
    """Cycles in all and of all operations; of plain commands, what the event engine or the closed form says."""
    n_ports, steps, layout = parameters["PORTS"], stimulus["steps"], stimulus["layout"]
    own = [[step for step in steps if step[0] == p] for p in range(n_ports)]
    first = np.cumsum([0, *(len(some) for some in own)])
    operations = np.array([step[1:5] for some in own for step in some], np.int64)
    n = len(operations)
    gap, take_gap = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for p in range(n_ports):
        ends = slice(first[p], first[p + 1])
        gap[ends] = np.resize(stimulus["sources"][f"port{p}"]["gap"], len(own[p]))
        take_gap[ends] = np.resize(stimulus["sinks"][f"port{p}"]["gap"], len(own[p]))
    done, taken, conflicts = np.zeros(n, np.int64), np.full(n, law.NONE, np.int64), np.zeros(n * n_ports, np.int64)
    n_conflicts = law.buffer_events(
        np.array(layout, np.int64), operations, first, gap, take_gap,
        np.zeros((n_ports, law.N_PORT_STATES), np.int64), np.zeros((len(layout), law.N_BUFFER_STATES), np.int64),
        np.zeros(parameters["BANKS"], np.int64), done, taken, conflicts,
    )  # fmt: skip
    cycles = max(int(done.max()), int(taken.max())) + 1
    if stimulus["kind"] != "any":
        cycles = _plain_cycles(stimulus)
    events: dict[str, list[int]] = {f"op{p}": [] for p in range(N_PORTS)} | {f"out{p}": [] for p in range(N_PORTS)}
    for p in range(n_ports):
        events[f"op{p}"] = done[first[p] : first[p + 1]].tolist()
        n_reads = stimulus["sinks"][f"port{p}"]["n"]
        events[f"out{p}"] = taken[first[p] : first[p] + n_reads].tolist()
    return {"cycles": cycles, "events": events | {"conflict": conflicts[:n_conflicts].tolist()}}


def _plain_cycles(stimulus: dict[str, Any]) -> int:
    """Cycles of plain commands: a start (reserve or claim) and an end (push or pop), with the time at work between."""
    steps, layout = stimulus["steps"], stimulus["layout"]
    if stimulus["kind"] == "uniform":
        produce, consume = steps[1][5] + 2, steps[3][5] + 2
        return int(law.hand_over_cycles(len(steps) // 4, produce, consume, layout[0][0]))
    body = []
    for start, end in zip(steps[::2], steps[1::2], strict=True):
        unit, buffer, occupancy = PLAIN_UNITS[start[0]], f"buffer_{start[2]}", 2 + end[5]
        if start[1] == RESERVE:
            body.append(Command(unit, 0, occupancy, 0, (), buffer, n_reserved=start[3], n_pushed=end[3]))
        else:
            body.append(Command(unit, 0, occupancy, 0, (Input(buffer, start[4], end[3]),)))
    buffers = {f"buffer_{b}": capacity for b, (capacity, *_) in enumerate(layout)}
    return run(Program(body=tuple(body), buffers=buffers, queue_depth=64), "grid").cycles


def _draw_layout(rng: np.random.Generator, parameters: dict[str, int], *, has_long: bool) -> list[list[int]]:
    """Draw capacity [tokens], words of a token, and address of each buffer; if there is room, one may be long."""
    n_buffers, n_words = parameters["BUFFERS"], parameters["WORDS"]
    long = int(rng.integers(n_buffers)) if has_long and n_words > 2 * MOST_TOKENS else None
    room, layout, base = (n_words - MOST_TOKENS * (long is not None)) // n_buffers, [], 0
    for b in range(n_buffers):
        words = int(rng.choice([1, 2, 4, 8], p=[0.4, 0.2, 0.2, 0.2]))
        capacity = int(rng.integers(1, min(room // words, 8) + 1))
        if b == long:
            words, capacity = 1, int(rng.integers(200, MOST_TOKENS + 1))
        layout.append([capacity, words, base])
        base += capacity * words
    return layout


def _draw_transfers(
    rng: np.random.Generator, parameters: dict[str, int], layout: list[list[int]], n: int
) -> list[Step]:
    """Draw operations on all buffers, in an order in which they can be done."""
    ends = [rng.choice(parameters["PORTS"], 2, replace=False).tolist() for _ in layout]
    longest = int(np.argmax([capacity for capacity, *_ in layout]))
    is_in_order = rng.random() < 0.5
    n_visible, n_popped, steps = [0] * len(layout), [0] * len(layout), []
    written: list[set[int]] = [set() for _ in layout]  # words, counted from the start
    for turn in range(n + 8 * len(layout)):
        b = int(rng.integers(len(layout))) if rng.random() < 0.6 else longest
        capacity, words, _ = layout[b]
        producer, consumer = ends[b]
        n_free = capacity - n_visible[b]
        if turn < n and n_free and (n_visible[b] == 0 or rng.random() < 0.5):
            count = n_free if rng.random() < 0.3 else int(rng.integers(1, n_free + 1))
            order = rng.permutation(count * words)[:MOST_WORDS].tolist()
            steps.append((producer, RESERVE, b, count, 0, 0))
            steps += [(producer, WRITE, b, k, 0, 0) for k in (sorted(order) if is_in_order else order)]
            written[b] |= {(n_popped[b] + n_visible[b]) * words + k for k in order}
            parts = [count] if count > 8 or rng.random() < 0.7 else [1] * count
            steps += [(producer, PUSH, b, part, 0, 0) for part in parts]
            n_visible[b] += count
        elif n_visible[b]:
            needed = int(rng.integers(1, n_visible[b] + 1))
            count = needed if rng.random() < 0.7 else int(rng.integers(0, needed))
            steps.append((consumer, CLAIM, b, count, needed, 0))
            places = [k for k in rng.permutation(needed * words).tolist() if n_popped[b] * words + k in written[b]]
            steps += [(consumer, READ, b, k, 0, 0) for k in places[:MOST_WORDS]]
            steps.append((consumer, POP, b, count, 0, 0))
            n_visible[b] -= count
            n_popped[b] += count
    return steps


def _draw_commands(
    rng: np.random.Generator, parameters: dict[str, int], layout: list[list[int]], *, is_uniform: bool
) -> list[Step]:
    """Draw commands without data, in pairs of ports; the time at work is the gap before their last operation."""
    steps: list[Step] = []
    n_pairs = 1 if is_uniform else min(parameters["PORTS"] // 2, len(layout))
    produce, consume = (int(work) for work in rng.integers(0, 13, 2))
    if is_uniform:
        for _ in range(int(rng.integers(1, 30))):
            steps += _command(0, RESERVE, 0, 1, 1, 0, produce) + _command(1, CLAIM, 0, 1, 1, 1, consume)
        return steps
    n_pushed = [0] * n_pairs  # and not popped
    for _ in range(int(rng.integers(4, 40))):
        b, work = int(rng.integers(n_pairs)), int(rng.integers(0, 13))
        n_free = layout[b][0] - n_pushed[b]
        if n_free and (n_pushed[b] == 0 or rng.random() < 0.5):
            count = int(rng.integers(1, n_free + 1))
            n_pushed[b] += count
            is_shared = rng.random() < 0.4  # the first command takes the space, the second one hands over
            if is_shared:
                steps += _command(2 * b, RESERVE, b, count, 0, 0, work)
            steps += _command(2 * b, RESERVE, b, 0 if is_shared else count, count, 0, work)
        elif n_pushed[b]:
            needed = int(rng.integers(1, n_pushed[b] + 1))
            count = needed if rng.random() < 0.6 else int(rng.integers(0, needed))
            n_pushed[b] -= count
            steps += _command(2 * b + 1, CLAIM, b, count, count, needed, work)
    return steps


def _command(port: int, kind: int, b: int, count: int, last_count: int, needed: int, work: int) -> list[Step]:
    """First and last operation of a command that works in between."""
    return [
        (port, kind, b, count, needed, 0),
        (port, PUSH if kind == RESERVE else POP, b, last_count, 0, work),
    ]


def _encode(parameters: dict[str, int], step: Step, word: int) -> int:
    """Word that a source plays: data, needed, count, buffer, kind, from the top."""
    _, kind, b, count, needed, _ = step
    buffer_bits = max(1, (parameters["BUFFERS"] - 1).bit_length())
    return (((word << 8 | needed) << 8 | count) << buffer_bits | b) << 3 | kind
