"""Lower matmuls and linear layers to the programs that PEs run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archmodel.dtypes import dtype_bytes
from archmodel.kernels.closed_form import HEAD, N_STATIONS, N_WORK_ROWS, TOTAL, count_cycles
from archmodel.kernels.data_movement import service_cycles, transfer_cycles
from archmodel.kernels.lanes import issue_cycles, simd_cycles
from archmodel.kernels.matmul_program import (
    MAX_COMMANDS,
    MOST_CACHED,
    N_BUFFERS,
    MatmulMapping,
    MatmulShape,
    PeTiming,
    write_matmul,
)
from archmodel.kernels.program import N_COMMAND_FIELDS
from archmodel.kernels.systolic_program import write_systolic
from archmodel.kernels.vector_unit import VectorCore, vector_cycles
from archmodel.lowering.program import Command, CommandTable, Grid, Input, Mode, Program, Run, run_table, tabulate
from archmodel.lowering.timing import lower_matmul, lower_timing
from archmodel.machine.types import Machine, VectorTiming
from archmodel.mapping import Placement
from archmodel.mapping.matmul import find_mapping
from archmodel.workload.operators.linear import Linear
from archmodel.workload.operators.matmul import BatchedMatmul, Matmul
from archmodel.workload.types import Operator, Tensor, Trace

KINDS = (Matmul.kind, BatchedMatmul.kind, Linear.kind)
"""Operator kinds that are counted in cycles."""
_ROWS_PER_BLOCK = 4  # rows quantised at a time


@dataclass(frozen=True, slots=True)
class Phase:
    """A program on its grid; an operator is one phase after another.

    Parameters
    ----------
    name
        What it does.
    table, grid, queue_depth, is_round_robin
        As `archmodel.lowering.program.run_table` takes them.
    mapping
        Of a matmul on a grid of PEs, else ``None``.
    """

    name: str
    table: CommandTable
    grid: Grid
    queue_depth: int
    is_round_robin: bool
    mapping: MatmulMapping | None = None

    def run(self, mode: Mode) -> Run:
        """Follow its commands."""
        return run_table(self.table, self.grid, mode, self.queue_depth, self.is_round_robin)

    def count(self) -> tuple[int, int, list[int], list[int]]:
        """Count in closed form.

        Returns
        -------
        (int, int, list, list)
            Cycles, and cycles if nothing overlapped; per station (units, SRAM, DRAM, links, core) its cycles at work,
            and those before its first command can start.
        """
        work = np.zeros((N_WORK_ROWS, N_STATIONS), dtype=np.int64)
        grid = (self.grid.n_batch, self.grid.n_m, self.grid.n_n, self.grid.n_k)
        commands, loops, capacity = self.table
        cycles, serial = count_cycles(commands, len(commands), loops, capacity, *grid, work)
        return int(cycles), int(serial), work[TOTAL].tolist(), work[HEAD].tolist()


def lower_phases(
    trace: Trace, idx: int, machine: Machine, placement: Placement, mapping: MatmulMapping | None = None
) -> tuple[Phase, ...]:
    """Lower one operator of a trace to its phases.

    Parameters
    ----------
    trace, idx
        The operator, one of `KINDS`.
    machine, placement
        Where; the machine has a section ``timing``.
    mapping
        To use instead of the mapper's choice.

    Raises
    ------
    UnsupportedError
        When no mapping fits local memory.
    """
    operator = trace.operators[idx]
    shape = lower_shape(trace, idx, machine, placement)
    timing = operator_timing(operator, trace, machine, placement)
    assert machine.timing is not None  # whoever asks has checked
    is_round_robin = machine.timing.memory.arbitration == "round_robin"
    phases = []
    if isinstance(operator.op, Linear) and operator.op.is_quantised and machine.timing.vector:
        source = _operand(trace, operator, "a")
        wide = dtype_bytes(source.dtype), dtype_bytes(operator.dtype)
        is_far = _is_far(source, trace.live_bytes[idx], placement)
        program = _quantise_rows(operator.op, wide, timing, machine, machine.timing.vector, is_far=is_far)
        phases.append(Phase("quantise", tabulate(program), program.grid, timing.queue_depth, is_round_robin))
    phases.append(_lower_product(shape, timing, machine, mapping, is_round_robin))
    return tuple(phases)


def operator_timing(operator: Operator, trace: Trace, machine: Machine, placement: Placement) -> PeTiming:
    """Lower the timing that an operator meets; SRAM that holds neither activations nor weights is cache."""
    assert machine.timing is not None
    used = placement.lls_bytes + (trace.role_bytes("weight") if placement.weight_miss_frac == 0 else 0.0)
    used += sum(t.n_bytes for name in operator.tensors if (t := trace.tensors[name]).level == "sram")
    return lower_timing(machine, machine.timing, operator.dtype, max(0.0, machine.sram.capacity_bytes - used))


def lower_shape(trace: Trace, idx: int, machine: Machine, placement: Placement) -> MatmulShape:
    """Lower the shape of an operator's product: where its operands are, and what the SIMD engine does to results."""
    operator = trace.operators[idx]
    op = operator.op
    assert isinstance(op, Matmul | BatchedMatmul | Linear)
    a, b, c = (_operand(trace, operator, name) for name in ("a", "b", "c"))
    is_far = tuple(_is_far(tensor, trace.live_bytes[idx], placement) for tensor in (a, b, c))
    batch = op.batch if isinstance(op, BatchedMatmul) else 1
    dtype_a, operations = a.dtype, 1  # sums are converted
    if isinstance(op, Linear):
        operations += op.operations
        if op.is_quantised:  # quantised rows are in SRAM by then
            dtype_a, is_far = operator.dtype, (False, *is_far[1:])
    return lower_matmul(
        batch, op.m, op.n, op.k, (dtype_a, b.dtype, c.dtype), (is_far[0], is_far[1], is_far[2]), operations
    )


def _operand(trace: Trace, operator: Operator, name: str) -> Tensor:
    names = [operand.name for operand in operator.op.operands()]
    return trace.tensors[operator.tensors[names.index(name)]]


def _is_far(tensor: Tensor, live_bytes: float, placement: Placement) -> bool:
    """Whether a tensor is in DRAM: as placement says; activations when more are alive than what is set aside."""
    if tensor.level is not None:
        return tensor.level == "dram"
    if tensor.role == "weight":
        return placement.weight_miss_frac > 0
    return tensor.role == "kv_cache" or live_bytes > placement.lls_bytes


class Points(NamedTuple):
    """Matmuls on machines under mappings, as `archmodel.kernels.matmul_batch.time_matmuls` takes them: P rows each."""

    shapes: NDArray[np.float64]
    timings: NDArray[np.float64]
    mappings: NDArray[np.int64]


def pack_points(points: Sequence[tuple[MatmulShape, PeTiming, MatmulMapping]]) -> Points:
    """Lower points to arrays."""
    shapes, timings, mappings = zip(*points, strict=True)
    return Points(
        np.array(shapes, dtype=np.float64), np.array(timings, dtype=np.float64), np.array(mappings, dtype=np.int64)
    )


def is_one_product(operator: Operator, machine: Machine) -> bool:
    """Whether an operator is one matmul on a grid of PEs and nothing else: a point of a batch."""
    return machine.array is None and not (isinstance(operator.op, Linear) and operator.op.is_quantised)


@lru_cache(maxsize=4096)
def _write(shape: MatmulShape, mapping: MatmulMapping, timing: PeTiming) -> CommandTable:
    commands = np.empty((MAX_COMMANDS, N_COMMAND_FIELDS), dtype=np.int64)
    loops, capacity = np.empty(5, dtype=np.int64), np.empty(N_BUFFERS, dtype=np.int64)
    n = write_matmul(shape, mapping, timing, commands, loops, capacity)
    return CommandTable(commands[:n].copy(), loops, capacity)


def _lower_product(
    shape: MatmulShape, timing: PeTiming, machine: Machine, mapping: MatmulMapping | None, is_round_robin: bool
) -> Phase:
    if machine.array is not None:
        commands = np.empty((MAX_COMMANDS, N_COMMAND_FIELDS), dtype=np.int64)
        loops, capacity = np.empty(5, dtype=np.int64), np.empty(N_BUFFERS, dtype=np.int64)
        is_weight_stationary = machine.array.dataflow == "weight_stationary"
        n = write_systolic(
            shape, timing, machine.array.size, is_weight_stationary, machine.array.overlap, commands, loops, capacity
        )
        table = CommandTable(commands[:n].copy(), loops, capacity)
        return Phase("product", table, Grid(), timing.queue_depth, is_round_robin)
    if mapping is None:
        mapping = find_mapping(shape, timing, machine.pe.n_pes).mapping
    grid = Grid(mapping.grid_b, mapping.grid_m, mapping.grid_n, mapping.grid_k)
    return Phase("product", _write(shape, mapping, timing), grid, timing.queue_depth, is_round_robin, mapping)


def _quantise_rows(
    op: Linear,
    element_bytes: tuple[float, float],
    timing: PeTiming,
    machine: Machine,
    vector: VectorTiming,
    *,
    is_far: bool,
) -> Program:
    """Quantise a: every PE has its rows; it loads them, finds their largest magnitude, scales and rounds, stores."""
    n_pes = min(machine.pe.n_pes, op.m)
    rows = -(-op.m // n_pes)
    n_blocks = -(-rows // _ROWS_PER_BLOCK)
    n_rows = -(-rows // n_blocks)
    n_elements = n_rows * op.k
    issue = issue_cycles(1, 1, timing.instruction_cycles, timing.n_contexts)
    wide, narrow = (n_bytes * op.k for n_bytes in element_bytes)
    store = _move_cycles(n_rows, narrow, timing.sram_latency, timing)
    store_service = service_cycles(n_rows * narrow, timing.sram_width)
    # Per vector: load, clear the sign, maximum.
    start_up = int(vector.start_up_cycles)
    core = VectorCore(vector.vlen, vector.dlen, start_up, start_up, 0, 0, 0)
    scan = vector_cycles(core, n_elements, 16, 3, vector.lmul)
    scale = simd_cycles(n_elements, 2, timing.lanes)  # multiply, round
    latency = timing.sram_latency
    body = (
        *_load_rows(n_rows, wide, timing, is_far=is_far),
        Command("vector", issue, scan, 0, (Input("rows"),), "scanned"),
        Command("simd", issue, scale, timing.simd_latency, (Input("scanned"),), "scaled"),
        Command("store", issue, store, latency, (Input("scaled"),), resource="sram", service_cycles=store_service),
    )
    n_ahead = max(2, min(MOST_CACHED, int(timing.cache_bytes / 2 / (n_pes * n_rows * wide))))
    return Program(
        body=body, buffers={"ahead": n_ahead, "rows": 2, "scanned": 2, "scaled": 2}, n_inner=n_blocks,
        queue_depth=timing.queue_depth, grid=Grid(n_m=n_pes),
    )  # fmt: skip


def _load_rows(n_rows: int, row_bytes: float, timing: PeTiming, *, is_far: bool) -> tuple[Command, ...]:
    """Bring rows of a PE into local memory, as `archmodel.kernels.matmul_program.write_load` does with a tile."""
    issue = issue_cycles(1, 1, timing.instruction_cycles, timing.n_contexts)
    latency, source, service = timing.sram_latency, "sram", service_cycles(n_rows * row_bytes, timing.sram_width)
    prefetches: tuple[Command, ...] = ()
    inputs: tuple[Input, ...] = ()
    if is_far:
        from_dram = service_cycles(n_rows * row_bytes, timing.dram_width)
        if timing.has_prefetch:
            fetch = Command("prefetch", issue, 1, timing.dram_latency, (), "ahead", 1, 1, "dram", from_dram)
            prefetches, inputs = (fetch,), (Input("ahead"),)
        else:
            latency, source, service = latency + timing.dram_latency, "dram", max(service, from_dram)
    occupancy = _move_cycles(n_rows, row_bytes, latency, timing)
    return *prefetches, Command("load", issue, occupancy, latency, inputs, "rows", 1, 1, source, service)


def _move_cycles(n_rows: int, row_bytes: float, latency: int, timing: PeTiming) -> int:
    """Occupancy of the DMA engine that moves rows."""
    return transfer_cycles(
        n_rows, row_bytes, timing.dma_width, timing.request_cycles, timing.fragment_bytes, timing.outstanding, latency,
        timing.bucket_bytes, timing.bucket_rate,
    )  # fmt: skip
