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
    LAG,
    MULTIPLIED,
    N_BOUNDS,
    N_M,
    N_N,
    OTHER,
    REQUESTS_A,
    REQUESTS_B,
    RESULT_BYTES,
    SERIAL,
    TAIL_BYTES,
    bound_cycles,
    bound_matmul,
)
from archmodel.kernels.matmul_program import write_matmul
from archmodel.kernels.matmul_search import N_MAPPING_FIELDS, read_mapping, time_matmul
from archmodel.kernels.matmul_shape import (
    FAR_A,
    FAR_B,
    MAX_COMMANDS,
    N_BUFFERS,
    MatmulShape,
    count_dram_bytes,
)
from archmodel.kernels.program import HOLD, LATENCY, N_COMMAND_FIELDS, OUT, PREFETCH, SERVICE, UNIT, WRITE_BACK

CACHE_BYTES, DRAM_WIDTH, DRAM_LATENCY = 28, 29, 30
"""Fields of `PeTiming` in which variants differ."""
NO_CANDIDATE = -1
"""Returned by a search whose bounds have refuted all candidates, the fastest one too."""
_MOST_TOGETHER, _WIDEST = 6, 1.6  # machines that are judged together, and how much faster the DRAM of one may be


class Program(NamedTuple):
    """Working memory of the closed form, as `archmodel.kernels.matmul_search.time_matmul` takes it."""

    commands: Any
    loops: Any
    capacity: Any
    work: Any


class Unlike(NamedTuple):
    """Candidates that bounds tell apart: ``firsts`` (U + 1,), bounds (U, 21), bytes of a and b from DRAM (U, 2) [B]."""

    firsts: Any
    bounds: Any
    from_dram: Any


class Best(NamedTuple):
    """The best so far on machines that are judged together: cycles (T,); by place, candidate or −1, serial cycles."""

    cycles: Any
    candidates: Any
    serials: Any


@kernel_part
def _differ_in_buffers(candidates: Any, c: int) -> bool:
    """Whether a candidate differs from the one before only in how many tiles are buffered, which no bound sees."""
    n_equal = 0
    for i in range(N_MAPPING_FIELDS - 1):
        n_equal += candidates[c, i] == candidates[c - 1, i]
    return n_equal == N_MAPPING_FIELDS - 1


@kernel_part
def _count_bounds(shape: MatmulShape, rows: Any, candidates: Any) -> Unlike:
    """Count what each unlike candidate takes at least."""
    n, n_unlike, t = candidates.shape[0], 0, read_timing(rows, 0)
    firsts, bounds = np.empty(n + 1, dtype=np.int64), np.empty((n, N_BOUNDS))
    for c in range(n):
        if c > 0 and _differ_in_buffers(candidates, c):
            continue
        bound_matmul(shape, read_mapping(candidates, c), t, bounds[n_unlike])
        firsts[n_unlike] = c
        n_unlike += 1
    firsts[n_unlike] = n
    return Unlike(firsts[: n_unlike + 1], bounds[:n_unlike], np.empty((n_unlike, 2)))


@kernel_part
def _bound_near(bounds: Any) -> Any:
    """Count what a candidate takes at least whatever the DRAM."""
    return min(max(bounds[MULTIPLIED], bounds[OTHER]) + bounds[LAG], bounds[SERIAL])


@kernel_part
def _find_shortest(unlike: Unlike) -> int:
    """Find the candidate that takes least if no DRAM holds it up."""
    shortest = 0
    for u in range(unlike.bounds.shape[0]):
        if _bound_near(unlike.bounds[u]) < _bound_near(unlike.bounds[shortest]):
            shortest = u
    return shortest


@kernel_part
def _find_together(rows: Any, first: int) -> int:
    """Find the end of the machines from ``first`` on that are judged together: one cache, DRAM of similar speed."""
    end = first + 1
    while (
        end < min(rows.shape[0], first + _MOST_TOGETHER)
        and rows[end, CACHE_BYTES] == rows[first, CACHE_BYTES]
        and rows[end, DRAM_WIDTH] <= _WIDEST * rows[first, DRAM_WIDTH]
    ):
        end += 1
    return end


@kernel_part
def _bound_on(unlike: Unlike, u: int, rows: Any, v: int) -> Any:
    """Count what a candidate takes at least on a machine."""
    from_dram = unlike.from_dram[u]
    return bound_cycles(unlike.bounds[u], from_dram[0], from_dram[1], rows[v, DRAM_WIDTH], int(rows[v, DRAM_LATENCY]))


@kernel_part
def _put_dram(commands: Any, n: int, unlike: Unlike, u: int, rows: Any, v: int) -> None:
    """Put the DRAM of a machine into a program that prefetches, as `write_matmul` would have written it."""
    bounds = unlike.bounds[u]
    for c in range(n):
        n_bytes = bounds[RESULT_BYTES]
        if commands[c, UNIT] == PREFETCH:
            n_bytes = bounds[TAIL_BYTES]
            if commands[c, OUT] == FAR_A:
                n_bytes = unlike.from_dram[u, 0] / bounds[REQUESTS_A]
            elif commands[c, OUT] == FAR_B:
                n_bytes = unlike.from_dram[u, 1] / bounds[REQUESTS_B]
            commands[c, LATENCY] = int(rows[v, DRAM_LATENCY])
        elif commands[c, UNIT] != WRITE_BACK:
            continue
        commands[c, SERVICE] = commands[c, HOLD] = service_cycles(n_bytes, rows[v, DRAM_WIDTH])


@kernel_part
def _judge(
    shape: MatmulShape, rows: Any, first: int, end: int, candidates: Any, c: int, place: int, unlike: Unlike, u: int,
    program: Program, best: Best,
) -> int:  # fmt: skip
    """Count the closed form of a candidate on each machine on which it could be best; returns on how many."""
    mapping, t, n, n_counted = read_mapping(candidates, c), read_timing(rows, first), 0, 0
    for v in range(first, end):
        i = v - first
        if _bound_on(unlike, u, rows, v) > best.cycles[i]:
            continue
        if n_counted == 0:
            n = write_matmul(shape, mapping, t, program.commands, program.loops, program.capacity)
        if v > first:
            _put_dram(program.commands, n, unlike, u, rows, v)
        cycles, serial = count_cycles(
            program.commands, n, program.loops, program.capacity,
            mapping.grid_b, mapping.grid_m, mapping.grid_n, mapping.grid_k, program.work,
        )  # fmt: skip
        n_counted += 1
        if cycles < best.cycles[i]:
            best.candidates[i] = -1
            best.cycles[i] = cycles
        if cycles == best.cycles[i] and (best.candidates[i, place] < 0 or c < best.candidates[i, place]):
            best.candidates[i, place], best.serials[i, place] = c, serial
    return n_counted


@kernel_part
def _search_together(
    shape: MatmulShape, rows: Any, first: int, end: int, candidates: Any, places: Any, unlike: Unlike, seed: int,
    program: Program, best: Best,
) -> int:  # fmt: skip
    """Find the best candidates on machines that are judged together; returns how many closed forms were counted."""
    best.cycles[:] = np.iinfo(np.int64).max
    best.candidates[:] = -1
    c, n_likely = unlike.firsts[seed], 0
    n_counted = _judge(shape, rows, first, end, candidates, c, places[c], unlike, seed, program, best)
    # A bound of the fastest DRAM of all is one of each machine.
    easiest = rows[first : first + 1].copy()
    easiest[0, DRAM_WIDTH] = rows[first:end, DRAM_WIDTH].max()
    easiest[0, DRAM_LATENCY] = rows[first:end, DRAM_LATENCY].min()
    likely, least = np.empty(len(unlike.bounds), dtype=np.int64), np.empty(len(unlike.bounds))
    most = best.cycles[: end - first].max()
    for u in range(len(unlike.bounds)):
        if _bound_near(unlike.bounds[u]) <= most:
            least[n_likely] = _bound_on(unlike, u, easiest, 0)
            if least[n_likely] <= most:
                likely[n_likely] = u
                n_likely += 1
    for i in np.argsort(least[:n_likely]):
        if least[i] > best.cycles[: end - first].max():
            break
        u = likely[i]
        for c in range(unlike.firsts[u], unlike.firsts[u + 1]):
            n_counted += _judge(shape, rows, first, end, candidates, c, places[c], unlike, u, program, best)
    return n_counted


@kernel_part
def _choose(best: Best, i: int) -> int:
    """Choose the least serial of the best candidates of all places on a machine, the first of equal ones."""
    chosen = -1
    for place in range(best.candidates.shape[1]):
        if best.candidates[i, place] >= 0 and (chosen < 0 or best.serials[i, place] < best.serials[i, chosen]):
            chosen = place
    return NO_CANDIDATE if chosen < 0 else int(best.candidates[i, chosen])


@kernel
def search_variants(
    shape: MatmulShape, rows: Any, candidates: Any, places: Any, out_mappings: Any, out_cycles: Any, out_work: Any
) -> int:
    """Find the fastest mapping of a matmul on each of several machines, as `search_matmul` and a sort would.

    Model
    -----
    Branch and bound. A few machines with similar DRAM are judged together: first the candidate that was best on those
    before, then all whose bounds on the fastest DRAM are not above the best so far, in the order of these bounds. The
    program of a candidate is written once and its closed form counted for those machines on which its own bound is not
    above the best either. A candidate that is left out is slower than the one chosen.

    Parameters
    ----------
    shape : MatmulShape
        What.
    rows : ndarray (V, 39) float64
        Fields of `PeTiming` of each machine. They differ in DRAM and cache only; and in these only if there is a cache
        that is prefetched to.
    candidates : ndarray (N, 9) int64
        Mappings that fit.
    places : ndarray (N,) int64
        Grid and stationarity of each, as one number.
    out_mappings : ndarray (V, 9) int64
        The fastest; of those that are equally fast, that of the least serial of the first ones of their places.
    out_cycles : ndarray (V, 2) int64
        Its cycles, and those if nothing overlapped.
    out_work : ndarray (V, 15) int64
        Cycles at work of each station under it.

    Returns
    -------
    int
        Closed forms that were counted; `NO_CANDIDATE` if a machine has none left, so that a bound was too large: what
        is written is then no answer.

    Sources
    -------
    A. H. Land, A. G. Doig, An automatic method of solving discrete programming problems, Econometrica 28(3), 1960.
    """
    program = Program(
        np.empty((MAX_COMMANDS, N_COMMAND_FIELDS), dtype=np.int64), np.empty(5, dtype=np.int64),
        np.empty(N_BUFFERS, dtype=np.int64), np.empty((N_WORK_ROWS, N_STATIONS), dtype=np.int64),
    )  # fmt: skip
    n_places = places[-1] + 1
    best = Best(
        np.empty(_MOST_TOGETHER, dtype=np.int64), np.empty((_MOST_TOGETHER, n_places), dtype=np.int64),
        np.empty((_MOST_TOGETHER, n_places), dtype=np.int64),
    )  # fmt: skip
    unlike = _count_bounds(shape, rows, candidates)
    seed, cache_bytes, n_counted, first = _find_shortest(unlike), -1.0, 0, 0
    while first < rows.shape[0]:
        end = _find_together(rows, first)
        if rows[first, CACHE_BYTES] != cache_bytes:
            cache_bytes = rows[first, CACHE_BYTES]
            for u in range(len(unlike.bounds)):
                n_m, n_n = int(unlike.bounds[u, N_M]), int(unlike.bounds[u, N_N])
                mapping = read_mapping(candidates, unlike.firsts[u])
                unlike.from_dram[u] = count_dram_bytes(shape, mapping, n_m, n_n, cache_bytes)
        n_counted += _search_together(shape, rows, first, end, candidates, places, unlike, seed, program, best)
        for v in range(first, end):
            c = _choose(best, v - first)
            if c == NO_CANDIDATE:
                return NO_CANDIDATE
            seed = int(np.searchsorted(unlike.firsts, c, side="right")) - 1
            out_mappings[v] = candidates[c]
            out_cycles[v] = time_matmul(
                shape, read_mapping(candidates, c), read_timing(rows, v), program.commands, program.loops,
                program.capacity, program.work,
            )  # fmt: skip
            out_work[v] = program.work[TOTAL, :N_STATIONS]
            if _bound_on(unlike, seed, rows, v) > out_cycles[v, 0]:
                return NO_CANDIDATE
        first = end
    return n_counted
