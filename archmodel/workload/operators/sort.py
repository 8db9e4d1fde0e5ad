"""Sorting of pairs by key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archmodel.workload.checks import Rule, check_dims
from archmodel.workload.operators import register
from archmodel.workload.types import Count, Operand, OperatorKind, Work

DIGIT_BITS = 8
"""Bits of a digit: its 256 counters fit the local memory of a PE, and the first-level cache of a core."""


@register
@dataclass(frozen=True)
class RadixSort(OperatorKind):
    """Sort ``n`` keys, each with a value of 32 bits (row indices of embedding lookups, with the bags they are for).

    Parameters
    ----------
    n
        Keys.
    bits
        Significant bits of a key, 64 at most; keys of more than 32 bits have 8 bytes.

    Model
    -----
    Least significant digit first, in digits of 8 bits. Vector core: a shift and a mask per key and digit; counting and
    moving keys is no arithmetic. Keys and values are read once and written once here; passes move them again where they
    do not fit local memory.
    """

    kind: ClassVar[str] = "radix_sort"
    group: ClassVar[str] = "data movement"
    n: Count
    bits: Count = 32

    def __post_init__(self) -> None:
        check_dims(self, Rule(("bits",), lambda op: op.bits <= 64, "{op.bits} is too many; a key has 64 at most"))

    @property
    def n_passes(self) -> int:
        """Digits of a key."""
        return -(-self.bits // DIGIT_BITS)

    @property
    def key_dtype(self) -> str:
        """Format of a key."""
        return "int32" if self.bits <= 32 else "int64"

    def operands(self) -> tuple[Operand, ...]:
        """List keys and values, and both sorted."""
        return (
            Operand("keys", (self.n,), role="index", dtype=self.key_dtype),
            Operand("values", (self.n,), role="index", dtype="int32"),
            Operand("sorted_keys", (self.n,), role="index", is_output=True, dtype=self.key_dtype),
            Operand("sorted_values", (self.n,), role="index", is_output=True, dtype="int32"),
        )

    def work(self) -> Work:
        """Count two FLOP per key and digit."""
        return Work(vector_flop=2.0 * self.n * self.n_passes)
