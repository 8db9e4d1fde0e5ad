"""Laws of the cache: worked by hand, against a dictionary in the order of use, closed form against the recurrence."""

from collections import OrderedDict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from archmodel.kernels.cache import (
    CLEAN_MISS,
    EMPTY,
    HIT,
    cache_cycles,
    cache_events,
    simulate_cache,
)

sizes = st.integers(1, 6)
accesses = st.lists(st.tuples(st.integers(0, 15), st.booleans()), min_size=1, max_size=60)


def simulate(stream, n_sets, n_ways):
    lines, is_write = (np.array(column) for column in zip(*stream, strict=True))
    outcome = np.zeros(lines.size, np.int64)
    simulate_cache(lines, is_write, np.full((n_sets, n_ways), EMPTY), outcome)
    return outcome


def time_accesses(outcome, line_words, memory_latency, latency, outstanding):
    gap = np.zeros(1, np.int64)
    n_misses, n_written_back = (outcome != HIT).sum(), (outcome >= 0).sum()
    times = [np.zeros(outcome.size, np.int64) for _ in range(3)]
    moves = [np.zeros(n, np.int64) for n in (n_written_back * line_words, n_misses, n_misses * line_words)]
    cache_events(outcome, line_words, memory_latency, latency, outstanding, *[gap] * 5, *times, *moves)
    return times + moves


def test_one_set_by_hand():
    # Two ways: 2 pushes the line used longest ago out, which is 1, not the dirty 0; then 1 pushes 0 out.
    stream = [(0, True), (1, False), (0, False), (2, False), (1, False)]
    assert simulate(stream, 1, 2).tolist() == [CLEAN_MISS, CLEAN_MISS, HIT, CLEAN_MISS, 0]


def test_times_by_hand():
    # Lines of two words, memory answers after 5 cycles: a miss enters at 0, asks at 1, is filled at 6 and 7, served at
    # 8. The hit enters at 9. The next miss enters at 10 and writes back at 11 and 12, asks at 13.
    entered, served, answered, victim, fetched, filled = time_accesses(np.array([CLEAN_MISS, HIT, 0]), 2, 5, 3, 4)
    assert (entered.tolist(), served.tolist(), answered.tolist()) == ([0, 9, 10], [8, 9, 20], [11, 12, 23])
    assert (victim.tolist(), fetched.tolist(), filled.tolist()) == ([11, 12], [1, 13], [6, 7, 18, 19])


@given(stream=accesses, n_sets=sizes, n_ways=sizes)
@settings(max_examples=300, deadline=None)
def test_outcomes_are_those_of_dictionaries_in_the_order_of_use(stream, n_sets, n_ways):
    sets = [OrderedDict() for _ in range(n_sets)]
    expected = []
    for line, is_write in stream:
        ways = sets[line % n_sets]
        outcome = HIT if line in ways else CLEAN_MISS
        if outcome == CLEAN_MISS and len(ways) == n_ways:
            oldest, is_dirty = ways.popitem(last=False)
            outcome = oldest if is_dirty else CLEAN_MISS
        ways[line] = ways.get(line, False) or is_write
        ways.move_to_end(line)
        expected.append(outcome)
    assert simulate(stream, n_sets, n_ways).tolist() == expected


@given(stream=accesses, n_sets=sizes, n_ways=sizes)
@settings(max_examples=100, deadline=None)
def test_more_ways_never_miss_more(stream, n_sets, n_ways):
    misses = simulate(stream, n_sets, n_ways) != HIT
    assert (simulate(stream, n_sets, n_ways + 1) != HIT).sum() <= misses.sum()


@given(stream=accesses, n_sets=sizes, n_ways=sizes, line_words=sizes, memory_latency=sizes, latency=sizes, more=sizes)
@settings(max_examples=300, deadline=None)
def test_closed_form_is_the_recurrence(stream, n_sets, n_ways, line_words, memory_latency, latency, more):
    outcome = simulate(stream, n_sets, n_ways)
    answered = time_accesses(outcome, line_words, memory_latency, latency, latency + more)[2]
    counts = (outcome.size, int((outcome != HIT).sum()), int((outcome >= 0).sum()))
    assert cache_cycles(*counts, line_words, memory_latency, latency) == answered[-1] + 1
    assert cache_cycles(*counts, line_words, memory_latency, latency) < cache_cycles(
        *counts, line_words + 1, memory_latency, latency + 1
    )


def test_short_line_numbers_have_the_same_outcomes():
    source = np.random.default_rng(5)
    lines, is_write = source.integers(0, 200, 2000), source.random(2000) < 0.3
    outcomes = []
    for dtype in (np.int64, np.int32):
        outcome = np.empty(2000, np.int64)
        simulate_cache(lines.astype(dtype), is_write, np.full((8, 4), EMPTY, dtype), outcome)
        outcomes.append(outcome.tolist())
    assert outcomes[0] == outcomes[1]
