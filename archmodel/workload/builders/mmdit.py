"""Multimodal diffusion transformers: text and image tokens attend jointly (Stable Diffusion 3, FLUX.1).

A double block has weights of its own for each of the two streams; a single block (FLUX.1) treats the joined sequence as
one stream and computes attention and MLP in parallel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archmodel.inputs import SCHEMA
from archmodel.workload.build import TraceBuilder
from archmodel.workload.builders import Builder, Yield, register
from archmodel.workload.builders.layers import (
    check_model,
    check_resolution,
    elementwise,
    gated_add,
    heads_rule,
    linear,
    mlp,
    modulated_norm,
    modulation,
    patch_embed,
)
from archmodel.workload.operators.attention import Attention
from archmodel.workload.operators.layout import Concat
from archmodel.workload.operators.normalise import RmsNorm
from archmodel.workload.settings import Count, CountOrZero, Flag, RunSettings


@dataclass(frozen=True, slots=True)
class MMDiTModel:
    """Hyper-parameters of a multimodal diffusion transformer.

    Parameters
    ----------
    d_model, n_heads, ffn
        Width, attention heads and hidden width of the MLP.
    n_double, n_single
        Double blocks, and single blocks behind them.
    is_text_dropped
        Whether the last double block only reads the text (Stable Diffusion 3).
    has_qk_norm
        Whether queries and keys are normalised per head.
    has_guidance_embed
        Whether the guidance scale is embedded beside the time (distilled models).
    patch, latent_channels, latent_scale
        Latent pixels per token along one edge; channels of the latent image; pixels per latent pixel along one edge.
    context_dim, context_tokens
        Text embedding: features and tokens.
    pooled_dim
        Features of the pooled text embedding.
    time_dim
        Features of the sinusoidal time embedding.
    position_edge
        Edge of the stored grid of position embeddings [tokens]; 0 for rotary embeddings, which store none.
    """

    __pydantic_config__: ClassVar = SCHEMA
    d_model: Count
    n_heads: Count
    ffn: Count
    n_double: Count
    n_single: CountOrZero
    is_text_dropped: Flag
    has_qk_norm: Flag
    has_guidance_embed: Flag
    patch: Count
    latent_channels: Count
    latent_scale: Count
    context_dim: Count
    context_tokens: Count
    pooled_dim: Count
    time_dim: Count
    position_edge: CountOrZero

    @property
    def head_dim(self) -> int:
        """Features of one attention head."""
        return self.d_model // self.n_heads


@dataclass(frozen=True, slots=True)
class _Network:
    """Adds the blocks of one forward pass; ``c`` is the conditioning vector."""

    b: TraceBuilder
    model: MMDiTModel
    batch: int
    n_image: int
    c: str

    @property
    def n_tokens(self) -> int:
        return self.n_image + self.model.context_tokens

    def split_heads(self, qkv: str, n_tokens: int) -> tuple[str, str, str]:
        """Give queries, keys and values; all three are slices of one product unless they are normalised."""
        if not self.model.has_qk_norm:
            return qkv, qkv, qkv
        rows = self.batch * n_tokens * self.model.n_heads
        query, key = (
            self.b.add(name, RmsNorm(rows=rows, cols=self.model.head_dim), qkv) for name in ("q_norm", "k_norm")
        )
        return query, key, qkv

    def attention(self, query: str, key: str, value: str) -> str:
        """Attend over the joined sequence."""
        model, n = self.model, self.batch * self.n_tokens * self.model.d_model
        if not model.position_edge:
            query, key = (elementwise(self.b, f"{name}_rope", "rope", n, x) for name, x in (("q", query), ("k", key)))
        op = Attention(
            batch=self.batch,
            n_heads=model.n_heads,
            n_kv_heads=model.n_heads,
            q_len=self.n_tokens,
            kv_len=self.n_tokens,
            head_dim=model.head_dim,
        )
        return self.b.add("attention", op, query, key, value)

    def before_attention(self, x: str, n_tokens: int, n_vectors: int) -> tuple[str, str, str]:
        b, dim, m = self.b, self.model.d_model, self.batch * n_tokens
        modulation(b, "modulation", self.c, batch=self.batch, dim=dim, n_vectors=n_vectors)
        qkv = linear(b, "qkv", modulated_norm(b, "norm1", x, rows=m, dim=dim), m=m, n=3 * dim, k=dim)
        return self.split_heads(qkv, n_tokens)

    def after_attention(self, x: str, attended: str, n_tokens: int) -> str:
        b, dim, m = self.b, self.model.d_model, self.batch * n_tokens
        y = linear(b, "out", attended, m=m, n=dim, k=dim)
        x = gated_add(b, "residual1", x, y, n=m * dim)
        y = modulated_norm(b, "norm2", x, rows=m, dim=dim)
        y = mlp(b, "mlp", y, m=m, k=dim, hidden=self.model.ffn, n=dim, function="gelu")
        return gated_add(b, "residual2", x, y, n=m * dim)

    def double_block(self, image: str, text: str, *, is_text_dropped: bool) -> tuple[str, str]:
        b, n_text = self.b, self.model.context_tokens
        parts = tuple(self.batch * n_tokens * self.model.d_model for n_tokens in (n_text, self.n_image))
        with b.scope("image"):
            of_image = self.before_attention(image, self.n_image, n_vectors=6)
        with b.scope("text"):
            of_text = self.before_attention(text, n_text, n_vectors=2 if is_text_dropped else 6)
        joint = [
            b.add(f"{name}_concat", Concat(n=parts), first, second)
            for name, first, second in zip("qkv", of_text, of_image, strict=True)
        ]
        attended = self.attention(*joint)
        with b.scope("image"):
            image = self.after_attention(image, attended, self.n_image)
        if not is_text_dropped:
            with b.scope("text"):
                text = self.after_attention(text, attended, n_text)
        return image, text

    def single_block(self, x: str) -> str:
        """One product gives queries, keys, values and the hidden layer; one takes attention and MLP back."""
        b, dim, hidden, m = self.b, self.model.d_model, self.model.ffn, self.batch * self.n_tokens
        modulation(b, "modulation", self.c, batch=self.batch, dim=dim, n_vectors=3)
        both = linear(b, "linear1", modulated_norm(b, "norm", x, rows=m, dim=dim), m=m, n=3 * dim + hidden, k=dim)
        attended = self.attention(*self.split_heads(both, self.n_tokens))
        activated = elementwise(b, "activation", "gelu", m * hidden, both)
        y = b.add("concat", Concat(n=(m * dim, m * hidden)), attended, activated)
        y = linear(b, "linear2", y, m=m, n=dim, k=dim + hidden)
        return gated_add(b, "residual", x, y, n=m * dim)


def _condition(b: TraceBuilder, model: MMDiTModel, batch: int, time: str, guidance: str, pooled: str) -> str:
    """Sum the embeddings of time, guidance scale and pooled text."""
    dim = model.d_model
    c = mlp(b, "time_embed", time, m=batch, k=model.time_dim, hidden=dim, n=dim, function="silu")
    if guidance:
        y = mlp(b, "guidance_embed", guidance, m=batch, k=model.time_dim, hidden=dim, n=dim, function="silu")
        c = elementwise(b, "guidance_add", "add", batch * dim, c, y)
    y = mlp(b, "pooled_embed", pooled, m=batch, k=model.pooled_dim, hidden=dim, n=dim, function="silu")
    return elementwise(b, "pooled_add", "add", batch * dim, c, y)


def _embed_image(b: TraceBuilder, model: MMDiTModel, batch: int, latent: str, edge: int) -> str:
    """Turn latent pixels into tokens; FLUX.1's packing of 2 × 2 pixels and its linear layer are the same product."""
    x = patch_embed(
        b,
        "patch_embed",
        latent,
        batch=batch,
        channels=model.latent_channels,
        height=edge,
        width=edge,
        patch=model.patch,
        dim=model.d_model,
    )
    if model.position_edge:
        b.input("position", (model.position_edge**2, model.d_model), role="weight")
        x = elementwise(b, "position_add", "bias", batch * (edge // model.patch) ** 2 * model.d_model, x)
    return x


def _build(b: TraceBuilder, model: MMDiTModel, run: RunSettings) -> Yield:
    """Generate ``batch`` images in ``steps`` forward passes of ``batch · guidance`` latents.

    Model
    -----
    Double blocks, single blocks, one projection of the image tokens. Text is embedded anew in every step, as published.

    Sources
    -------
    Esser et al., Scaling rectified flow transformers for high-resolution image synthesis, ICML 2024;
    Stability-AI/sd3.5, mmditx.py; black-forest-labs/flux, src/flux/model.py and src/flux/modules/layers.py.
    """
    check_model(heads_rule(model.d_model, model.n_heads))
    check_resolution(run.resolution, model.latent_scale * model.patch)
    edge = run.resolution // model.latent_scale
    batch, dim, n_image = run.batch * run.guidance, model.d_model, (edge // model.patch) ** 2
    latent = b.input("latent", (batch, model.latent_channels, edge, edge))
    context = b.input("context", (batch, model.context_tokens, model.context_dim))
    pooled = b.input("pooled", (batch, model.pooled_dim))
    time = b.input("time", (batch, model.time_dim))
    scale = b.input("guidance", (batch, model.time_dim)) if model.has_guidance_embed else ""
    with b.repeat(run.steps, "steps", is_shared=True):
        x = _embed_image(b, model, batch, latent, edge)
        c = _condition(b, model, batch, time, scale, pooled)
        text = linear(b, "text_embed", context, m=batch * model.context_tokens, n=dim, k=model.context_dim)
        net = _Network(b, model, batch, n_image, c)
        with b.repeat(model.n_double - model.is_text_dropped, "double"):
            x, text = net.double_block(x, text, is_text_dropped=False)
        if model.is_text_dropped:
            with b.scope("double_last"):
                x, text = net.double_block(x, text, is_text_dropped=True)
        if model.n_single:
            n_text = model.context_tokens
            x = b.add("join", Concat(n=(batch * n_text * dim, batch * n_image * dim)), text, x)
            with b.repeat(model.n_single, "single"):
                x = net.single_block(x)
        modulation(b, "final_modulation", c, batch=batch, dim=dim, n_vectors=2)
        x = modulated_norm(b, "final_norm", x, rows=batch * n_image, dim=dim)
        linear(b, "final", x, m=batch * n_image, n=model.patch**2 * model.latent_channels, k=dim)
    return Yield(items=run.batch, item="image")


register(
    Builder(
        name="mmdit",
        model=MMDiTModel,
        phases={"denoise": ("batch", "steps", "guidance", "resolution", "dtype", "weight_dtype")},
        build=_build,
    )
)
