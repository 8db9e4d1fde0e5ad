"""The closed form of one program on machines that differ in DRAM and cache."""

from __future__ import annotations

from typing import Any

from archmodel.kernels.closed_form import N_STATIONS, TOTAL, count_cycles
from archmodel.kernels.compile import kernel
from archmodel.kernels.data_movement import service_cycles
from archmodel.kernels.pe_timing import MOST_CACHED
from archmodel.kernels.program import HOLD, LATENCY, PREFETCH, SERVICE, UNIT


@kernel
def count_variants(
    commands: Any, loops: Any, capacity: Any, grid: Any, served: Any, served_bytes: Any, ahead: Any, ahead_bytes: Any,
    far: Any, work: Any, out_cycles: Any, out_work: Any,
) -> None:  # fmt: skip
    """Add the cycles of a program on each of V machines to what is there.

    Model
    -----
    `count_cycles`, with what DRAM serves, the latency of what is prefetched from it, and the tiles that the cache holds
    ahead put in for each machine.

    Parameters
    ----------
    commands : ndarray (C, 17) int64
        The program on one of them; written to.
    loops, capacity : ndarray (5,), (B,) int64
        As `count_cycles` takes them; the capacity is written to.
    grid : ndarray (4,) int64
        Logical grid of the PEs.
    served : ndarray (D,) int64
        Commands that DRAM serves.
    served_bytes : ndarray (D,)
        Bytes of each [B].
    ahead : ndarray (A,) int64
        Buffers that lie in the cache.
    ahead_bytes : ndarray (A,)
        Bytes of one tile of each, of all PEs [B].
    far : ndarray (V, 3)
        Cache [B], width [B/cycle] and latency [cycles] of the DRAM of each machine.
    work : ndarray (10, S) int64
        Working memory, S stations or buffers.
    out_cycles : ndarray (V, 2) int64
        Cycles, and those if nothing overlapped; added to.
    out_work : ndarray (V, 15) int64
        Cycles at work of each station; added to.

    Sources
    -------
    As `count_cycles`: ``docs/methods/timing.md``.
    """
    for v in range(far.shape[0]):
        for i in range(served.size):
            c = served[i]
            commands[c, SERVICE] = commands[c, HOLD] = service_cycles(served_bytes[i], far[v, 1])
            if commands[c, UNIT] == PREFETCH:
                commands[c, LATENCY] = int(far[v, 2])
        for i in range(ahead.size):
            capacity[ahead[i]] = max(2, min(MOST_CACHED, int(far[v, 0] / 2 / ahead_bytes[i])))
        work[:] = 0  # there may be more buffers than stations
        cycles, serial = count_cycles(
            commands, commands.shape[0], loops, capacity, grid[0], grid[1], grid[2], grid[3], work
        )
        out_cycles[v, 0] += cycles
        out_cycles[v, 1] += serial
        for station in range(N_STATIONS):
            out_work[v, station] += work[TOTAL, station]
