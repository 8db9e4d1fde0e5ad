"""Lower matmuls and linear layers to the programs that PEs run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archmodel.kernels.matmul_program import write_matmul
from archmodel.kernels.matmul_shape import MAX_COMMANDS, N_BUFFERS, MatmulMapping, MatmulShape
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.program import N_COMMAND_FIELDS
from archmodel.kernels.systolic_program import write_systolic
from archmodel.lowering.operators.rows import quantise_rows
from archmodel.lowering.phases import Phase, Site, lowers
from archmodel.lowering.placed import Place, Tail
from archmodel.lowering.program import CommandTable, Grid
from archmodel.lowering.rvv import VectorCores, loop_cycles, loop_of
from archmodel.lowering.timing import lower_matmul
from archmodel.mapping.matmul import find_mapping
from archmodel.workload.operators.linear import Linear
from archmodel.workload.operators.matmul import BatchedMatmul, Matmul
from archmodel.workload.types import OperatorKind

MAPPED = (Matmul.kind, BatchedMatmul.kind, Linear.kind)
"""Kinds that are one product, for which a mapping can be given (`lower_mapped`)."""
_MANY = 1 << 16
"""Elements of a loop that is in its steady state."""


@lowers(*MAPPED)
def lower_products(site: Site) -> tuple[Phase, ...]:
    """Lower a product; rows that are quantised on the way in are a phase before it."""
    return lower_mapped(site, None)


def lower_mapped(site: Site, mapping: MatmulMapping | None) -> tuple[Phase, ...]:
    """Lower a product with a mapping; with the mapper's choice if it is ``None``."""
    op, phases = site.op, list[Phase]()
    if isinstance(op, Linear) and op.is_quantised:
        a, scales = site.place("a"), Place("fp32", "activation", is_far=False)
        narrow = Place(site.dtype, a.role, is_far=False)
        phases += quantise_rows(replace(site, tail=Tail()), op.m, op.k, a, narrow, scales)
    phases.append(lower_product(lower_shape(site), site, mapping))
    return tuple(phases)


def lower_shape(site: Site) -> MatmulShape:
    """Lower the shape of an operator's product: where its operands are, and what the SIMD engine does to results."""
    op = site.op
    assert isinstance(op, Matmul | BatchedMatmul | Linear)
    places = {operand.name: place for operand, place in zip(op.operands(), site.places, strict=True)}
    a, b, c = (places[name] for name in ("a", "b", "c"))
    batch = op.batch if isinstance(op, BatchedMatmul) else 1
    functions: tuple[str, ...] = ()
    if isinstance(op, Linear):
        named = (("bias", op.bias), (op.activation, op.activation != "none"), ("scale", op.is_quantised))
        functions = tuple(name for name, is_done in named if is_done)
        if op.is_quantised:  # quantised rows are in SRAM by then
            a = Place(site.dtype, a.role, is_far=False)
    dtypes, is_far = (a.dtype, b.dtype, c.dtype), (a.is_far, b.is_far, c.is_far)
    return add_fused(lower_matmul(batch, op.m, op.n, op.k, dtypes, is_far, 1 + len(functions)), site, functions)


def add_fused(shape: MatmulShape, site: Site, functions: Sequence[str] = ()) -> MatmulShape:
    """Add to the shape of a product what is fused with it.

    Parameters
    ----------
    shape
        With the operations that the operator itself does to its results, the conversion of sums among them.
    site
        Where, and what is fused.
    functions
        Those operations by name, but for the conversion.
    """
    tail, operations = site.tail, shape.operations + site.tail.operations
    if site.lone_cores is not None:
        operations = _count_passes(site, site.lone_cores, ((name, 1.0) for name in functions))
    return shape._replace(
        c_bytes=shape.c_bytes * tail.stored_frac,
        operations=operations,
        tail_bytes=sum((place.element_bytes for place in tail.operands), 0.0),  # always a float: one kernel
        is_tail_far=any(place.is_far for place in tail.operands),
        turns_a=site.is_input_turned,
        turns_c=tail.is_turned,
    )


def _count_passes(site: Site, cores: VectorCores, functions: Iterable[tuple[str, float]]) -> int:
    """Count passes over results, of a cycle per `PeTiming.lanes` elements, that take as long as loops of vector cores.

    Model
    -----
    A loop converts sums from fp32, one more does each function; none has to start up. Rounded up.
    """
    dtype = site.result.dtype

    def count(loop: str, share: float, given: str) -> float:
        short, long = (loop_cycles(loop, 1, n, given, given, cores, dtype) for n in (_MANY, 2 * _MANY))
        return (long - short) * share * site.timing.lanes / _MANY

    n_passes = count("copy", 1.0, "fp32")
    n_passes += sum(count(loop_of(name), share, dtype) for name, share in (*functions, *site.tail.functions))
    return math.ceil(n_passes - 1e-9)


class Points(NamedTuple):
    """Matmuls on machines under mappings, as `archmodel.kernels.matmul_batch.time_matmuls` takes them: P rows each."""

    shapes: NDArray[np.float64]
    timings: NDArray[np.float64]
    mappings: NDArray[np.int64]


def pack_points(points: Sequence[tuple[MatmulShape, PeTiming, MatmulMapping]]) -> Points:
    """Lower points to arrays."""
    shapes, timings, mappings = zip(*points, strict=True)
    return Points(
        np.array([shape[:-1] for shape in shapes], dtype=np.float64),
        np.array(timings, dtype=np.float64),
        np.array(mappings, dtype=np.int64),
    )


def is_one_product(site: Site) -> bool:
    """Whether an operator is one matmul on a grid of PEs and nothing else: a point of a batch."""
    return site.array is None and is_matmul(site.op)


def is_matmul(op: OperatorKind) -> bool:
    """Whether an operator is one matmul and nothing else, if it runs on a grid of PEs."""
    return isinstance(op, Matmul | BatchedMatmul | Linear) and not (isinstance(op, Linear) and op.is_quantised)


@lru_cache(maxsize=4096)
def _write(shape: MatmulShape, mapping: MatmulMapping, timing: PeTiming) -> CommandTable:
    commands = np.empty((MAX_COMMANDS, N_COMMAND_FIELDS), dtype=np.int64)
    loops, capacity = np.empty(5, dtype=np.int64), np.empty(N_BUFFERS, dtype=np.int64)
    n = write_matmul(shape, mapping, timing, commands, loops, capacity)
    return CommandTable(commands[:n].copy(), loops, capacity)


def lower_product(shape: MatmulShape, site: Site, mapping: MatmulMapping | None = None) -> Phase:
    """Lower a product on the matrix engines of a machine, with the mapper's choice if no mapping is given."""
    timing = site.timing
    if site.array is not None:
        commands = np.empty((MAX_COMMANDS, N_COMMAND_FIELDS), dtype=np.int64)
        loops, capacity = np.empty(5, dtype=np.int64), np.empty(N_BUFFERS, dtype=np.int64)
        is_weight_stationary = site.array.dataflow == "weight_stationary"
        n = write_systolic(
            shape, timing, site.array.size, is_weight_stationary, site.array.overlap, commands, loops, capacity
        )
        table = CommandTable(commands[:n].copy(), loops, capacity)
        return Phase("product", table, Grid(), timing.queue_depth, site.is_round_robin)
    if mapping is None:
        mapping = find_mapping(shape, timing, site.n_pes).mapping
    grid = Grid(mapping.grid_b, mapping.grid_m, mapping.grid_n, mapping.grid_k)
    table = _write(shape, mapping, timing)
    return Phase("product", table, grid, timing.queue_depth, site.is_round_robin, mapping)
