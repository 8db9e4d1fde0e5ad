"""Many matmuls on many machines at once, in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.closed_form import N_STATIONS, N_WORK_ROWS
from archmodel.kernels.compile import kernel
from archmodel.kernels.matmul_program import MAX_COMMANDS, N_BUFFERS, MatmulMapping, MatmulShape, PeTiming
from archmodel.kernels.matmul_search import time_matmul
from archmodel.kernels.program import N_COMMAND_FIELDS


@kernel
def read_timing(row: Any) -> PeTiming:
    """Read a `PeTiming` from its fields in order."""
    return PeTiming(
        int(row[0]), int(row[1]), int(row[2]), int(row[3]), int(row[4]), int(row[5]), int(row[6]), int(row[7]),
        row[8], row[9], int(row[10]), row[11], int(row[12]), row[13], row[14], int(row[15]), int(row[16]),
        int(row[17]), int(row[18]), int(row[19]), row[20], int(row[21]), int(row[22]), int(row[23]), row[24],
        row[25], row[26], int(row[27]), row[28], row[29], int(row[30]), row[31] != 0, row[32] != 0,
    )  # fmt: skip


@kernel
def read_shape(row: Any) -> MatmulShape:
    """Read a `MatmulShape` from its fields in order."""
    return MatmulShape(
        int(row[0]), int(row[1]), int(row[2]), int(row[3]), row[4], row[5], row[6],
        row[7] != 0, row[8] != 0, row[9] != 0, row[10],
    )  # fmt: skip


@kernel
def time_matmuls(shapes: Any, timings: Any, mappings: Any, out_cycles: Any, out_serial: Any) -> None:
    """Time N matmuls on M machines.

    Parameters
    ----------
    shapes : ndarray (N, 11) float64
        Fields of `MatmulShape`.
    timings : ndarray (M, 33) float64
        Fields of `PeTiming`.
    mappings : ndarray (M, N, 9) int64
        Fields of `MatmulMapping`.
    out_cycles, out_serial : ndarray (M, N) int64
        Cycles, and cycles if nothing overlapped.
    """
    commands = np.empty((MAX_COMMANDS, N_COMMAND_FIELDS), dtype=np.int64)
    loops, capacity = np.empty(5, dtype=np.int64), np.empty(N_BUFFERS, dtype=np.int64)
    work = np.empty((N_WORK_ROWS, N_STATIONS), dtype=np.int64)
    for machine in range(timings.shape[0]):
        timing = read_timing(timings[machine])
        for idx in range(shapes.shape[0]):
            row = mappings[machine, idx]
            mapping = MatmulMapping(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8])
            cycles, serial = time_matmul(read_shape(shapes[idx]), mapping, timing, commands, loops, capacity, work)
            out_cycles[machine, idx] = cycles
            out_serial[machine, idx] = serial
