"""Conversion between wide numbers and narrow ones with scales found at run time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from archmodel.workload.checks import check_dims
from archmodel.workload.operators import register
from archmodel.workload.types import Count, Operand, OperatorKind, Work

# Elements that share a scale. Other formats have one scale per row; these count their scales in the element size.
_BLOCK = {"bfp8": 16, "mx4": 32}


@register
@dataclass(frozen=True)
class Quantise(OperatorKind):
    """Convert to a narrow format, with the largest magnitude of each row (or block) as scale.

    Parameters
    ----------
    rows, cols
        Shape.
    to
        ``int8`` and ``fp8`` have an fp32 scale per row, an output of its own; in ``bfp8`` every 16 elements of a row
        and in ``mx4`` every 32 share a scale that is part of the format.

    Model
    -----
    Per element: magnitude and multiply and round on the SIMD engine (3), maximum on the vector core (1). Per scale:
    divide by the largest number of the format, and take the reciprocal (2, SIMD engine).

    Sources
    -------
    Blocks: OCP Microscaling Formats Specification v1.0, table 1 (mx4); tenstorrent/tt-metal, tech_reports/data_formats
    (bfp8).
    """

    kind: ClassVar[str] = "quantise"
    group: ClassVar[str] = "quantisation"
    rows: Count
    cols: Count
    to: Literal["int8", "fp8", "bfp8", "mx4"] = "int8"

    def __post_init__(self) -> None:
        check_dims(self)

    @property
    def n_scales(self) -> int:
        """Scales: one per row, or per block of a row."""
        return self.rows * -(-self.cols // _BLOCK.get(self.to, self.cols))

    def operands(self) -> tuple[Operand, ...]:
        """List x, out and scales (absent in block formats)."""
        scales = () if self.to in _BLOCK else (Operand("scales", (self.rows,), is_output=True, dtype="fp32"),)
        return (
            Operand("x", (self.rows, self.cols)),
            Operand("out", (self.rows, self.cols), is_output=True, dtype=self.to),
            *scales,
        )

    def work(self) -> Work:
        """Count 4 FLOP per element and 2 per scale."""
        n_elements = float(self.rows * self.cols)
        return Work(simd_flop=3 * n_elements + 2 * self.n_scales, vector_flop=n_elements)


@register
@dataclass(frozen=True)
class Dequantise(OperatorKind):
    """Convert from a narrow format, or from the int32 sums of an int8 product.

    Parameters
    ----------
    rows, cols
        Shape.
    source
        Format of the input: ``int8``, ``fp8`` or ``int32`` with an fp32 scale per row, or ``bfp8`` or ``mx4`` with
        their scales inside.

    Model
    -----
    SIMD engine: one multiply per element.
    """

    kind: ClassVar[str] = "dequantise"
    group: ClassVar[str] = "quantisation"
    rows: Count
    cols: Count
    source: Literal["int8", "fp8", "bfp8", "mx4", "int32"] = "int8"

    def __post_init__(self) -> None:
        check_dims(self)

    def operands(self) -> tuple[Operand, ...]:
        """List x, scales (absent in block formats) and out."""
        scales = () if self.source in _BLOCK else (Operand("scales", (self.rows,), dtype="fp32"),)
        return (
            Operand("x", (self.rows, self.cols), dtype=self.source),
            *scales,
            Operand("out", (self.rows, self.cols), is_output=True),
        )

    def work(self) -> Work:
        """Count one FLOP per element."""
        return Work(simd_flop=float(self.rows * self.cols))
