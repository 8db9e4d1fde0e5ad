"""Wan video diffusion transformer: self-attention over all tokens of a video, cross-attention to its text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from archmodel.inputs import SCHEMA
from archmodel.workload.build import TraceBuilder
from archmodel.workload.builders import Builder, Yield, register
from archmodel.workload.builders.layers import (
    check_model,
    elementwise,
    gated_add,
    heads_rule,
    linear,
    mlp,
    modulated_norm,
    modulation,
)
from archmodel.workload.operators.attention import Attention
from archmodel.workload.operators.conv import Conv3d
from archmodel.workload.operators.normalise import LayerNorm, RmsNorm
from archmodel.workload.settings import Count, RunSettings


@dataclass(frozen=True, slots=True)
class WanModel:
    """Hyper-parameters of a Wan transformer, and the size of the video.

    Parameters
    ----------
    d_model, n_layers, n_heads, ffn
        Width, blocks, attention heads and hidden width of the MLP.
    patch, patch_frames
        Latent pixels per token along one edge; latent frames per token.
    latent_channels, latent_scale, latent_scale_frames
        Channels of the latent video; pixels per latent pixel along one edge; frames per latent frame, behind the first.
    context_dim, context_tokens
        Text embedding: features and tokens.
    time_dim
        Features of the sinusoidal time embedding.
    width, height, frames
        Size of the video [pixels, frames].
    """

    __pydantic_config__: ClassVar = SCHEMA
    d_model: Count
    n_layers: Count
    n_heads: Count
    ffn: Count
    patch: Count
    patch_frames: Count
    latent_channels: Count
    latent_scale: Count
    latent_scale_frames: Count
    context_dim: Count
    context_tokens: Count
    time_dim: Count
    width: Count
    height: Count
    frames: Count

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Frames, height and width of the latent video; the first frame is a latent frame of its own."""
        frames = (self.frames - 1) // self.latent_scale_frames + 1
        return frames, self.height // self.latent_scale, self.width // self.latent_scale

    @property
    def n_tokens(self) -> int:
        """Tokens of one video."""
        frames, height, width = self.latent_shape
        return (frames // self.patch_frames) * (height // self.patch) * (width // self.patch)


def _size_rules(model: WanModel) -> Iterator[tuple[bool, str, str]]:
    step = model.latent_scale * model.patch
    for name, given in (("width", model.width), ("height", model.height)):
        yield given % step == 0, name, f"{given} is not allowed; give a multiple of {step}"
    frames = model.latent_scale_frames
    is_whole = (model.frames - 1) % frames == 0 and model.latent_shape[0] % model.patch_frames == 0
    yield is_whole, "frames", f"{model.frames} is not allowed; give one more than a multiple of {frames}"


def _attention(
    b: TraceBuilder, model: WanModel, x: str, source: str, *, batch: int, n_source: int, is_self: bool
) -> str:
    """Attend from the video tokens ``x`` to ``source``; queries and keys are normalised over all heads at once."""
    m, n, dim = batch * model.n_tokens, batch * n_source, model.d_model
    query = b.add("q_norm", RmsNorm(rows=m, cols=dim), linear(b, "q", x, m=m, n=dim, k=dim))
    key = b.add("k_norm", RmsNorm(rows=n, cols=dim), linear(b, "k", source, m=n, n=dim, k=dim))
    value = linear(b, "v", source, m=n, n=dim, k=dim)
    if is_self:
        query = elementwise(b, "q_rope", "rope", m * dim, query)
        key = elementwise(b, "k_rope", "rope", n * dim, key)
    op = Attention(
        batch=batch,
        n_heads=model.n_heads,
        n_kv_heads=model.n_heads,
        q_len=model.n_tokens,
        kv_len=n_source,
        head_dim=dim // model.n_heads,
    )
    return linear(b, "out", b.add("attention", op, query, key, value), m=m, n=dim, k=dim)


def _block(b: TraceBuilder, model: WanModel, x: str, c: str, text: str, *, batch: int) -> str:
    m, dim = batch * model.n_tokens, model.d_model
    b.input("modulation", (6, dim), role="weight")
    elementwise(b, "modulation_add", "bias", batch * 6 * dim, c)
    with b.scope("self"):
        y = modulated_norm(b, "norm", x, rows=m, dim=dim)
        y = _attention(b, model, y, y, batch=batch, n_source=model.n_tokens, is_self=True)
        x = gated_add(b, "residual", x, y, n=m * dim)
    with b.scope("cross"):
        y = b.add("norm", LayerNorm(rows=m, cols=dim), x)
        y = _attention(b, model, y, text, batch=batch, n_source=model.context_tokens, is_self=False)
        x = elementwise(b, "residual", "add", m * dim, x, y)
    with b.scope("feed_forward"):
        y = modulated_norm(b, "norm", x, rows=m, dim=dim)
        y = mlp(b, "mlp", y, m=m, k=dim, hidden=model.ffn, n=dim, function="gelu")
        return gated_add(b, "residual", x, y, n=m * dim)


def _patch_embed(b: TraceBuilder, model: WanModel, latent: str, *, batch: int) -> str:
    frames, height, width = model.latent_shape
    op = Conv3d(
        batch=batch,
        in_channels=model.latent_channels,
        out_channels=model.d_model,
        frames=frames,
        height=height,
        width=width,
        kernel=model.patch,
        kernel_frames=model.patch_frames,
        stride=model.patch,
        stride_frames=model.patch_frames,
        padding=0,
        padding_frames=0,
        has_bias=True,
    )
    return b.add("patch_embed", op, latent)


def _build(b: TraceBuilder, model: WanModel, run: RunSettings) -> Yield:
    """Generate ``batch`` videos in ``steps`` forward passes of ``batch · guidance`` latents.

    Model
    -----
    One modulation of six vectors is computed from the time; every block offsets it by a weight of its own. The text is
    embedded anew in every step, as published.

    Sources
    -------
    Wan Team, Wan: open and advanced large-scale video generative models, arXiv:2503.20314;
    Wan-Video/Wan2.1, wan/modules/model.py.
    """
    check_model(heads_rule(model.d_model, model.n_heads), *_size_rules(model))
    batch, dim = run.batch * run.guidance, model.d_model
    m, n_text = batch * model.n_tokens, batch * model.context_tokens
    latent = b.input("latent", (batch, model.latent_channels, *model.latent_shape))
    context = b.input("context", (batch, model.context_tokens, model.context_dim))
    time = b.input("time", (batch, model.time_dim))
    with b.repeat(run.steps, "steps", is_shared=True):
        x = _patch_embed(b, model, latent, batch=batch)
        c = mlp(b, "time_embed", time, m=batch, k=model.time_dim, hidden=dim, n=dim, function="silu")
        modulated = modulation(b, "modulation", c, batch=batch, dim=dim, n_vectors=6)
        text = mlp(b, "text_embed", context, m=n_text, k=model.context_dim, hidden=dim, n=dim, function="gelu")
        with b.repeat(model.n_layers, "blocks"):
            x = _block(b, model, x, modulated, text, batch=batch)
        b.input("final_modulation", (2, dim), role="weight")
        elementwise(b, "final_modulation_add", "bias", batch * dim, c)
        x = modulated_norm(b, "final_norm", x, rows=m, dim=dim)
        linear(b, "final", x, m=m, n=model.patch_frames * model.patch**2 * model.latent_channels, k=dim)
    return Yield(items=run.batch, item="video")


register(
    Builder(
        name="wan",
        model=WanModel,
        phases={"denoise": ("batch", "steps", "guidance", "dtype", "weight_dtype")},
        build=_build,
    )
)
