"""Normalisation of rows: softmax, layer norm, RMS norm, group norm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archmodel.workload.checks import Rule, check_dims
from archmodel.workload.operators import register
from archmodel.workload.types import Count, Operand, OperatorKind, Work


@register
@dataclass(frozen=True)
class Softmax(OperatorKind):
    """Softmax of every row.

    Model
    -----
    5 FLOP per element: maximum and sum on the vector core; subtract, exp and divide on the SIMD engine.
    """

    kind: ClassVar[str] = "softmax"
    group: ClassVar[str] = "normalisation"
    rows: Count
    cols: Count

    def __post_init__(self) -> None:
        check_dims(self)

    def operands(self) -> tuple[Operand, ...]:
        """List x and out."""
        return (Operand("x", (self.rows, self.cols)), Operand("out", (self.rows, self.cols), is_output=True))

    def work(self) -> Work:
        """Count two reductions and three elementwise operations."""
        n_elements = float(self.rows * self.cols)
        return Work(simd_flop=3 * n_elements, vector_flop=2 * n_elements)


@register
@dataclass(frozen=True)
class LayerNorm(OperatorKind):
    """Layer norm of every row: subtract the mean, divide by the standard deviation, scale and shift if ``affine``.

    Model
    -----
    Vector core: sum, square and sum (3) per element; mean, variance (a division each), add epsilon, square root,
    reciprocal (5) per row. SIMD engine: subtract and multiply (2) per element, with ``affine`` also multiply by gamma
    and add beta (4).

    Sources
    -------
    Ba et al., Layer Normalization, arXiv:1607.06450.
    """

    kind: ClassVar[str] = "layer_norm"
    group: ClassVar[str] = "normalisation"
    rows: Count
    cols: Count
    affine: bool = True

    def __post_init__(self) -> None:
        check_dims(self)

    def operands(self) -> tuple[Operand, ...]:
        """List x, gamma and beta (weights, if affine) and out."""
        names = ("gamma", "beta") if self.affine else ()
        return (
            Operand("x", (self.rows, self.cols)),
            *(Operand(name, (self.cols,), role="weight") for name in names),
            Operand("out", (self.rows, self.cols), is_output=True),
        )

    def work(self) -> Work:
        """Count 5 FLOP per element and row, 2 more per element if affine."""
        return _norm_work(self.rows, self.cols, affine=self.affine)


@register
@dataclass(frozen=True)
class RmsNorm(OperatorKind):
    """Divide every row by its root mean square, scale if ``affine``.

    Model
    -----
    Vector core: square, sum (2) per element; mean, add epsilon, square root, reciprocal (4) per row. SIMD engine:
    multiply (1) per element, with ``affine`` multiply by gamma (2).

    Sources
    -------
    Zhang & Sennrich, Root Mean Square Layer Normalization, NeurIPS 2019.
    """

    kind: ClassVar[str] = "rms_norm"
    group: ClassVar[str] = "normalisation"
    rows: Count
    cols: Count
    affine: bool = True

    def __post_init__(self) -> None:
        check_dims(self)

    def operands(self) -> tuple[Operand, ...]:
        """List x, gamma (weight, if affine) and out."""
        gamma = (Operand("gamma", (self.cols,), role="weight"),) if self.affine else ()
        return (
            Operand("x", (self.rows, self.cols)),
            *gamma,
            Operand("out", (self.rows, self.cols), is_output=True),
        )

    def work(self) -> Work:
        """Count 3 FLOP per element (4 if affine) and 4 per row."""
        n_elements = float(self.rows * self.cols)
        return Work(simd_flop=(2 if self.affine else 1) * n_elements, vector_flop=2 * n_elements + 4 * self.rows)


@register
@dataclass(frozen=True)
class GroupNorm(OperatorKind):
    """Normalise groups of channels of every image to mean 0 and variance 1, then scale and shift each channel.

    Parameters
    ----------
    batch
        Images or videos.
    channels, groups
        Channels, and the groups they fall into.
    spatial
        Positions per channel: height × width (× frames).

    Model
    -----
    `LayerNorm` with affine, over ``batch · groups`` rows.

    Sources
    -------
    Wu & He, Group Normalization, ECCV 2018.
    """

    kind: ClassVar[str] = "group_norm"
    group: ClassVar[str] = "normalisation"
    batch: Count
    channels: Count
    spatial: Count
    groups: Count

    def __post_init__(self) -> None:
        check_dims(
            self,
            Rule(
                ("groups", "channels"),
                lambda op: op.channels % op.groups == 0,
                "{op.groups} does not divide channels {op.channels}; every group has equally many",
            ),
        )

    def operands(self) -> tuple[Operand, ...]:
        """List x, gamma and beta (weights) and out."""
        shape = (self.batch, self.channels, self.spatial)
        return (
            Operand("x", shape),
            Operand("gamma", (self.channels,), role="weight"),
            Operand("beta", (self.channels,), role="weight"),
            Operand("out", shape, is_output=True),
        )

    def work(self) -> Work:
        """Count 7 FLOP per element and 5 per image and group."""
        rows, cols = self.batch * self.groups, self.channels // self.groups * self.spatial
        return _norm_work(rows, cols, affine=True)


def _norm_work(rows: int, cols: int, *, affine: bool) -> Work:
    """Subtract the mean of every row and divide by its standard deviation; scale and shift if ``affine``."""
    n_elements = float(rows * cols)
    return Work(simd_flop=(4 if affine else 2) * n_elements, vector_flop=3 * n_elements + 5 * rows)
