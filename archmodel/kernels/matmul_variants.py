"""The mapping of a matmul on machines that differ in their DRAM and cache: bounds first, the closed form where needed.

Machines of a sweep often differ in nothing but what is behind the local memories. The candidates of
`archmodel.kernels.matmul_search` are then the same, and so are most of the cycles of each. What they take at least is
counted once; the closed form judges those few that could still be best on some of the machines.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from archmodel.kernels.closed_form import N_STATIONS, N_WORK_ROWS, TOTAL, count_cycles
from archmodel.kernels.compile import kernel
from archmodel.kernels.data_movement import service_cycles
from archmodel.kernels.matmul_batch import read_timing
from archmodel.kernels.matmul_bounds import (
    N_BOUNDS,
    REQUESTS_A,
    REQUESTS_B,
    RESULT_BYTES,
    TAIL_BYTES,
    TILES_A,
    TILES_B,
    bound_cycles,
    bound_matmul,
    count_multiplies,
)
from archmodel.kernels.matmul_program import count_ahead, write_matmul
from archmodel.kernels.matmul_search import N_MAPPING_FIELDS, read_mapping, time_matmul
from archmodel.kernels.matmul_shape import (
    FAR_A,
    FAR_B,
    MAX_COMMANDS,
    N_BUFFERS,
    MatmulMapping,
    MatmulShape,
    count_dram_bytes,
)
from archmodel.kernels.matrix_engine import transfer_up
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.program import HOLD, LATENCY, N_COMMAND_FIELDS, OUT, PREFETCH, SERVICE, UNIT, WRITE_BACK
from archmodel.kernels.window import image_bytes

CACHE_BYTES, DRAM_WIDTH, DRAM_LATENCY = 28, 29, 30
"""Fields of `PeTiming` in which variants differ."""
NO_CANDIDATE = -1
"""Returned by a search whose bounds have refuted all candidates, the fastest one too."""
_N_SEEDS = 8  # machines on which the candidate that looks best is counted on all


class Candidates(NamedTuple):
    """Mappings to choose from: fields (N, 9), grid and stationarity as one number (N,).

    Those that differ only in how many tiles are buffered, two or three, follow one another and are alike to all bounds:
    ``firsts`` (U + 1,), cycles for which the matrix engine multiplies (U,), blocks of a PE along m and n (U, 2).
    """

    mappings: Any
    places: Any
    firsts: Any
    matrix_cycles: Any
    blocks: Any


class Program(NamedTuple):
    """Working memory of the closed form, as `archmodel.kernels.matmul_search.time_matmul` takes it, and more buffers."""

    commands: Any
    loops: Any
    capacity: Any
    most_capacity: Any
    work: Any


class Bounds(NamedTuple):
    """What is known of unlike candidates: bounds (U, 21), whether they were counted (U,), bytes of a and b from DRAM.

    ``least`` has cycles for each unlike DRAM (U, P), and ``point`` which of these each machine has (V,).
    """

    bounds: Any
    is_counted: Any
    from_dram: Any
    least: Any
    point: Any


class Best(NamedTuple):
    """The best so far on each machine: its cycles, how many places have it, these, their first ones, serial cycles."""

    cycles: Any
    n_places: Any
    places: Any
    candidates: Any
    serials: Any


@kernel
def tell_apart(shape: MatmulShape, t: PeTiming, mappings: Any, places: Any) -> Candidates:
    """Tell apart the candidates that bounds see, and count what most machines of a sweep have in common of each.

    Parameters
    ----------
    shape : MatmulShape
        What.
    t : PeTiming
        Where: fields of the matrix engine and of local memory.
    mappings : ndarray (N, 9) int64
        From `list_candidates`.
    places : ndarray (N,) int64
        Of each.
    """
    n, n_unlike = mappings.shape[0], 0
    firsts, matrix_cycles = np.empty(n + 1, dtype=np.int64), np.empty(n)
    blocks = np.empty((n, 2), dtype=np.int64)
    for c in range(n):
        n_equal = 0
        for i in range(N_MAPPING_FIELDS - 1):
            n_equal += c > 0 and mappings[c, i] == mappings[c - 1, i]
        if n_equal == N_MAPPING_FIELDS - 1:
            continue
        firsts[n_unlike] = c
        cycles, n_m, n_n = count_multiplies(shape, read_mapping(mappings, c), t)
        matrix_cycles[n_unlike], blocks[n_unlike, 0], blocks[n_unlike, 1] = cycles, n_m, n_n
        n_unlike += 1
    firsts[n_unlike] = n
    return Candidates(
        mappings, places, firsts[: n_unlike + 1].copy(), matrix_cycles[:n_unlike].copy(), blocks[:n_unlike].copy()
    )


@kernel
def _put_machine(program: Program, n: int, bounds: Bounds, u: int, rows: Any, v: int) -> None:
    """Put the DRAM and the cache of a machine into a program that prefetches, as `write_matmul` would have."""
    its_bounds, commands = bounds.bounds[u], program.commands
    for c in range(n):
        n_bytes = its_bounds[RESULT_BYTES]
        if commands[c, UNIT] == PREFETCH:
            n_bytes = its_bounds[TAIL_BYTES]
            if commands[c, OUT] == FAR_A:
                n_bytes = bounds.from_dram[u, 0] / its_bounds[REQUESTS_A]
            elif commands[c, OUT] == FAR_B:
                n_bytes = bounds.from_dram[u, 1] / its_bounds[REQUESTS_B]
            commands[c, LATENCY] = int(rows[v, DRAM_LATENCY])
        elif commands[c, UNIT] != WRITE_BACK:
            continue
        commands[c, SERVICE] = commands[c, HOLD] = service_cycles(n_bytes, rows[v, DRAM_WIDTH])
    for capacity in (program.capacity, program.most_capacity):
        capacity[FAR_A] = count_ahead(rows[v, CACHE_BYTES], its_bounds[TILES_A])
        capacity[FAR_B] = count_ahead(rows[v, CACHE_BYTES], its_bounds[TILES_B])


@kernel
def _is_settled(best: Best, v: int, c: int, place: int, bound: float) -> bool:
    """Whether a candidate cannot be chosen: too slow, or at best as fast as an earlier one of its place."""
    if bound < best.cycles[v]:
        return False
    if bound > best.cycles[v]:
        return True
    for j in range(best.n_places[v]):
        if best.places[v, j] == place:
            return bool(best.candidates[v, j] <= c)
    return False


@kernel
def _keep(best: Best, v: int, c: int, place: int, cycles: int, serial: int) -> None:
    """Keep a candidate if it is better than those so far, or as good and the first of its place."""
    if cycles > best.cycles[v]:
        return
    if cycles < best.cycles[v]:
        best.cycles[v], best.n_places[v] = cycles, 0
    at = best.n_places[v]
    for j in range(best.n_places[v]):
        if best.places[v, j] == place:
            at = j
    if at == best.n_places[v]:
        best.n_places[v] += 1
    elif best.candidates[v, at] < c:
        return
    best.places[v, at], best.candidates[v, at], best.serials[v, at] = place, c, serial


@kernel
def _choose(best: Best, v: int) -> int:
    """Choose the least serial of the best candidates of all places on a machine, of equal ones that of the first."""
    chosen = -1
    for j in range(best.n_places[v]):
        less = chosen < 0 or best.serials[v, j] < best.serials[v, chosen]
        if less or (best.serials[v, j] == best.serials[v, chosen] and best.places[v, j] < best.places[v, chosen]):
            chosen = j
    return NO_CANDIDATE if chosen < 0 else int(best.candidates[v, chosen])


@kernel
def _count(program: Program, n: int, mapping: MatmulMapping, capacity: Any) -> Any:
    """Count the closed form of a program."""
    return count_cycles(
        program.commands, n, program.loops, capacity, mapping.grid_b, mapping.grid_m, mapping.grid_n, mapping.grid_k,
        program.work,
    )  # fmt: skip


@kernel
def _judge(
    shape: MatmulShape, rows: Any, some: Any, candidates: Candidates, u: int, bounds: Bounds, program: Program,
    best: Best,
) -> int:  # fmt: skip
    """Count like candidates on each machine on which one could be chosen; returns how often, or `NO_CANDIDATE`.

    More buffers never take longer: where the one with most is too slow, the other one is, too.
    """
    first, last = candidates.firsts[u], candidates.firsts[u + 1] - 1
    place, mapping, n, n_counted = candidates.places[first], read_mapping(candidates.mappings, first), 0, 0
    for v in some:
        least = bounds.least[u, bounds.point[v]]
        if _is_settled(best, v, first, place, least):
            continue
        if n == 0:
            t, most_buffered = read_timing(rows, v), read_mapping(candidates.mappings, last)
            write_matmul(shape, most_buffered, t, program.commands, program.loops, program.most_capacity)
            n = write_matmul(shape, mapping, t, program.commands, program.loops, program.capacity)
        else:
            _put_machine(program, n, bounds, u, rows, v)
        cycles, serial = _count(program, n, mapping, program.most_capacity)
        n_counted += 1
        if cycles < least:
            return NO_CANDIDATE
        if cycles > best.cycles[v]:
            continue
        if first < last:
            fewer_cycles, fewer_serial = _count(program, n, mapping, program.capacity)
            _keep(best, v, first, place, fewer_cycles, fewer_serial)
            n_counted += 1
        _keep(best, v, last, place, cycles, serial)
    return n_counted


@kernel
def _find_points(rows: Any, some: Any, point: Any) -> Any:
    """Find the unlike DRAMs of some machines, and which one each has: width [B/cycle], latency [cycles] (2, P)."""
    found, n = np.empty((2, some.size)), 0
    for v in some:
        p = 0
        while p < n and (found[0, p] != rows[v, DRAM_WIDTH] or found[1, p] != rows[v, DRAM_LATENCY]):
            p += 1
        if p == n:
            found[0, n], found[1, n] = rows[v, DRAM_WIDTH], rows[v, DRAM_LATENCY]
            n += 1
        point[v] = p
    return found[:, :n].copy()


@kernel
def _bound(
    shape: MatmulShape, rows: Any, some: Any, points: Any, candidates: Candidates, u: int, bounds: Bounds
) -> None:
    """Count what a candidate takes at least, for each unlike DRAM of some machines."""
    if not bounds.is_counted[u]:
        mapping = read_mapping(candidates.mappings, candidates.firsts[u])
        bound_matmul(shape, mapping, read_timing(rows, some[0]), bounds.bounds[u])
        bounds.is_counted[u] = True
    bytes_a, bytes_b = bounds.from_dram[u, 0], bounds.from_dram[u, 1]
    bound_cycles(bounds.bounds[u], bytes_a, bytes_b, points[0], points[1], bounds.least[u])


@kernel
def _keep_likely(some: Any, bounds: Bounds, best: Best, likely: Any) -> Any:
    """Keep those candidates that could be chosen on some machine, the most promising first."""
    least, n, promise = bounds.least, 0, np.empty(likely.size)
    most = np.zeros(least.shape[1])
    for v in some:
        most[bounds.point[v]] = max(most[bounds.point[v]], best.cycles[v])
    for u in likely:
        lowest = 2.0
        for p in range(most.size):
            lowest = min(lowest, least[u, p] / most[p])
        if lowest <= 1:
            likely[n], promise[n] = u, lowest
            n += 1
    return likely[:n][np.argsort(promise[:n])]


@kernel
def _find_seeds(least: Any, likely: Any) -> Any:
    """Find the candidates that look best on a few of the unlike DRAMs."""
    n_points = least.shape[1]
    step = max(1, n_points // _N_SEEDS)
    seeds = np.empty((n_points - 1) // step + 1, dtype=np.int64)
    for i in range(seeds.size):
        seeds[i] = likely[0]
        for u in likely:
            if least[u, i * step] < least[seeds[i], i * step]:
                seeds[i] = u
    return seeds


@kernel
def _search_some(
    shape: MatmulShape, rows: Any, some: Any, candidates: Candidates, bounds: Bounds, program: Program, best: Best
) -> int:
    """Find the best candidates on machines whose caches keep the same operands; returns as `search_variants`."""
    points = _find_points(rows, some, bounds.point)
    n_unlike, n_points, n_counted = candidates.matrix_cycles.size, points.shape[1], 0
    bounds = Bounds(bounds.bounds, bounds.is_counted, bounds.from_dram, np.empty((n_unlike, n_points)), bounds.point)
    # Two bounds: first that of the matrix engine and of all bytes from DRAM, then that of `bound_cycles`.
    for u in range(n_unlike):
        mapping, blocks = read_mapping(candidates.mappings, candidates.firsts[u]), candidates.blocks[u]
        from_dram = count_dram_bytes(shape, mapping, blocks[0], blocks[1], rows[some[0], CACHE_BYTES])
        bounds.from_dram[u, 0], bounds.from_dram[u, 1] = from_dram
        for p in range(n_points):
            bounds.least[u, p] = max(candidates.matrix_cycles[u], (from_dram[0] + from_dram[1]) / points[0, p])
    likely = np.arange(n_unlike)
    for turn in range(3):
        for u in _find_seeds(bounds.least, likely) if turn < 2 else likely:
            if turn == 0:
                _bound(shape, rows, some, points, candidates, u, bounds)
            n = _judge(shape, rows, some, candidates, u, bounds, program, best)
            if n == NO_CANDIDATE:
                return NO_CANDIDATE
            n_counted += n
        if turn < 2:
            likely = _keep_likely(some, bounds, best, likely)
        if turn == 0:
            for u in likely:
                _bound(shape, rows, some, points, candidates, u, bounds)
    return n_counted


@kernel
def _split_caches(shape: MatmulShape, rows: Any) -> Any:
    """Number machines by how `count_dram_bytes` sees their caches: in how many parts operands fit (V,)."""
    n = rows.shape[0]
    kinds, sweeps, n_kinds = np.empty(n, dtype=np.int64), np.empty((n, 2)), 0
    for v in range(n):
        half = max(1.0, rows[v, CACHE_BYTES] / 2)
        one_a = image_bytes(shape.window, shape.m, shape.k, shape.a_bytes)
        one_b = shape.k * shape.n * shape.b_bytes
        by_a = transfer_up(one_a, half) if one_a > half else 0
        by_b = transfer_up(one_b, half) if one_b > half else 0
        kind = 0
        while kind < n_kinds and (sweeps[kind, 0] != by_a or sweeps[kind, 1] != by_b):
            kind += 1
        if kind == n_kinds:
            sweeps[kind, 0], sweeps[kind, 1] = by_a, by_b
            n_kinds += 1
        kinds[v] = kind
    return kinds


@kernel
def search_variants(
    shape: MatmulShape, rows: Any, candidates: Candidates, out_mappings: Any, out_cycles: Any, out_work: Any
) -> int:
    """Find the fastest mapping of a matmul on each of several machines, as `search_matmul` and a sort would.

    Model
    -----
    Branch and bound. A candidate takes at least as long as the matrix engine multiplies and DRAM moves its bytes; those
    for which that is least on a few of the machines are counted on all. What is not above the best so far somewhere has
    a second bound, `bound_cycles`, for all unlike DRAMs in one go; again those that look best on a few are counted, then
    all others that could be better somewhere, the most promising first. The program of a candidate is written once, and
    its closed form counted for those machines on which it could still be chosen. A candidate that is left out is slower
    than the one chosen, or as fast and behind another one of its place.

    Parameters
    ----------
    shape : MatmulShape
        What.
    rows : ndarray (V, 39) float64
        Fields of `PeTiming` of each machine. They differ in DRAM and cache only; and in these only if there is a cache
        that is prefetched to.
    candidates : Candidates
        Mappings that fit, from `tell_apart`.
    out_mappings : ndarray (V, 9) int64
        The fastest; of those that are equally fast, that of the least serial of the first ones of their places.
    out_cycles : ndarray (V, 2) int64
        Its cycles, and those if nothing overlapped.
    out_work : ndarray (V, 15) int64
        Cycles at work of each station under it.

    Returns
    -------
    int
        Closed forms that were counted; `NO_CANDIDATE` if a machine has none left, or one that takes less than its
        bound, so that a bound was too large: what is written is then no answer.

    Sources
    -------
    A. H. Land, A. G. Doig, An automatic method of solving discrete programming problems, Econometrica 28(3), 1960.
    """
    program = Program(
        np.empty((MAX_COMMANDS, N_COMMAND_FIELDS), dtype=np.int64), np.empty(5, dtype=np.int64),
        np.empty(N_BUFFERS, dtype=np.int64), np.empty(N_BUFFERS, dtype=np.int64),
        np.empty((N_WORK_ROWS, N_STATIONS), dtype=np.int64),
    )  # fmt: skip
    n_machines, n_unlike, n_counted = rows.shape[0], candidates.matrix_cycles.size, 0
    size = (n_machines, candidates.places[-1] + 1)
    best = Best(
        np.full(n_machines, np.iinfo(np.int64).max), np.zeros(n_machines, dtype=np.int64),
        np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64),
    )  # fmt: skip
    bounds = Bounds(
        np.empty((n_unlike, N_BOUNDS)), np.zeros(n_unlike, dtype=np.bool_), np.empty((n_unlike, 2)), np.empty((0, 0)),
        np.empty(n_machines, dtype=np.int64),
    )  # fmt: skip
    kinds = _split_caches(shape, rows)
    for kind in range(kinds.max() + 1):
        some = np.flatnonzero(kinds == kind)
        n = _search_some(shape, rows, some, candidates, bounds, program, best)
        if n == NO_CANDIDATE:
            return NO_CANDIDATE
        n_counted += n
    for v in range(n_machines):
        c = _choose(best, v)
        if c == NO_CANDIDATE:
            return NO_CANDIDATE
        out_mappings[v] = candidates.mappings[c]
        out_cycles[v] = time_matmul(
            shape, read_mapping(candidates.mappings, c), read_timing(rows, v), program.commands, program.loops,
            program.capacity, program.work,
        )  # fmt: skip
        out_work[v] = program.work[TOTAL, :N_STATIONS]
    return n_counted
