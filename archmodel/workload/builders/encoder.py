"""Transformer encoders: BERT reads text (normalisation behind each residual), ViT reads image patches (before it)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archmodel.errors import Fault, InputError
from archmodel.inputs import SCHEMA
from archmodel.workload.build import TraceBuilder
from archmodel.workload.builders import Builder, Yield, register
from archmodel.workload.builders.layers import (
    check_model,
    check_resolution,
    elementwise,
    heads_rule,
    linear,
    mlp,
    patch_embed,
)
from archmodel.workload.operators.attention import Attention
from archmodel.workload.operators.gather import Gather
from archmodel.workload.operators.layout import Concat
from archmodel.workload.operators.normalise import LayerNorm
from archmodel.workload.settings import Count, RunSettings


@dataclass(frozen=True, slots=True)
class BertModel:
    """Hyper-parameters of BERT with a head on every token.

    Parameters
    ----------
    d_model, n_layers, n_heads, ffn
        Width, layers, attention heads and hidden width of the MLP.
    vocab, n_positions, n_types
        Rows of the word, position and token-type embeddings.
    n_outputs
        Outputs of the head per token (question answering: start and end).
    """

    __pydantic_config__: ClassVar = SCHEMA
    d_model: Count
    n_layers: Count
    n_heads: Count
    ffn: Count
    vocab: Count
    n_positions: Count
    n_types: Count
    n_outputs: Count


@dataclass(frozen=True, slots=True)
class ViTModel:
    """Hyper-parameters of a vision transformer with a class token.

    Parameters
    ----------
    d_model, n_layers, n_heads, ffn
        Width, layers, attention heads and hidden width of the MLP.
    patch, image_channels
        Pixels per token along one edge; channels of the image.
    n_classes
        Outputs of the classifier.
    """

    __pydantic_config__: ClassVar = SCHEMA
    d_model: Count
    n_layers: Count
    n_heads: Count
    ffn: Count
    patch: Count
    image_channels: Count
    n_classes: Count


def _attention(b: TraceBuilder, model: BertModel | ViTModel, x: str, *, batch: int, n_tokens: int) -> str:
    m, dim = batch * n_tokens, model.d_model
    qkv = linear(b, "qkv", x, m=m, n=3 * dim, k=dim)
    op = Attention(
        batch=batch,
        n_heads=model.n_heads,
        n_kv_heads=model.n_heads,
        q_len=n_tokens,
        kv_len=n_tokens,
        head_dim=dim // model.n_heads,
    )
    return linear(b, "out", b.add("attention", op, qkv, qkv, qkv), m=m, n=dim, k=dim)


def _mlp(b: TraceBuilder, model: BertModel | ViTModel, x: str, *, m: int) -> str:
    return mlp(b, "mlp", x, m=m, k=model.d_model, hidden=model.ffn, n=model.d_model, function="gelu")


def _build_bert(b: TraceBuilder, model: BertModel, run: RunSettings) -> Yield:
    """Answer questions on ``batch`` sequences of ``sequence`` tokens, padding included.

    Sources
    -------
    Devlin et al., BERT: pre-training of deep bidirectional transformers, NAACL 2019; google-research/bert, modeling.py.
    """
    check_model(heads_rule(model.d_model, model.n_heads))
    batch, n_tokens, dim = run.batch, run.sequence, model.d_model
    if n_tokens > model.n_positions:
        text = f"{n_tokens} is not allowed; this model takes 1 to {model.n_positions} tokens"
        raise InputError("run settings", [Fault("sequence", text)])
    m = batch * n_tokens
    norm = LayerNorm(rows=m, cols=dim)
    tokens, types = (b.input(name, (m,), role="index") for name in ("tokens", "types"))
    x = b.add("word_embed", Gather(rows=model.vocab, dim=dim, n=m, is_weight=True), tokens)
    y = b.add("type_embed", Gather(rows=model.n_types, dim=dim, n=m, is_weight=True), types)
    x = elementwise(b, "type_add", "add", m * dim, x, y)
    b.input("position", (model.n_positions, dim), role="weight")
    x = b.add("embed_norm", norm, elementwise(b, "position_add", "bias", m * dim, x))
    with b.repeat(model.n_layers, "layers"):
        y = _attention(b, model, x, batch=batch, n_tokens=n_tokens)
        x = b.add("norm1", norm, elementwise(b, "add1", "add", m * dim, x, y))
        y = _mlp(b, model, x, m=m)
        x = b.add("norm2", norm, elementwise(b, "add2", "add", m * dim, x, y))
    linear(b, "head", x, m=m, n=model.n_outputs, k=dim)
    return Yield(items=batch, item="sequence")


def _build_vit(b: TraceBuilder, model: ViTModel, run: RunSettings) -> Yield:
    """Classify ``batch`` images by the class token that joins the patches.

    Sources
    -------
    Dosovitskiy et al., An image is worth 16x16 words, ICLR 2021;
    pytorch/vision, torchvision/models/vision_transformer.py.
    """
    check_model(heads_rule(model.d_model, model.n_heads))
    check_resolution(run.resolution, model.patch)
    batch, n_tokens, dim = run.batch, (run.resolution // model.patch) ** 2 + 1, model.d_model
    m = batch * n_tokens
    norm = LayerNorm(rows=m, cols=dim)
    image = b.input("image", (batch, model.image_channels, run.resolution, run.resolution))
    x = patch_embed(
        b,
        "patch_embed",
        image,
        batch=batch,
        channels=model.image_channels,
        height=run.resolution,
        width=run.resolution,
        patch=model.patch,
        dim=dim,
    )
    rows = b.input("class_rows", (batch,), role="index")
    y = b.add("class_token", Gather(rows=1, dim=dim, n=batch, is_weight=True), rows)
    x = b.add("join", Concat(n=(batch * dim, (m - batch) * dim)), y, x)
    b.input("position", (n_tokens, dim), role="weight")
    x = elementwise(b, "position_add", "bias", m * dim, x)
    with b.repeat(model.n_layers, "layers"):
        y = _attention(b, model, b.add("norm1", norm, x), batch=batch, n_tokens=n_tokens)
        x = elementwise(b, "add1", "add", m * dim, x, y)
        y = _mlp(b, model, b.add("norm2", norm, x), m=m)
        x = elementwise(b, "add2", "add", m * dim, x, y)
    x = b.add("norm", norm, x)
    linear(b, "classifier", x, m=batch, n=model.n_classes, k=dim)
    return Yield(items=batch, item="image")


register(
    Builder(
        name="bert",
        model=BertModel,
        phases={"inference": ("batch", "sequence", "dtype", "weight_dtype")},
        build=_build_bert,
    )
)
register(
    Builder(
        name="vit",
        model=ViTModel,
        phases={"inference": ("batch", "resolution", "dtype", "weight_dtype")},
        build=_build_vit,
    )
)
