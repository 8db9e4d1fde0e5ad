"""Lookups drawn by popularity and what a cache hits of them, against sums that are known."""

from __future__ import annotations

import dataclasses
import math
from itertools import pairwise

import numpy as np
import pytest

import archmodel as am
from archmodel.kernels.cache import EMPTY, HIT, simulate_cache
from archmodel.kernels.reuse import scramble
from archmodel.mapping import place
from archmodel.mapping.embedding import expect_hits, hit_rate, simulate_hits, use_rows
from archmodel.workload.operators.embedding_bag import EmbeddingBag
from archmodel.workload.reuse import N_PRODUCTION_TABLES, PRODUCTION, Reuse, read_histogram, zipf

UNIFORM = Reuse((1e6,), (1.0,))
LOOKUPS_PER_SAMPLE = 887_017_990 / 65_536


def steps(share: float) -> int:
    return round(4 * math.log2(share))


def test_words_are_scrambled_as_splitmix64_does():
    # The first output of SplitMix64 seeded with 0 (G. Steele et al., OOPSLA 2014).
    assert int(scramble(np.uint64(0x9E3779B97F4A7C15))) == 0xE220A8397B1DCDAF


def test_the_histogram_has_as_many_rows_as_its_data_set():
    assert PRODUCTION.n_used == pytest.approx(128_435_723, rel=0.05)
    assert sum(PRODUCTION.access_frac) == pytest.approx(1)


def test_bins_have_the_lookups_that_they_say():
    reuse = read_histogram(100, (1.0, 2.0, 4.0), (0.1, 0.2, 0.1))
    assert reuse.access_frac == (0.25, 0.5, 0.25)
    assert reuse.n_rows == pytest.approx((25, 25, 25 / (4 / math.sqrt(2))))


@pytest.mark.parametrize("exponent", [0.0, 0.7, 1.0, 1.4])
def test_zipf_shares_are_sums_of_ranks(exponent):
    n = 3000
    weights = np.arange(1, n + 1) ** -exponent
    reuse, ends = zipf(n, exponent), np.cumsum([0, *zipf(n, exponent).n_rows]).astype(int)
    assert ends[-1] == n
    shares = [weights[first:last].sum() / weights.sum() for first, last in pairwise(ends)]
    assert reuse.access_frac == pytest.approx(shares, rel=1e-3)


@pytest.mark.parametrize("share", [0.125, 0.25, 0.5])
def test_of_rows_that_are_all_alike_the_cache_hits_its_share(share):
    assert simulate_hits(UNIFORM, steps(share), steps(4.0), 1) == pytest.approx(share, abs=0.01)


def characteristic_time(reuse: Reuse, cached_frac: float) -> float:
    """Hit rate of a fully associative cache and independent lookups (H. Che et al., IEEE JSAC 20(7), 2002)."""
    n_rows, share = np.array(reuse.n_rows), np.array(reuse.access_frac)
    low, high = 0.0, 1e15
    for _ in range(200):
        middle = (low + high) / 2
        held = (n_rows * -np.expm1(-share / n_rows * middle)).sum()
        low, high = (middle, high) if held < cached_frac * reuse.n_used else (low, middle)
    return float((share * -np.expm1(-share / n_rows * low)).sum())


@pytest.mark.parametrize("reuse", [PRODUCTION, zipf(10**7, 0.9)], ids=["production", "zipf"])
@pytest.mark.parametrize("step", [-32, -16, -8])
def test_one_table_is_hit_as_independent_lookups_are(reuse, step):
    found = simulate_hits(reuse, step, steps(2.0), 1)
    assert found == pytest.approx(characteristic_time(reuse, 2 ** (step / 4)), abs=0.012)


def within_batch(samples: int) -> float:
    """Lookups whose row this batch looked up before: 1 − different rows / lookups."""
    share = np.array(PRODUCTION.access_frac)
    times = share / np.array(PRODUCTION.n_rows) * samples * LOOKUPS_PER_SAMPLE
    return float((share * (1 + np.expm1(-times) / times)).sum())


@pytest.mark.parametrize("samples", [512, 2048, 4096])
def test_of_many_tables_one_after_another_hits_are_those_within_a_batch(samples):
    per_row = samples * LOOKUPS_PER_SAMPLE / PRODUCTION.n_used
    found = hit_rate(PRODUCTION, 0.01, per_row, N_PRODUCTION_TABLES)
    assert found == pytest.approx(within_batch(samples), abs=0.01)


def test_sampling_and_ways_hardly_matter():
    found = [simulate_hits(PRODUCTION, -24, -9, 64, n_sets, ways) for n_sets, ways in ((128, 16), (512, 8), (512, 32))]
    assert found == pytest.approx([simulate_hits(PRODUCTION, -24, -9, 64)] * 3, abs=0.01)


def test_hits_do_not_shrink_with_the_cache_and_end_at_all():
    rates = [hit_rate(PRODUCTION, 2.0**step, 0.1, 100) for step in range(-10, 1)]
    assert all(after >= before - 0.005 for before, after in pairwise(rates))
    assert (rates[-1], hit_rate(PRODUCTION, 0.0, 0.1, 100)) == (1.0, 0.0)


def test_no_more_rows_are_in_use_than_there_are():
    small = EmbeddingBag(n_tables=4, rows=100, dim=8, batch=16, pooling=8)
    assert use_rows(small).n_used == pytest.approx(100)
    large = dataclasses.replace(small, rows=10**9)
    assert use_rows(large).n_used == pytest.approx(PRODUCTION.n_used * 4 / N_PRODUCTION_TABLES)


@pytest.mark.parametrize(("share", "expected"), [(0.9, 1.0), (1.5, 0.0)])
def test_weights_that_are_swept_hit_if_all_of_them_fit_and_never_otherwise(share, expected):
    """Rule 2 of placement: of a cyclic sweep the cache always lacks the line that comes next."""
    state, n_lines = np.full((64, 16), EMPTY, np.int64), int(64 * 16 * share)
    outcome = np.empty(n_lines, np.int64)
    for _ in range(2):
        simulate_cache(np.arange(n_lines), np.zeros(n_lines, np.bool_), state, outcome)
    assert (outcome == HIT).mean() == expected


def test_a_rate_that_the_user_set_stays():
    trace = am.workload("recommendation/mtia_lc3")
    own, given = am.machine("mtia_2i"), am.machine("mtia_2i", {"sram.embedding_hit": "0.9"})
    assert expect_hits(trace, given, place(trace, given)).sram.embedding_hit_frac == 0.9
    assert expect_hits(trace, own, place(trace, own)).sram.embedding_hit_frac != own.sram.embedding_hit_frac
    uncached = am.machine("tt_wormhole_n150")
    assert expect_hits(trace, uncached, place(trace, uncached)) == uncached
