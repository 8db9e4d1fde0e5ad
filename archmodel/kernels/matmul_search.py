"""Bounded search for the mapping of a matmul, by the closed form."""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.closed_form import N_STATIONS, N_WORK_ROWS, count_cycles
from archmodel.kernels.compile import kernel
from archmodel.kernels.matmul_candidates import list_candidates
from archmodel.kernels.matmul_program import write_matmul
from archmodel.kernels.matmul_shape import MAX_COMMANDS, N_BUFFERS, MatmulMapping, MatmulShape
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.program import N_COMMAND_FIELDS


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
    candidates = list_candidates(shape, t, grids)
    mappings, places = candidates.mappings, candidates.places
    out_cycles[:] = -1
    for c in range(len(places)):
        row, mapping = places[c], read_mapping(mappings, c)
        cycles, serial = time_matmul(shape, mapping, t, commands, loops, capacity, work)
        if out_cycles[row, 0] < 0 or cycles < out_cycles[row, 0]:
            out_cycles[row, 0], out_cycles[row, 1] = cycles, serial
            out_mappings[row] = mappings[c]
    return len(places)
