"""What a matmul under a mapping takes at least: parts of the closed form that need no program.

What no DRAM changes is counted once per candidate of the mapper; DRAM and its latency are put in for every machine.
"""

from __future__ import annotations

from typing import Any

from archmodel.kernels.compile import kernel, kernel_part
from archmodel.kernels.data_movement import reduction_cycles, service_cycles, transfer_cycles
from archmodel.kernels.lanes import simd_cycles
from archmodel.kernels.matmul_program import multiply_cycles
from archmodel.kernels.matmul_shape import OUTPUT, WEIGHT, MatmulMapping, MatmulShape
from archmodel.kernels.matrix_engine import divide_up, dot_product_bytes, partial_sum_cycles, transfer_up
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.program import OWN, SAME_A, SAME_B
from archmodel.kernels.tile_commands import read_width
from archmodel.kernels.window import cut_windows

# What is counted once per candidate. Cycles: if nothing overlapped; of the matrix engine, of loads, and of all else
# that no DRAM changes, each with what comes before and behind; of the first load; behind the last byte from DRAM; how
# far a memory that serves PEs one by one is behind the PE that is followed.
SERIAL, MULTIPLIED, LOADED, OTHER, FIRST, BEHIND, LAG = range(7)
# Requests of all PEs for tiles of a and of b, and of blocks of results; bytes between DRAM and what is fused behind a
# block, and its result.
REQUESTS_A, REQUESTS_B, BLOCKS, TAIL_BYTES, RESULT_BYTES = range(7, 12)
# The other PEs that wait for a request of one: for a, b, what belongs to a block, and the last one from DRAM.
ALONE_A, ALONE_B, ALONE_BLOCK, ALONE_LAST = range(12, 16)
# Whether b is loaded first, and comes from DRAM last; whether DRAM works on its own, not as part of loads and stores;
# blocks of a PE along m and n.
IS_B_FIRST, IS_B_LAST, IS_APART, N_M, N_N = range(16, 21)
N_BOUNDS = 21


@kernel_part
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


@kernel_part
def _wait_for_others(occupancy: int, n_bytes: float, width: float, n_pes: int) -> int:
    """Cycles for which a memory serves a request of all PEs longer than it, or the PE, is busy with one."""
    service = service_cycles(n_bytes, width)
    return max(occupancy, n_pes * service) - max(occupancy, service)


@kernel
def bound_matmul(shape: MatmulShape, mapping: MatmulMapping, t: PeTiming, out: Any) -> None:
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
    t : PeTiming
        Where.
    out : ndarray (21,) float64
        Written to: fields above.

    Sources
    -------
    Follows from `count_cycles` and `write_matmul`; a test compares bounds with both.
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

    rows_a, row_bytes_a = cut_windows(shape.window, m, k, shape.k, shape.a_bytes, t)
    bytes_a, bytes_b = rows_a * row_bytes_a, k * (cols * shape.b_bytes)
    load_a, load_b = load_once(rows_a, row_bytes_a, t), load_once(k, cols * shape.b_bytes, t)
    is_a_shared, is_b_shared = mapping.grid_n > 1 and t.has_broadcast, mapping.grid_m > 1 and t.has_broadcast
    readers_a = n_pes // mapping.grid_n if is_a_shared else n_pes
    readers_b = n_pes // mapping.grid_m if is_b_shared else n_pes
    is_a_near, is_b_near = t.has_prefetch or not shape.is_a_far, t.has_prefetch or not shape.is_b_far

    row_bytes = cols * shape.c_bytes / mapping.grid_k
    result_bytes = m * row_bytes
    store = load_once(m, row_bytes, t)
    lanes = simd_cycles(divide_up(m * cols, mapping.grid_k), shape.operations, t.lanes)
    reduce = reduction_cycles(m * cols * 4.0, mapping.grid_k, t.hop_cycles, t.reduction_width)
    is_result_near = t.cache_bytes > 0 or not shape.is_c_far
    stored = store + t.sram_latency
    worked = lanes + stored
    if not t.has_lone_cores:
        worked += t.simd_latency
    behind_product = t.matrix_latency + reduce + worked

    # SRAM serves what is not DRAM's own, and of what each PE asks for on its own it is busy for the others when the
    # last PE is done.
    lag, sram = 0, 0
    if is_a_near:
        sram += n_loads_a * readers_a * service_cycles(bytes_a, read_width(SAME_A if is_a_shared else OWN, t))
        if not is_a_shared:
            lag = max(lag, _wait_for_others(load_a, bytes_a, t.own_width, n_pes))
    if is_b_near:
        sram += n_loads_b * readers_b * service_cycles(bytes_b, read_width(SAME_B if is_b_shared else OWN, t))
        if not is_b_shared:
            lag = max(lag, _wait_for_others(load_b, bytes_b, t.own_width, n_pes))
    if is_result_near:
        sram += blocks * n_pes * service_cycles(result_bytes, t.store_width)
        lag = max(lag, _wait_for_others(store, result_bytes, t.store_width, n_pes))
    load_tail, tail_bytes = 0, 0.0
    if shape.tail_bytes > 0:
        row_bytes = cols * shape.tail_bytes / mapping.grid_k
        tail_bytes = m * row_bytes
        load_tail = load_once(m, row_bytes, t)
        if t.has_prefetch or not shape.is_tail_far:
            sram += blocks * n_pes * service_cycles(tail_bytes, t.own_width)
            lag = max(lag, _wait_for_others(load_tail, tail_bytes, t.own_width, n_pes))

    n_products = blocks * n_k
    loads = n_loads_a * load_a + n_loads_b * load_b + blocks * load_tail
    before = load_a + load_b + t.sram_latency
    multiplied = before + multiply + t.matrix_latency
    other = max(sram, multiplied + reduce + blocks * lanes + worked - lanes)
    other = max(other, multiplied + reduce + worked - stored + blocks * store + t.sram_latency)
    if mapping.grid_k > 1:
        other = max(other, multiplied + blocks * reduce + worked)
    out[SERIAL] = loads + n_products * multiply + blocks * (lanes + reduce + store) + t.matrix_latency + t.sram_latency
    out[MULTIPLIED] = before + n_products * multiply + behind_product
    out[LOADED] = loads + t.sram_latency + (worked if load_tail else multiply + behind_product)
    out[OTHER], out[FIRST], out[LAG] = other, load_b if is_weight else load_a, lag

    is_b_last = shape.is_b_far and (not is_weight or not shape.is_a_far)
    is_shared = is_b_shared if is_b_last else is_a_shared
    last_load = load_b if is_b_last else load_a
    out[BEHIND] = t.sram_latency + multiply + behind_product + (last_load if t.has_prefetch else 0)
    if shape.is_c_far or (shape.tail_bytes > 0 and shape.is_tail_far):
        out[BEHIND] = 0  # results, or what is fused behind, are later
    out[REQUESTS_A], out[REQUESTS_B] = float(readers_a) * n_loads_a, float(readers_b) * n_loads_b
    out[BLOCKS] = blocks * n_pes
    out[TAIL_BYTES] = tail_bytes if shape.is_tail_far else 0.0
    out[RESULT_BYTES] = result_bytes if shape.is_c_far else 0.0
    out[ALONE_A] = n_pes - 1 if t.has_prefetch and not is_a_shared else 0
    out[ALONE_B] = n_pes - 1 if t.has_prefetch and not is_b_shared else 0
    out[IS_APART] = t.has_prefetch and t.cache_bytes > 0
    out[ALONE_BLOCK] = n_pes - 1 if out[IS_APART] else 0
    out[ALONE_LAST] = 0 if is_shared else n_pes - 1
    out[IS_B_FIRST], out[IS_B_LAST] = is_weight, is_b_last
    out[N_M], out[N_N] = n_m, n_n


@kernel_part
def _serve(n_bytes: float, width: float) -> int:
    """Cycles for which DRAM serves a request, if there is one."""
    return service_cycles(n_bytes, width) if n_bytes > 0 else 0


@kernel
def bound_cycles(bounds: Any, bytes_a: float, bytes_b: float, width: float, latency: int) -> Any:
    """Count what a matmul under a mapping takes at least on a machine.

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
    width : float
        Of the DRAM [B/cycle].
    latency : int
        Of the DRAM [cycles].

    Returns
    -------
    float
        Cycles; no more than `count_cycles` says.

    Sources
    -------
    Follows from `count_cycles` and `write_matmul`; a test compares bounds with both.
    """
    from_a, from_b = _serve(bytes_a / bounds[REQUESTS_A], width), _serve(bytes_b / bounds[REQUESTS_B], width)
    tail, result = _serve(bounds[TAIL_BYTES], width), _serve(bounds[RESULT_BYTES], width)
    busy = bounds[REQUESTS_A] * from_a + bounds[REQUESTS_B] * from_b + bounds[BLOCKS] * (tail + result)
    lag = max(bounds[LAG], max(bounds[ALONE_A] * from_a, bounds[ALONE_B] * from_b))
    lag = max(lag, bounds[ALONE_BLOCK] * max(tail, result))
    matrix, loads = bounds[MULTIPLIED], bounds[LOADED]
    if bounds[IS_APART] != 0:
        first, second = (from_b, from_a) if bounds[IS_B_FIRST] != 0 else (from_a, from_b)
        if first > 0:
            matrix += latency + first
            loads += latency + first
        elif second > 0:
            matrix += max(0, latency + second - bounds[FIRST])
    dram = busy
    last = from_b if bounds[IS_B_LAST] != 0 else from_a
    if bounds[BEHIND] > 0 and last > 0:
        dram += max(0, latency + bounds[BEHIND] - bounds[ALONE_LAST] * last)
    serial = bounds[SERIAL] + busy if bounds[IS_APART] != 0 else max(bounds[SERIAL], busy)
    return min(max(max(matrix, loads), max(dram, bounds[OTHER])) + lag, serial)
