"""The mapping of a matmul on machines that differ in their DRAM and cache: bounds first, the closed form where needed.

Machines of a sweep often differ in nothing but what is behind the local memories. The candidates of
`archmodel.kernels.matmul_search` are then the same, and so are most of the cycles of each. What they take at least is
counted once; the closed form judges those few that could still be best on some of the machines.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from archmodel.kernels.closed_form import N_STATIONS, N_WORK_ROWS, TOTAL, count_cycles
from archmodel.kernels.compile import kernel, kernel_part
from archmodel.kernels.data_movement import service_cycles
from archmodel.kernels.matmul_batch import read_timing
from archmodel.kernels.matmul_bounds import (
    AHEAD_A,
    AHEAD_B,
    N_BOUNDS,
    REQUESTS_A,
    REQUESTS_B,
    RESULT_BYTES,
    TAIL_BYTES,
    bound_cycles,
    bound_matmul,
)
from archmodel.kernels.matmul_program import count_ahead, set_buffers, write_matmul
from archmodel.kernels.matmul_search import read_mapping, time_matmul
from archmodel.kernels.matmul_shape import (
    FAR_A,
    FAR_B,
    MAX_COMMANDS,
    N_BUFFERS,
    MatmulMapping,
    MatmulShape,
    count_dram_bytes,
)
from archmodel.kernels.matmul_tiles import N_M, N_N, Candidates
from archmodel.kernels.matrix_engine import transfer_up
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.program import HOLD, LATENCY, N_COMMAND_FIELDS, OUT, PREFETCH, SERVICE, UNIT, WRITE_BACK
from archmodel.kernels.window import image_bytes

CACHE_BYTES, DRAM_WIDTH, DRAM_LATENCY = 28, 29, 30
"""Fields of `PeTiming` in which variants differ."""
NO_CANDIDATE = -1
"""Returned by a search whose bounds have refuted all candidates, the fastest one too."""
_MOST_TOGETHER, _WIDEST = 6, 1.6  # unlike DRAMs that are searched together, and how much faster the fastest may be


class Program(NamedTuple):
    """Working memory of the closed form, as `time_matmul` takes it; and the capacity with most tiles buffered."""

    commands: Any
    loops: Any
    capacity: Any
    most_capacity: Any
    work: Any


class Bounds(NamedTuple):
    """Of unlike candidates: bounds (U, 21), bytes of a and b from DRAM (U, 2) [B], least cycles by DRAM (U, P)."""

    bounds: Any
    from_dram: Any
    least: Any


class Points(NamedTuple):
    """Unlike DRAMs of some machines, the slowest first: width [B/cycle] and latency [cycles] (P,).

    Those that are searched together: ``firsts`` (T + 1,). Which one each machine has: ``of`` (V,).
    """

    widths: Any
    latencies: Any
    firsts: Any
    of: Any


class Best(NamedTuple):
    """The best so far on each machine: its cycles, how many places have it, these, their first ones, serial cycles."""

    cycles: Any
    n_places: Any
    places: Any
    candidates: Any
    serials: Any


@kernel_part
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
        capacity[FAR_A] = count_ahead(rows[v, CACHE_BYTES], its_bounds[AHEAD_A])
        capacity[FAR_B] = count_ahead(rows[v, CACHE_BYTES], its_bounds[AHEAD_B])


@kernel_part
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


@kernel_part
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


@kernel_part
def _choose(best: Best, v: int) -> int:
    """Choose the least serial of the best candidates of all places on a machine, of equal ones that of the first."""
    chosen = -1
    for j in range(best.n_places[v]):
        less = chosen < 0 or best.serials[v, j] < best.serials[v, chosen]
        if less or (best.serials[v, j] == best.serials[v, chosen] and best.places[v, j] < best.places[v, chosen]):
            chosen = j
    return NO_CANDIDATE if chosen < 0 else int(best.candidates[v, chosen])


@kernel_part
def _count(program: Program, n: int, mapping: MatmulMapping, capacity: Any) -> Any:
    """Count the closed form of a program."""
    return count_cycles(
        program.commands, n, program.loops, capacity, mapping.grid_b, mapping.grid_m, mapping.grid_n, mapping.grid_k,
        program.work,
    )  # fmt: skip


@kernel_part
def _judge(
    shape: MatmulShape, rows: Any, some: Any, candidates: Candidates, u: int, bounds: Bounds, points: Points,
    program: Program, best: Best,
) -> int:  # fmt: skip
    """Count like candidates on each machine on which one could be chosen; returns how often, or `NO_CANDIDATE`.

    More buffers never take longer: where the one with most is too slow, the other one is, too.
    """
    first, last = candidates.firsts[u], candidates.firsts[u + 1] - 1
    place, mapping, n, n_counted = candidates.places[first], read_mapping(candidates.mappings, first), 0, 0
    for v in some:
        least = bounds.least[u, points.of[v]]
        if _is_settled(best, v, first, place, least):
            continue
        if n == 0:
            n = write_matmul(shape, mapping, read_timing(rows, v), program.commands, program.loops, program.capacity)
            program.most_capacity[:] = program.capacity
            set_buffers(shape, read_mapping(candidates.mappings, last), program.most_capacity)
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


@kernel_part
def _find_points(rows: Any, some: Any) -> Points:
    """Find the unlike DRAMs of some machines, and put those of similar speed together."""
    order = some[np.argsort(rows[:, DRAM_WIDTH][some])]
    widths, latencies, of = np.empty(some.size), np.empty(some.size), np.empty(rows.shape[0], dtype=np.int64)
    firsts, n, n_together = np.empty(some.size + 1, dtype=np.int64), 0, 0
    for v in order:
        width, latency = rows[v, DRAM_WIDTH], rows[v, DRAM_LATENCY]
        p = n - 1
        while p >= 0 and widths[p] == width and latencies[p] != latency:
            p -= 1
        if p < 0 or widths[p] != width:
            p = n
            widths[p], latencies[p] = width, latency
            first = firsts[n_together - 1]
            if n_together == 0 or p == first + _MOST_TOGETHER or width > _WIDEST * widths[first]:
                firsts[n_together] = p
                n_together += 1
            n += 1
        of[v] = p
    firsts[n_together] = n
    return Points(widths[:n].copy(), latencies[:n].copy(), firsts[: n_together + 1].copy(), of)


@kernel_part
def _bound_all(shape: MatmulShape, t: PeTiming, candidates: Candidates, points: Points) -> Bounds:
    """Count what each candidate takes at least on each unlike DRAM."""
    n_unlike = candidates.tiles.shape[0]
    bounds, from_dram = np.empty((n_unlike, N_BOUNDS)), np.empty((n_unlike, 2))
    least = np.empty((n_unlike, points.widths.size))
    for u in range(n_unlike):
        mapping, tiles = read_mapping(candidates.mappings, candidates.firsts[u]), candidates.tiles[u]
        bound_matmul(shape, mapping, tiles, t, bounds[u])
        bytes_a, bytes_b = count_dram_bytes(shape, mapping, int(tiles[N_M]), int(tiles[N_N]), t.cache_bytes)
        from_dram[u, 0], from_dram[u, 1] = bytes_a, bytes_b
        bound_cycles(bounds[u], bytes_a, bytes_b, points.widths, points.latencies, least[u])
    return Bounds(bounds, from_dram, least)


@kernel_part
def _is_likely(least: Any, most: Any) -> bool:
    """Whether a candidate could be chosen for a machine: its bound is not above the best so far."""
    is_likely = False
    for p in range(most.size):
        is_likely |= least[p] <= most[p]
    return is_likely


@kernel_part
def _find_likely(least: Any, first: int, most: Any) -> Any:
    """Find the candidates that could be chosen for machines with DRAMs from ``first`` on, the most promising first."""
    end, n, n_unlike = first + most.size, 0, least.shape[0]
    likely, promise = np.empty(n_unlike, dtype=np.int64), np.empty(n_unlike)
    for u in range(n_unlike):
        if _is_likely(least[u, first:end], most):
            likely[n], promise[n] = u, (least[u, first:end] / most).min()
            n += 1
    return likely[:n][np.argsort(promise[:n])]


@kernel_part
def _find_most(best: Best, some: Any, points: Points, first: int, most: Any) -> None:
    """Find the cycles of the best so far on the slowest machine with each of the DRAMs from ``first`` on."""
    most[:] = 0
    for v in some:
        p = points.of[v] - first
        most[p] = max(most[p], best.cycles[v])


@kernel_part
def _search_some(shape: MatmulShape, rows: Any, some: Any, candidates: Candidates, program: Program, best: Best) -> int:
    """Find the best candidates on machines whose caches keep the same operands; returns as `search_variants`."""
    points = _find_points(rows, some)
    bounds = _bound_all(shape, read_timing(rows, some[0]), candidates, points)
    seed: Any = np.argmin(bounds.least[:, 0])
    n_counted = 0
    for i in range(points.firsts.size - 1):
        first, end = points.firsts[i], points.firsts[i + 1]
        together = some[(points.of[some] >= first) & (points.of[some] < end)]
        most, likely = np.full(end - first, np.inf), np.full(1, seed)
        for turn in range(2):
            for u in likely:
                if _is_likely(bounds.least[u, first:end], most):
                    n = _judge(shape, rows, together, candidates, u, bounds, points, program, best)
                    if n == NO_CANDIDATE:
                        return NO_CANDIDATE
                    n_counted += n
                    _find_most(best, together, points, first, most)
            if turn == 0:
                likely = _find_likely(bounds.least, first, most)
        # What is best here is where the search begins on DRAMs that are somewhat faster.
        seed = max(0, np.searchsorted(candidates.firsts, _choose(best, together[-1]), side="right") - 1)
    return n_counted


@kernel_part
def _split_caches(shape: MatmulShape, rows: Any) -> Any:
    """Tell machines apart by how many parts of operands fit their caches, for `count_dram_bytes`: numbers (V,)."""
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
    Branch and bound. What every candidate takes at least is counted first, on all unlike DRAMs. Those of similar speed
    are searched together: first the candidate that looks best on slower ones, then all whose bound is not above the
    best so far somewhere, the most promising first. The program of a candidate is written once, and its closed form
    counted for those machines on which it could still be chosen. A candidate that is left out is slower than the one
    chosen, or as fast and behind another one of its place.

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
    n_machines, n_counted = rows.shape[0], 0
    size = (n_machines, candidates.places[-1] + 1)
    best = Best(
        np.full(n_machines, np.iinfo(np.int64).max), np.zeros(n_machines, dtype=np.int64),
        np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64),
    )  # fmt: skip
    kinds = _split_caches(shape, rows)
    for kind in range(kinds.max() + 1):
        some = np.flatnonzero(kinds == kind)
        n = _search_some(shape, rows, some, candidates, program, best)
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
