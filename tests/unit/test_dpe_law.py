"""The law of the matrix engine: closed form and recurrence agree where nothing stalls; a worked example; monotone."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from archmodel.kernels.dot_product import dot_product_events
from archmodel.kernels.matrix_engine import count_held_blocks, divide_up, dot_product_cycles

NO_STALLS = np.zeros(1, np.int64)


def play(commands, rows, cols, latency, gaps=(NO_STALLS,) * 4):
    """Cycles in which commands, rows and columns are taken, and in which sums are given."""
    table = np.array(commands, np.int64)
    n_columns = int((table[:, 0] * table[:, 1]).sum())
    events = [np.zeros(n, np.int64) for n in (len(table), int(table[:, 1].sum()) * rows, *(n_columns,) * 3)]
    dot_product_events(table, rows, cols, latency, *gaps, *events)
    command, row, _, column, given_ = events
    return command, row, column, given_


def test_two_passes_by_hand():
    # Rows 1-2 and, behind them, 3-4; a set-up in cycle 3, columns 4-5, another in 6, column 7; the same again from 8.
    command, row, column, given_ = play([[3, 2, 1, 1]], 2, 2, 4)
    assert command.tolist() == [0]
    assert row.tolist() == [1, 2, 3, 4]
    assert column.tolist() == [4, 5, 7, 9, 10, 12]
    assert given_.tolist() == [8, 9, 11, 13, 14, 16]
    assert dot_product_cycles(3, 4, 8, 2, 2, 8, 8, 1, 2, 1) == 12


def test_a_waiting_output_stops_columns_when_all_stages_are_taken():
    _, _, column, given_ = play([[5, 1, 0, 1]], 2, 2, 2, (NO_STALLS, NO_STALLS, NO_STALLS, np.array([9, 0])))
    assert given_.tolist() == [9, 10, 20, 21, 31]
    assert column.tolist() == [3, 4, 9, 10, 20]


sizes = st.integers(1, 40)
shape = st.tuples(sizes, sizes, sizes)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    shapes=st.lists(shape, min_size=1, max_size=3), rows=st.integers(1, 9), cols=st.integers(1, 9),
    depth=st.integers(1, 9), step=st.integers(1, 20), n_tiles=st.integers(1, 3), gap=st.integers(0, 5), latency=sizes,
)  # fmt: skip
def test_closed_form_is_the_recurrence_without_stalls(shapes, rows, cols, depth, step, n_tiles, gap, latency):
    commands = []
    for n_streamed, n_held, k in shapes:
        passes = divide_up(count_held_blocks(n_held, k, rows, depth), n_tiles)
        commands.append([n_streamed, passes, divide_up(depth, step) * gap, divide_up(step, depth)])
    occupied = sum(dot_product_cycles(*shape, rows, cols, depth, step, n_tiles, rows, gap) for shape in shapes)
    _, _, column, given_ = play(commands, rows, cols, latency)
    assert column[-1] == occupied
    assert given_[-1] == occupied + latency


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    command=st.tuples(sizes, st.integers(1, 6), st.integers(0, 5), st.integers(1, 3)),
    gaps=st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=9), min_size=4, max_size=4),
    side=st.integers(0, 3),
)
def test_nothing_happens_sooner_with_longer_waits_or_more_columns(command, gaps, side):
    gaps = [np.array(gap, np.int64) for gap in gaps]
    before = play([command], 4, 4, 3, gaps)
    gaps[side] = gaps[side] + 1
    after = play([command], 4, 4, 3, gaps)
    assert all((late >= soon).all() for soon, late in zip(before, after, strict=True))
    assert play([[command[0] + 1, *command[1:]]], 4, 4, 3, gaps)[3][-1] >= after[3][-1]
