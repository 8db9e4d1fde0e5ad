"""The roofline kernel against the same model in NumPy and in C: one thread, real traces, thousands of machines."""

from __future__ import annotations

import ctypes
import itertools
import subprocess
import tempfile
from collections.abc import Callable
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
N_STEPS = 48  # per axis of the machine variants: clock, DRAM bandwidth, SRAM capacity
NUMPY_SIZE = 16_000  # evaluations per NumPy chunk, the fastest tried; past 128 KiB, malloc maps pages anew
DETAIL_SIZE = 16_000  # evaluations per call of time_operators: its output, 11 numbers each, is reused by the next call


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
        """Copy a range of the machines."""
        return Problem(
            self.ops,
            MachinePack(*(np.ascontiguousarray(column[..., start:stop]) for column in self.machines)),
            PlacementPack(*(np.ascontiguousarray(column[..., start:stop]) for column in self.placement)),
        )

    def parts(self, n_machines: int) -> list[Problem]:
        """Split into parts of so many machines."""
        return [self.part(start, start + n_machines) for start in range(0, self.n_machines, n_machines)]


def build_problems(n_steps: int = N_STEPS) -> list[Problem]:
    """Lower the traces on variants of one machine: clock × DRAM bandwidth × SRAM capacity, each from half to double."""
    base, factors = am.machine(MACHINE), np.geomspace(0.5, 2.0, n_steps).tolist()
    srams = [replace(base.sram, capacity_bytes=base.sram.capacity_bytes * factor) for factor in factors]
    drams = [replace(base.dram, bandwidth_bytes_per_s=base.dram.bandwidth_bytes_per_s * factor) for factor in factors]
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
        placement = PlacementPack(*(np.repeat(column, n_steps**2, axis=-1) for column in by_sram))
        problems.append(Problem(pack_operators(trace), machine_pack, placement))
    return problems


def busy_numpy(problem: Problem) -> tuple[Floats, ...]:
    """Compute `archmodel.kernels.roofline.operator_busy` by broadcasting machines × operators."""
    ops, machines, placement = problem
    m = MachinePack(
        *(column[:, None] if column.ndim == 1 else np.take(column.T, ops.dtype_idx, axis=1) for column in machines)
    )
    p = PlacementPack(*(column[:, None] if column.ndim == 1 else column.T[:, ops.exchange_idx] for column in placement))
    spilled_bytes = ops.activation_bytes * np.maximum(0.0, 1.0 - p.lls_bytes / np.maximum(1.0, ops.live_bytes))
    dram_bytes = ops.dram_bytes + spilled_bytes + ops.weight_bytes * p.weight_miss_frac
    moved_bytes = ops.activation_bytes + ops.weight_bytes + ops.dram_bytes + ops.sram_bytes
    into_local_bytes = ops.reuse_sqrt * m.local_inv_sqrt_bytes + ops.reuse_linear * m.local_inv_bytes
    into_sram_bytes = ops.reuse_sqrt * m.sram_inv_sqrt_bytes + ops.reuse_linear * m.sram_inv_bytes
    sram_bytes = np.maximum(moved_bytes, into_local_bytes)
    dram_s = dram_bytes * np.maximum(1.0, into_sram_bytes / np.maximum(1.0, moved_bytes)) * m.dram_s_per_byte
    host_s = np.zeros_like(dram_s)
    some = np.flatnonzero(ops.gather_rows)
    if some.size:  # few operators gather: only their columns are computed
        rows, row_bytes, is_table = ops.gather_rows[some], ops.gather_row_bytes[some], ops.is_table[some]
        table_bytes, last_byte = ops.table_bytes[some], ops.table_first_byte[some] + ops.table_bytes[some]
        hit_frac = np.where(last_byte > p.table_sram_bytes, m.embedding_hit_frac, 1.0)
        missed_rows = rows * (1.0 - is_table * hit_frac)
        remote_frac = np.clip((last_byte - p.table_dram_bytes) / np.maximum(1.0, table_bytes), 0.0, 1.0)
        gather_bytes = missed_rows * np.ceil(row_bytes / m.access_bytes) * m.access_bytes
        host_s[:, some] = missed_rows * row_bytes * remote_frac * m.host_s_per_byte
        sram_bytes[:, some] += rows * row_bytes
        moved_bytes[some] += rows * row_bytes
        dram_bytes[:, some] += gather_bytes
        dram_s[:, some] += gather_bytes * m.gather_s_per_byte
    matrix_s = ops.matrix_flop * m.matrix_s_per_flop
    return (
        matrix_s,
        ops.simd_flop * m.simd_s_per_flop + ops.vector_flop * m.simd_s_per_vector_flop,
        ops.vector_flop * m.vector_s_per_flop + ops.simd_flop * m.vector_s_per_simd_flop,
        (moved_bytes + ops.matrix_flop * 0.5 * ops.element_bytes * m.operand_reads_per_mac) * m.local_s_per_byte,
        sram_bytes * m.sram_s_per_byte,
        dram_s,
        host_s,
        p.exchange_s,
        matrix_s * m.matrix_efficiency,
        moved_bytes * m.sram_s_per_byte,
        (dram_bytes - spilled_bytes) * m.dram_peak_s_per_byte,
        ops.link_bytes * m.link_s_per_byte,
    )


def totals_numpy(problem: Problem) -> Totals:
    """Compute `archmodel.kernels.roofline.time_traces` in NumPy."""
    count, placement = problem.ops.executions, problem.placement
    busy = busy_numpy(problem)
    slowest_s, bound = busy[0].copy(), np.zeros(busy[0].shape, dtype=np.intp)
    for resource_idx in range(1, N_RESOURCES):
        np.copyto(bound, resource_idx, where=busy[resource_idx] > slowest_s)
        np.maximum(slowest_s, busy[resource_idx], out=slowest_s)
    sums_s = [busy_s @ count for busy_s in busy]
    launches_s = count.sum() * placement.launch_s + placement.job_s

    n_binders = N_RESOURCES + 1
    bound += np.arange(problem.n_machines)[:, None] * n_binders
    weights_s = (slowest_s * count).ravel()
    bound_s = np.asarray(np.bincount(bound.ravel(), weights_s, problem.n_machines * n_binders), np.float64)
    bound_s = bound_s.reshape(-1, n_binders)
    bound_s[:, N_RESOURCES] = launches_s
    upper_s = np.sum(sums_s[:N_RESOURCES], axis=0) + launches_s
    return slowest_s @ count + launches_s, np.max(sums_s[1:4] + sums_s[6:7] + sums_s[8:], axis=0), upper_s, bound_s


def totals_kernel(problem: Problem) -> Totals:
    """Call the kernel."""
    totals = _empty_totals(problem.n_machines)
    time_traces(*problem, *totals)
    return totals


def _empty_totals(n_machines: int) -> Totals:
    return np.empty(n_machines), np.empty(n_machines), np.empty(n_machines), np.empty((n_machines, N_RESOURCES + 1))


def compile_c(folder: Path) -> Callable[[Problem], Totals]:
    """Compile ``roofline.c`` for this processor and wrap it."""
    library = folder / "roofline.so"
    source = Path(__file__).with_suffix(".c")
    subprocess.run(["cc", "-O3", "-march=native", "-shared", "-fPIC", source, "-o", library], check=True)
    function = ctypes.CDLL(str(library)).time_traces
    function.restype = None

    def totals_c(problem: Problem) -> Totals:
        totals = _empty_totals(problem.n_machines)
        sizes = map(ctypes.c_int64, (problem.n_operators, problem.n_machines))
        function(*sizes, *map(_c_struct, problem), *(ctypes.c_void_p(array.ctypes.data) for array in totals))
        return totals

    return totals_c


def _c_struct(pack: Any) -> ctypes.Structure:
    fields = [(name, ctypes.c_void_p) for name in pack._fields]
    struct = type(type(pack).__name__, (ctypes.Structure,), {"_fields_": fields})
    filled: ctypes.Structure = struct(*(column.ctypes.data for column in pack))
    return filled


def _detail(problem: Problem) -> Callable[[], None]:
    """Make a call that times every operator apart on an eighth of the machines, chunk by chunk."""
    chunk = DETAIL_SIZE // problem.n_operators
    parts = problem.part(0, problem.n_machines // 8).parts(chunk)
    shape = (chunk, problem.n_operators)
    out = (np.empty(shape), np.empty(shape), np.empty(shape), np.empty((*shape, N_RESOURCES)))

    def call() -> None:
        for part in parts:
            time_operators(*part, *(array[: part.n_machines] for array in out))

    return call


def measure() -> list[Figure]:
    """Check that the three implementations agree, then time them."""
    problems = build_problems()
    chunks = [part for problem in problems for part in problem.parts(NUMPY_SIZE // problem.n_operators)]
    halves = list(zip(*(problem.parts(problem.n_machines // 2) for problem in problems), strict=True))
    details = [_detail(problem) for problem in problems]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        totals_c = compile_c(Path(folder))
        for chunk in chunks[:: len(chunks) // 100]:
            for other in (totals_numpy(chunk), totals_c(chunk)):
                for expected, given in zip(totals_kernel(chunk), other, strict=True):
                    np.testing.assert_allclose(given, expected, rtol=1e-9, atol=0)
        seconds = interleave(
            {
                "kernel": lambda: [totals_kernel(problem) for problem in problems],
                "numpy": lambda: [totals_numpy(chunk) for chunk in chunks],
                "c": lambda: [totals_c(problem) for problem in problems],
                "detail": lambda: [call() for call in details],
            }
        )
        # A pair of its own: a second core that slept through a second of NumPy takes a while to wake up.
        threads = interleave(
            {
                "one": lambda: [totals_kernel(problem) for problem in problems],
                "two": lambda: list(pool.map(lambda parts: [totals_kernel(part) for part in parts], halves)),
            }
        )
    n_evaluations = sum(problem.n_machines * problem.n_operators for problem in problems)
    rate = {name: n_evaluations / float(np.median(times)) for name, times in (seconds | threads).items()}
    speedup = {name: float(np.median(times / seconds["kernel"])) for name, times in seconds.items()}
    unit = "operator-evaluations/s"
    return [
        Figure(
            "roofline_points_per_s", rate["kernel"], unit, speedup["numpy"], "NumPy", at_least=1e7, ratio_at_least=5.0
        ),
        Figure("roofline_vs_c", rate["kernel"], unit, speedup["c"], "C", ratio_at_least=0.5),
        Figure(
            "roofline_two_threads", rate["two"], unit, float(np.median(threads["one"] / threads["two"])), "one thread"
        ),
        Figure("roofline_detail_points_per_s", rate["detail"] / 8, unit),
    ]
