"""Backward pass of embedding bags, fused with the optimiser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archmodel.workload.checks import Rule, check_dims
from archmodel.workload.operators import register
from archmodel.workload.types import Count, Operand, OperatorKind, Work


@register
@dataclass(frozen=True)
class EmbeddingBagBackward(OperatorKind):
    """Sum the gradients of every row that was looked up, and update the row with row-wise Adagrad.

    Parameters
    ----------
    n_tables, rows, dim, batch, pooling
        As in `EmbeddingBag`.
    unique
        Different rows among the lookups.

    Model
    -----
    Lookups come sorted by row, each with the bag it was for (`RadixSort`). A lookup gathers the gradient of its bag.
    Rows and their momentum, one number each, are read and written back in place, once. SIMD engine: an add per gathered
    element; per row, 4 FLOP an element (square, sum, scale, subtract) and 5 for the momentum and the rate.

    Sources
    -------
    J. Duchi et al., Adaptive subgradient methods, JMLR 12, 2011; one momentum per row and the fusion with the backward
    pass as in FBGEMM (github.com/pytorch/FBGEMM, exact row-wise Adagrad).
    """

    kind: ClassVar[str] = "embedding_bag_backward"
    group: ClassVar[str] = "embedding"
    n_tables: Count
    rows: Count
    dim: Count
    batch: Count
    pooling: Count
    unique: Count

    def __post_init__(self) -> None:
        check_dims(
            self,
            Rule(
                ("rows", "n_tables"),
                lambda op: op.rows >= op.n_tables,
                "{op.rows} for n_tables {op.n_tables}; give the rows of all tables together, at least one each",
            ),
            Rule(
                ("unique", "rows", "batch", "pooling"),
                lambda op: op.unique <= min(op.rows, op.batch * op.pooling),
                "{op.unique} rows are more than the tables have, or than the lookups, batch x pooling",
            ),
        )

    def operands(self) -> tuple[Operand, ...]:
        """List indices, bags, gradient, table (in place) and momentum (in place)."""
        n_lookups = self.batch * self.pooling
        return (
            Operand("indices", (n_lookups,), role="index", dtype="int32"),
            Operand("bags", (n_lookups,), role="index", dtype="int32"),
            Operand(
                "gradient", (self.batch, self.n_tables * self.dim), touched=float(n_lookups * self.dim), row=self.dim
            ),
            Operand(
                "table", (self.rows, self.dim), role="table", touched=2.0 * self.unique * self.dim, row=self.dim
            ),
            Operand(
                "momentum", (self.rows,), role="table", is_output=True, touched=2.0 * self.unique, row=1, dtype="fp32"
            ),
        )  # fmt: skip

    def work(self) -> Work:
        """Count the sums and the update."""
        summed = self.batch * self.pooling * self.dim
        return Work(simd_flop=float(summed + self.unique * (4 * self.dim + 5)))
