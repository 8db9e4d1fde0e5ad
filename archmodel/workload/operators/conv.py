"""Convolution of images and videos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from archmodel.units import Number
from archmodel.workload.checks import Rule, check_dims
from archmodel.workload.operators import register
from archmodel.workload.types import Count, Operand, OperatorKind, Reuse, Work

Padding = Annotated[int, Number("a padding", -1, integer=True)]

_GROUP_RULES = (
    Rule(
        ("groups", "in_channels"),
        lambda op: op.in_channels % op.groups == 0,
        "{op.groups} does not divide in_channels {op.in_channels}; every group takes equally many",
    ),
    Rule(
        ("groups", "out_channels"),
        lambda op: op.out_channels % op.groups == 0,
        "{op.groups} does not divide out_channels {op.out_channels}; every group gives equally many",
    ),
)


def _fits(kernel: str, size: str, padding: str, pad: str) -> Rule:
    """Demand that a kernel is no longer than the padded input along one axis."""
    return Rule(
        (kernel, size, padding),
        lambda op: getattr(op, kernel) <= getattr(op, size) + 2 * getattr(op, pad),
        f"{{op.{kernel}}} is longer than {size} {{op.{size}}} with {{op.{pad}}} of padding on each side",
    )


_PLANE_RULES = (
    *_GROUP_RULES,
    _fits("kernel", "height", "padding", "pad"),
    _fits("kernel", "width", "padding", "pad"),
)


def _steps(size: int, kernel: int, stride: int, pad: int) -> int:
    """Positions of a kernel along one axis."""
    return (size + 2 * pad - kernel) // stride + 1


def _read(size: int, kernel: int, stride: int, pad: int) -> int:
    """Positions along one axis of the input that a kernel reaches."""
    end = (_steps(size, kernel, stride, pad) - 1) * stride + kernel

    def count(n: int) -> int:
        """Count those among the first of the padded input."""
        n_whole, rest = divmod(min(n, end), stride)
        return n_whole * min(kernel, stride) + min(kernel, rest)

    return count(pad + size) - count(pad)


@register
@dataclass(frozen=True)
class Conv2d(OperatorKind):
    """Two-dimensional convolution of ``batch`` images with a square kernel.

    Parameters
    ----------
    batch, in_channels, out_channels
        Images; channels of input and output.
    height, width
        Of the input.
    kernel, stride
        Edge of the kernel and its step, both axes.
    padding
        Zeros added on each side (-1: ``kernel // 2``, which keeps the size at stride 1 and odd kernels).
    groups
        Channels are split into this many independent convolutions.
    has_bias
        One bias per output channel.

    Model
    -----
    Matrix engine: ``2 · batch · out_height · out_width · out_channels · (in_channels / groups) · kernel²`` FLOP,
    products with padding included. SIMD engine: one add per output element with a bias. What no window reaches of the
    input, because a stride skips it, does not move. When the memory holds S elements only, the matrix FLOP / √S
    elements move: the bound of the matrix product that the convolution is (implicit GEMM), which leaves out that
    neighbouring windows share inputs.

    Sources
    -------
    Implicit GEMM: Chetlur et al., cuDNN: Efficient Primitives for Deep Learning, arXiv:1410.0759. What the shared
    inputs could save: Demmel & Dinh, Communication-Optimal Convolutional Neural Nets, arXiv:1802.06905.
    """

    kind: ClassVar[str] = "conv2d"
    group: ClassVar[str] = "convolution"
    batch: Count
    in_channels: Count
    out_channels: Count
    height: Count
    width: Count
    kernel: Count
    stride: Count = 1
    padding: Padding = -1
    groups: Count = 1
    has_bias: bool = False

    def __post_init__(self) -> None:
        check_dims(self, *_PLANE_RULES)

    @property
    def pad(self) -> int:
        """Zeros on each side."""
        return self.kernel // 2 if self.padding < 0 else self.padding

    @property
    def out_height(self) -> int:
        """Rows of the output."""
        return _steps(self.height, self.kernel, self.stride, self.pad)

    @property
    def out_width(self) -> int:
        """Columns of the output."""
        return _steps(self.width, self.kernel, self.stride, self.pad)

    def operands(self) -> tuple[Operand, ...]:
        """List x, weight, bias (if any) and out."""
        filters = (self.out_channels, self.in_channels // self.groups, self.kernel, self.kernel)
        bias = (Operand("bias", (self.out_channels,), role="weight"),) if self.has_bias else ()
        lines, cols = (_read(size, self.kernel, self.stride, self.pad) for size in (self.height, self.width))
        moved = float(self.batch * self.in_channels * lines * cols)
        return (
            Operand("x", (self.batch, self.in_channels, self.height, self.width), touched=moved),
            Operand("weight", filters, role="weight"),
            *bias,
            Operand("out", (self.batch, self.out_channels, self.out_height, self.out_width), is_output=True),
        )

    def work(self) -> Work:
        """Count two FLOP per product on the matrix engine, the bias on the SIMD engine."""
        n_out = float(self.batch * self.out_channels * self.out_height * self.out_width)
        depth = self.in_channels // self.groups * self.kernel**2
        return Work(matrix_flop=2 * n_out * depth, simd_flop=n_out if self.has_bias else 0.0)

    def reuse(self) -> Reuse:
        """Bound traffic by the matrix FLOP / √S."""
        return Reuse(sqrt=self.work().matrix_flop)


@register
@dataclass(frozen=True)
class Conv3d(OperatorKind):
    """Convolution of ``batch`` videos over frames, rows and columns.

    Parameters
    ----------
    batch, in_channels, out_channels
        Videos; channels of input and output.
    frames, height, width
        Of the input.
    kernel, kernel_frames
        Edge of the kernel in rows and columns, and in frames.
    stride, stride_frames
        Steps of the kernel.
    padding, padding_frames
        Zeros added on each side (-1: ``kernel // 2``, ``kernel_frames // 2``). A causal convolution pads its
        ``kernel_frames - 1`` frames all in front, which counts the same.
    groups
        Channels are split into this many independent convolutions.
    has_bias
        One bias per output channel.

    Model
    -----
    As `Conv2d`, with ``out_frames`` more outputs and ``kernel_frames`` more products each.

    Sources
    -------
    As `Conv2d`.
    """

    kind: ClassVar[str] = "conv3d"
    group: ClassVar[str] = "convolution"
    batch: Count
    in_channels: Count
    out_channels: Count
    frames: Count
    height: Count
    width: Count
    kernel: Count
    kernel_frames: Count
    stride: Count = 1
    stride_frames: Count = 1
    padding: Padding = -1
    padding_frames: Padding = -1
    groups: Count = 1
    has_bias: bool = False

    def __post_init__(self) -> None:
        check_dims(self, *_PLANE_RULES, _fits("kernel_frames", "frames", "padding_frames", "pad_frames"))

    @property
    def pad(self) -> int:
        """Zeros on each side of rows and columns."""
        return self.kernel // 2 if self.padding < 0 else self.padding

    @property
    def pad_frames(self) -> int:
        """Zero frames on each side."""
        return self.kernel_frames // 2 if self.padding_frames < 0 else self.padding_frames

    @property
    def out_frames(self) -> int:
        """Frames of the output."""
        return _steps(self.frames, self.kernel_frames, self.stride_frames, self.pad_frames)

    @property
    def out_height(self) -> int:
        """Rows of the output."""
        return _steps(self.height, self.kernel, self.stride, self.pad)

    @property
    def out_width(self) -> int:
        """Columns of the output."""
        return _steps(self.width, self.kernel, self.stride, self.pad)

    def operands(self) -> tuple[Operand, ...]:
        """List x, weight, bias (if any) and out."""
        filters = (self.out_channels, self.in_channels // self.groups, self.kernel_frames, self.kernel, self.kernel)
        out = (self.batch, self.out_channels, self.out_frames, self.out_height, self.out_width)
        bias = (Operand("bias", (self.out_channels,), role="weight"),) if self.has_bias else ()
        lines, cols = (_read(size, self.kernel, self.stride, self.pad) for size in (self.height, self.width))
        frames = _read(self.frames, self.kernel_frames, self.stride_frames, self.pad_frames)
        moved = float(self.batch * self.in_channels * frames * lines * cols)
        return (
            Operand("x", (self.batch, self.in_channels, self.frames, self.height, self.width), touched=moved),
            Operand("weight", filters, role="weight"),
            *bias,
            Operand("out", out, is_output=True),
        )

    def work(self) -> Work:
        """Count two FLOP per product on the matrix engine, the bias on the SIMD engine."""
        n_out = float(self.batch * self.out_channels * self.out_frames * self.out_height * self.out_width)
        depth = self.in_channels // self.groups * self.kernel_frames * self.kernel**2
        return Work(matrix_flop=2 * n_out * depth, simd_flop=n_out if self.has_bias else 0.0)

    def reuse(self) -> Reuse:
        """Bound traffic by the matrix FLOP / √S."""
        return Reuse(sqrt=self.work().matrix_flop)
