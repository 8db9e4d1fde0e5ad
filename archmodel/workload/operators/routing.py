"""Routing: choosing the best columns of a row, and sending tokens to experts and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archmodel.workload.checks import Rule, check_dims
from archmodel.workload.operators import register
from archmodel.workload.types import Count, Operand, OperatorKind, Work


@register
@dataclass(frozen=True)
class TopK(OperatorKind):
    """Find the ``k`` largest elements of every row, and where they stand.

    Model
    -----
    Vector core: each element is placed among the best k so far by binary search, ⌈log₂(k+1)⌉ comparisons of one FLOP.
    """

    kind: ClassVar[str] = "top_k"
    group: ClassVar[str] = "routing"
    rows: Count
    cols: Count
    k: Count

    def __post_init__(self) -> None:
        check_dims(
            self,
            Rule(("k", "cols"), lambda op: op.k <= op.cols, "{op.k} is more than cols {op.cols}; a row has no more"),
        )

    def operands(self) -> tuple[Operand, ...]:
        """List x, values and indices."""
        return (
            Operand("x", (self.rows, self.cols)),
            Operand("values", (self.rows, self.k), is_output=True),
            Operand("indices", (self.rows, self.k), role="index", is_output=True, dtype="int32"),
        )

    def work(self) -> Work:
        """Count ⌈log₂(k+1)⌉ comparisons per element."""
        return Work(vector_flop=float(self.rows * self.cols * self.k.bit_length()))


@register
@dataclass(frozen=True)
class MoeDispatch(OperatorKind):
    """Copy every token to the rows of the ``topk`` experts it was sent to.

    Parameters
    ----------
    tokens, dim
        Shape of the input.
    topk
        Experts per token.

    Model
    -----
    No FLOP; each token is read once and written topk times, row by row, in the order of the experts. Between chips this
    takes an all-to-all `Collective` besides.
    """

    kind: ClassVar[str] = "moe_dispatch"
    group: ClassVar[str] = "routing"
    tokens: Count
    dim: Count
    topk: Count

    def __post_init__(self) -> None:
        check_dims(self)

    def operands(self) -> tuple[Operand, ...]:
        """List x, indices (of the experts) and out."""
        return (
            Operand("x", (self.tokens, self.dim)),
            Operand("indices", (self.tokens, self.topk), role="index", dtype="int32"),
            Operand("out", (self.tokens * self.topk, self.dim), is_output=True, row=self.dim),
        )

    def work(self) -> Work:
        """Count nothing: rows only move."""
        return Work()


@register
@dataclass(frozen=True)
class MoeCombine(OperatorKind):
    """Sum the outputs of the ``topk`` experts of every token, weighted by the router.

    Parameters
    ----------
    tokens, dim
        Shape of the output.
    topk
        Experts per token.

    Model
    -----
    Vector core: a multiply and an add per row of an expert and element. Rows are gathered; their order is known from
    the dispatch and not read again.
    """

    kind: ClassVar[str] = "moe_combine"
    group: ClassVar[str] = "routing"
    tokens: Count
    dim: Count
    topk: Count

    def __post_init__(self) -> None:
        check_dims(self)

    def operands(self) -> tuple[Operand, ...]:
        """List x (rows of all experts), weights (of the router) and out."""
        return (
            Operand("x", (self.tokens * self.topk, self.dim), row=self.dim),
            Operand("weights", (self.tokens, self.topk)),
            Operand("out", (self.tokens, self.dim), is_output=True),
        )

    def work(self) -> Work:
        """Count 2 FLOP per gathered element."""
        return Work(vector_flop=2.0 * self.tokens * self.topk * self.dim)
