"""Reduction of rows to one element each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from archmodel.workload.checks import check_dims
from archmodel.workload.operators import register
from archmodel.workload.types import Count, Operand, OperatorKind, Work


@register
@dataclass(frozen=True)
class Reduction(OperatorKind):
    """Reduce ``rows`` × ``cols`` elements to one per row.

    Model
    -----
    Vector core: one FLOP per input element; a mean divides once more per row.
    """

    kind: ClassVar[str] = "reduction"
    group: ClassVar[str] = "elementwise"
    rows: Count
    cols: Count
    function: Literal["sum", "mean", "max", "min"] = "sum"

    def __post_init__(self) -> None:
        check_dims(self)

    def operands(self) -> tuple[Operand, ...]:
        """List x and out."""
        return (Operand("x", (self.rows, self.cols)), Operand("out", (self.rows,), is_output=True))

    def work(self) -> Work:
        """Count one FLOP per input element."""
        return Work(vector_flop=float(self.rows * self.cols + (self.rows if self.function == "mean" else 0)))
