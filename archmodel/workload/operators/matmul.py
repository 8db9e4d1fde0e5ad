"""Matrix multiplication: a linear layer with weights, a batched one between activations, a grouped one over experts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from archmodel.units import POSITIVE
from archmodel.workload.checks import Rule, check_dims
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

    def __post_init__(self) -> None:
        check_dims(self)

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


@register
@dataclass(frozen=True)
class BatchedMatmul(OperatorKind):
    """Independent products of activations: ``c[i] = a[i] · b[i]`` for ``batch`` pairs of ``[m,k]`` and ``[k,n]``.

    Model
    -----
    2·batch·m·n·k FLOP; a, b and c each pass once, or 2·batch·m·n·k/√S elements when the memory holds S elements only.

    Sources
    -------
    Traffic: `Matmul`, once per product.
    """

    kind: ClassVar[str] = "batched_matmul"
    group: ClassVar[str] = "matmul"
    batch: Count
    m: Count
    n: Count
    k: Count

    def __post_init__(self) -> None:
        check_dims(self)

    def operands(self) -> tuple[Operand, ...]:
        """List a, b (both activations) and c."""
        return (
            Operand("a", (self.batch, self.m, self.k)),
            Operand("b", (self.batch, self.k, self.n)),
            Operand("c", (self.batch, self.m, self.n), is_output=True),
        )

    def work(self) -> Work:
        """Count 2·batch·m·n·k on the matrix engine."""
        return Work(matrix_flop=2.0 * self.batch * self.m * self.n * self.k)

    def reuse(self) -> Reuse:
        """Bound traffic by 2·batch·m·n·k/√S."""
        return Reuse(sqrt=2.0 * self.batch * self.m * self.n * self.k)


@register
@dataclass(frozen=True)
class GroupedMatmul(OperatorKind):
    """Mixture-of-experts layer: every row of ``a`` is multiplied by the weight of the expert it was sent to.

    Parameters
    ----------
    m_total
        Rows over all experts: tokens × experts per token.
    n, k
        Columns of the output and of the input.
    experts
        Experts whose weights are stored here.
    active
        Expected number of experts that got at least one row; only their weights move.

    Model
    -----
    2·m_total·n·k FLOP. Weights move active·k·n of their experts·k·n elements; a and c pass once. When the memory holds
    S elements only: 2·m_total·n·k/√S, the sum of the bounds of the experts' products.

    Sources
    -------
    Traffic: `Matmul`, once per expert.
    """

    kind: ClassVar[str] = "grouped_matmul"
    group: ClassVar[str] = "matmul"
    m_total: Count
    n: Count
    k: Count
    experts: Count
    active: Annotated[float, POSITIVE]

    def __post_init__(self) -> None:
        # The margin lets an expectation such as E·(1 − (1 − 1/E)) = 1 pass despite rounding.
        check_dims(
            self,
            Rule(
                ("active", "experts"),
                lambda op: op.active <= op.experts * (1 + 1e-9),
                "{op.active:g} of {op.experts} experts; at most all of them can be active",
            ),
            Rule(
                ("active", "m_total"),
                lambda op: op.active <= op.m_total * (1 + 1e-9),
                "{op.active:g} experts for m_total {op.m_total} rows; each active expert has at least one row",
            ),
        )

    def operands(self) -> tuple[Operand, ...]:
        """List a, b (weights of all experts) and c."""
        moved = self.active * self.k * self.n
        return (
            Operand("a", (self.m_total, self.k)),
            Operand("b", (self.experts, self.k, self.n), role="weight", touched=moved),
            Operand("c", (self.m_total, self.n), is_output=True),
        )

    def work(self) -> Work:
        """Count 2·m_total·n·k on the matrix engine."""
        return Work(matrix_flop=2.0 * self.m_total * self.n * self.k)

    def reuse(self) -> Reuse:
        """Bound traffic by 2·m_total·n·k/√S."""
        return Reuse(sqrt=2.0 * self.m_total * self.n * self.k)
