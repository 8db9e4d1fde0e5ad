"""Candidates for a matmul that could still be chosen: refuted at a glance, or by their bounds, or neither."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from archmodel.kernels.compile import kernel_part
from archmodel.kernels.matmul_bounds import N_BOUNDS, SURE, Glance, bound_cycles, bound_matmul
from archmodel.kernels.matmul_search import read_mapping
from archmodel.kernels.matmul_shape import MatmulShape, count_dram_bytes
from archmodel.kernels.matmul_tiles import N_M, N_N, N_SEEDS, Candidates, read_tiles
from archmodel.kernels.pe_timing import PeTiming


class Bounds(NamedTuple):
    """Bounds of like candidates where they are counted (U,): (U, 21), bytes of a and b from DRAM (U, 2) [B].

    Least cycles on each unlike DRAM (U, P).
    """

    is_counted: Any
    bounds: Any
    from_dram: Any
    least: Any


@kernel_part
def begin_bounds(n_unlike: int, n_points: int) -> Bounds:
    """Begin with no bounds, of so many unlike candidates on so many unlike DRAMs.

    Parameters
    ----------
    n_unlike : int
        Candidates.
    n_points : int
        DRAMs.
    """
    return Bounds(
        np.zeros(n_unlike, dtype=np.bool_), np.empty((n_unlike, N_BOUNDS)), np.empty((n_unlike, 2)),
        np.empty((n_unlike, n_points)),
    )  # fmt: skip


@kernel_part
def find_seeds(seeds: Any, first: int, end: int) -> Any:
    """Find where to begin on some DRAMs: with what was best there, or on the one before.

    Parameters
    ----------
    seeds : ndarray (64,) int64
        Of the candidates, from `list_candidates`.
    first : int
        The first of the DRAMs.
    end : int
        The first one that is none of them.
    """
    found = np.empty(end - first, dtype=np.int64)
    for p in range(first, end):
        seed = seeds[p % N_SEEDS]
        found[p - first] = max(0, seed if seed >= 0 else seeds[(first - 1) % N_SEEDS])
    return np.unique(found)


@kernel_part
def look_at(some: Any, seen: Glance, apart: float, widths: Any, most: Any) -> Any:
    """Find candidates that could be chosen on one of some DRAMs, at a glance.

    Parameters
    ----------
    some : ndarray (N,) int64
        Candidates to look at.
    seen : Glance
        From `glance`.
    apart : float
        1 if DRAM works on its own, not as part of loads and stores, else 0.
    widths : ndarray (P,) float64
        Of the DRAMs [B/cycle].
    most : ndarray (P,) float64
        Cycles that one may take there.
    """
    # Arrays are taken out of tuples here: in a loop, each would be counted as in use, and as no more in use.
    cycles, serials, behind, dram_bytes, lag_bytes = seen
    found, n = np.empty(some.size, dtype=np.int64), 0
    most_cycles, most_bytes = most.max() / SURE, (most * widths).max() / SURE
    per_byte, per_cycle = 1 / widths, SURE / most
    for u in some:
        if cycles[u] > most_cycles or dram_bytes[u] > most_bytes:
            continue
        least = np.inf
        for p in range(widths.size):
            dram, lag = dram_bytes[u] * per_byte[p], lag_bytes[u] * per_byte[p]
            bound = min(max(cycles[u], dram + behind[u]) + lag, max(serials[u] + apart * dram, dram))
            least = min(least, bound * per_cycle[p])
        if least <= 1:
            found[n] = u
            n += 1
    return found[:n]


@kernel_part
def count_bounds(
    shape: MatmulShape, candidates: Candidates, some: Any, t: PeTiming, widths: Any, latencies: Any, known: Bounds
) -> None:  # fmt: skip
    """Count the bounds of like candidates on all DRAMs, where they are not known.

    Parameters
    ----------
    shape : MatmulShape
        What.
    candidates : Candidates
        Of all.
    some : ndarray (N,) int64
        Which of the unlike ones.
    t : PeTiming
        Where.
    widths : ndarray (P,) float64
        Of the DRAMs [B/cycle].
    latencies : ndarray (P,) float64
        Of the DRAMs [cycles].
    known : Bounds
        Written to.
    """
    mappings, _, firsts, tiles, _, _ = candidates
    is_counted, bounds, from_dram, least = known
    for u in some:
        if not is_counted[u]:
            mapping, its_tiles = read_mapping(mappings, firsts[u + 1] - 1), read_tiles(tiles, u)
            bound_matmul(shape, mapping, its_tiles, t, bounds[u])
            n_m, n_n = int(its_tiles[N_M]), int(its_tiles[N_N])
            from_dram[u, 0], from_dram[u, 1] = count_dram_bytes(shape, mapping, n_m, n_n, t.cache_bytes)
            bound_cycles(bounds[u], from_dram[u, 0], from_dram[u, 1], widths, latencies, least[u])
            is_counted[u] = True


@kernel_part
def find_likely(some: Any, least: Any, first: int, most: Any) -> Any:
    """Find candidates that could be chosen on one of the DRAMs from ``first`` on, the most promising first.

    Parameters
    ----------
    some : ndarray (N,) int64
        Candidates whose bounds are known.
    least : ndarray (U, P) float64
        These, on all DRAMs [cycles].
    first : int
        The first of the DRAMs.
    most : ndarray (T,) float64
        Cycles that one may take on each of them.
    """
    n, likely, promise = 0, np.empty(some.size, dtype=np.int64), np.empty(some.size)
    per_cycle = 1 / most
    for u in some:
        its_promise, is_likely = np.inf, False
        for p in range(most.size):
            its_promise = min(its_promise, least[u, first + p] * per_cycle[p])
            is_likely |= least[u, first + p] <= most[p]
        if is_likely:
            likely[n], promise[n] = u, its_promise
            n += 1
    return likely[:n][np.argsort(promise[:n])]
