"""The commands that compute a matmul on one systolic array in front of an on-chip memory."""

from __future__ import annotations

from typing import Any

from archmodel.kernels.compile import kernel
from archmodel.kernels.data_movement import service_cycles, transfer_cycles
from archmodel.kernels.lanes import simd_cycles
from archmodel.kernels.matmul_shape import (
    ACCUMULATED,
    N_BUFFERS,
    NEAR_A,
    NEAR_B,
    OUTPUT,
    RESULT,
    MatmulMapping,
    MatmulShape,
    count_dram_bytes,
)
from archmodel.kernels.matrix_engine import divide_up, transfer_up
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.program import (
    DRAM,
    IN_A,
    IN_B,
    LOAD,
    MATRIX,
    NEED_A,
    NEED_B,
    NONE,
    OWN,
    POP_A,
    POP_B,
    SIMD,
    STORE,
)
from archmodel.kernels.systolic_array import systolic_fill_cycles, systolic_interval_cycles
from archmodel.kernels.tile_commands import put, take_and_give

_TILES_AHEAD = 4  # fetched while one is at work: two would not cover the latency of DRAM for small tiles


@kernel
def write_fetch(commands: Any, n: int, near: int, n_bytes: float, t: PeTiming) -> int:
    """Write the fetch of an operand's part of one tile from DRAM into the on-chip memory; returns the new number.

    Parameters
    ----------
    commands : ndarray (32, 17) int64
        Written to.
    n : int
        Commands so far.
    near : int
        Buffer of the operand.
    n_bytes : float
        Bytes of the part [B].
    t : PeTiming
        Where.
    """
    occupancy = transfer_cycles(
        1, n_bytes, t.dma_width, t.request_cycles, t.fragment_bytes, t.outstanding, t.dram_latency, t.bucket_bytes,
        t.bucket_rate,
    )  # fmt: skip
    n = put(commands, n, LOAD, 0, occupancy, t.dram_latency, DRAM, service_cycles(n_bytes, t.dram_width), OWN)
    take_and_give(commands, n - 1, NONE, 0, near, 1, 1)
    return n


@kernel
def write_systolic(
    shape: MatmulShape, t: PeTiming, size: int, is_weight_stationary: bool, is_overlapped: bool,
    out_commands: Any, out_loops: Any, out_capacity: Any,
) -> int:  # fmt: skip
    """Write the program of a systolic array; parameters as in `archmodel.kernels.matmul_program.write_matmul`.

    Model
    -----
    Weight-stationary: for each column of tiles of the result, over k: fetch, load S × S weights, stream M rows;
    output-stationary: for each tile of the result: fetch, stream K. A tile takes its stream plus
    `systolic_fill_cycles`; the next one starts after `systolic_interval_cycles`. It takes longer when the on-chip
    memory cannot deliver what the edges of the array need. What comes from DRAM is spread evenly over the tiles. The
    array converts sums as they leave, a row per cycle. What else is done to them (``operations − 1``) is done on lanes
    behind it, which take up a row as it comes: what they do not manage in its cycle is left when the tile is over.

    Parameters
    ----------
    size : int
        Cells along an edge of the array.
    is_weight_stationary : bool
        Weights stay in the cells, not sums.
    is_overlapped : bool
        A tile fills the array while the one before drains.

    Returns
    -------
    int
        Commands.
    """
    tiles_n = divide_up(shape.n, size)
    if is_weight_stationary:
        n_steps, stream = divide_up(shape.k, size), shape.m
        out_loops[3], out_loops[4] = max(0, n_steps - 2), shape.batch * tiles_n
    else:
        n_steps, stream = 1, shape.k
        out_loops[3], out_loops[4] = 0, shape.batch * tiles_n * divide_up(shape.m, size)
    n_tiles = out_loops[4] * n_steps
    # Tiles may be visited in the order in which the operands are read least.
    order = MatmulMapping(OUTPUT, 1, 1, 1, 1, size, size, size, 2)
    dram_a, dram_b = count_dram_bytes(shape, order, divide_up(shape.m, size), tiles_n, t.cache_bytes)
    edges = stream * size * shape.a_bytes + (size if is_weight_stationary else stream) * size * shape.b_bytes
    took = stream + systolic_fill_cycles(size, size, is_weight_stationary)
    interval = systolic_interval_cycles(stream, size, size, is_weight_stationary, is_overlapped)
    occupancy = max(interval, transfer_up(edges, t.sram_width))
    # The sums of a tile are complete in its last cycle, which is counted from 0.
    latency = max(took, occupancy) - 1 - occupancy
    n_rows = shape.m if is_weight_stationary else size
    left = max(0, n_rows * (simd_cycles(size, shape.operations - 1, t.lanes) - 1))
    n = 0
    for part in range(3):
        first, last = part == 0, part == 2
        n_before = n
        if last or n_steps >= (2 if first else 3):
            if shape.is_a_far:
                n = write_fetch(out_commands, n, NEAR_A, dram_a / n_tiles, t)
            if shape.is_b_far:
                n = write_fetch(out_commands, n, NEAR_B, dram_b / n_tiles, t)
            n = put(out_commands, n, MATRIX, 0, occupancy, latency, NONE, 0, OWN)
            if shape.is_c_far or left > 0:
                reserved, given = 1 if first or n_steps == 1 else 0, ACCUMULATED if left > 0 else RESULT
                take_and_give(out_commands, n - 1, NONE, 0, given, reserved, 1 if last else 0)
            if shape.is_a_far:
                out_commands[n - 1, IN_A], out_commands[n - 1, NEED_A], out_commands[n - 1, POP_A] = NEAR_A, 1, 1
            if shape.is_b_far:
                out_commands[n - 1, IN_B], out_commands[n - 1, NEED_B], out_commands[n - 1, POP_B] = NEAR_B, 1, 1
        if last and left > 0:
            n = put(out_commands, n, SIMD, 0, left, t.simd_latency, NONE, 0, OWN)
            reserved, given = (1, RESULT) if shape.is_c_far else (0, NONE)
            take_and_give(out_commands, n - 1, ACCUMULATED, 1, given, reserved, reserved)
        if last and shape.is_c_far:
            n_bytes = float(shape.batch) * shape.m * shape.n * shape.c_bytes / out_loops[4]
            store = transfer_cycles(
                1, n_bytes, t.dma_width, t.request_cycles, t.fragment_bytes, t.outstanding, 0, t.bucket_bytes,
                t.bucket_rate,
            )  # fmt: skip
            n = put(out_commands, n, STORE, 0, store, t.dram_latency, DRAM, service_cycles(n_bytes, t.dram_width), OWN)
            take_and_give(out_commands, n - 1, RESULT, 1, NONE, 0, 0)
        out_loops[part] = n - n_before
    for buffer in range(N_BUFFERS):
        out_capacity[buffer] = 2
    out_capacity[NEAR_A] = out_capacity[NEAR_B] = _TILES_AHEAD
    return n
