"""The laws of the SIMD engine: by hand, closed form against events, never faster with more to do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archmodel.kernels.lanes import simd_cycles
from archmodel.kernels.simd_engine import simd_events

NO_GAP = [0]


def follow(latency, n_vectors, n_operations, command_gap=NO_GAP, in_gap=NO_GAP, out_gap=NO_GAP, is_load=None):
    commands = [np.array(row) for row in (n_vectors, n_operations, is_load or [0] * len(n_vectors))]
    n_results = commands[0] @ (1 - commands[2])
    counts = (len(n_vectors), sum(n_vectors), commands[0] @ commands[1], n_results)
    events = [np.zeros(n, np.int64) for n in counts]
    simd_events(latency, *commands, np.array(command_gap), np.array(in_gap), np.array(out_gap), *events)
    return [row.tolist() for row in events]


def test_two_vectors_of_three_operations_by_hand():
    command, taken, operation, results = follow(4, [2], [3])
    assert command == [5]
    assert taken == [0, 3]
    assert operation == [0, 1, 2, 3, 4, 5]
    assert results == [6, 9]


def test_a_load_gives_no_result_and_a_full_pipe_stops_the_last_operation():
    # A pipe of one cycle holds two results, and the output is taken from cycle 10 on.
    command, taken, operation, results = follow(1, [1, 3], [1, 2], out_gap=[10, 0, 0], is_load=[1, 0])
    assert command == [0, 11]
    assert taken == [0, 1, 3, 5]
    assert operation == [0, 1, 2, 3, 4, 5, 11]
    assert results == [10, 11, 12]


sizes = st.integers(1, 20)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(lanes=sizes, latency=sizes, commands=st.lists(st.tuples(st.integers(1, 200), st.integers(1, 4)), min_size=1))
def test_closed_form_equals_events_without_stalls(lanes, latency, commands):
    n_vectors = [-(-n // lanes) for n, _ in commands]
    results = follow(latency, n_vectors, [count for _, count in commands])[-1]
    assert results[-1] + 1 == sum(simd_cycles(n, count, float(lanes)) for n, count in commands) + latency


@pytest.mark.parametrize("grown", ["latency", "n_vectors", "n_operations", "command_gap", "in_gap", "out_gap"])
@settings(max_examples=50, deadline=None, derandomize=True)
@given(data=st.data())
def test_more_takes_no_less(grown, data):
    few = st.lists(st.integers(0, 5), min_size=3, max_size=3)
    arguments = {
        "latency": data.draw(sizes), "command_gap": data.draw(few), "in_gap": data.draw(few),
        "out_gap": data.draw(few), "n_vectors": data.draw(st.lists(sizes, min_size=3, max_size=3)),
        "n_operations": data.draw(st.lists(st.integers(1, 4), min_size=3, max_size=3)),
    }  # fmt: skip
    before = follow(**arguments)[-1][-1]
    value = arguments[grown]
    arguments[grown] = [item + 1 for item in value] if isinstance(value, list) else value + 1
    assert follow(**arguments)[-1][-1] >= before
