"""Operations of one step, by the engine that does them and by number format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archmodel.lowering.remembered import Remembered
from archmodel.workload.types import Trace

_WORK = Remembered(64)


@dataclass(frozen=True)
class StepWork:
    """Operations of one step on one chip (of each stage), by dtype.

    Parameters
    ----------
    macs
        Multiply-accumulates on the matrix engine.
    simd_ops, vector_ops
        Operations on single elements, on the SIMD engine and on the vector core.
    """

    macs: Mapping[str, float]
    simd_ops: Mapping[str, float]
    vector_ops: Mapping[str, float]


def count_work(trace: Trace) -> StepWork:
    """Count the operations of one step; a sweep asks for those of the same ones with every part.

    Parameters
    ----------
    trace
        The workload.
    """
    return _WORK.find((trace,), None, lambda: _count(trace))


def _count(trace: Trace) -> StepWork:
    macs: dict[str, float] = {}
    simd_ops: dict[str, float] = {}
    vector_ops: dict[str, float] = {}
    for operator in trace.operators:
        work, dtype = operator.op.work(), operator.dtype
        for counts, n_ops in ((macs, work.matrix_flop / 2), (simd_ops, work.simd_flop), (vector_ops, work.vector_flop)):
            if n_ops:
                counts[dtype] = counts.get(dtype, 0.0) + n_ops * operator.count
    return StepWork(macs, simd_ops, vector_ops)
