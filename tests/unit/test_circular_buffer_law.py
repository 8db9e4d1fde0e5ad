"""Laws of circular buffers: closed form, recurrence and the event engine say the same."""

from __future__ import annotations

import numpy as np
import pytest

from archmodel.kernels.circular_buffer import (
    CLAIM,
    N_BUFFER_STATES,
    N_PORT_STATES,
    NONE,
    POP,
    PUSH,
    READ,
    RESERVE,
    WRITE,
    buffer_events,
    hand_over_cycles,
)
from archmodel.lowering.program import Command, Input, Program
from archmodel.lowering.run import run


def follow(layout, *engines, n_banks=1):
    """Cycles of the operations of each engine; an operation is (kind, buffer, count, needed, gap)."""
    rows = np.array([row for engine in engines for row in engine], np.int64)
    first = np.cumsum([0, *map(len, engines)])
    done, taken, conflicts = np.zeros(len(rows), np.int64), np.full(len(rows), NONE), np.zeros(99, np.int64)
    n_conflicts = buffer_events(
        np.array(layout, np.int64), rows[:, :4], first, rows[:, 4].copy(), np.zeros(len(rows), np.int64),
        np.zeros((len(engines), N_PORT_STATES), np.int64), np.zeros((len(layout), N_BUFFER_STATES), np.int64),
        np.zeros(n_banks, np.int64), done, taken, conflicts,
    )  # fmt: skip
    return [done[first[p] : first[p + 1]].tolist() for p in range(len(engines))], conflicts[:n_conflicts].tolist()


@pytest.mark.parametrize("seed", range(40))
def test_closed_form_recurrence_and_event_engine_agree(seed):
    n, produce, consume, capacity = np.random.default_rng(seed).integers([1, 2, 2, 1], [50, 20, 20, 9]).tolist()
    (_, popped), _ = follow(
        [(capacity, 1, 0)],
        [(RESERVE, 0, 1, 0, 0), (PUSH, 0, 1, 0, produce - 2)] * n,
        [(CLAIM, 0, 1, 1, 0), (POP, 0, 1, 0, consume - 2)] * n,
    )
    body = (Command("load", 0, produce, output="a"), Command("matrix", 0, consume, 0, (Input("a"),)))
    engine = run(Program(body=body, buffers={"a": capacity}, n_inner=n, queue_depth=64), "grid").cycles
    assert popped[-1] + 1 == engine == hand_over_cycles(n, produce, consume, capacity)


def test_more_work_or_less_space_takes_longer():
    rng = np.random.default_rng(1)
    for _ in range(200):
        n, a, b, capacity = rng.integers([1, 1, 1, 1], [60, 20, 20, 9]).tolist()
        cycles = hand_over_cycles(n, a, b, capacity)
        assert cycles < hand_over_cycles(n + 1, a, b, capacity)
        assert cycles <= min(hand_over_cycles(n, a + 1, b, capacity), hand_over_cycles(n, a, b + 1, capacity))
        assert cycles >= hand_over_cycles(n, a, b, capacity + 1)


def test_worked_example():
    # Room for one token of two words in two banks. The consumer waits for the push (3), the producer for the pop (7).
    write = [(RESERVE, 0, 1, 0, 0), (WRITE, 0, 0, 0, 0), (WRITE, 0, 1, 0, 0), (PUSH, 0, 1, 0, 0)]
    read = [(CLAIM, 0, 1, 1, 0), (READ, 0, 0, 0, 0), (READ, 0, 1, 0, 0), (POP, 0, 1, 0, 0)]
    (produced, consumed), conflicts = follow([(1, 2, 0)], write * 2, read, n_banks=2)
    assert produced == [0, 1, 2, 3, 8, 9, 10, 11]
    assert consumed == [4, 5, 6, 7]
    assert conflicts == []


def test_a_bank_serves_ports_in_turn():
    # Both want the only bank: port 0 first, then the one behind it, and so on.
    write = [(WRITE, 0, 0, 0, 0)] * 2
    (first, second), conflicts = follow([(1, 1, 0), (1, 1, 1)], write, [(WRITE, 1, 0, 0, 0)] * 2)
    assert (first, second, conflicts) == ([0, 2], [1, 3], [0, 1, 2])
