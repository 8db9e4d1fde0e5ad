"""The mapping of a matmul on machines that differ in their DRAM and cache: bounds first, the closed form where needed.

Machines of a sweep often differ in nothing but what is behind the local memories. The candidates of
`archmodel.kernels.matmul_search` are then the same, and so are most of the cycles of each. What they take at least is
counted once; for every machine the closed form judges those few that could still be best.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.closed_form import N_STATIONS, N_WORK_ROWS, TOTAL
from archmodel.kernels.compile import kernel
from archmodel.kernels.data_movement import reduction_cycles, service_cycles, transfer_cycles
from archmodel.kernels.lanes import simd_cycles
from archmodel.kernels.matmul_batch import read_timing
from archmodel.kernels.matmul_program import multiply_cycles
from archmodel.kernels.matmul_search import N_MAPPING_FIELDS, read_mapping, time_matmul
from archmodel.kernels.matmul_shape import (
    MAX_COMMANDS,
    N_BUFFERS,
    OUTPUT,
    WEIGHT,
    MatmulMapping,
    MatmulShape,
    count_dram_bytes,
)
from archmodel.kernels.matrix_engine import divide_up, dot_product_bytes, partial_sum_cycles, transfer_up
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.program import N_COMMAND_FIELDS, OWN, SAME_A, SAME_B
from archmodel.kernels.tile_commands import read_width
from archmodel.kernels.window import cut_windows

CACHE_BYTES, DRAM_WIDTH, DRAM_LATENCY = 28, 29, 30
"""Fields of `PeTiming` in which variants differ."""
# What is counted once per candidate: cycles that no DRAM changes, and those if nothing overlapped; cycles behind the
# last byte from DRAM; how far a memory that serves PEs one by one is behind the PE that is followed; the other PEs that
# wait for the last request of one; bytes between DRAM and all but a and b; how often the last request is made; blocks
# of a PE along m and n; whether b comes last.
_NEAR, _SERIAL, _BEHIND, _LAG, _ALONE, _OTHER_BYTES, _N_LAST, _N_M, _N_N, _IS_B_LAST = range(10)
N_BOUNDS = 10
NO_CANDIDATE = -1
"""Returned by a search whose bounds have refuted all candidates, the fastest one too."""
_LESS = 1 - 1e-9  # rounding never makes a bound too large


@kernel
def load_once(n_rows: int, row_bytes: float, t: PeTiming) -> int:
    """Cycles for which the DMA engine is busy with a tile that is in SRAM, or was prefetched.

    Model
    -----
    `transfer_cycles` at the latency of the SRAM.

    Parameters
    ----------
    n_rows : int
        Rows of the tile.
    row_bytes : float
        Bytes of a row [B].
    t : PeTiming
        Where.

    Sources
    -------
    As `transfer_cycles`.
    """
    return transfer_cycles(
        n_rows, row_bytes, t.dma_width, t.request_cycles, t.fragment_bytes, t.outstanding, t.sram_latency,
        t.bucket_bytes, t.bucket_rate,
    )  # fmt: skip


@kernel
def _wait_for_others(occupancy: int, n_bytes: float, width: float, n_pes: int) -> int:
    """Cycles for which a memory serves a request of all PEs longer than it, or the PE, is busy with one."""
    service = service_cycles(n_bytes, width)
    return max(occupancy, n_pes * service) - max(occupancy, service)


@kernel
def bound_matmul(shape: MatmulShape, mapping: MatmulMapping, t: PeTiming, out: Any) -> None:
    """Count what a matmul under a mapping takes at least: a part of `count_cycles` that needs no program.

    Model
    -----
    Units and SRAM are at work for as long as the program of `write_matmul` has them work. Before the matrix engine
    starts, a tile of each operand is loaded; behind it, a block is added up, worked on and stored. What comes from DRAM
    is loaded and multiplied before that. ``cycles ≥ min(head + work + tail + lag, serial)``, as in `count_cycles`.

    Parameters
    ----------
    shape : MatmulShape
        What.
    mapping : MatmulMapping
        How.
    t : PeTiming
        Where.
    out : ndarray (10,) float64
        Written to: what is counted once per candidate.

    Sources
    -------
    Follows from `count_cycles` and `write_matmul`; a test compares the search with that of all candidates.
    """
    part_b, part_m = divide_up(shape.batch, mapping.grid_b), divide_up(shape.m, mapping.grid_m)
    part_n, part_k = divide_up(shape.n, mapping.grid_n), divide_up(shape.k, mapping.grid_k)
    m, cols = mapping.block_m, mapping.block_n
    is_output, is_weight = mapping.stationary == OUTPUT, mapping.stationary == WEIGHT
    k = mapping.block_k if is_output else part_k
    n_m, n_n, n_k = divide_up(part_m, m), divide_up(part_n, cols), divide_up(part_k, k)
    blocks = part_b * n_m * n_n
    n_loads_a = blocks * n_k if is_output else blocks if is_weight else part_b * n_m
    n_loads_b = blocks * n_k if is_output else part_b * n_n if is_weight else blocks
    n_pes = mapping.grid_b * mapping.grid_m * mapping.grid_n * mapping.grid_k

    holds_b = is_weight
    if is_output:
        holds_b = multiply_cycles(m, cols, k, t) <= multiply_cycles(cols, m, k, t)
    held, streamed, element_bytes = (cols, m, shape.b_bytes) if holds_b else (m, cols, shape.a_bytes)
    read = dot_product_bytes(streamed, held, k, t.tile_rows, t.tile_depth, element_bytes, element_bytes)
    multiply = max(multiply_cycles(streamed, held, k, t), transfer_up(read, t.local_width))
    if n_k > 1:
        multiply += partial_sum_cycles(m * cols * 4, t.accumulator_bytes, t.partial_width)

    rows_a, bytes_a = cut_windows(shape.window, m, k, shape.k, shape.a_bytes, t)
    load_a = load_once(rows_a, bytes_a, t)
    load_b = load_once(k, cols * shape.b_bytes, t)
    is_a_shared = mapping.grid_n > 1 and t.has_broadcast
    is_b_shared = mapping.grid_m > 1 and t.has_broadcast
    sram_a = service_cycles(rows_a * bytes_a, read_width(SAME_A if is_a_shared else OWN, t))
    sram_b = service_cycles(k * cols * shape.b_bytes, read_width(SAME_B if is_b_shared else OWN, t))
    if not t.has_prefetch:  # DRAM serves the load itself
        sram_a, sram_b = 0 if shape.is_a_far else sram_a, 0 if shape.is_b_far else sram_b
    readers_a = n_pes // mapping.grid_n if is_a_shared else n_pes
    readers_b = n_pes // mapping.grid_m if is_b_shared else n_pes

    result_bytes = cols * shape.c_bytes / mapping.grid_k
    store = load_once(m, result_bytes, t)
    lanes = simd_cycles(divide_up(m * cols, mapping.grid_k), shape.operations, t.lanes)
    reduce = reduction_cycles(m * cols * 4.0, mapping.grid_k, t.hop_cycles, t.reduction_width)
    load_tail, other_bytes = 0, 0.0
    if shape.tail_bytes > 0:
        load_tail = load_once(m, cols * shape.tail_bytes / mapping.grid_k, t)
        if shape.is_tail_far:
            other_bytes += m * cols * shape.tail_bytes / mapping.grid_k
    if shape.is_c_far:
        other_bytes += m * result_bytes
    behind = lanes + store + t.sram_latency
    if not t.has_lone_cores:
        behind += t.simd_latency
    behind_product = t.matrix_latency + reduce + behind

    n_products = blocks * n_k
    serial = n_loads_a * load_a + n_loads_b * load_b + n_products * multiply
    serial += blocks * (load_tail + lanes + reduce + store) + behind_product
    # Of what each PE asks for on its own, the memory is busy for the others when the last PE is done.
    lag = (
        0 if shape.is_c_far and t.cache_bytes == 0 else _wait_for_others(store, m * result_bytes, t.store_width, n_pes)
    )
    if not is_a_shared and (t.has_prefetch or not shape.is_a_far):
        lag = max(lag, _wait_for_others(load_a, rows_a * bytes_a, t.own_width, n_pes))
    if not is_b_shared and (t.has_prefetch or not shape.is_b_far):
        lag = max(lag, _wait_for_others(load_b, k * cols * shape.b_bytes, t.own_width, n_pes))

    loads = n_loads_a * load_a + n_loads_b * load_b + blocks * load_tail
    sram = n_loads_a * readers_a * sram_a + n_loads_b * readers_b * sram_b
    if not (shape.is_c_far and t.cache_bytes == 0):
        sram += blocks * n_pes * service_cycles(m * result_bytes, t.store_width)
    near = load_a + load_b + t.sram_latency + n_products * multiply + behind_product
    near = max(near, loads + t.sram_latency + (behind if load_tail else multiply + behind_product))
    near = max(max(near, sram), max(blocks * lanes, blocks * store))
    if mapping.grid_k > 1:
        near = max(near, blocks * reduce)

    is_b_last = shape.is_b_far and (not is_weight or not shape.is_a_far)
    is_shared = is_b_shared if is_b_last else is_a_shared
    n_last = n_loads_b * readers_b if is_b_last else n_loads_a * readers_a
    last_load = load_b if is_b_last else load_a
    behind_last = t.sram_latency + multiply + behind_product + (last_load if t.has_prefetch else 0)
    if shape.is_c_far or (shape.tail_bytes > 0 and shape.is_tail_far):
        behind_last = 0  # results, or what is fused behind, are later
    out[_NEAR], out[_SERIAL], out[_BEHIND], out[_LAG] = min(near + lag, serial), serial, behind_last, lag
    out[_ALONE] = 0 if is_shared else n_pes - 1
    out[_OTHER_BYTES], out[_N_LAST], out[_IS_B_LAST] = other_bytes * blocks * n_pes, n_last, is_b_last
    out[_N_M], out[_N_N] = n_m, n_n


@kernel
def bound_dram(bounds: Any, bytes_a: float, bytes_b: float, t: PeTiming) -> Any:
    """Count what a candidate takes at least because of its DRAM.

    Model
    -----
    ``busy + min(max(behind, others, lag), serial)``: the DRAM is busy with all bytes; behind the last one, it is
    loaded, multiplied and stored, or the other PEs wait for theirs.

    Parameters
    ----------
    bounds : ndarray (10,) float64
        From `bound_matmul`.
    bytes_a, bytes_b : float
        Of the operands that come from DRAM [B].
    t : PeTiming
        Where.

    Sources
    -------
    Follows from `count_cycles`, as `bound_matmul`.
    """
    busy = (bytes_a + bytes_b + bounds[_OTHER_BYTES]) / t.dram_width
    lag = bounds[_LAG]
    more = lag
    if bounds[_BEHIND] > 0 and bytes_a + bytes_b > 0:
        behind = t.dram_latency + bounds[_BEHIND]
        last_bytes = (bytes_b if bounds[_IS_B_LAST] != 0 else bytes_a) / bounds[_N_LAST]
        others = bounds[_ALONE] * (last_bytes / t.dram_width)
        # What the others wait for is rounded up, by less than a cycle each.
        more = max(lag, behind + lag - others - bounds[_ALONE])
        if t.has_prefetch:
            more = max(more, max(behind, others))
    return (busy + min(more, bounds[_SERIAL])) * _LESS


@kernel
def _differ_in_buffers(candidates: Any, c: int) -> bool:
    """Whether a candidate differs from the one before only in how many tiles are buffered, which no bound sees."""
    n_equal = 0
    for i in range(N_MAPPING_FIELDS - 1):
        n_equal += candidates[c, i] == candidates[c - 1, i]
    return n_equal == N_MAPPING_FIELDS - 1


@kernel
def search_variants(
    shape: MatmulShape, rows: Any, candidates: Any, places: Any, out_mappings: Any, out_cycles: Any, out_work: Any
) -> int:
    """Find the fastest mapping of a matmul on each of several machines, as `search_matmul` and a sort would.

    Model
    -----
    Branch and bound: the closed form is counted for the best candidate of the machine before, then for those whose
    bounds are not above the best so far. A candidate that is left out is slower than the one chosen.

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
    commands = np.empty((MAX_COMMANDS, N_COMMAND_FIELDS), dtype=np.int64)
    loops, capacity = np.empty(5, dtype=np.int64), np.empty(N_BUFFERS, dtype=np.int64)
    work = np.empty((N_WORK_ROWS, N_STATIONS), dtype=np.int64)
    n = candidates.shape[0]
    bounds, from_dram = np.empty((n, N_BOUNDS)), np.empty((n, 2))
    first = read_timing(rows, 0)
    for c in range(n):
        if c > 0 and _differ_in_buffers(candidates, c):
            bounds[c] = bounds[c - 1]
        else:
            bound_matmul(shape, read_mapping(candidates, c), first, bounds[c])
    order = np.argsort(bounds[:, _NEAR])
    n_places = places[n - 1] + 1
    best, serials = np.empty(n_places, dtype=np.int64), np.empty(n_places, dtype=np.int64)
    seed, cache_bytes, n_counted = order[0], -1.0, 0
    for v in range(rows.shape[0]):
        t = read_timing(rows, v)
        if t.cache_bytes != cache_bytes:
            cache_bytes = t.cache_bytes
            for c in range(n):
                if c > 0 and _differ_in_buffers(candidates, c):
                    from_dram[c] = from_dram[c - 1]
                    continue
                n_m, n_n = int(bounds[c, _N_M]), int(bounds[c, _N_N])
                from_dram[c] = count_dram_bytes(shape, read_mapping(candidates, c), n_m, n_n, cache_bytes)
        least, _ = time_matmul(shape, read_mapping(candidates, seed), t, commands, loops, capacity, work)
        best[:] = -1
        for c in order:
            if bounds[c, _NEAR] * _LESS > least:
                break
            if bound_dram(bounds[c], from_dram[c, 0], from_dram[c, 1], t) > least:
                continue
            cycles, serial = time_matmul(shape, read_mapping(candidates, c), t, commands, loops, capacity, work)
            n_counted += 1
            place = places[c]
            if cycles < least:
                best[:] = -1
                least = cycles
            if cycles == least and (best[place] < 0 or c < best[place]):
                best[place], serials[place] = c, serial
        chosen = -1
        for place in range(n_places):
            if best[place] >= 0 and (chosen < 0 or serials[place] < serials[chosen]):
                chosen = place
        if chosen < 0:
            return NO_CANDIDATE
        seed = best[chosen]
        out_mappings[v] = candidates[seed]
        out_cycles[v] = time_matmul(shape, read_mapping(candidates, seed), t, commands, loops, capacity, work)
        out_work[v] = work[TOTAL, :N_STATIONS]
    return n_counted
