"""The laws of a chain of reduction engines: by hand, closed form against events, never faster with more to do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archmodel.kernels.data_movement import reduction_cycles
from archmodel.kernels.reduction_engine import chain_cycles, reduction_events

NO_GAP = [0]


def follow(hop, n_beats, n_steps, n_members, in_gap=NO_GAP, out_gap=NO_GAP):
    n_beats, n_steps = np.array(n_beats), np.array(n_steps)
    taken = np.zeros((n_members, n_beats @ n_steps), np.int64)
    full = np.zeros((n_members, n_beats.size), np.int64)
    passed = np.zeros((n_members, n_beats.sum()), np.int64)
    gaps = (np.zeros((n_members, 1), np.int64), np.array([in_gap] * n_members), np.array(out_gap))
    reduction_events(hop, n_beats, n_steps, *gaps, taken, full, passed)
    return taken.tolist(), full.tolist(), passed.tolist()


def test_two_engines_by_hand():
    # Two beats in two steps enter in cycles 0 to 3; the second engine gets them 3 cycles after the first passed them.
    taken, full, passed = follow(3, [2], [2], 2)
    assert taken == [[0, 1, 2, 3]] * 2
    assert full == [[3], [3]]
    assert passed == [[4, 5], [7, 8]]


def test_a_hop_of_one_cycle_holds_two_beats():
    # The end takes a beat from cycle 10 on; the hop fills with two, and a third enters the cycle after one has left.
    _, _, passed = follow(1, [4], [1], 2, out_gap=[10, 0, 0, 0])
    assert passed == [[4, 5, 11, 12], [10, 11, 12, 13]]


sizes = st.integers(1, 20)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(hop=st.integers(1, 20), n_beats=sizes, n_steps=st.lists(st.integers(1, 5), min_size=1, max_size=6),
       n_members=st.integers(2, 8))  # fmt: skip
def test_closed_form_equals_events_without_stalls(hop, n_beats, n_steps, n_members):
    _, _, passed = follow(hop, [n_beats] * len(n_steps), n_steps, n_members)
    reduced = reduction_cycles(64.0 * n_beats, n_members, hop, 64.0)
    assert passed[-1][-1] + 1 == chain_cycles(sum(n_steps), n_beats, reduced)


@pytest.mark.parametrize("grown", ["hop", "n_members", "n_beats", "n_steps", "in_gap", "out_gap"])
@settings(max_examples=50, deadline=None, derandomize=True)
@given(data=st.data())
def test_more_takes_no_less(grown, data):
    few = st.lists(st.integers(0, 5), min_size=3, max_size=3)
    arguments = {
        "hop": data.draw(sizes), "n_members": data.draw(st.integers(2, 6)), "in_gap": data.draw(few),
        "out_gap": data.draw(few), "n_beats": data.draw(st.lists(sizes, min_size=3, max_size=3)),
        "n_steps": data.draw(st.lists(st.integers(1, 4), min_size=3, max_size=3)),
    }  # fmt: skip
    before = follow(**arguments)[2][-1][-1]
    value = arguments[grown]
    arguments[grown] = [item + 1 for item in value] if isinstance(value, list) else value + 1
    assert follow(**arguments)[2][-1][-1] >= before
