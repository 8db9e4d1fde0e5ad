"""The law of the scalar core: by hand, closed form against events, never faster with more to do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archmodel.kernels.scalar_core import DIVIDES, LOADS, MULTIPLIES, PLAIN, CoreTimes, loop_cycles
from archmodel.verify.core_law import core_cycles

CORE = CoreTimes(refill=1, load=1, multiply=3, divide=10, queue=2)
NO_GAP = (0,)


def follow(core, contexts, gap=NO_GAP, room=()):
    """Rows of a trace: kind, is_taken, load_distance, n_pushes."""
    traces = [np.array(rows, np.int64).reshape(-1, 4) for rows in contexts]
    return [times.tolist() for times in core_cycles(core, traces, gap, np.array(room, np.int64) if room else None)]


ADD, JUMP, LOAD, USE = (PLAIN, 0, 0, 0), (PLAIN, 1, 0, 0), (LOADS, 0, 0, 0), (PLAIN, 0, 1, 0)
PRODUCT, QUOTIENT, PUSH = (MULTIPLIES, 0, 0, 0), (DIVIDES, 0, 0, 0), (PLAIN, 0, 0, 1)


def test_one_of_each_by_hand():
    # The first fetch takes a cycle, a word is used two cycles after its load, a product takes three cycles.
    retired, *_ = follow(CORE, [[ADD, LOAD, USE, JUMP, PRODUCT, ADD]])
    assert retired == [1, 2, 4, 5, 7, 10]


def test_without_a_queue_a_push_waits_until_its_command_is_taken():
    # There is room for the second push in cycle 9, for that of the other context always: it goes ahead.
    direct = CORE._replace(queue=0)
    retired, pushed, who, left = follow(direct, [[PUSH, PUSH, ADD], [ADD, PUSH, ADD]], room=[0, 9, 0])
    assert pushed == left == [1, 3, 9]
    assert who == [0, 1, 0]
    assert retired == [1, 9, 10, 2, 3, 4]


def test_a_full_queue_stops_a_context_and_not_the_other():
    # The port takes its first command in cycle 6: the third push waits until then, the other context goes on.
    retired, pushed, who, left = follow(CORE, [[PUSH] * 3, [ADD] * 4], gap=[6, 0, 0])
    assert pushed == [1, 3, 7]
    assert who == [0, 0, 0]
    assert left == [6, 7, 8]
    assert retired == [1, 3, 7, 2, 4, 5, 6]


def test_contexts_share_the_multiplier():
    retired, *_ = follow(CORE, [[PRODUCT, ADD], [PRODUCT, ADD]])
    assert retired == [1, 5, 4, 7]


def test_a_repeat_pushes_every_cycle_and_retires_with_the_last():
    retired, pushed, _, left = follow(CORE, [[(PLAIN, 0, 0, 4), (PLAIN, 0, 0, 0)]])
    assert (retired, pushed, left) == ([4, 5], [1, 2, 3, 4], [2, 3, 4, 5])


rows = st.lists(st.sampled_from([ADD, JUMP, LOAD, PRODUCT, QUOTIENT, PUSH, (PLAIN, 0, 0, 3)]), min_size=1, max_size=40)
cores = st.builds(
    CoreTimes, refill=st.integers(1, 3), load=st.just(1), multiply=st.integers(2, 5), divide=st.integers(10, 34),
    queue=st.integers(2, 4),
)  # fmt: skip


def use_loads(rows, is_used):
    """Let some instructions that follow a load use its word."""
    return [
        (*row[:2], 1, row[3]) if before[0] == LOADS and is_used else row
        for before, row in zip([ADD, *rows], rows, strict=False)
    ]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(core=cores, rows=rows, is_used=st.booleans())
def test_closed_form_equals_events_without_stalls(core, rows, is_used):
    rows = use_loads(rows, is_used)
    retired, *_ = follow(core, [[*rows, ADD]])
    kinds = [row[0] for row in rows]
    cycles = loop_cycles(
        len(rows) + 1, rows.count(JUMP) + rows.count((PLAIN, 1, 1, 0)), sum(row[2] for row in rows),
        kinds.count(MULTIPLIES), kinds.count(DIVIDES), sum(max(row[3] - 1, 0) for row in rows), core,
    )  # fmt: skip
    assert retired[-1] + 1 == core.refill + cycles


@settings(max_examples=100, deadline=None, derandomize=True)
@given(core=cores, rows=rows, other=rows)
def test_a_second_context_takes_no_longer_than_one_after_the_other(core, rows, other):
    both, *_ = follow(core, [[*rows, ADD], [*other, ADD]])
    one, *_ = follow(core, [[*rows, ADD, *other, ADD]])
    assert max(both) <= max(one)


@pytest.mark.parametrize("grown", ["refill", "load", "multiply", "divide", "gap"])
@settings(max_examples=50, deadline=None, derandomize=True)
@given(core=cores, rows=rows, gap=st.lists(st.integers(0, 5), min_size=3, max_size=3))
def test_more_takes_no_less(grown, core, rows, gap):
    rows = use_loads(rows, True)
    before, *_ = follow(core, [rows], gap)
    if grown == "gap":
        gap = [wait + 1 for wait in gap]
    else:
        core = core._replace(**{grown: getattr(core, grown) + 1})
    after, *_ = follow(core, [rows], gap)
    assert all(late >= early for early, late in zip(before, after, strict=True))
