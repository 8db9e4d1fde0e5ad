"""What a matmul under a mapping takes at least: parts of the closed form that need no program.

Sums refute most candidates of the mapper at a glance (`glance`). Of the others, what no DRAM changes is
counted once (`bound_matmul`); DRAM and its latency are put in for every machine (`bound_cycles`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from archmodel.kernels.compile import kernel, kernel_part
from archmodel.kernels.data_movement import service_cycles
from archmodel.kernels.lanes import simd_cycles
from archmodel.kernels.matmul_shape import INPUT, WEIGHT, MatmulMapping, MatmulShape
from archmodel.kernels.matmul_tiles import (
    ADD_UP,
    BLOCK_RESULTS,
    BLOCKS,
    LEAST,
    LEAST_BEHIND,
    LEAST_SERIAL,
    LOAD_A,
    LOAD_B,
    LOAD_TAIL,
    MULTIPLY,
    N_K,
    N_LOADS_A,
    N_LOADS_B,
    N_PES,
    OWN_A,
    OWN_B,
    RESULTS,
    SHARED_A,
    SHARED_B,
    STATIONARY,
    STORE,
    SWEEPS_A,
    SWEEPS_B,
    TILE_A,
    TILE_B,
    fill_buffers,
    wait_for_panels,
)
from archmodel.kernels.matrix_engine import divide_up, transfer_up
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.program import OWN, SAME_A, SAME_B
from archmodel.kernels.tile_commands import read_width
from archmodel.kernels.window import image_bytes

# What is counted once per candidate. Cycles: if nothing overlapped; of the matrix engine, of loads, and of all else
# that no DRAM changes, each with what comes before and behind; of the first load; behind the last byte from DRAM; how
# far a memory that serves PEs one by one is behind the PE that is followed.
SERIAL, MULTIPLIED, LOADED, OTHER, FIRST, BEHIND, LAG = range(7)
# Requests of all PEs for tiles of a and of b, and blocks of results; bytes between DRAM and what is fused behind a
# block, and its result.
REQUESTS_A, REQUESTS_B, BLOCKS_OF_ALL, TAIL_BYTES, RESULT_BYTES = range(7, 12)
# The other PEs that wait for a request of one: for a, b, what belongs to a block, and the last one from DRAM.
ALONE_A, ALONE_B, ALONE_BLOCK, ALONE_LAST = range(12, 16)
# Whether b is loaded first, and comes from DRAM last; whether DRAM works on its own, not as part of loads and stores.
IS_B_FIRST, IS_B_LAST, IS_APART = range(16, 19)
# Bytes of one tile of a, and of b, of all PEs.
AHEAD_A, AHEAD_B = range(19, 21)
N_BOUNDS = 21
SURE = 1 - 1e-9
"""Sums of numbers that are not whole are less than exact ones when multiplied by it."""


@kernel_part
def _wait_for_others(occupancy: float, n_bytes: float, width: float, n_pes: int) -> float:
    """Cycles for which a memory serves a request of all PEs longer than it, or the PE, is busy with one."""
    service = service_cycles(n_bytes, width)
    return max(occupancy, n_pes * service) - max(occupancy, service)


class Served(NamedTuple):
    """What SRAM serves: cycles in all, and how far it is behind the PE that is followed when that is done.

    Cycles of one load of a and of b, of all PEs and until that PE has its own; of what is fused behind, and of a store.
    0 where it is DRAM that serves.
    """

    work: float
    lag: float
    held_a: float
    served_a: float
    held_b: float
    served_b: float
    held_tail: float
    held_store: float


@kernel_part
def _count_load(n_bytes: float, busy: float, n_shared: int, cast: int, n_pes: int, t: PeTiming) -> Any:
    """Count for how long SRAM serves a load of all PEs and of one, and is behind that one, which is so long busy."""
    if n_shared > 1 and t.has_broadcast:
        held = (n_pes // n_shared) * service_cycles(n_bytes, read_width(cast, t))
        return float(held), float(held), 0.0
    service = service_cycles(n_bytes, t.own_width)
    return float(n_pes * service), float(service), _wait_for_others(busy, n_bytes, t.own_width, n_pes)


@kernel_part
def _count_sram(shape: MatmulShape, mapping: MatmulMapping, tiles: Any, t: PeTiming) -> Served:
    """Count what SRAM serves. Of what each PE asks for on its own it is busy for the others at the end."""
    n_pes = mapping.grid_b * mapping.grid_m * mapping.grid_n * mapping.grid_k
    held_a, served_a, lag_a, held_b, served_b, lag_b = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    held_tail, lag_tail, held_store, lag_store = 0.0, 0.0, 0.0, 0.0
    if t.has_prefetch or not shape.is_a_far:
        held_a, served_a, lag_a = _count_load(tiles[TILE_A], tiles[LOAD_A], mapping.grid_n, SAME_A, n_pes, t)
    if t.has_prefetch or not shape.is_b_far:
        held_b, served_b, lag_b = _count_load(tiles[TILE_B], tiles[LOAD_B], mapping.grid_m, SAME_B, n_pes, t)
    if t.cache_bytes > 0 or not shape.is_c_far:
        n_bytes = mapping.block_m * (mapping.block_n * shape.c_bytes / mapping.grid_k)
        held_store = float(n_pes * service_cycles(n_bytes, t.store_width))
        lag_store = _wait_for_others(tiles[STORE], n_bytes, t.store_width, n_pes)
    if shape.tail_bytes > 0 and (t.has_prefetch or not shape.is_tail_far):
        n_bytes = mapping.block_m * (mapping.block_n * shape.tail_bytes / mapping.grid_k)
        held_tail, _, lag_tail = _count_load(n_bytes, tiles[LOAD_TAIL], 1, OWN, n_pes, t)
    work = tiles[N_LOADS_A] * held_a + tiles[N_LOADS_B] * held_b + tiles[BLOCKS] * (held_tail + held_store)
    lag = max(max(lag_a, lag_b), max(lag_tail, lag_store))
    return Served(work, lag, held_a, served_a, held_b, served_b, held_tail, held_store)


@kernel_part
def _pass_results_on(shape: MatmulShape, mapping: MatmulMapping, tiles: Any, lanes: int, t: PeTiming) -> float:
    """Count what results take at least: accumulators hold a block or two, a chain of PEs one, local memory two."""
    blocks, multiply, add_up, store = tiles[BLOCKS], tiles[MULTIPLY], tiles[ADD_UP], tiles[STORE]
    simd_latency = 0 if t.has_lone_cores else t.simd_latency
    before = tiles[LOAD_A] + tiles[LOAD_B] + t.sram_latency
    multiplied, behind_lanes = before + multiply + t.matrix_latency, simd_latency + store + t.sram_latency
    held = max(1, min(2, t.accumulator_bytes // (mapping.block_m * mapping.block_n * 4)))
    taken, behind = (add_up, lanes + behind_lanes) if mapping.grid_k > 1 else (float(lanes), float(behind_lanes))
    cycles = 0.0
    if blocks > held:
        cycles = np.floor((blocks * (tiles[N_K] * multiply + t.matrix_latency + taken)) / held) + before + behind
    if mapping.grid_k > 1:
        in_turn = blocks * (add_up + (lanes if blocks > 1 else 0))
        cycles = max(cycles, multiplied + in_turn + behind_lanes)
    if blocks > 2 and not shape.turns_c:
        filled = np.floor(blocks * (lanes + simd_latency + store) / 2)
        cycles = max(cycles, multiplied + add_up + filled + t.sram_latency)
    return float(cycles)


@kernel
def bound_matmul(shape: MatmulShape, mapping: MatmulMapping, tiles: Any, t: PeTiming, out: Any) -> None:
    """Count what a matmul under a mapping takes at least, as far as no DRAM changes it.

    Model
    -----
    Units and SRAM are at work for as long as the program of `write_matmul` has them work. Before the matrix engine
    starts, a tile of each operand is loaded; before the lanes start, one block is multiplied; behind each unit comes
    what a block still needs from there to its result. Buffers of operands, sums and results hold few tokens, and the
    matrix engine waits for what stays in place, as `count_cycles` says.

    Parameters
    ----------
    shape : MatmulShape
        What.
    mapping : MatmulMapping
        How; with most tiles buffered if it stands for others, too.
    tiles : tuple of 14 float
        From `list_candidates`, by `read_tiles`.
    t : PeTiming
        Where.
    out : ndarray (21,) float64
        Fields above, those from requests on by `count_requests`; the others are written to.

    Sources
    -------
    Follows from `count_cycles` and `write_matmul`; a test compares bounds with both.
    """
    blocks, multiply, add_up, store = tiles[BLOCKS], tiles[MULTIPLY], tiles[ADD_UP], tiles[STORE]
    load_a, load_b, load_tail = tiles[LOAD_A], tiles[LOAD_B], tiles[LOAD_TAIL]
    served = _count_sram(shape, mapping, tiles, t)
    lanes = simd_cycles(divide_up(mapping.block_m * mapping.block_n, mapping.grid_k), shape.operations, t.lanes)
    simd_latency, stored = 0 if t.has_lone_cores else t.simd_latency, store + t.sram_latency
    worked = lanes + stored + simd_latency
    behind_product = t.matrix_latency + add_up + worked
    n_products = blocks * tiles[N_K]
    loads = tiles[N_LOADS_A] * load_a + tiles[N_LOADS_B] * load_b + blocks * load_tail
    before = load_a + load_b + t.sram_latency
    multiplied = before + multiply + t.matrix_latency
    other = max(served.work, multiplied + add_up + blocks * lanes + worked - lanes)
    other = max(other, multiplied + add_up + worked - stored + blocks * store + t.sram_latency)
    visible_a, visible_b = max(load_a, served.served_a), max(load_b, served.served_b)
    other = max(other, fill_buffers(shape, mapping, tiles, visible_a, visible_b, t) + behind_product)
    other = max(other, _pass_results_on(shape, mapping, tiles, lanes, t))
    n_loads = tiles[N_LOADS_A] + tiles[N_LOADS_B]
    in_turn = n_products * multiply + blocks * (add_up + worked)
    out[SERIAL] = loads + n_loads * t.sram_latency + in_turn
    out[MULTIPLIED] = before + n_products * multiply + behind_product
    held_a, held_b, held_tail = max(load_a, served.held_a), max(load_b, served.held_b), max(load_tail, served.held_tail)
    out[MULTIPLIED] += wait_for_panels(shape, mapping, tiles, held_a, held_b, held_tail, t)
    out[LOADED] = loads + t.sram_latency + (worked if load_tail > 0 else multiply + behind_product)
    out[OTHER], out[LAG] = other, served.lag
    out[FIRST] = load_b if out[IS_B_FIRST] else load_a
    last_load = load_b if out[IS_B_LAST] else load_a
    out[BEHIND] = t.sram_latency + multiply + behind_product + (last_load if t.has_prefetch else 0)
    if shape.is_c_far or (shape.tail_bytes > 0 and shape.is_tail_far):
        out[BEHIND] = 0  # results, or what is fused behind, are later


@kernel
def count_requests(shape: MatmulShape, mapping: MatmulMapping, tiles: Any, t: PeTiming, out: Any) -> None:
    """Count what DRAM is asked for: requests and bytes, in which order, and how many PEs wait for one of another.

    Model
    -----
    A tile that several PEs share is one request where there is broadcast, else one of each; every PE asks for the tiles
    of its own blocks, and for what is fused behind them, and stores their results.

    Parameters
    ----------
    shape, mapping, tiles, t
        As in `bound_matmul`.
    out : ndarray (21,) float64
        Written to: fields above, from requests on.

    Sources
    -------
    Follows from `write_matmul`; a test compares bounds that are made of it with the closed form.
    """
    is_weight = mapping.stationary == WEIGHT
    out[IS_B_FIRST], out[IS_B_LAST] = is_weight, shape.is_b_far and (not is_weight or not shape.is_a_far)
    n_pes = mapping.grid_b * mapping.grid_m * mapping.grid_n * mapping.grid_k
    is_a_shared, is_b_shared = mapping.grid_n > 1 and t.has_broadcast, mapping.grid_m > 1 and t.has_broadcast
    readers_a = n_pes // mapping.grid_n if is_a_shared else n_pes
    readers_b = n_pes // mapping.grid_m if is_b_shared else n_pes
    out[REQUESTS_A], out[REQUESTS_B] = readers_a * tiles[N_LOADS_A], readers_b * tiles[N_LOADS_B]
    out[BLOCKS_OF_ALL] = tiles[BLOCKS] * n_pes
    block_m, block_n = mapping.block_m, mapping.block_n
    out[TAIL_BYTES] = block_m * (block_n * shape.tail_bytes / mapping.grid_k) if shape.is_tail_far else 0.0
    out[RESULT_BYTES] = block_m * (block_n * shape.c_bytes / mapping.grid_k) if shape.is_c_far else 0.0
    out[IS_APART] = t.has_prefetch and t.cache_bytes > 0
    out[ALONE_A] = n_pes - 1 if t.has_prefetch and not is_a_shared else 0
    out[ALONE_B] = n_pes - 1 if t.has_prefetch and not is_b_shared else 0
    out[ALONE_BLOCK] = n_pes - 1 if out[IS_APART] else 0
    out[ALONE_LAST] = 0 if (is_b_shared if out[IS_B_LAST] else is_a_shared) else n_pes - 1
    out[AHEAD_A], out[AHEAD_B] = readers_a * tiles[TILE_A], readers_b * tiles[TILE_B]


@kernel
def bound_cycles(bounds: Any, bytes_a: float, bytes_b: float, widths: Any, latencies: Any, out: Any) -> None:
    """Count what a matmul under a mapping takes at least on machines that differ in their DRAM.

    Model
    -----
    ``min(max over s of (head_s + T_s + tail_s) + lag, serial)``, as in `count_cycles`, with T exact for matrix engine,
    DMA engine, lanes, reduction, SRAM and DRAM, and the least that heads, tails, lag and serial time can be. Tiles from
    DRAM are there a latency after they were served; the first one holds up the matrix engine; the last one is loaded,
    multiplied and stored while DRAM serves the other PEs.

    Parameters
    ----------
    bounds : ndarray (21,) float64
        From `bound_matmul`.
    bytes_a, bytes_b : float
        Of the operands that come from DRAM, as `count_dram_bytes` says [B].
    widths : ndarray (P,) float64
        Of the DRAM [B/cycle].
    latencies : ndarray (P,) float64
        Of the DRAM [cycles].
    out : ndarray (P,) float64
        Cycles; no more than `count_cycles` says. Written to.

    Sources
    -------
    Follows from `count_cycles` and `write_matmul`; a test compares bounds with both.
    """
    # Numbers instead of branches: a compiler makes vectors of the loop then. All are whole, and products exact.
    serial, multiplied, loaded, other = bounds[SERIAL], bounds[MULTIPLIED], bounds[LOADED], bounds[OTHER]
    first_load, behind, near_lag, apart = bounds[FIRST], bounds[BEHIND], bounds[LAG], bounds[IS_APART]
    requests_a, requests_b, blocks = bounds[REQUESTS_A], bounds[REQUESTS_B], bounds[BLOCKS_OF_ALL]
    alone_a, alone_b, alone_block = bounds[ALONE_A], bounds[ALONE_B], bounds[ALONE_BLOCK]
    alone_last, is_b_first, is_b_last = bounds[ALONE_LAST], bounds[IS_B_FIRST], bounds[IS_B_LAST]
    a, b, tail_bytes, result_bytes = (
        bytes_a / requests_a,
        bytes_b / requests_b,
        bounds[TAIL_BYTES],
        bounds[RESULT_BYTES],
    )
    is_a_far, is_b_far = 1.0 if a > 0 else 0.0, 1.0 if b > 0 else 0.0
    is_first_far = is_b_first * is_b_far + (1 - is_b_first) * is_a_far
    is_second_far = is_b_first * is_a_far + (1 - is_b_first) * is_b_far
    waits_for_first, waits_for_second = apart * is_first_far, apart * (1 - is_first_far) * is_second_far
    is_followed = is_b_last * is_b_far + (1 - is_b_last) * is_a_far if behind > 0 else 0.0
    for p in range(widths.size):
        width, latency = widths[p], latencies[p]
        from_a, from_b = np.ceil(a / width), np.ceil(b / width)
        tail, result = np.ceil(tail_bytes / width), np.ceil(result_bytes / width)
        busy = requests_a * from_a + requests_b * from_b + blocks * (tail + result)
        lag = max(max(near_lag, alone_block * max(tail, result)), max(alone_a * from_a, alone_b * from_b))
        first = is_b_first * from_b + (1 - is_b_first) * from_a
        second = from_a + from_b - first
        ahead = waits_for_first * (latency + first)
        matrix = multiplied + ahead + waits_for_second * max(0.0, latency + second - first_load)
        last = is_b_last * from_b + (1 - is_b_last) * from_a
        dram = busy + is_followed * max(0.0, latency + behind - alone_last * last)
        most = max(serial + apart * busy, (1 - apart) * busy)
        out[p] = min(max(max(matrix, loaded + ahead), max(dram, other)) + lag, most)


@kernel_part
def count_dram(bounds: Any, bytes_a: float, bytes_b: float, width: float) -> int:
    """Count for how long DRAM serves a matmul under a mapping [cycles].

    Parameters
    ----------
    bounds : ndarray (21,) float64
        From `count_requests`.
    bytes_a : float
        Of a that come from DRAM, as `count_dram_bytes` says [B].
    bytes_b : float
        Of b [B].
    width : float
        Of the DRAM [B/cycle].
    """
    requests_a, requests_b, blocks = bounds[REQUESTS_A], bounds[REQUESTS_B], bounds[BLOCKS_OF_ALL]
    a, b = np.ceil(bytes_a / requests_a / width), np.ceil(bytes_b / requests_b / width)
    of_block = np.ceil(bounds[TAIL_BYTES] / width) + np.ceil(bounds[RESULT_BYTES] / width)
    return int(requests_a * a + requests_b * b + blocks * of_block)


class Glance(NamedTuple):
    """What candidates take at least, from sums (U,): cycles without DRAM, if nothing overlapped, and behind the DRAM.

    Bytes between DRAM and the chip, and those for which the PE that is followed is ahead of it at the end [B].
    """

    cycles: Any
    serials: Any
    behind: Any
    dram_bytes: Any
    lag_bytes: Any


@kernel_part
def glance(shape: MatmulShape, facts: Any, t: PeTiming) -> Glance:
    """Count what candidates take at least at a glance, on machines of which only the DRAM may differ.

    Parameters
    ----------
    shape : MatmulShape
        What.
    facts : ndarray (13, U) float64
        Of the candidates, from `list_candidates`.
    t : PeTiming
        Where.
    """
    n = facts.shape[1]
    found = Glance(np.empty(n), facts[LEAST_SERIAL], np.zeros(n), np.empty(n), np.zeros(n))
    _sum_near(shape, facts, t, found)
    _sum_far(shape, facts, t, found)
    return found


@kernel_part
def _sum_near(shape: MatmulShape, facts: Any, t: PeTiming, out: Glance) -> None:
    """Sum up cycles of matrix engine, DMA engine, lanes and SRAM."""
    shared_a, shared_b = (t.row_width, t.column_width) if t.has_broadcast else (t.own_width, t.own_width)
    of_a = 1.0 if t.has_prefetch or not shape.is_a_far else 0.0
    of_b = 1.0 if t.has_prefetch or not shape.is_b_far else 0.0
    of_c = 1.0 if t.cache_bytes > 0 or not shape.is_c_far else 0.0
    of_tail = 1.0 if t.has_prefetch or not shape.is_tail_far else 0.0
    per_result = of_c * shape.c_bytes / t.store_width + of_tail * shape.tail_bytes / t.own_width
    per_shared_a, per_own_a = of_a / shared_a, of_a / t.own_width
    per_shared_b, per_own_b = of_b / shared_b, of_b / t.own_width
    of_lanes = shape.operations / t.lanes
    for u in range(out.cycles.size):
        sram = per_shared_a * facts[SHARED_A, u] + per_own_a * facts[OWN_A, u] + per_shared_b * facts[SHARED_B, u]
        sram += per_own_b * facts[OWN_B, u] + per_result * facts[RESULTS, u] * facts[N_PES, u]
        out.cycles[u] = max(facts[LEAST, u], max(sram, of_lanes * facts[RESULTS, u]))


@kernel_part
def _sum_far(shape: MatmulShape, facts: Any, t: PeTiming, out: Glance) -> None:
    """Sum up bytes between DRAM and the chip, those of other PEs at the end, and what follows the last ones."""
    half = max(1.0, t.cache_bytes / 2)
    one_a, one_b = image_bytes(shape.window, shape.m, shape.k, shape.a_bytes), shape.k * shape.n * shape.b_bytes
    far_a = shape.batch * one_a if shape.is_a_far else 0.0
    far_b = shape.batch * one_b if shape.is_b_far else 0.0
    parts_a, parts_b = float(transfer_up(one_a, half)), float(transfer_up(one_b, half))
    of_result, of_tail = shape.c_bytes if shape.is_c_far else 0.0, shape.tail_bytes if shape.is_tail_far else 0.0
    is_apart = t.has_prefetch and t.cache_bytes > 0
    is_followed = t.has_prefetch and t.has_broadcast and far_a + far_b > 0 and of_result == 0 and of_tail == 0
    for u in range(out.dram_bytes.size):
        sweeps_a, sweeps_b, n_pes = facts[SWEEPS_A, u], facts[SWEEPS_B, u], facts[N_PES, u]
        operands = min(far_b + far_a * min(sweeps_a, parts_b), far_a + far_b * min(sweeps_b, parts_a))
        if facts[STATIONARY, u] == WEIGHT:
            operands = far_b + (far_a * sweeps_a if parts_a > 1 else far_a)
        elif facts[STATIONARY, u] == INPUT:
            operands = far_a + (far_b * sweeps_b if parts_b > 1 else far_b)
        out.dram_bytes[u] = operands + (of_result + of_tail) * facts[RESULTS, u] * n_pes
        if is_apart:
            out.lag_bytes[u] = (n_pes - 1) * facts[BLOCK_RESULTS, u] * max(of_result, of_tail)
        if is_followed and facts[OWN_A, u] + facts[OWN_B, u] == 0:
            out.behind[u] = facts[LEAST_BEHIND, u]
