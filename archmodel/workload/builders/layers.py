"""Layers that the builders of diffusion models, encoders and convolutional networks share.

A bias is added while the product is written out, so a linear layer is one operator. Biases and position embeddings are
declared as weights, so that parameter counts are complete, but no operator reads them: all rows or images share them,
and `Elementwise` does not count what rows share. The same holds of the vectors that modulate a stream.
"""

from __future__ import annotations

from archmodel.errors import Fault, InputError
from archmodel.workload.build import TraceBuilder
from archmodel.workload.operators.conv import Conv2d
from archmodel.workload.operators.elementwise import Elementwise, Function
from archmodel.workload.operators.matmul import Matmul
from archmodel.workload.operators.normalise import LayerNorm


def linear(b: TraceBuilder, name: str, x: str, *, m: int, n: int, k: int, has_bias: bool = True) -> str:
    """Add a linear layer of ``m`` rows, ``k`` features in and ``n`` out."""
    if has_bias:
        b.input(f"{name}.bias", (n,), role="weight")
    return b.add(name, Matmul(m=m, n=n, k=k), x)


def elementwise(b: TraceBuilder, name: str, function: Function, n: int, *inputs: str) -> str:
    """Add an elementwise function of ``n`` elements."""
    return b.add(name, Elementwise(n=n, function=function), *inputs)


def mlp(b: TraceBuilder, name: str, x: str, *, m: int, k: int, hidden: int, n: int, function: Function) -> str:
    """Add two linear layers with ``function`` between them."""
    with b.scope(name):
        x = linear(b, "up", x, m=m, n=hidden, k=k)
        x = elementwise(b, "activation", function, m * hidden, x)
        return linear(b, "down", x, m=m, n=n, k=hidden)


def modulation(b: TraceBuilder, name: str, c: str, *, batch: int, dim: int, n_vectors: int) -> str:
    """Project the conditioning vector ``c`` to the shifts, scales and gates of a block."""
    with b.scope(name):
        c = elementwise(b, "silu", "silu", batch * dim, c)
        return linear(b, "linear", c, m=batch, n=n_vectors * dim, k=dim)


def modulated_norm(b: TraceBuilder, name: str, x: str, *, rows: int, dim: int) -> str:
    """Normalise without weights, then scale and shift by the block's modulation."""
    with b.scope(name):
        x = b.add("norm", LayerNorm(rows=rows, cols=dim, affine=False), x)
        return elementwise(b, "modulate", "modulate", rows * dim, x)


def gated_add(b: TraceBuilder, name: str, x: str, y: str, *, n: int) -> str:
    """Add ``y``, scaled by the block's gate, to the residual stream ``x``."""
    with b.scope(name):
        y = elementwise(b, "gate", "scale", n, y)
        return elementwise(b, "add", "add", n, x, y)


def patch_embed(
    b: TraceBuilder, name: str, x: str, *, batch: int, channels: int, height: int, width: int, patch: int, dim: int
) -> str:
    """Turn ``patch`` × ``patch`` pixels into one token each: a convolution whose stride is its kernel."""
    op = Conv2d(
        batch=batch,
        in_channels=channels,
        out_channels=dim,
        height=height,
        width=width,
        kernel=patch,
        stride=patch,
        padding=0,
        has_bias=True,
    )
    return b.add(name, op, x)


def check_resolution(resolution: int, step: int) -> None:
    """Raise `InputError` unless the edge of the image [pixels] is a multiple of ``step``."""
    if resolution % step:
        near = max(step, round(resolution / step) * step)
        text = f"{resolution} is not allowed; this model takes multiples of {step}, e.g. {near}"
        raise InputError("run settings", [Fault("resolution", text)])


def check_model(*rules: tuple[bool, str, str]) -> None:
    """Raise `InputError` with every rule that does not hold.

    Parameters
    ----------
    *rules
        Whether it holds, the hyper-parameter to blame, and what is wrong.
    """
    faults = [Fault(f"model.{name}", text) for holds, name, text in rules if not holds]
    if faults:
        raise InputError("workload description", faults)


def heads_rule(d_model: int, n_heads: int) -> tuple[bool, str, str]:
    """Demand that attention heads share the width evenly, as a rule of `check_model`."""
    return d_model % n_heads == 0, "n_heads", f"{n_heads} does not divide the width {d_model}"
