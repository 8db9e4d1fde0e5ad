"""Reading and writing rows at given indices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archmodel.workload.checks import check_dims
from archmodel.workload.operators import register
from archmodel.workload.types import Count, Operand, OperatorKind, Role, Work


@register
@dataclass(frozen=True)
class Gather(OperatorKind):
    """Read ``n`` rows: ``out[i] = source[indices[i]]`` (the token embedding of a language model).

    Parameters
    ----------
    rows, dim
        Shape of the source.
    n
        Rows read.
    is_weight
        The source is a weight of the model.

    Model
    -----
    No FLOP. ``n · dim`` elements of the source move, whether rows repeat or not.
    """

    kind: ClassVar[str] = "gather"
    group: ClassVar[str] = "embedding"
    rows: Count
    dim: Count
    n: Count
    is_weight: bool = False

    def __post_init__(self) -> None:
        check_dims(self)

    def operands(self) -> tuple[Operand, ...]:
        """List indices, source and out."""
        role: Role = "weight" if self.is_weight else "activation"
        return (
            Operand("indices", (self.n,), role="index", dtype="int32"),
            Operand("source", (self.rows, self.dim), role=role, touched=float(self.n * self.dim), row=self.dim),
            Operand("out", (self.n, self.dim), is_output=True),
        )

    def work(self) -> Work:
        """Count nothing: rows only move."""
        return Work()


@register
@dataclass(frozen=True)
class Scatter(OperatorKind):
    """Write ``n`` rows: ``out[indices[i]] = source[i]`` (new keys and values into a paged cache).

    Parameters
    ----------
    rows, dim
        Shape of the output.
    n
        Rows written.

    Model
    -----
    No FLOP. ``n · dim`` elements of the output move; its other rows stay as they are.
    """

    kind: ClassVar[str] = "scatter"
    group: ClassVar[str] = "data movement"
    rows: Count
    dim: Count
    n: Count

    def __post_init__(self) -> None:
        check_dims(self)

    def operands(self) -> tuple[Operand, ...]:
        """List indices, source and out."""
        moved = float(self.n * self.dim)
        return (
            Operand("indices", (self.n,), role="index", dtype="int32"),
            Operand("source", (self.n, self.dim)),
            Operand("out", (self.rows, self.dim), is_output=True, touched=moved, row=self.dim),
        )

    def work(self) -> Work:
        """Count nothing: rows only move."""
        return Work()
