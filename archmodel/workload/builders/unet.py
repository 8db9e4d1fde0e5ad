"""UNet of latent diffusion models: residual blocks and spatial transformers on a pyramid of feature maps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

from archmodel.inputs import SCHEMA
from archmodel.units import Number
from archmodel.workload.build import TraceBuilder
from archmodel.workload.builders import Builder, Yield, register
from archmodel.workload.builders.layers import (
    check_model,
    check_resolution,
    elementwise,
    heads_rule,
    linear,
    mlp,
)
from archmodel.workload.operators.attention import Attention
from archmodel.workload.operators.conv import Conv2d
from archmodel.workload.operators.layout import Concat
from archmodel.workload.operators.normalise import GroupNorm, LayerNorm
from archmodel.workload.settings import Count, CountOrZero, RunSettings

_GROUPS = 32  # of every group normalisation: normalization() in openaimodel.py, Normalize() in attention.py


@dataclass(frozen=True, slots=True)
class UNetModel:
    """Hyper-parameters of a UNet; lists have one entry per level, finest first.

    Parameters
    ----------
    latent_channels, latent_scale
        Channels of the latent image; pixels per latent pixel along one edge.
    channels, multipliers
        Base width, and the width of each level as a multiple of it.
    n_res_blocks
        Residual blocks per level on the way down; there is one more on the way up.
    depths, middle_depth
        Transformer blocks behind each residual block of a level (0: none), and in the middle.
    n_heads
        Attention heads of each level; the middle has those of the last.
    context_dim, context_tokens
        Text embedding: features and tokens.
    label_dim
        Features of the vector embedded beside the time (SDXL: pooled text and image sizes), 0 if there is none.
    """

    __pydantic_config__: ClassVar = SCHEMA
    latent_channels: Count
    latent_scale: Count
    channels: Count
    multipliers: tuple[Count, ...]
    n_res_blocks: Annotated[int, Number("a count of blocks", 1, 100, integer=True)]
    depths: tuple[CountOrZero, ...]
    middle_depth: CountOrZero
    n_heads: tuple[Count, ...]
    context_dim: Count
    context_tokens: Count
    label_dim: CountOrZero


@dataclass(frozen=True, slots=True)
class _Map:
    """A feature map: tensor name, channels and edge."""

    name: str
    channels: int
    edge: int


@dataclass(frozen=True, slots=True)
class _Network:
    """Adds the blocks of one forward pass."""

    b: TraceBuilder
    model: UNetModel
    batch: int
    context: str
    embedding: str

    def pixels(self, x: _Map) -> int:
        return self.batch * x.edge * x.edge

    def conv(self, name: str, x: _Map, channels: int, *, stride: int = 1) -> _Map:
        op = Conv2d(
            batch=self.batch,
            in_channels=x.channels,
            out_channels=channels,
            height=x.edge,
            width=x.edge,
            kernel=3,
            stride=stride,
            has_bias=True,
        )
        return _Map(self.b.add(name, op, x.name), channels, x.edge // stride)

    def norm(self, name: str, x: _Map) -> _Map:
        op = GroupNorm(batch=self.batch, channels=x.channels, spatial=x.edge * x.edge, groups=_GROUPS)
        return _Map(self.b.add(name, op, x.name), x.channels, x.edge)

    def norm_silu_conv(self, name: str, x: _Map, channels: int) -> _Map:
        with self.b.scope(name):
            y = self.norm("norm", x)
            silu = elementwise(self.b, "silu", "silu", self.pixels(y) * y.channels, y.name)
            return self.conv("conv", _Map(silu, y.channels, y.edge), channels)

    def res_block(self, name: str, x: _Map, channels: int) -> _Map:
        b, width = self.b, 4 * self.model.channels
        n = self.pixels(x) * channels
        with b.scope(name):
            y = self.norm_silu_conv("in", x, channels)
            time = elementwise(b, "time_silu", "silu", self.batch * width, self.embedding)
            time = linear(b, "time", time, m=self.batch, n=channels, k=width)
            y = _Map(elementwise(b, "time_add", "bias", n, y.name), channels, x.edge)
            y = self.norm_silu_conv("out", y, channels)
            skip = x.name
            if channels != x.channels:
                skip = linear(b, "skip", skip, m=self.pixels(x), n=channels, k=x.channels)
            return _Map(elementwise(b, "add", "add", n, skip, y.name), channels, x.edge)

    def transformer(self, name: str, x: _Map, depth: int, n_heads: int) -> _Map:
        b, m, dim = self.b, self.pixels(x), x.channels
        with b.scope(name):
            y = linear(b, "proj_in", self.norm("norm", x).name, m=m, n=dim, k=dim)
            with b.repeat(depth, "blocks"):
                y = self.attention("self", y, x, n_heads, is_cross=False)
                y = self.attention("cross", y, x, n_heads, is_cross=True)
                y = self.feed_forward("feed_forward", y, m=m, dim=dim)
            y = linear(b, "proj_out", y, m=m, n=dim, k=dim)
            return _Map(elementwise(b, "add", "add", m * dim, x.name, y), dim, x.edge)

    def attention(self, name: str, y: str, x: _Map, n_heads: int, *, is_cross: bool) -> str:
        b, model, m, dim = self.b, self.model, self.pixels(x), x.channels
        with b.scope(name):
            normed = b.add("norm", LayerNorm(rows=m, cols=dim), y)
            source, k, n_tokens = normed, dim, x.edge * x.edge
            if is_cross:
                source, k, n_tokens = self.context, model.context_dim, model.context_tokens
            query = linear(b, "q", normed, m=m, n=dim, k=dim, has_bias=False)
            key = linear(b, "k", source, m=self.batch * n_tokens, n=dim, k=k, has_bias=False)
            value = linear(b, "v", source, m=self.batch * n_tokens, n=dim, k=k, has_bias=False)
            op = Attention(
                batch=self.batch,
                n_heads=n_heads,
                n_kv_heads=n_heads,
                q_len=x.edge * x.edge,
                kv_len=n_tokens,
                head_dim=dim // n_heads,
            )
            out = linear(b, "out", b.add("attention", op, query, key, value), m=m, n=dim, k=dim)
            return elementwise(b, "add", "add", m * dim, y, out)

    def feed_forward(self, name: str, y: str, *, m: int, dim: int) -> str:
        """GEGLU: one half of the first product gates the other through a GELU."""
        b, hidden = self.b, 4 * dim
        with b.scope(name):
            both = linear(b, "up", b.add("norm", LayerNorm(rows=m, cols=dim), y), m=m, n=2 * hidden, k=dim)
            gate = elementwise(b, "gelu", "gelu", m * hidden, both)
            gated = elementwise(b, "mul", "mul", m * hidden, both, gate)
            down = linear(b, "down", gated, m=m, n=dim, k=hidden)
            return elementwise(b, "add", "add", m * dim, y, down)

    def upsample(self, name: str, x: _Map) -> _Map:
        """Repeat every pixel 2 × 2, as four interleaved copies of the map, then convolve."""
        n = self.pixels(x) * x.channels
        with self.b.scope(name):
            large = self.b.add("nearest", Concat(n=(n, n, n, n)), x.name, x.name, x.name, x.name)
            return self.conv("conv", _Map(large, x.channels, 2 * x.edge), x.channels)

    def concat(self, name: str, x: _Map, skip: _Map) -> _Map:
        op = Concat(n=(self.pixels(x) * x.channels, self.pixels(x) * skip.channels))
        return _Map(self.b.add(name, op, x.name, skip.name), x.channels + skip.channels, x.edge)


def _rules(model: UNetModel) -> Iterator[tuple[bool, str, str]]:
    n_levels = len(model.multipliers)
    yield n_levels > 0, "multipliers", "is empty; give one entry per level"
    for name, given in (("depths", model.depths), ("n_heads", model.n_heads)):
        yield len(given) == n_levels, name, f"has {len(given)} entries; multipliers has {n_levels}, one per level"
    for multiplier, n_heads in zip(model.multipliers, model.n_heads, strict=False):
        yield heads_rule(model.channels * multiplier, n_heads)


def _embed(b: TraceBuilder, model: UNetModel, batch: int, time: str, label: str) -> str:
    """Embed the time step, and the label vector if the model has one."""
    width = 4 * model.channels
    c = mlp(b, "time_embed", time, m=batch, k=model.channels, hidden=width, n=width, function="silu")
    if model.label_dim:
        y = mlp(b, "label_embed", label, m=batch, k=model.label_dim, hidden=width, n=width, function="silu")
        c = elementwise(b, "embedding", "add", batch * width, c, y)
    return c


def _down(net: _Network, x: _Map) -> tuple[_Map, list[_Map]]:
    """Walk down the pyramid; every feature map waits for its twin on the way up."""
    model, skips = net.model, [x]
    for level, multiplier in enumerate(model.multipliers):
        for idx in range(model.n_res_blocks):
            name = f"down.{level}.{idx}"
            x = net.res_block(f"{name}.res", x, model.channels * multiplier)
            if model.depths[level]:
                x = net.transformer(f"{name}.transformer", x, model.depths[level], model.n_heads[level])
            skips.append(x)
        if level < len(model.multipliers) - 1:
            x = net.conv(f"down.{level}.downsample", x, x.channels, stride=2)
            skips.append(x)
    return x, skips


def _up(net: _Network, x: _Map, skips: list[_Map]) -> _Map:
    """Walk up again, joining each feature map of the way down."""
    model = net.model
    for level, multiplier in reversed(list(enumerate(model.multipliers))):
        for idx in range(model.n_res_blocks + 1):
            name = f"up.{level}.{idx}"
            x = net.concat(f"{name}.concat", x, skips.pop())
            x = net.res_block(f"{name}.res", x, model.channels * multiplier)
            if model.depths[level]:
                x = net.transformer(f"{name}.transformer", x, model.depths[level], model.n_heads[level])
        if level:
            x = net.upsample(f"up.{level}.upsample", x)
    return x


def _build(b: TraceBuilder, model: UNetModel, run: RunSettings) -> Yield:
    """Generate ``batch`` images in ``steps`` forward passes of ``batch · guidance`` latents.

    Model
    -----
    `UNetModel` of openaimodel.py with spatial transformers; 1×1 convolutions are linear layers. Keys and values of the
    text are computed anew in every step, as published.

    Sources
    -------
    Rombach et al., High-resolution image synthesis with latent diffusion models, CVPR 2022;
    CompVis/stable-diffusion, ldm/modules/diffusionmodules/openaimodel.py and ldm/modules/attention.py;
    Podell et al., SDXL, arXiv:2307.01952, section 2.1.
    """
    check_model(*_rules(model))
    check_resolution(run.resolution, model.latent_scale * 2 ** (len(model.multipliers) - 1))
    edge, batch = run.resolution // model.latent_scale, run.batch * run.guidance
    latent = b.input("latent", (batch, model.latent_channels, edge, edge))
    context = b.input("context", (batch, model.context_tokens, model.context_dim))
    time = b.input("time", (batch, model.channels))
    label = b.input("label", (batch, model.label_dim)) if model.label_dim else ""
    with b.repeat(run.steps, "steps", is_shared=True):
        net = _Network(b, model, batch, context, _embed(b, model, batch, time, label))
        x = net.conv("conv_in", _Map(latent, model.latent_channels, edge), model.channels)
        x, skips = _down(net, x)
        x = net.res_block("middle.0", x, x.channels)
        if model.middle_depth:
            x = net.transformer("middle.transformer", x, model.middle_depth, model.n_heads[-1])
        x = net.res_block("middle.1", x, x.channels)
        x = _up(net, x, skips)
        net.norm_silu_conv("out", x, model.latent_channels)
    return Yield(items=run.batch, item="image")


register(
    Builder(
        name="unet",
        model=UNetModel,
        phases={"denoise": ("batch", "steps", "guidance", "resolution", "dtype", "weight_dtype")},
        build=_build,
    )
)
