"""The laws of the fabric interface: closed form against events without stalls, monotone, worked examples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archmodel.kernels.data_movement import transfer_cycles
from archmodel.kernels.fabric_interface import FabricSettings, due_cycle, transfer_events

NO_GAP = np.zeros(1, np.int64)
FRAGMENT = 16
engines = st.builds(
    lambda request, outstanding, width, latency, bucket, rate: FabricSettings(
        request, outstanding, (outstanding + 1) * FRAGMENT // width, width, latency, latency + 1, bucket, rate
    ),
    st.integers(1, 20), st.integers(1, 9), st.sampled_from([2, 4, 8, 16]), st.integers(2, 120), st.integers(0, 100),
    st.integers(0, 20),
)  # fmt: skip
commands = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 5 * FRAGMENT)), min_size=1, max_size=5)


def tails(n_rows, row_bytes, width):
    """1 where a beat ends a fragment, for rows that begin on a fragment boundary."""
    n, per_fragment = -(-row_bytes // width), FRAGMENT // width
    return [int((i + 1) % per_fragment == 0 or i == n - 1) for i in range(n)] * n_rows


def events(engine, is_tail, *, delay=0, ask_gap=NO_GAP):
    """Cycles of commands, and of asking, arrival and write of each beat; ``is_tail`` has a list per command."""
    n_beats, flags = np.array([len(row) for row in is_tail]), np.concatenate(is_tail)
    command, (ask, response, write) = np.zeros(len(is_tail), np.int64), np.zeros((3, flags.size), np.int64)
    transfer_events(
        engine, n_beats, flags, np.zeros_like(flags), NO_GAP, NO_GAP, ask_gap, np.zeros_like(flags) + delay, NO_GAP,
        command, ask, response, write,
    )  # fmt: skip
    return command, ask, response, write


@settings(max_examples=300, deadline=None, derandomize=True)
@given(engine=engines, rows=commands)
def test_closed_form_is_when_the_next_command_is_taken_and_the_last_data_written(engine, rows):
    shaping = (float(engine.bucket), float(engine.rate)) if engine.rate else (1e30, 1.0)
    took = [
        transfer_cycles(
            n, float(n_bytes), float(engine.width), engine.request_cycles, FRAGMENT, engine.outstanding,
            engine.latency, *shaping,
        )
        for n, n_bytes in rows
    ]  # fmt: skip
    command, _, _, write = events(engine, [tails(n, n_bytes, engine.width) for n, n_bytes in rows])
    assert command.tolist() == [0, *np.cumsum(took)[:-1]]
    assert write[-1] + 1 == sum(took) + engine.latency


@settings(max_examples=100, deadline=None, derandomize=True)
@given(engine=engines, n_rows=st.integers(1, 12), n_bytes=st.integers(1, 80), seed=st.integers(0, 99))
def test_nothing_happens_sooner_with_more_latency_or_less_room(engine, n_rows, n_bytes, seed):
    is_tail = [tails(n_rows, n_bytes, engine.width)]
    delay = np.random.default_rng(seed).integers(0, 9, len(is_tail[0]))
    usual = events(engine, is_tail, delay=delay)
    for field, change in (("latency", 3), ("round_trip", 3), ("request_cycles", 3), ("outstanding", -1)):
        changed = engine._replace(**{field: max(1, getattr(engine, field) + change)})
        assert all((a >= b).all() for a, b in zip(events(changed, is_tail, delay=delay), usual, strict=True)), field


def test_worked_example():
    # Fragments of two beats; two fragments in 5 cycles: their last beats are due in cycles 2, 4, 7 of the transfer.
    engine = FabricSettings(3, outstanding=2, slots=6, width=8, latency=4, round_trip=5, bucket=0, rate=0)
    command, ask, response, write = events(engine, [tails(3, 16, 8), [1]])
    assert command.tolist() == [0, 11]
    assert ask.tolist() == [3, 5, 6, 7, 8, 10, 16]
    assert response.tolist() == [6, 8, 9, 10, 11, 13, 19]
    assert write.tolist() == [7, 9, 10, 11, 12, 14, 20]
    assert transfer_cycles(3, 16.0, 8.0, 3, FRAGMENT, 2, 4, 1e30, 1.0) == 11


def test_slots_hold_back_what_is_not_spread_and_what_stalls_is_not_caught_up():
    engine = FabricSettings(1, outstanding=1, slots=2, width=8, latency=4, round_trip=0, bucket=0, rate=0)
    assert events(engine, [[1] * 4])[1].tolist() == [1, 2, 6, 7]
    shaped = engine._replace(slots=9, width=4, bucket=4, rate=2)
    assert events(shaped, [[1] * 4])[1].tolist() == [1, 2, 4, 6]
    assert events(shaped, [[1] * 4], ask_gap=np.array([5, 0, 0, 0]))[1].tolist() == [5, 6, 8, 10]


@pytest.mark.parametrize(("beat", "due"), [(0, 0), (1, 1), (2, 3), (3, 5)])
def test_bucket_lets_its_content_pass_and_then_its_rate(beat, due):
    engine = FabricSettings(1, outstanding=9, slots=9, width=4, latency=4, round_trip=5, bucket=4, rate=2)
    assert due_cycle(beat, 0, False, engine) == due
