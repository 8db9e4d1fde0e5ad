"""The cuts of an attention on machines that differ in DRAM and cache: which look fastest, and what those take."""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.attention_blocks import Cut, read_cut
from archmodel.kernels.attention_program import (
    AttentionProgram,
    write_program,
)
from archmodel.kernels.attention_shape import AttentionShape, count_local_bytes, plan_pipeline
from archmodel.kernels.attention_steps import N_BUFFERS, Step, new_step, write_step
from archmodel.kernels.closed_form import N_STATIONS, N_WORK_ROWS, TOTAL, count_cycles
from archmodel.kernels.compile import kernel, kernel_part
from archmodel.kernels.data_movement import service_cycles
from archmodel.kernels.matmul_batch import read_timing
from archmodel.kernels.matmul_program import count_ahead
from archmodel.kernels.program import (
    CAST,
    HOLD,
    LATENCY,
    N_RESOURCES,
    N_UNITS,
    NONE,
    OCCUPANCY,
    OWN,
    PREFETCH,
    RESOURCE,
    SERVICE,
    UNIT,
)

N_JUDGED = 4
"""Cuts that are judged by the closed form of their program; the others look slower by the busiest unit."""
CACHE_BYTES, DRAM_WIDTH, DRAM_LATENCY = range(3)
"""Columns of what is behind the SRAM of machines."""


@kernel_part
def add_work(step: Step, n: int, cut: Cut, work: Any, served: Any) -> int:
    """Add up the work of units and memories in a step; returns how many requests go to DRAM.

    Parameters
    ----------
    step, n
        A step, and its commands.
    cut : Cut
        How.
    work : ndarray (14,) int64
        Written to: cycles of units and shared memories, without requests to DRAM.
    served : ndarray (20, 2) float64
        Written to: bytes of each request to DRAM, and PEs that make it on their own.
    """
    commands, n_served = step.commands, 0
    for station in range(work.size):
        work[station] = 0
    for c in range(n):
        work[commands[c, UNIT]] += commands[c, OCCUPANCY]
        n_readers = cut.n_groups * (cut.n_sharing if commands[c, CAST] == OWN else 1)
        if step.far_bytes[c] > 0:
            served[n_served, 0], served[n_served, 1] = step.far_bytes[c], n_readers
            n_served += 1
        elif commands[c, RESOURCE] != NONE:
            work[N_UNITS + commands[c, RESOURCE]] += commands[c, SERVICE] * n_readers
    return n_served


@kernel_part
def enter(i: int, cycles: float, v: int, likely: Any, best: Any) -> None:
    """Enter a cut among those that look fastest on a machine; of equal ones the first is before the others.

    Parameters
    ----------
    i : int
        The cut.
    cycles : float
        For which its busiest unit or memory is at work [cycles].
    v : int
        The machine.
    likely, best : ndarray (4, V) int64, float64
        Written to: cuts, and their cycles.
    """
    rank = N_JUDGED
    while rank > 0 and cycles < best[rank - 1, v]:
        rank -= 1
    for place in range(N_JUDGED - 1, rank, -1):
        likely[place, v], best[place, v] = likely[place - 1, v], best[place - 1, v]
    if rank < N_JUDGED:
        likely[rank, v], best[rank, v] = i, cycles


@kernel_part
def put_far(program: AttentionProgram, n: int, cache_bytes: float, dram_width: float, dram_latency: int) -> None:
    """Put the DRAM and the cache of a machine into a program.

    Parameters
    ----------
    program, n
        Written to: a program, and its commands.
    cache_bytes, dram_width, dram_latency
        As in `PeTiming`.
    """
    commands = program.commands
    for c in range(n):
        if commands[c, UNIT] == PREFETCH:
            commands[c, LATENCY] = dram_latency
        if program.far_bytes[c] > 0:
            commands[c, SERVICE] = commands[c, HOLD] = service_cycles(program.far_bytes[c], dram_width)
    for b in range(N_BUFFERS):
        if program.ahead_bytes[b] > 0:
            program.capacity[b] = count_ahead(cache_bytes, program.ahead_bytes[b])


@kernel_part
def count_program(program: AttentionProgram, n: int, cut: Cut, table: Any, out_cycles: Any, out_work: Any) -> None:
    """Count the cycles of a program in closed form.

    Parameters
    ----------
    program, n, cut
        A program, its commands, and the cut that it is of.
    table : ndarray (10, 20) int64
        Working memory.
    out_cycles, out_work : ndarray (2,), (15,) int64
        Written to: cycles, and those if nothing overlapped; cycles at work of each station.
    """
    for row in range(N_WORK_ROWS):
        for column in range(table.shape[1]):
            table[row, column] = 0  # there are more buffers than stations
    out_cycles[0], out_cycles[1] = count_cycles(
        program.commands, n, program.loops, program.capacity, cut.n_groups, cut.n_sharing, 1, 1, table
    )
    for station in range(N_STATIONS):
        out_work[station] = table[TOTAL, station]


@kernel
def judge_cuts(
    shape: AttentionShape, timings: Any, cuts: Any, missed_frac: Any, lanes: Any, beside: Any, far: Any, likely: Any,
    best: Any, program: AttentionProgram, out_cycles: Any, out_work: Any,
) -> int:  # fmt: skip
    """Find the cuts that look fastest on each machine, and count their cycles in closed form.

    Model
    -----
    Of the cuts that fit local memory, those look fastest whose busiest unit or memory is at work for the least cycles:
    in all steps, and for one step in sequence.

    Parameters
    ----------
    shape : AttentionShape
        What.
    timings : ndarray (1, 39) float64
        Where: fields of `PeTiming`.
    cuts : ndarray (N, 8) int64
        Fields of `Cut`.
    missed_frac, lanes, beside : ndarray (N,) float64, (N, 7) int64, (N, 2, 6) int64
        As in `archmodel.kernels.attention_steps.write_step`, of each cut.
    far : ndarray (V, 3) float64
        Of machines that differ in nothing else that decides: cache [B], DRAM [B/cycle] and its latency [cycles].
    likely : ndarray (R, V) int64
        Cuts of each machine, those that look fastest first; −1: written to, and left where fewer fit.
    best : ndarray (R, V) float64
        Working memory of infinities; without rows where cuts are given.
    program : AttentionProgram
        Written to: the program of the last of these cuts, on the last machine that has it.
    out_cycles, out_work : ndarray (R, V, 2), (R, V, 15) int64
        Written to: cycles, and those if nothing overlapped; cycles at work of each station.

    Returns
    -------
    int
        Cuts that fit, where none are given.

    Sources
    -------
    The closed form: ``docs/methods/timing.md``. That no other cut is faster than those that look fastest is assumed.
    """
    t, slot, last, n_fit = read_timing(timings, 0), new_step(), new_step(), 0
    work, served = np.empty(N_UNITS + N_RESOURCES, np.int64), np.empty((slot.leads.size, 2))
    for i in range(cuts.shape[0] if best.shape[0] > 0 else 0):
        cut = read_cut(cuts, i)
        pipeline = plan_pipeline(shape, t.has_prefetch, cut)
        if count_local_bytes(shape, t, cut, pipeline) > t.local_bytes:
            continue
        n_fit += 1
        n = write_step(slot, shape, t, cut, pipeline, missed_frac[i], lanes[i], beside[i], False)
        n_served, most, total = add_work(slot, n, cut, work, served), 0, 0
        for station in range(work.size):
            most, total = max(most, work[station]), total + work[station]
        for v in range(far.shape[0]):
            dram = 0
            for k in range(n_served):
                dram += service_cycles(served[k, 0], far[v, DRAM_WIDTH]) * int(served[k, 1])
            enter(i, float(cut.n_steps * max(most, dram) + total + dram), v, likely, best)
    table = np.empty((N_WORK_ROWS, max(N_STATIONS, N_BUFFERS)), np.int64)
    for i in range(cuts.shape[0]):
        n = 0
        for rank in range(likely.shape[0]):
            for v in range(likely.shape[1]):
                if likely[rank, v] != i:
                    continue
                if n == 0:
                    cut = read_cut(cuts, i)
                    n = write_program(program, slot, last, shape, t, cut, missed_frac[i], lanes[i], beside[i])
                put_far(program, n, far[v, CACHE_BYTES], far[v, DRAM_WIDTH], int(far[v, DRAM_LATENCY]))
                count_program(program, n, cut, table, out_cycles[rank, v], out_work[rank, v])
    return n_fit
