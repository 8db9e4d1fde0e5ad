"""The law of systolic arrays: events without stalls against the closed form, stalls, a tile by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archmodel.kernels.systolic_array import (
    COMMAND,
    DONE,
    LEFT,
    LOADED,
    N_EVENTS,
    RESULT,
    RIGHT,
    SUMS,
    TILE,
    systolic_cycles,
    systolic_events,
    systolic_interval_cycles,
)

NO_GAPS = ([0], [0], [0], [0])
sizes = st.integers(1, 40)
edges = st.integers(2, 9)
flags = st.booleans()


def events_of(commands, rows, cols, gaps=NO_GAPS):
    """Cycles of the events of each kind."""
    commands = np.array(commands, np.int64)
    cycles = np.zeros((N_EVENTS, int((commands[:, 3] * np.maximum(commands[:, 2], rows)).sum())), np.int64)
    counts = np.zeros(N_EVENTS, np.int64)
    systolic_events(commands, rows, cols, *(np.array(gap) for gap in gaps), cycles, counts)
    return [row[:n].tolist() for row, n in zip(cycles, counts, strict=True)]


def command_of(m, n, k, rows, cols, is_weight_stationary, is_overlapped):
    tall, wide = -(-(k if is_weight_stationary else m) // rows), -(-n // cols)
    stream = m if is_weight_stationary else k
    return [is_weight_stationary, is_overlapped, stream, tall * wide, tall if is_weight_stationary else 1]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(m=sizes, n=sizes, k=sizes, rows=edges, cols=edges, stays=flags, overlaps=flags)
def test_events_without_stalls_end_when_the_closed_form_says(m, n, k, rows, cols, stays, overlaps):
    events = events_of([command_of(m, n, k, rows, cols, stays, overlaps)] * 2, rows, cols)
    last = systolic_cycles(m, n, k, rows, cols, stays, overlaps)
    assert events[COMMAND] == [0, last + 2]
    assert events[DONE] == [last + 1, 2 * last + 3]
    starts = np.diff(events[TILE][: len(events[TILE]) // 2])
    assert (starts == systolic_interval_cycles(m if stays else k, rows, cols, stays, overlaps)).all()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    m=sizes, n=sizes, k=sizes, rows=edges, cols=edges, stays=flags, overlaps=flags, seed=st.integers(0, 2**32 - 1)
)  # fmt: skip
def test_stalls_delay_and_reorder_nothing(m, n, k, rows, cols, stays, overlaps, seed):
    rng = np.random.default_rng(seed)
    commands = [command_of(m, n, k, rows, cols, stays, overlaps)]
    busy, late = events_of(commands, rows, cols), events_of(commands, rows, cols, rng.integers(0, 4, (4, 7)))
    for sooner, later in zip(busy, late, strict=True):
        assert len(sooner) == len(later)
        assert (np.array(later) >= np.array(sooner)).all()
        assert (np.diff(later) > 0).all()


@pytest.mark.parametrize("stays", [True, False])
def test_late_operands_stretch_a_tile_by_as_much(stays):
    one = [command_of(4, 4, 4, 4, 4, stays, False)]
    busy, late = (events_of(one, 4, 4, ([0], [0, gap, 0, 0], [0], [0])) for gap in (0, 5))
    assert late[DONE][0] == busy[DONE][0] + 5


def test_two_overlapped_tiles_by_hand():
    # 2 × 3 cells, weights stay; M = 3 rows, K = 4: two tiles that are added up. Command in cycle 0, weights in 1 and 2,
    # rows in 3 to 5 with the next weights in 3 and 4, rows in 6 to 8; sums 2 + 3 − 2 = 3 steps behind the rows.
    events = events_of([[1, 1, 3, 2, 2]], 2, 3)
    assert events[RIGHT] == [1, 2, 3, 4]
    assert events[LOADED] == [2, 4]
    assert events[LEFT] == [3, 4, 5, 6, 7, 8]
    assert events[TILE] == [3, 6]
    assert events[SUMS] == [6, 7, 8, 9, 10, 11]
    assert events[RESULT] == [9, 10, 11]
    assert events[DONE] == [11]
