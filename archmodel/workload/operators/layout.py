"""Operators that only change where elements stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from archmodel.units import COUNT
from archmodel.workload.checks import check_dims, parse_number
from archmodel.workload.operators import register
from archmodel.workload.types import Count, Operand, OperatorKind, Work


@register
@dataclass(frozen=True)
class Transpose(OperatorKind):
    """Exchange rows and columns of a matrix.

    Model
    -----
    No FLOP; every element is read and written once.
    """

    kind: ClassVar[str] = "transpose"
    group: ClassVar[str] = "data movement"
    rows: Count
    cols: Count

    def __post_init__(self) -> None:
        check_dims(self)

    def operands(self) -> tuple[Operand, ...]:
        """List x and out."""
        return (Operand("x", (self.rows, self.cols)), Operand("out", (self.cols, self.rows), is_output=True))

    def work(self) -> Work:
        """Count nothing: elements only move."""
        return Work()


@register
@dataclass(frozen=True)
class Permute(OperatorKind):
    """Reorder the axes of a tensor of ``n`` elements (heads before positions, patches of an image).

    Model
    -----
    No FLOP; every element is read and written once.
    """

    kind: ClassVar[str] = "permute"
    group: ClassVar[str] = "data movement"
    n: Count

    def __post_init__(self) -> None:
        check_dims(self)

    def operands(self) -> tuple[Operand, ...]:
        """List x and out."""
        return (Operand("x", (self.n,)), Operand("out", (self.n,), is_output=True))

    def work(self) -> Work:
        """Count nothing: elements only move."""
        return Work()


class Parts:
    """Annotation of a dim that is a count, or a tuple of counts (as text: ``"4096,1024"``)."""

    def parse(self, given: object) -> int | tuple[int, ...]:
        """Check one count or several; `ValueError` with the sentence that belongs behind ``n:`` otherwise."""
        if isinstance(given, str):  # a flag or a cell of a table
            given = [int(part) if part.strip().isdecimal() else part for part in given.split(",")]
        if not isinstance(given, tuple | list):
            return int(parse_number(COUNT, given))
        if not given:
            raise ValueError("() has no parts; give the elements of each input, e.g. (4096, 1024)")
        return tuple(int(parse_number(COUNT, part)) for part in given)


@register
@dataclass(frozen=True)
class Concat(OperatorKind):
    """Join tensors into one.

    Parameters
    ----------
    n
        Elements of each input, e.g. ``(1280 * 256, 640 * 256)`` for two; a number alone means one input that is copied.

    Model
    -----
    No FLOP; every element is read and written once.
    """

    kind: ClassVar[str] = "concat"
    group: ClassVar[str] = "data movement"
    n: Annotated[int | tuple[int, ...], Parts()]

    def __post_init__(self) -> None:
        check_dims(self)

    def operands(self) -> tuple[Operand, ...]:
        """List the inputs, x0 and on, and out."""
        parts = (self.n,) if isinstance(self.n, int) else self.n
        inputs = (Operand(f"x{part_idx}", (part,)) for part_idx, part in enumerate(parts))
        return (*inputs, Operand("out", (sum(parts),), is_output=True))

    def work(self) -> Work:
        """Count nothing: elements only move."""
        return Work()
