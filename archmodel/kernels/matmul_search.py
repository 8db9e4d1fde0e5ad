"""Bounded search for the mapping of a matmul, by the closed form."""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.closed_form import N_STATIONS, N_WORK_ROWS, count_cycles
from archmodel.kernels.compile import kernel, kernel_part
from archmodel.kernels.matmul_program import write_matmul
from archmodel.kernels.matmul_shape import MAX_COMMANDS, N_BUFFERS, OUTPUT, MatmulMapping, MatmulShape, fits_local
from archmodel.kernels.matrix_engine import divide_up
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.program import N_COMMAND_FIELDS

N_MAPPING_FIELDS = 9
MOST_CANDIDATES = 500
"""Of one grid: 5 × 5 block sizes, buffered in two ways, in 8 depths where results stay in place."""
_N_SIZES = 5


@kernel
def time_matmul(
    shape: MatmulShape, mapping: MatmulMapping, t: PeTiming, commands: Any, loops: Any, capacity: Any, work: Any
) -> Any:
    """Cycles of a matmul under one mapping, and cycles if nothing overlapped, in closed form.

    Parameters
    ----------
    shape : MatmulShape
        What.
    mapping : MatmulMapping
        How.
    t : PeTiming
        Where.
    commands : ndarray (32, 17) int64
        Written to.
    loops : ndarray (5,) int64
        Working memory.
    capacity : ndarray (12,) int64
        Working memory.
    work : ndarray (10, 15) int64
        Working memory; row 0 has the cycles at work of each station afterwards.

    Returns
    -------
    (int, int)
        Cycles, and cycles if nothing overlapped.
    """
    n = write_matmul(shape, mapping, t, commands, loops, capacity)
    return count_cycles(
        commands, n, loops, capacity, mapping.grid_b, mapping.grid_m, mapping.grid_n, mapping.grid_k, work
    )


@kernel
def read_mapping(rows: Any, p: int) -> MatmulMapping:
    """Read a `MatmulMapping` from its fields in order, row ``p``."""
    return MatmulMapping(
        rows[p, 0], rows[p, 1], rows[p, 2], rows[p, 3], rows[p, 4], rows[p, 5], rows[p, 6], rows[p, 7], rows[p, 8]
    )


@kernel_part
def balance(size: int, block: int) -> int:
    """Make blocks equal: as many as blocks of ``block`` need, none larger than necessary."""
    return divide_up(size, divide_up(size, block))


@kernel
def list_candidates(shape: MatmulShape, t: PeTiming, grids: Any, out_mappings: Any, out_places: Any) -> int:
    """List the mappings to choose from: grids × what stays in place × block sizes, as far as they fit local memory.

    Model
    -----
    Blocks are 1, 2, 4, 8 and 16 tiles high and wide, or all there is, and as deep as all there is; output-stationary
    also a half, a quarter, … a 128th of that, but no less than a tile. Blocks of a PE are balanced, and tiles buffered
    twice or three times.

    Parameters
    ----------
    shape, t
        What and where.
    grids : ndarray (G, 4) int64
        Logical grids to try: parts of batch, m, n and k.
    out_mappings : ndarray (500 · G, 9) int64
        The mappings, fields of `MatmulMapping`.
    out_places : ndarray (500 · G,) int64
        Of each, ``3 · grid + stationarity``.

    Returns
    -------
    int
        Mappings.

    Sources
    -------
    Which sizes are tried is a choice of ours.
    """
    n = 0
    for g in range(grids.shape[0]):
        part_m, part_n = divide_up(shape.m, grids[g, 1]), divide_up(shape.n, grids[g, 2])
        part_k = divide_up(shape.k, grids[g, 3])
        for stationary in range(3):
            last_m = 0
            for size_m in range(_N_SIZES):
                block_m = balance(part_m, t.tile_rows << size_m)
                if block_m == last_m:
                    continue
                last_m, last_n = block_m, 0
                for size_n in range(_N_SIZES):
                    block_n = balance(part_n, t.tile_rows << size_n)
                    if block_n == last_n:
                        continue
                    last_n, last_k = block_n, 0
                    for halves in range(8 if stationary == OUTPUT else 1):
                        block_k = balance(part_k, max(t.tile_depth, divide_up(part_k, 1 << halves)))
                        if block_k == last_k:
                            continue
                        last_k = block_k
                        for n_buffered in range(2, 4):
                            mapping = MatmulMapping(
                                stationary, grids[g, 0], grids[g, 1], grids[g, 2], grids[g, 3],
                                block_m, block_n, block_k, n_buffered,
                            )  # fmt: skip
                            if not fits_local(shape, mapping, t):
                                break
                            for i in range(N_MAPPING_FIELDS):
                                out_mappings[n, i] = mapping[i]
                            out_places[n] = 3 * g + stationary
                            n += 1
    return n


@kernel
def search_matmul(shape: MatmulShape, t: PeTiming, grids: Any, out_mappings: Any, out_cycles: Any) -> int:
    """Judge all candidates; keep the best mapping of each grid and stationarity, the first of equal ones.

    Parameters
    ----------
    shape, t
        What and where.
    grids : ndarray (G, 4) int64
        Logical grids to try: parts of batch, m, n and k.
    out_mappings : ndarray (3 · G, 9) int64
        Best mapping per grid and stationarity, fields of `MatmulMapping`.
    out_cycles : ndarray (3 · G, 2) int64
        Its cycles, and those if nothing overlapped; −1 where nothing fits.

    Returns
    -------
    int
        Mappings tried.
    """
    commands = np.empty((MAX_COMMANDS, N_COMMAND_FIELDS), dtype=np.int64)
    loops, capacity = np.empty(5, dtype=np.int64), np.empty(N_BUFFERS, dtype=np.int64)
    work = np.empty((N_WORK_ROWS, N_STATIONS), dtype=np.int64)
    most = MOST_CANDIDATES * grids.shape[0]
    candidates, places = np.empty((most, N_MAPPING_FIELDS), dtype=np.int64), np.empty(most, dtype=np.int64)
    n_tried = list_candidates(shape, t, grids, candidates, places)
    out_cycles[:] = -1
    for c in range(n_tried):
        row, mapping = places[c], read_mapping(candidates, c)
        cycles, serial = time_matmul(shape, mapping, t, commands, loops, capacity, work)
        if out_cycles[row, 0] < 0 or cycles < out_cycles[row, 0]:
            out_cycles[row, 0], out_cycles[row, 1] = cycles, serial
            out_mappings[row] = candidates[c]
    return n_tried
