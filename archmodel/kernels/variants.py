"""The closed form of one program on machines that differ in DRAM and cache."""

from __future__ import annotations

from typing import Any

from archmodel.kernels.closed_form import N_STATIONS, TOTAL, count_cycles
from archmodel.kernels.compile import kernel
from archmodel.kernels.program import HOLD, SERVICE


@kernel
def count_variants(
    commands: Any, loops: Any, capacity: Any, grid: Any, cells: Any, numbers: Any, buffers: Any, tokens: Any, work: Any,
    out_cycles: Any, out_work: Any,
) -> None:  # fmt: skip
    """Add the cycles of a program on each of V machines to what is there.

    Model
    -----
    `count_cycles`, with the numbers that DRAM, cache and host decide put in for each machine.

    Parameters
    ----------
    commands : ndarray (C, 17) int64
        The program on one of them; written to.
    loops, capacity : ndarray (5,), (B,) int64
        As `count_cycles` takes them; the capacity is written to.
    grid : ndarray (4,) int64
        Logical grid of the PEs.
    cells : ndarray (X, 2) int64
        Commands, and their columns, that machines differ in.
    numbers : ndarray (X, V) int64
        What is there on each machine.
    buffers : ndarray (A,) int64
        Buffers that machines differ in.
    tokens : ndarray (A, V) int64
        What each holds on each machine.
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
    for v in range(out_cycles.shape[0]):
        for i in range(cells.shape[0]):
            c, column = cells[i, 0], cells[i, 1]
            commands[c, column] = numbers[i, v]
            if column == SERVICE:
                commands[c, HOLD] = numbers[i, v]
        for i in range(buffers.size):
            capacity[buffers[i]] = tokens[i, v]
        work[:] = 0  # there may be more buffers than stations
        cycles, serial = count_cycles(
            commands, commands.shape[0], loops, capacity, grid[0], grid[1], grid[2], grid[3], work
        )
        out_cycles[v, 0] += cycles
        out_cycles[v, 1] += serial
        for station in range(N_STATIONS):
            out_work[v, station] += work[TOTAL, station]
