"""The roofline kernel against the same model in NumPy and in C: one thread, real traces, thousands of machines."""

from __future__ import annotations

import ctypes
import itertools
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from timing import Figure, interleave

import archmodel as am
from archmodel.kernels.roofline import N_RESOURCES, time_operators, time_traces
from archmodel.lowering import MachinePack, OperatorPack, PlacementPack, pack_machines, pack_operators, pack_placements
from archmodel.mapping import place

Floats = NDArray[np.float64]
Totals = tuple[Floats, Floats, Floats, Floats]  # latency, lower, upper, bound

MACHINE = "mtia_2i"
TRACES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("recommendation/dlrm_dcnv2", {}),
    ("llm/llama3.1-8b", {"phase": "prefill"}),
    ("llm/llama3.1-8b", {"phase": "decode"}),
    ("diffusion/sdxl", {}),
)
N_STEPS = 24  # per axis of the machine variants: clock, DRAM bandwidth, SRAM capacity
NUMPY_CHUNK = 32  # machines per chunk; 16 to 64 are equally fast, see `docs/methods/performance.md`
DETAIL_CHUNK = 64  # machines per call of time_operators, whose output is (machines, operators, 8)


class Problem(NamedTuple):
    """One trace on all machines."""

    ops: OperatorPack
    machines: MachinePack
    placement: PlacementPack

    @property
    def n_machines(self) -> int:
        return len(self.machines.local_s_per_byte)

    @property
    def n_operators(self) -> int:
        return len(self.ops.executions)

    def part(self, start: int, stop: int) -> Problem:
        """Take a range of the machines."""
        return Problem(
            self.ops,
            MachinePack(*(column[start:stop] for column in self.machines)),
            PlacementPack(*(column[start:stop] for column in self.placement)),
        )

    def parts(self, size: int) -> Iterator[tuple[slice, Problem]]:
        """Walk over the machines in chunks."""
        for start in range(0, self.n_machines, size):
            stop = min(start + size, self.n_machines)
            yield slice(start, stop), self.part(start, stop)

    def empty_totals(self) -> Totals:
        n = self.n_machines
        return np.empty(n), np.empty(n), np.empty(n), np.empty((n, N_RESOURCES + 1))


def build_problems(n_steps: int = N_STEPS) -> list[Problem]:
    """Lower the traces on variants of one machine: clock × DRAM bandwidth × SRAM capacity, each from half to double."""
    base, factors = am.machine(MACHINE), np.geomspace(0.5, 2.0, n_steps).tolist()
    srams = [replace(base.sram, capacity_bytes=base.sram.capacity_bytes * factor) for factor in factors]
    drams = [
        replace(base.dram, bandwidth_bytes_per_s=base.dram.bandwidth_bytes_per_s * factor) for factor in factors
    ]
    machines = [
        replace(base, clock_hz=base.clock_hz * factor, dram=dram, sram=sram)
        for sram, dram, factor in itertools.product(srams, drams, factors)
    ]
    machine_pack = pack_machines(machines)
    problems = []
    for name, settings in TRACES:
        trace = am.workload(name, **settings)
        # Placement looks at capacities only, and only that of the SRAM varies.
        by_sram = pack_placements([place(trace, replace(base, sram=sram)) for sram in srams])
        placement = PlacementPack(*(np.repeat(column, n_steps**2) for column in by_sram))
        problems.append(Problem(pack_operators(trace), machine_pack, placement))
    return problems


def busy_numpy(problem: Problem) -> tuple[Floats, ...]:
    """Compute `archmodel.kernels.roofline.operator_busy` by broadcasting machines × operators."""
    ops, machines, placement = problem
    m = MachinePack(*(column[:, None] if column.ndim == 1 else column for column in machines))
    p = PlacementPack(*(column[:, None] for column in placement))
    share = np.maximum(ops.live_bytes - p.lls_bytes, 0.0) / np.where(ops.live_bytes > 0.0, ops.live_bytes, 1.0)
    dram_bytes = ops.dram_bytes + ops.activation_bytes * share + ops.weight_bytes * p.weight_miss_frac
    moved_bytes = ops.activation_bytes + ops.weight_bytes + ops.dram_bytes + ops.sram_bytes
    into_local_bytes = ops.reuse_sqrt * m.local_inv_sqrt_bytes + ops.reuse_linear * m.local_inv_bytes
    into_sram_bytes = ops.reuse_sqrt * m.sram_inv_sqrt_bytes + ops.reuse_linear * m.sram_inv_bytes
    sram_bytes = np.maximum(moved_bytes, into_local_bytes)
    again = np.maximum(into_sram_bytes / np.where(moved_bytes > 0.0, moved_bytes, np.inf), 1.0)
    dram_s = dram_bytes * again * m.dram_s_per_byte

    host_s = np.zeros_like(dram_bytes)
    gathers = np.flatnonzero(ops.gather_rows)
    if gathers.size:  # few operators gather: only their columns are computed
        rows, row_bytes, is_table = ops.gather_rows[gathers], ops.gather_row_bytes[gathers], ops.is_table[gathers]
        missed, remote = 1.0 - is_table * m.embedding_hit_frac, is_table * p.host_frac
        unit_bytes = np.ceil(row_bytes / m.access_bytes) * m.access_bytes
        gather_bytes = rows * unit_bytes * missed * (1.0 - remote)
        host_s[:, gathers] = rows * row_bytes * missed * remote * m.host_s_per_byte
        sram_bytes[:, gathers] += rows * row_bytes
        moved_bytes[gathers] += rows * row_bytes
        dram_bytes[:, gathers] += gather_bytes
        dram_s[:, gathers] += gather_bytes * m.gather_s_per_byte

    operand_bytes = ops.matrix_flop * 0.5 * ops.element_bytes
    return (
        ops.matrix_flop * m.matrix_s_per_flop[:, ops.dtype_idx],
        ops.simd_flop * m.simd_s_per_flop[:, ops.dtype_idx],
        ops.vector_flop * m.vector_s_per_flop[:, ops.dtype_idx],
        (moved_bytes + operand_bytes * m.operand_reads_per_mac) * m.local_s_per_byte,
        sram_bytes * m.sram_s_per_byte,
        dram_s,
        host_s,
        ops.link_bytes * m.link_s_per_byte,
        moved_bytes * m.sram_s_per_byte,
        dram_bytes * m.dram_peak_s_per_byte,
    )


def time_numpy(problem: Problem, chunk: int = NUMPY_CHUNK) -> Totals:
    """Time the step on every machine in NumPy, a chunk of machines at a time so that temporaries stay in the cache."""
    totals = problem.empty_totals()
    for where, part in problem.parts(chunk):
        _time_numpy_chunk(part, *(column[where] for column in totals))
    return totals


def _time_numpy_chunk(problem: Problem, latency_s: Floats, lower_s: Floats, upper_s: Floats, bound_s: Floats) -> None:
    count, launch_s, job_s = problem.ops.executions, problem.placement.launch_s, problem.placement.job_s
    *busy, sram_peak_s, dram_peak_s = busy_numpy(problem)
    slowest_s, bound = busy[0].copy(), np.zeros(busy[0].shape, dtype=np.intp)
    for resource_idx in range(1, N_RESOURCES):
        is_slower = busy[resource_idx] > slowest_s
        np.copyto(bound, resource_idx, where=is_slower)
        np.maximum(slowest_s, busy[resource_idx], out=slowest_s)
    sums_s = [resource_s @ count for resource_s in busy]
    launches_s = count.sum() * launch_s + job_s
    bound += np.arange(0, bound_s.size, N_RESOURCES + 1)[:, None]
    bound_s[:] = np.bincount(bound.ravel(), (slowest_s * count).ravel(), bound_s.size).reshape(bound_s.shape)
    bound_s[:, -1] = launches_s
    latency_s[:] = slowest_s @ count + launches_s
    upper_s[:] = sum(sums_s) + launches_s
    sums_s[4], sums_s[5] = sram_peak_s @ count, dram_peak_s @ count
    lower_s[:] = np.max(sums_s, axis=0)


def time_numba(problem: Problem) -> Totals:
    totals = problem.empty_totals()
    time_traces(*problem, *totals)
    return totals


def time_numba_two_threads(problem: Problem, pool: ThreadPoolExecutor) -> None:
    halves = problem.parts(-(-problem.n_machines // 2))
    list(pool.map(lambda half: time_numba(half[1]), halves))


def time_numba_detail(problem: Problem) -> None:
    """Time every operator apart; the output of a chunk of machines is reused by the next."""
    shape = (DETAIL_CHUNK, problem.n_operators)
    out = (np.empty(shape), np.empty(shape), np.empty(shape), np.empty((*shape, N_RESOURCES)))
    for _, part in problem.parts(DETAIL_CHUNK):
        time_operators(*part, *(column[: part.n_machines] for column in out))


def compile_c(folder: Path) -> Callable[[Problem], Totals]:
    """Compile ``roofline.c`` for this processor and wrap it."""
    library = folder / "roofline.so"
    source = Path(__file__).with_suffix(".c")
    subprocess.run(["cc", "-O3", "-march=native", "-shared", "-fPIC", source, "-o", library], check=True)
    function = ctypes.CDLL(str(library)).time_traces
    function.restype = None

    def time_c(problem: Problem) -> Totals:
        totals = problem.empty_totals()
        sizes = (problem.n_operators, problem.n_machines, problem.machines.matrix_s_per_flop.shape[1])
        columns = [array.ctypes.data_as(ctypes.c_void_p) for array in totals]
        function(*map(ctypes.c_int64, sizes), *map(_struct, problem), *columns)
        return totals

    return time_c


def _struct(pack: NamedTuple) -> ctypes.Structure:
    fields = [(name, ctypes.c_void_p) for name in pack._fields]
    struct = type(type(pack).__name__, (ctypes.Structure,), {"_fields_": fields})
    return struct(*(column.ctypes.data for column in pack))
