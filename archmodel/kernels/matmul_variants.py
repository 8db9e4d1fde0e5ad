"""The mapping of a matmul on machines that differ in their DRAM and cache: bounds first, the closed form where needed.

Machines of a sweep often differ in nothing but what is behind the local memories. The candidates of
`archmodel.kernels.matmul_candidates` are then the same, and so are most of the cycles of each. What they take at least
is counted once; the closed form judges those few that could still be best on some of the machines.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from archmodel.kernels.closed_form import N_STATIONS, N_WORK_ROWS, TOTAL, Walk, close_form, walk_program
from archmodel.kernels.compile import kernel_part
from archmodel.kernels.data_movement import service_cycles
from archmodel.kernels.matmul_batch import read_timing
from archmodel.kernels.matmul_best import CYCLES, N_BEST, NO_CANDIDATE, begin_best, choose, is_settled, keep
from archmodel.kernels.matmul_bounds import (
    AHEAD_A,
    AHEAD_B,
    REQUESTS_A,
    REQUESTS_B,
    RESULT_BYTES,
    TAIL_BYTES,
    Glance,
    count_dram,
    glance,
)
from archmodel.kernels.matmul_likely import Bounds, begin_bounds, count_bounds, find_likely, find_seeds, look_at
from archmodel.kernels.matmul_program import count_ahead, set_buffers, write_matmul
from archmodel.kernels.matmul_search import read_mapping
from archmodel.kernels.matmul_shape import (
    FAR_A,
    FAR_B,
    MAX_COMMANDS,
    N_BUFFERS,
    N_MAPPING_FIELDS,
    MatmulMapping,
    MatmulShape,
)
from archmodel.kernels.matmul_tiles import N_SEEDS, Candidates
from archmodel.kernels.matrix_engine import transfer_up
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.program import (
    DRAM,
    HOLD,
    LATENCY,
    N_COMMAND_FIELDS,
    N_UNITS,
    NONE,
    OUT,
    PREFETCH,
    SERVICE,
    UNIT,
    WRITE_BACK,
)
from archmodel.kernels.window import image_bytes

CACHE_BYTES, DRAM_WIDTH, DRAM_LATENCY = 28, 29, 30
"""Fields of `PeTiming` in which variants differ."""
_MOST_TOGETHER, _WIDEST = 20, 5.0  # unlike DRAMs that are searched together, and how much faster the fastest may be


class Program(NamedTuple):
    """Working memory: a program, its capacity with most tiles buffered too, and what `count_cycles` needs."""

    commands: Any
    loops: Any
    capacity: Any
    most_capacity: Any
    work: Any


class Points(NamedTuple):
    """Unlike DRAMs of some machines, the slowest first: width [B/cycle] and latency [cycles] (P,).

    Those that are searched together: ``firsts`` (T + 1,). Which one each machine has: ``of`` (V,).
    """

    widths: Any
    latencies: Any
    firsts: Any
    of: Any


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
def _put_machine(commands: Any, n: int, bounds: Any, bytes_a: float, bytes_b: float, rows: Any, v: int) -> None:
    """Put the DRAM of a machine into a program that prefetches, as `write_matmul` would have."""
    for c in range(n):
        n_bytes = bounds[RESULT_BYTES]
        if commands[c, UNIT] == PREFETCH:
            n_bytes = bounds[TAIL_BYTES]
            if commands[c, OUT] == FAR_A:
                n_bytes = bytes_a / bounds[REQUESTS_A]
            elif commands[c, OUT] == FAR_B:
                n_bytes = bytes_b / bounds[REQUESTS_B]
            commands[c, LATENCY] = int(rows[v, DRAM_LATENCY])
        elif commands[c, UNIT] != WRITE_BACK:
            continue
        commands[c, SERVICE] = commands[c, HOLD] = service_cycles(n_bytes, rows[v, DRAM_WIDTH])


@kernel_part
def _walk(commands: Any, n: int, loops: Any, mapping: MatmulMapping, work: Any) -> Walk:
    """Walk through a program of so many commands."""
    return walk_program(commands, n, loops, mapping.grid_b, mapping.grid_m, mapping.grid_n, mapping.grid_k, work)


@kernel_part
def _close(walk: Walk, capacity: Any, ahead_a: int, ahead_b: int, work: Any) -> int:
    """Count the closed form of a program on a machine whose cache holds so many tiles ahead."""
    capacity[FAR_A], capacity[FAR_B] = ahead_a, ahead_b
    return int(close_form(walk, capacity, work))


@kernel_part
def _judge(
    shape: MatmulShape, rows: Any, candidates: Candidates, u: int, together: Any, of: Any, known: Bounds,
    program: Program, best: Any,
) -> int:  # fmt: skip
    """Count like candidates on each machine on which one could be chosen; returns how often, or `NO_CANDIDATE`.

    More buffers never take longer: where the one with most is too slow, the other one is, too. Machines follow one
    another by their DRAM, and one walk through the program serves all with the same. If their caches hold as many tiles
    besides, they take as long.
    """
    mappings, places, firsts, _, _, _ = candidates
    commands, loops, capacity, most_capacity, work = program
    bounds, bytes_a, bytes_b = known.bounds[u], known.from_dram[u, 0], known.from_dram[u, 1]
    first, last, n, n_counted = firsts[u], firsts[u + 1] - 1, 0, 0
    place, mapping, least = places[first], read_mapping(mappings, first), known.least
    walked, ahead_a, ahead_b, cycles, fewer = -1, -1, -1, -1, -1
    walk = Walk(0, 0, 0, 0, 0, 0, 0, 0, NONE, 0)
    for v in together:
        p = of[v]
        if is_settled(best, v, first, place, least[u, p]):
            continue
        if walked != p:
            if n == 0:
                n = write_matmul(shape, mapping, read_timing(rows, v), commands, loops, capacity)
                most_capacity[:] = capacity
                set_buffers(shape, read_mapping(mappings, last), most_capacity)
            else:
                _put_machine(commands, n, bounds, bytes_a, bytes_b, rows, v)
            walk, walked, ahead_a = _walk(commands, n, loops, mapping, work), p, -1
        v_ahead_a = count_ahead(rows[v, CACHE_BYTES], bounds[AHEAD_A])
        v_ahead_b = count_ahead(rows[v, CACHE_BYTES], bounds[AHEAD_B])
        if v_ahead_a != ahead_a or v_ahead_b != ahead_b:
            ahead_a, ahead_b, fewer = v_ahead_a, v_ahead_b, -1
            cycles = _close(walk, most_capacity, ahead_a, ahead_b, work)
            n_counted += 1
        if cycles < least[u, p]:
            return NO_CANDIDATE
        if first < last and cycles <= best[v, CYCLES]:
            if fewer < 0:
                fewer = _close(walk, capacity, ahead_a, ahead_b, work)
                n_counted += 1
            keep(best, v, first, place, fewer, walk.serial)
        keep(best, v, last, place, cycles, walk.serial)
    return n_counted


@kernel_part
def _find_most(best: Any, some: Any, of: Any, first: int, most: Any) -> None:
    """Find the cycles of the best so far on the slowest machine with each of the DRAMs from ``first`` on."""
    most[:] = 0
    for v in some:
        most[of[v] - first] = max(most[of[v] - first], best[v, CYCLES])


@kernel_part
def _is_likely(least: Any, u: int, first: int, most: Any) -> bool:
    """Whether a candidate could be chosen for a machine: its bound is not above the best so far."""
    is_likely = False
    for p in range(most.size):
        is_likely |= least[u, first + p] <= most[p]
    return is_likely


@kernel_part
def _find_unlike(candidates: Candidates, c: int) -> int:
    """Find which of the unlike candidates one is."""
    return int(np.searchsorted(candidates.firsts, c, side="right") - 1)


@kernel_part
def _search_together(
    shape: MatmulShape, rows: Any, t: PeTiming, candidates: Candidates, together: Any, points: Points, first: int,
    end: int, seen: Glance, known: Bounds, program: Program, best: Any,
) -> int:  # fmt: skip
    """Search on machines with DRAMs of similar speed; returns as `search_variants`."""
    most, of, least = np.full(end - first, np.inf), points.of, known.least
    apart = 1.0 if t.has_prefetch and t.cache_bytes > 0 else 0.0
    tried, looked_at, n_counted = find_seeds(candidates.seeds, first, end), np.arange(seen.cycles.size), 0
    # What was best in the last search, then what is best of an eighth of those left, then all that are left then.
    for every in (0, 8, 1):
        if every > 0:
            looked_at = look_at(looked_at, seen, apart, points.widths[first:end], most)
            tried = looked_at[::every]
        count_bounds(shape, candidates, tried, t, points.widths, points.latencies, first, most, known)
        tried = find_likely(tried, least, first, most)
        for u in tried[:1] if every > 1 else tried:
            if _is_likely(least, u, first, most):
                n = _judge(shape, rows, candidates, u, together, of, known, program, best)
                if n == NO_CANDIDATE:
                    return NO_CANDIDATE
                n_counted += n
                _find_most(best, together, of, first, most)
    return n_counted


@kernel_part
def _search_some(shape: MatmulShape, rows: Any, some: Any, candidates: Candidates, program: Program, best: Any) -> Any:
    """Search on machines whose caches keep the same operands; returns as `search_variants`, and the bounds."""
    points, t, n_counted = _find_points(rows, some), read_timing(rows, some[0]), 0
    seen = glance(shape, candidates.facts, t)
    known = begin_bounds(candidates.tiles.shape[0], points.widths.size)
    for i in range(points.firsts.size - 1):
        first, end = points.firsts[i], points.firsts[i + 1]
        together = some[(points.of[some] >= first) & (points.of[some] < end)]
        together = together[np.argsort(points.of[together])]
        n = _search_together(shape, rows, t, candidates, together, points, first, end, seen, known, program, best)
        if n == NO_CANDIDATE:
            return NO_CANDIDATE, known
        n_counted += n
        for v in together:
            candidates.seeds[points.of[v] % N_SEEDS] = _find_unlike(candidates, choose(best, v)[0])
    return n_counted, known


@kernel_part
def _write_answers(
    shape: MatmulShape, rows: Any, some: Any, candidates: Candidates, known: Bounds, program: Program, best: Any,
    out_mappings: Any, out_cycles: Any, out_work: Any,
) -> None:  # fmt: skip
    """Write mapping, cycles and work of what is chosen on each machine. Of work, a DRAM changes only its own."""
    commands, loops, capacity, _, work = program
    chosen = np.full(rows.shape[0], NO_CANDIDATE, dtype=np.int64)
    for v in some:
        out_cycles[v, 0] = best[v, CYCLES]
        chosen[v], out_cycles[v, 1] = choose(best, v)
    for v in some:
        c = chosen[v]
        if c == NO_CANDIDATE:  # written with an earlier one
            continue
        mapping, u = read_mapping(candidates.mappings, c), _find_unlike(candidates, c)
        bounds, bytes_a, bytes_b = known.bounds[u], known.from_dram[u, 0], known.from_dram[u, 1]
        n = write_matmul(shape, mapping, read_timing(rows, v), commands, loops, capacity)
        _walk(commands, n, loops, mapping, work)
        for w in some:
            if chosen[w] == c:
                for station in range(N_STATIONS):
                    out_work[w, station] = work[TOTAL, station]
                if w != v:
                    out_work[w, N_UNITS + DRAM] = count_dram(bounds, bytes_a, bytes_b, rows[w, DRAM_WIDTH])
                for field in range(N_MAPPING_FIELDS):
                    out_mappings[w, field] = candidates.mappings[c, field]
                chosen[w] = NO_CANDIDATE


@kernel_part
def _split_caches(shape: MatmulShape, rows: Any) -> Any:
    """Tell machines apart by how many parts of operands fit their caches, for `count_dram_bytes`: numbers (V,)."""
    n = rows.shape[0]
    kinds, sweeps, n_kinds = np.empty(n, dtype=np.int64), np.empty((n, 2)), 0
    for v in range(n):
        half = max(1.0, rows[v, CACHE_BYTES] / 2)
        one_a = image_bytes(shape.window, shape.m, shape.k, shape.a_bytes)
        one_b = shape.k * shape.n * shape.b_bytes
        by_a, by_b = transfer_up(one_a, half), transfer_up(one_b, half)
        if not (shape.is_a_far and shape.is_b_far):  # how often what is far is swept decides, not by how many parts
            by_a, by_b = min(2, by_a) if shape.is_a_far else 0, min(2, by_b) if shape.is_b_far else 0
        kind = 0
        while kind < n_kinds and (sweeps[kind, 0] != by_a or sweeps[kind, 1] != by_b):
            kind += 1
        if kind == n_kinds:
            sweeps[kind, 0], sweeps[kind, 1] = by_a, by_b
            n_kinds += 1
        kinds[v] = kind
    return kinds


@kernel_part
def search_variants(
    shape: MatmulShape, rows: Any, candidates: Candidates, out_mappings: Any, out_cycles: Any, out_work: Any
) -> int:
    """Find the fastest mapping of a matmul on each of several machines, as `search_matmul` and a sort would.

    Model
    -----
    Branch and bound. What every candidate takes at least is first counted at a glance. Some unlike DRAMs are searched
    together: first the candidates that were best in the last search, then the best of an eighth of those that sums do
    not refute, then all whose bound is not above the best so far somewhere, the most promising first. The program of a
    candidate is written once, and its closed form counted for all machines on which it could still be chosen. A
    candidate that is left out is slower than the one chosen, or as fast and behind another one of its place.

    Parameters
    ----------
    shape : MatmulShape
        What.
    rows : ndarray (V, 39) float64
        Fields of `PeTiming` of each machine. They differ in DRAM and cache only; and in these only if there is a cache
        that is prefetched to.
    candidates : Candidates
        Mappings that fit, from `list_candidates`.
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
    n_counted, best, kinds = 0, begin_best(rows.shape[0], candidates.places[-1] + 1), _split_caches(shape, rows)
    for kind in range(kinds.max() + 1):
        some = np.flatnonzero(kinds == kind)
        n, known = _search_some(shape, rows, some, candidates, program, best)
        if n == NO_CANDIDATE or best[:, N_BEST][some].min() == 0:
            return NO_CANDIDATE
        _write_answers(shape, rows, some, candidates, known, program, best, out_mappings, out_cycles, out_work)
        n_counted += n
    return n_counted
