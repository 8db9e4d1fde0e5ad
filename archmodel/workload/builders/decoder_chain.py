"""Chains of operators in which each takes the output of the one before."""

from __future__ import annotations

from collections.abc import Sequence

from archmodel.workload.build import TraceBuilder
from archmodel.workload.operators.elementwise import Elementwise
from archmodel.workload.operators.matmul import Matmul
from archmodel.workload.types import OperatorKind

Stage = tuple[str, OperatorKind]


def linear(name: str, *, m: int, n: int, k: int, has_bias: bool = False) -> list[Stage]:
    """Stages of a linear layer: the matmul and, if it has one, the bias."""
    bias: list[Stage] = [(f"{name}_bias", Elementwise(n=m * n, function="bias"))] if has_bias else []
    return [(name, Matmul(m=m, n=n, k=k)), *bias]


def add_chain(b: TraceBuilder, x: str, stages: Sequence[Stage], *, out: str | None = None) -> str:
    """Append the stages; only the last writes into ``out``, if one is given. Returns the last output."""
    for name, op in stages[:-1]:
        x = b.add(name, op, x)
    name, op = stages[-1]
    return b.add(name, op, x, out=out)
