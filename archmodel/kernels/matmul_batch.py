"""Many matmuls on many machines at once, in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.closed_form import N_STATIONS, N_WORK_ROWS, TOTAL
from archmodel.kernels.compile import kernel, kernel_part
from archmodel.kernels.matmul_search import read_mapping, time_matmul
from archmodel.kernels.matmul_shape import MAX_COMMANDS, N_BUFFERS, MatmulShape
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.program import N_COMMAND_FIELDS
from archmodel.kernels.window import PLAIN


@kernel
def read_timing(rows: Any, p: int) -> PeTiming:
    """Read a `PeTiming` from its fields in order, row ``p``."""
    return PeTiming(
        int(rows[p, 0]), int(rows[p, 1]), int(rows[p, 2]), int(rows[p, 3]), int(rows[p, 4]), int(rows[p, 5]),
        int(rows[p, 6]), int(rows[p, 7]), rows[p, 8], rows[p, 9], int(rows[p, 10]), rows[p, 11], int(rows[p, 12]),
        rows[p, 13], rows[p, 14], int(rows[p, 15]), int(rows[p, 16]), int(rows[p, 17]), int(rows[p, 18]),
        int(rows[p, 19]), rows[p, 20], int(rows[p, 21]), int(rows[p, 22]), int(rows[p, 23]), rows[p, 24],
        rows[p, 25], rows[p, 26], int(rows[p, 27]), rows[p, 28], rows[p, 29], int(rows[p, 30]), rows[p, 31] != 0,
        rows[p, 32] != 0, int(rows[p, 33]), rows[p, 34], rows[p, 35], rows[p, 36], rows[p, 37],
        rows[p, 38] != 0,
    )  # fmt: skip


@kernel_part
def read_shape(rows: Any, p: int) -> MatmulShape:
    """Read a `MatmulShape` of plain products from its fields in order, row ``p``."""
    return MatmulShape(
        int(rows[p, 0]), int(rows[p, 1]), int(rows[p, 2]), int(rows[p, 3]), rows[p, 4], rows[p, 5], rows[p, 6],
        rows[p, 7] != 0, rows[p, 8] != 0, rows[p, 9] != 0, int(rows[p, 10]), rows[p, 11], rows[p, 12] != 0,
        rows[p, 13] != 0, rows[p, 14] != 0, PLAIN,
    )  # fmt: skip


@kernel
def time_matmuls(shapes: Any, timings: Any, mappings: Any, out_cycles: Any, out_work: Any) -> None:
    """Time P points, each a matmul on a machine under a mapping.

    Parameters
    ----------
    shapes : ndarray (P, 15) float64
        Fields of `MatmulShape` but the window: products that are not implicit.
    timings : ndarray (P, 39) float64
        Fields of `PeTiming`.
    mappings : ndarray (P, 9) int64
        Fields of `MatmulMapping`.
    out_cycles : ndarray (P, 2) int64
        Cycles, and cycles if nothing overlapped.
    out_work : ndarray (P, 15) int64
        Cycles at work of each station: units, shared resources, core.
    """
    commands = np.empty((MAX_COMMANDS, N_COMMAND_FIELDS), dtype=np.int64)
    loops, capacity = np.empty(5, dtype=np.int64), np.empty(N_BUFFERS, dtype=np.int64)
    work = np.empty((N_WORK_ROWS, N_STATIONS), dtype=np.int64)
    for p in range(shapes.shape[0]):
        mapping = read_mapping(mappings, p)
        shape, timing = read_shape(shapes, p), read_timing(timings, p)
        cycles, serial = time_matmul(shape, mapping, timing, commands, loops, capacity, work)
        out_cycles[p, 0], out_cycles[p, 1] = cycles, serial
        for station in range(N_STATIONS):
            out_work[p, station] = work[TOTAL, station]
