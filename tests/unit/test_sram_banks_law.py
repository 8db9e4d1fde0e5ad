"""Laws of the banked SRAM: worked by hand, closed forms against the recurrence, monotone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archmodel.kernels.sram_banks import bank_events, burst_cycles, count_banks_used, walk_cycles


def run(n_banks, latency, outstanding, rows, gap=0):
    """Granted cycles of each port, all answered and asked ones; rows are the banks that the ports ask for."""
    first = np.cumsum([0, *map(len, rows)])
    bank = np.concatenate(rows).astype(np.int64)
    gaps = np.full(bank.size, gap)
    asked, granted, answered = (np.zeros(bank.size, np.int64) for _ in range(3))
    bank_events(n_banks, latency, outstanding, first, bank, gaps, gaps, asked, granted, answered)
    return [row.tolist() for row in np.split(granted, first[1:-1])], answered, asked


def test_two_ports_by_hand():
    # Both want bank 0 first. Port 1 loses, then has it to itself; in cycle 2 they meet again, and it is port 0's turn.
    granted, answered, _ = run(2, 3, 4, [[0, 1, 0], [0, 0]])
    assert granted == [[0, 1, 2], [1, 3]]
    assert answered.tolist() == [3, 4, 5, 4, 6]


@pytest.mark.parametrize(("stride", "used"), [(0, 1), (1, 12), (2, 6), (5, 12), (8, 3), (12, 1), (18, 2)])
def test_banks_that_a_stride_uses(stride, used):
    assert count_banks_used(stride, 12) == used
    assert len({stride * i % 12 for i in range(24)}) == used


sizes = st.integers(1, 9)


@given(n=st.integers(1, 40), stride=st.integers(0, 20), n_ports=sizes, n_banks=sizes, latency=sizes, more=sizes)
@settings(max_examples=300, deadline=None)
def test_walk_is_the_recurrence(n, stride, n_ports, n_banks, latency, more):
    row = [stride * i % n_banks for i in range(n)]
    _, answered, _ = run(n_banks, latency, latency + more, [row] * n_ports)
    assert walk_cycles(n, stride, n_ports, n_banks, latency) == answered.max() + 1
    assert walk_cycles(n, stride, n_ports, n_banks, latency) < walk_cycles(n + 1, stride, n_ports, n_banks, latency)
    assert walk_cycles(n, n_banks, n_ports, n_banks, latency) == n_ports * n + latency


@given(n=st.integers(1, 40), stride=st.integers(0, 20), n_banks=sizes, latency=sizes, outstanding=sizes)
@settings(max_examples=300, deadline=None)
def test_burst_is_the_recurrence(n, stride, n_banks, latency, outstanding):
    n_ports = count_banks_used(stride, n_banks)
    rows = [[stride * (i + p) % n_banks for i in range(n)] for p in range(n_ports)]
    _, answered, _ = run(n_banks, latency, outstanding, rows)
    assert burst_cycles(n, latency, outstanding) == answered.max() + 1
    assert burst_cycles(n, latency, outstanding) < burst_cycles(n + 1, latency, outstanding)
    assert burst_cycles(n, latency, outstanding + 1) <= burst_cycles(n, latency, outstanding)


@given(
    rows=st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=12), min_size=1, max_size=5), gap=st.integers(0, 3)
)
@settings(max_examples=200, deadline=None)
def test_no_bank_serves_two_and_nobody_waits_longer_than_a_turn(rows, gap):
    granted, _, asked = run(4, 2, 3, rows, gap)
    served = [
        (bank, cycle)
        for row, cycles in zip(rows, granted, strict=True)
        for bank, cycle in zip(row, cycles, strict=True)
    ]
    assert len(set(served)) == len(served)
    waits = np.concatenate(granted) - asked
    assert waits.min() >= 0
    assert waits.max() < len(rows)
