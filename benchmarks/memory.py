"""The set-associative cache on embedding rows: accesses per second on one core, beside the goal."""

from __future__ import annotations

import numpy as np
from cycles import best_s
from numpy.typing import NDArray
from timing import Figure

from archmodel.kernels.cache import EMPTY, HIT, simulate_cache
from archmodel.mapping.embedding import simulate_hits
from archmodel.workload.reuse import PRODUCTION

N_ACCESSES, N_ROUNDS, N_ROWS, N_WAYS = 1_000_000, 6, 8_000_000, 16
ROW_BYTES, CACHE_BYTES = 256, 128 * 2**20
SKEW = 0.8


def draw_rows() -> NDArray[np.int32]:
    """Rounds of rows of a table by a truncated Zipf law of popularity, scattered over it."""
    source = np.random.default_rng(0)
    shares = np.arange(1, N_ROWS + 1) ** -SKEW
    ranks = np.searchsorted(np.cumsum(shares) / shares.sum(), source.random((N_ROUNDS, N_ACCESSES)))
    return source.permutation(N_ROWS).astype(np.int32)[ranks]


def measure() -> list[Figure]:
    rounds, is_write = iter(draw_rows()), np.zeros(N_ACCESSES, dtype=np.bool_)
    state = np.full((CACHE_BYTES // ROW_BYTES // N_WAYS, N_WAYS), EMPTY, dtype=np.int32)
    outcome = np.empty(N_ACCESSES, dtype=np.int64)
    # Each round has lookups of its own: none finds what it left itself.
    taken_s = best_s(lambda: simulate_cache(next(rounds), is_write, state, outcome), N_ROUNDS - 1)
    return [
        Figure("llc_accesses_per_s", N_ACCESSES / taken_s, "accesses/s, one core", at_least=2e7),
        Figure("llc_zipf_hits", float((outcome == HIT).mean()), f"of lookups, Zipf {SKEW}"),
        Figure("hit_rate_s", best_s(lambda: simulate_hits.__wrapped__(PRODUCTION, -24, -9, 64)), "s, not remembered"),
    ]
