"""Pooled embedding lookups over many tables at once (table-batched embedding)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archmodel.workload.checks import Rule, check_dims
from archmodel.workload.operators import register
from archmodel.workload.types import Count, Operand, OperatorKind, Work


@register
@dataclass(frozen=True)
class EmbeddingBag(OperatorKind):
    """Look up rows of embedding tables and sum them per sample and table.

    Parameters
    ----------
    n_tables
        Tables; the output has one vector per sample and table.
    rows
        Rows of all tables together.
    dim
        Elements per row.
    batch
        Samples.
    pooling
        Lookups per sample, all tables together.
    weighted
        Rows are multiplied by a weight per lookup before the sum.

    Model
    -----
    ``batch · pooling`` rows of ``dim`` elements are gathered, each lookup anew: caches that serve repeated rows are the
    machine's business. SIMD engine, which pools rows: one add per gathered element, and one multiply if weighted.
    Offsets of the bags are not counted.

    Sources
    -------
    ISCA 2025 (MTIA 2i), section 3.3: instructions of the SIMD engine that pool rows.
    """

    kind: ClassVar[str] = "embedding_bag"
    group: ClassVar[str] = "embedding"
    n_tables: Count
    rows: Count
    dim: Count
    batch: Count
    pooling: Count
    weighted: bool = False

    def __post_init__(self) -> None:
        check_dims(
            self,
            Rule(
                ("rows", "n_tables"),
                lambda op: op.rows >= op.n_tables,
                "{op.rows} for n_tables {op.n_tables}; give the rows of all tables together, at least one each",
            ),
        )

    def operands(self) -> tuple[Operand, ...]:
        """List indices, weights (if weighted), table and out."""
        n_lookups = self.batch * self.pooling
        weights = (Operand("weights", (n_lookups,)),) if self.weighted else ()
        return (
            Operand("indices", (n_lookups,), role="index", dtype="int32"),
            *weights,
            Operand("table", (self.rows, self.dim), role="table", touched=float(n_lookups * self.dim), row=self.dim),
            Operand("out", (self.batch, self.n_tables * self.dim), is_output=True),
        )

    def work(self) -> Work:
        """Count the sum (and the weights) on the SIMD engine."""
        return Work(simd_flop=(2.0 if self.weighted else 1.0) * self.batch * self.pooling * self.dim)
