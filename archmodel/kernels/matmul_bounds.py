"""What a matmul under a mapping takes at least: parts of the closed form that need no program.

What no DRAM changes is counted once per candidate of the mapper; DRAM and its latency are put in for every machine.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.compile import kernel, kernel_part
from archmodel.kernels.data_movement import service_cycles
from archmodel.kernels.lanes import simd_cycles
from archmodel.kernels.matmul_shape import WEIGHT, MatmulMapping, MatmulShape
from archmodel.kernels.matmul_tiles import (
    ADD_UP,
    BLOCKS,
    LOAD_A,
    LOAD_B,
    LOAD_TAIL,
    MULTIPLY,
    N_K,
    N_LOADS_A,
    N_LOADS_B,
    STORE,
    TILE_A,
    TILE_B,
)
from archmodel.kernels.matrix_engine import divide_up
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.program import SAME_A, SAME_B
from archmodel.kernels.tile_commands import read_width

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


@kernel_part
def _wait_for_others(occupancy: float, n_bytes: float, width: float, n_pes: int) -> float:
    """Cycles for which a memory serves a request of all PEs longer than it, or the PE, is busy with one."""
    service = service_cycles(n_bytes, width)
    return max(occupancy, n_pes * service) - max(occupancy, service)


@kernel_part
def _count_sram(shape: MatmulShape, mapping: MatmulMapping, tiles: Any, t: PeTiming) -> Any:
    """Count what SRAM serves: cycles at work, and how far it is behind the PE that is followed when that is done.

    It serves what is not DRAM's own. Of what each PE asks for on its own it is busy for the others at the end.
    """
    n_pes = mapping.grid_b * mapping.grid_m * mapping.grid_n * mapping.grid_k
    work, lag = 0.0, 0.0
    if t.has_prefetch or not shape.is_a_far:
        if mapping.grid_n > 1 and t.has_broadcast:
            requests = tiles[N_LOADS_A] * (n_pes // mapping.grid_n)
            work += requests * service_cycles(tiles[TILE_A], read_width(SAME_A, t))
        else:
            work += tiles[N_LOADS_A] * n_pes * service_cycles(tiles[TILE_A], t.own_width)
            lag = max(lag, _wait_for_others(tiles[LOAD_A], tiles[TILE_A], t.own_width, n_pes))
    if t.has_prefetch or not shape.is_b_far:
        if mapping.grid_m > 1 and t.has_broadcast:
            requests = tiles[N_LOADS_B] * (n_pes // mapping.grid_m)
            work += requests * service_cycles(tiles[TILE_B], read_width(SAME_B, t))
        else:
            work += tiles[N_LOADS_B] * n_pes * service_cycles(tiles[TILE_B], t.own_width)
            lag = max(lag, _wait_for_others(tiles[LOAD_B], tiles[TILE_B], t.own_width, n_pes))
    if t.cache_bytes > 0 or not shape.is_c_far:
        n_bytes = mapping.block_m * (mapping.block_n * shape.c_bytes / mapping.grid_k)
        work += tiles[BLOCKS] * n_pes * service_cycles(n_bytes, t.store_width)
        lag = max(lag, _wait_for_others(tiles[STORE], n_bytes, t.store_width, n_pes))
    if shape.tail_bytes > 0 and (t.has_prefetch or not shape.is_tail_far):
        n_bytes = mapping.block_m * (mapping.block_n * shape.tail_bytes / mapping.grid_k)
        work += tiles[BLOCKS] * n_pes * service_cycles(n_bytes, t.own_width)
        lag = max(lag, _wait_for_others(tiles[LOAD_TAIL], n_bytes, t.own_width, n_pes))
    return work, lag


@kernel
def bound_matmul(shape: MatmulShape, mapping: MatmulMapping, tiles: Any, t: PeTiming, out: Any) -> None:
    """Count what a matmul under a mapping takes at least, as far as no DRAM changes it.

    Model
    -----
    Units and SRAM are at work for as long as the program of `write_matmul` has them work. Before the matrix engine
    starts, a tile of each operand is loaded; before the lanes start, one block is multiplied; behind each unit comes
    what a block still needs from there to its result.

    Parameters
    ----------
    shape : MatmulShape
        What.
    mapping : MatmulMapping
        How.
    tiles : ndarray (14,) float64
        From `count_tiles`.
    t : PeTiming
        Where.
    out : ndarray (21,) float64
        Written to: fields above.

    Sources
    -------
    Follows from `count_cycles` and `write_matmul`; a test compares bounds with both.
    """
    blocks, multiply, add_up, store = tiles[BLOCKS], tiles[MULTIPLY], tiles[ADD_UP], tiles[STORE]
    load_a, load_b, load_tail = tiles[LOAD_A], tiles[LOAD_B], tiles[LOAD_TAIL]
    sram, lag = _count_sram(shape, mapping, tiles, t)
    lanes = simd_cycles(divide_up(mapping.block_m * mapping.block_n, mapping.grid_k), shape.operations, t.lanes)
    stored = store + t.sram_latency
    worked = lanes + stored + (0 if t.has_lone_cores else t.simd_latency)
    behind_product = t.matrix_latency + add_up + worked
    n_products = blocks * tiles[N_K]
    loads = tiles[N_LOADS_A] * load_a + tiles[N_LOADS_B] * load_b + blocks * load_tail
    before = load_a + load_b + t.sram_latency
    multiplied = before + multiply + t.matrix_latency
    other = max(sram, multiplied + add_up + blocks * lanes + worked - lanes)
    other = max(other, multiplied + add_up + worked - stored + blocks * store + t.sram_latency)
    if mapping.grid_k > 1:
        other = max(other, multiplied + blocks * add_up + worked)
    out[SERIAL] = loads + n_products * multiply + blocks * (lanes + add_up + store) + t.matrix_latency + t.sram_latency
    out[MULTIPLIED] = before + n_products * multiply + behind_product
    out[LOADED] = loads + t.sram_latency + (worked if load_tail > 0 else multiply + behind_product)
    out[OTHER], out[LAG] = other, lag
    is_weight = mapping.stationary == WEIGHT
    out[FIRST] = load_b if is_weight else load_a
    is_b_last = shape.is_b_far and (not is_weight or not shape.is_a_far)
    last_load = load_b if is_b_last else load_a
    out[BEHIND] = t.sram_latency + multiply + behind_product + (last_load if t.has_prefetch else 0)
    if shape.is_c_far or (shape.tail_bytes > 0 and shape.is_tail_far):
        out[BEHIND] = 0  # results, or what is fused behind, are later
    out[IS_B_FIRST], out[IS_B_LAST] = is_weight, is_b_last
    _count_requests(shape, mapping, tiles, t, out)


@kernel_part
def _count_requests(shape: MatmulShape, mapping: MatmulMapping, tiles: Any, t: PeTiming, out: Any) -> None:
    """Count what DRAM is asked for: requests and bytes, and how many PEs wait for one of another."""
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
    has_tail, has_result = 1.0 if tail_bytes > 0 else 0.0, 1.0 if result_bytes > 0 else 0.0
    is_a_far, is_b_far = 1.0 if a > 0 else 0.0, 1.0 if b > 0 else 0.0
    is_first_far = is_b_first * is_b_far + (1 - is_b_first) * is_a_far
    is_second_far = is_b_first * is_a_far + (1 - is_b_first) * is_b_far
    waits_for_first, waits_for_second = apart * is_first_far, apart * (1 - is_first_far) * is_second_far
    is_followed = is_b_last * is_b_far + (1 - is_b_last) * is_a_far if behind > 0 else 0.0
    for p in range(widths.size):
        width, latency = widths[p], latencies[p]
        from_a, from_b = max(is_a_far, np.ceil(a / width)), max(is_b_far, np.ceil(b / width))
        tail, result = max(has_tail, np.ceil(tail_bytes / width)), max(has_result, np.ceil(result_bytes / width))
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
