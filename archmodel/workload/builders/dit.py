"""Diffusion transformer with adaptive layer norm (DiT): one stream of image tokens, conditioned on time and class."""

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
from archmodel.workload.operators.gather import Gather
from archmodel.workload.settings import Count, RunSettings


@dataclass(frozen=True, slots=True)
class DiTModel:
    """Hyper-parameters of a DiT.

    Parameters
    ----------
    d_model, n_layers, n_heads, ffn
        Width, blocks, attention heads and hidden width of the MLP.
    patch
        Latent pixels per token along one edge.
    latent_channels, latent_scale
        Channels of the latent image; pixels per latent pixel along one edge.
    out_channels
        Channels predicted: noise, and variance where it is learned.
    n_classes
        Rows of the class embedding, the null class included.
    time_dim
        Features of the sinusoidal time embedding.
    """

    __pydantic_config__: ClassVar = SCHEMA
    d_model: Count
    n_layers: Count
    n_heads: Count
    ffn: Count
    patch: Count
    latent_channels: Count
    latent_scale: Count
    out_channels: Count
    n_classes: Count
    time_dim: Count


def _block(b: TraceBuilder, model: DiTModel, x: str, c: str, *, batch: int, n_tokens: int) -> str:
    m, dim = batch * n_tokens, model.d_model
    modulation(b, "modulation", c, batch=batch, dim=dim, n_vectors=6)
    qkv = linear(b, "qkv", modulated_norm(b, "norm1", x, rows=m, dim=dim), m=m, n=3 * dim, k=dim)
    op = Attention(
        batch=batch,
        n_heads=model.n_heads,
        n_kv_heads=model.n_heads,
        q_len=n_tokens,
        kv_len=n_tokens,
        head_dim=dim // model.n_heads,
    )
    y = linear(b, "out", b.add("attention", op, qkv, qkv, qkv), m=m, n=dim, k=dim)
    x = gated_add(b, "residual1", x, y, n=m * dim)
    y = modulated_norm(b, "norm2", x, rows=m, dim=dim)
    y = mlp(b, "mlp", y, m=m, k=dim, hidden=model.ffn, n=dim, function="gelu")
    return gated_add(b, "residual2", x, y, n=m * dim)


def _build(b: TraceBuilder, model: DiTModel, run: RunSettings) -> Yield:
    """Generate ``batch`` images in ``steps`` forward passes of ``batch · guidance`` latents.

    Model
    -----
    Blocks with adaLN-Zero conditioning: six vectors per block shift, scale and gate attention and MLP. The position
    embedding is fixed but counted as a weight, as published.

    Sources
    -------
    Peebles & Xie, Scalable diffusion models with transformers, ICCV 2023; facebookresearch/DiT, models.py.
    """
    check_model(heads_rule(model.d_model, model.n_heads))
    check_resolution(run.resolution, model.latent_scale * model.patch)
    edge = run.resolution // model.latent_scale
    batch, n_tokens, dim = run.batch * run.guidance, (edge // model.patch) ** 2, model.d_model
    m = batch * n_tokens
    latent = b.input("latent", (batch, model.latent_channels, edge, edge))
    time = b.input("time", (batch, model.time_dim))
    classes = b.input("classes", (batch,), role="index")
    with b.repeat(run.steps, "steps", is_shared=True):
        x = patch_embed(
            b,
            "patch_embed",
            latent,
            batch=batch,
            channels=model.latent_channels,
            height=edge,
            width=edge,
            patch=model.patch,
            dim=dim,
        )
        b.input("position", (n_tokens, dim), role="weight")
        x = elementwise(b, "position_add", "bias", m * dim, x)
        c = mlp(b, "time_embed", time, m=batch, k=model.time_dim, hidden=dim, n=dim, function="silu")
        y = b.add("class_embed", Gather(rows=model.n_classes, dim=dim, n=batch, is_weight=True), classes)
        c = elementwise(b, "condition", "add", batch * dim, c, y)
        with b.repeat(model.n_layers, "blocks"):
            x = _block(b, model, x, c, batch=batch, n_tokens=n_tokens)
        modulation(b, "final_modulation", c, batch=batch, dim=dim, n_vectors=2)
        x = modulated_norm(b, "final_norm", x, rows=m, dim=dim)
        linear(b, "final", x, m=m, n=model.patch**2 * model.out_channels, k=dim)
    return Yield(items=run.batch, item="image")


register(
    Builder(
        name="dit",
        model=DiTModel,
        phases={"denoise": ("batch", "steps", "guidance", "resolution", "dtype", "weight_dtype")},
        build=_build,
    )
)
