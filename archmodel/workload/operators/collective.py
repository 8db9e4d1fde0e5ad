"""Communication between the chips of a scale-up domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from archmodel.dtypes import dtype_bytes
from archmodel.workload.checks import check_dims
from archmodel.workload.operators import register
from archmodel.workload.types import Count, Operand, OperatorKind, Work


@register
@dataclass(frozen=True)
class Collective(OperatorKind):
    """One collective operation, seen from one of ``n_chips`` equal chips.

    Parameters
    ----------
    function
        ``all_reduce``, ``all_gather``, ``reduce_scatter`` or ``all_to_all``; ``send`` passes the buffer on to the next.
    n
        Elements of the full buffer on each chip, never of a shard: what all_reduce and all_to_all start and end with,
        what all_gather ends with and what reduce_scatter starts with.
    n_chips
        Chips that take part; 1 moves nothing.

    Model
    -----
    Bytes that one chip sends: ``(n_chips − 1) / n_chips · n`` elements, twice that for all_reduce (a reduce_scatter and
    an all_gather), and all n for send. It receives as many. Over the bandwidth of its link this is the time of an ideal
    ring or all-to-all; `archmodel.kernels.collectives` adds what steps cost.
    SIMD engine: all_reduce and reduce_scatter add ``(n_chips − 1) / n_chips · n`` elements.

    Sources
    -------
    NVIDIA/nccl-tests, doc/PERFORMANCE.md, section "Bus bandwidth": ``n`` is its size S, "the total array", and the
    factors are its 2(n−1)/n for all_reduce and (n−1)/n for the others.
    """

    kind: ClassVar[str] = "collective"
    group: ClassVar[str] = "collective"
    function: Literal["all_reduce", "all_gather", "reduce_scatter", "all_to_all", "send"]
    n: Count
    n_chips: Count

    def __post_init__(self) -> None:
        check_dims(self)

    def operands(self) -> tuple[Operand, ...]:
        """List x and out; a shard is ``n / n_chips`` elements, rounded up."""
        shard = -(-self.n // self.n_chips)
        return (
            Operand("x", (shard if self.function == "all_gather" else self.n,)),
            Operand("out", (shard if self.function == "reduce_scatter" else self.n,), is_output=True),
        )

    def work(self) -> Work:
        """Count the additions of the two that reduce."""
        return Work(simd_flop=self._n_exchanged if self.function in ("all_reduce", "reduce_scatter") else 0.0)

    def n_chips_spanned(self) -> int:
        """All of them."""
        return self.n_chips

    def link_bytes(self, dtype: str) -> float:
        """Bytes that one chip sends."""
        if self.function == "send":
            return self.n * dtype_bytes(dtype) if self.n_chips > 1 else 0.0
        return (2 if self.function == "all_reduce" else 1) * self._n_exchanged * dtype_bytes(dtype)

    @property
    def _n_exchanged(self) -> float:
        """Elements of the full buffer that belong to other chips."""
        return self.n * (self.n_chips - 1) / self.n_chips
