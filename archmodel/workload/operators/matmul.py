"""Matrix multiplication: a linear layer with weights, a batched one between activations, a grouped one over experts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archmodel.workload.operators import register
from archmodel.workload.types import Count, Operand, OperatorKind, Reuse, Work


@register
@dataclass(frozen=True)
class Matmul(OperatorKind):
    """Linear layer ``c[m,n] = a[m,k] · b[k,n]``, ``b`` a weight.

    Model
    -----
    2·m·n·k FLOP; a, b and c each pass once, or 2·m·n·k/√S elements when the memory holds S elements only.

    Sources
    -------
    Traffic: Hong & Kung, I/O complexity: the red-blue pebble game, STOC 1981.
    """

    kind: ClassVar[str] = "matmul"
    group: ClassVar[str] = "matmul"
    m: Count
    n: Count
    k: Count

    def operands(self) -> tuple[Operand, ...]:
        """List a, b (weight) and c."""
        return (
            Operand("a", (self.m, self.k)),
            Operand("b", (self.k, self.n), role="weight"),
            Operand("c", (self.m, self.n), is_output=True),
        )

    def work(self) -> Work:
        """Count 2·m·n·k on the matrix engine."""
        return Work(matrix_flop=2.0 * self.m * self.n * self.k)

    def reuse(self) -> Reuse:
        """Bound traffic by 2·m·n·k/√S."""
        return Reuse(sqrt=2.0 * self.m * self.n * self.k)
