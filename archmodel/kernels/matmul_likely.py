"""Candidates for a matmul that could still be chosen: refuted at a glance, or by their bounds, or neither."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from archmodel.kernels.compile import kernel_part
from archmodel.kernels.matmul_bounds import (
    BLOCKS_OF_ALL,
    LOADED,
    MULTIPLIED,
    N_BOUNDS,
    OTHER,
    REQUESTS_A,
    REQUESTS_B,
    RESULT_BYTES,
    SERIAL,
    SURE,
    TAIL_BYTES,
    Glance,
    bound_cycles,
    bound_matmul,
    count_requests,
)
from archmodel.kernels.matmul_search import read_mapping
from archmodel.kernels.matmul_shape import MatmulShape, count_dram_bytes
from archmodel.kernels.matmul_tiles import N_M, N_N, N_SEEDS, Candidates, read_tiles
from archmodel.kernels.pe_timing import PeTiming

# What is known of like candidates: nothing, what they ask DRAM for, or all that no DRAM changes.
_NOTHING, _REQUESTS, _ALL = range(3)


class Bounds(NamedTuple):
    """Bounds of like candidates: (U, 21), bytes of a and b from DRAM (U, 2) [B], least cycles on unlike DRAMs (U, P).

    They are counted as far as they are needed: ``stages`` (U,) says what is known of (U, 21), and ``ends`` (U,) up to
    which DRAM cycles are, 0 where none are.
    """

    stages: Any
    ends: Any
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
        np.full(n_unlike, _NOTHING, dtype=np.int64), np.zeros(n_unlike, dtype=np.int64),
        np.empty((n_unlike, N_BOUNDS)), np.empty((n_unlike, 2)), np.empty((n_unlike, n_points)),
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
    per_byte, allowed = 1 / widths, most / SURE
    for u in some:
        near, serial, after, far, late = cycles[u], serials[u], behind[u], dram_bytes[u], lag_bytes[u]
        if near > most_cycles or far > most_bytes:
            continue
        is_likely = False
        for p in range(widths.size):
            dram = far * per_byte[p]
            is_likely |= (
                min(max(near, dram + after) + late * per_byte[p], max(serial + apart * dram, dram)) <= allowed[p]
            )
        if is_likely:
            found[n] = u
            n += 1
    return found[:n]


@kernel_part
def _refute_by_dram(its_bounds: Any, bytes_a: float, bytes_b: float, per_byte: Any, most: Any, out: Any) -> bool:
    """Count for how long DRAM serves at least (P,), and tell whether that is more than it may be on all DRAMs."""
    requests_a, requests_b, blocks = its_bounds[REQUESTS_A], its_bounds[REQUESTS_B], its_bounds[BLOCKS_OF_ALL]
    a, b, tail, result = bytes_a / requests_a, bytes_b / requests_b, its_bounds[TAIL_BYTES], its_bounds[RESULT_BYTES]
    is_refuted = True
    for p in range(most.size):
        inverse = per_byte[p]
        of_operands = requests_a * np.ceil(a * inverse) + requests_b * np.ceil(b * inverse)
        out[p] = of_operands + blocks * (np.ceil(tail * inverse) + np.ceil(result * inverse))
        is_refuted &= out[p] > most[p]
    return is_refuted


@kernel_part
def count_bounds(
    shape: MatmulShape, candidates: Candidates, some: Any, t: PeTiming, widths: Any, latencies: Any, first: int,
    most: Any, known: Bounds,
) -> None:  # fmt: skip
    """Count the bounds of like candidates on some DRAMs, where they are not known; no more exactly than it takes.

    Where DRAM alone refutes a candidate on all of them, or all else does, that is its bound.

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
    first : int
        The first of those that are asked for.
    most : ndarray (T,) float64
        Cycles that one may take on each of them.
    known : Bounds
        Written to.
    """
    mappings, _, firsts, tiles, _, _ = candidates
    stages, ends, bounds, from_dram, least = known
    end, slowest = first + most.size, most.max()
    its_widths, its_latencies = widths[first:end], latencies[first:end]
    # What may be less than exact inverses, so that whole numbers of cycles are not one too many.
    per_byte = SURE / its_widths
    # Of one candidate; views of arrays would be counted as in use, and as no more in use, each time.
    its_bounds, its_least = np.empty(N_BOUNDS), np.empty(most.size)
    for u in some:
        if ends[u] == end:
            continue
        ends[u] = end
        mapping, its_tiles = read_mapping(mappings, firsts[u + 1] - 1), read_tiles(tiles, u)
        if stages[u] == _NOTHING:
            n_m, n_n = int(its_tiles[N_M]), int(its_tiles[N_N])
            from_dram[u, 0], from_dram[u, 1] = count_dram_bytes(shape, mapping, n_m, n_n, t.cache_bytes)
            count_requests(shape, mapping, its_tiles, t, its_bounds)
        else:
            for i in range(N_BOUNDS):
                its_bounds[i] = bounds[u, i]
        stage, bytes_a, bytes_b = max(_REQUESTS, stages[u]), from_dram[u, 0], from_dram[u, 1]
        if not _refute_by_dram(its_bounds, bytes_a, bytes_b, per_byte, most, its_least):
            if stage == _REQUESTS:
                bound_matmul(shape, mapping, its_tiles, t, its_bounds)
                stage = _ALL
            of_units = max(its_bounds[MULTIPLIED], max(its_bounds[LOADED], its_bounds[OTHER]))
            if min(of_units, its_bounds[SERIAL]) > slowest:
                its_least[:] = min(of_units, its_bounds[SERIAL])
            else:
                bound_cycles(its_bounds, bytes_a, bytes_b, its_widths, its_latencies, its_least)
        if stage != stages[u]:
            stages[u] = stage
            for i in range(N_BOUNDS):
                bounds[u, i] = its_bounds[i]
        for p in range(most.size):
            least[u, first + p] = its_least[p]


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
