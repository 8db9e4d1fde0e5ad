"""The law of the layout unit: by hand, closed form against events, never faster with more to do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archmodel.kernels.layout_unit import transpose_cycles, transpose_events

NO_GAP = [0]


def follow(n_tiles, size, in_gap=NO_GAP, out_gap=NO_GAP):
    taken, given = np.zeros((2, n_tiles * size), np.int64)
    transpose_events(size, np.array(in_gap), np.array(out_gap), taken, given)
    return taken.tolist(), given.tolist()


def test_two_tiles_of_two_rows_by_hand():
    # The second tile enters while the first one leaves.
    assert follow(2, 2) == ([0, 1, 2, 3], [2, 3, 4, 5])


def test_a_third_tile_waits_for_a_memory():
    # The output takes rows from cycle 10 on, so that two tiles fill both memories; the first is empty after row 1 left.
    taken, given = follow(3, 2, out_gap=[10, 0, 0, 0, 0, 0])
    assert taken == [0, 1, 2, 3, 12, 13]
    assert given == [10, 11, 12, 13, 14, 15]


sizes = st.integers(1, 20)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(n_tiles=sizes, size=sizes)
def test_closed_form_equals_events_without_stalls(n_tiles, size):
    _, given = follow(n_tiles, size)
    assert given[-1] + 1 == transpose_cycles(n_tiles, size)


@pytest.mark.parametrize("grown", ["n_tiles", "size", "in_gap", "out_gap"])
@settings(max_examples=50, deadline=None, derandomize=True)
@given(data=st.data())
def test_more_takes_no_less(grown, data):
    few = st.lists(st.integers(0, 5), min_size=3, max_size=3)
    arguments = {
        "n_tiles": data.draw(sizes), "size": data.draw(sizes),
        "in_gap": data.draw(few), "out_gap": data.draw(few),
    }  # fmt: skip
    before = follow(**arguments)[1][-1]
    value = arguments[grown]
    arguments[grown] = [item + 1 for item in value] if isinstance(value, list) else value + 1
    assert follow(**arguments)[1][-1] >= before
