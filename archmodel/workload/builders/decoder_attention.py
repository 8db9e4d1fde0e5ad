"""Attention of decoder layers: grouped heads, and DeepSeek's latent attention in its expanded and absorbed forms."""

from __future__ import annotations

from archmodel.workload.build import TraceBuilder
from archmodel.workload.builders.decoder_chain import Stage, add_chain, linear
from archmodel.workload.builders.decoder_model import DecoderModel, LatentAttention, Layer, Step
from archmodel.workload.operators.attention import Attention
from archmodel.workload.operators.elementwise import Elementwise
from archmodel.workload.operators.layout import Concat
from archmodel.workload.operators.matmul import BatchedMatmul, Matmul
from archmodel.workload.operators.normalise import RmsNorm


def add_attention(b: TraceBuilder, model: DecoderModel, layer: Layer, step: Step, x: str) -> str:
    """Add everything between the norm and the residual; returns the output projection's result."""
    if model.mla is None:
        y, v_dim = _add_grouped(b, model, layer, step, x), model.head_dim
    else:
        y, v_dim = _add_latent(b, model, model.mla, step, x), model.mla.v
    heads_dim = model.n_heads * v_dim
    return add_chain(b, y, linear("o_proj", m=step.n_tokens, n=model.d_model, k=heads_dim, has_bias=model.has_bias))


def _add_grouped(b: TraceBuilder, model: DecoderModel, layer: Layer, step: Step, x: str) -> str:
    kv_len, cache_len = _cached(model, layer, step)
    window = model.local.window if model.local and layer.is_local else 0
    chunk = model.local.chunk if model.local and layer.is_local else 0
    cache_shape = (step.batch, cache_len, model.n_kv_heads * model.head_dim)
    k_cache = b.input("k_cache", cache_shape, role="kv_cache")
    v_cache = b.input("v_cache", cache_shape, role="kv_cache")
    q = add_chain(b, x, _heads("q", model, layer, step.n_tokens, model.n_heads))
    add_chain(b, x, _heads("k", model, layer, step.n_tokens, model.n_kv_heads), out=k_cache)
    add_chain(b, x, _heads("v", model, layer, step.n_tokens, model.n_kv_heads), out=v_cache)
    attention = Attention(
        batch=step.batch,
        n_heads=model.n_heads,
        n_kv_heads=model.n_kv_heads,
        q_len=step.q_len,
        kv_len=kv_len,
        head_dim=model.head_dim,
        causal=True,
        window=window,
        chunk=chunk,
    )
    return b.add("attention", attention, q, k_cache, v_cache)


def _heads(letter: str, model: DecoderModel, layer: Layer, n_tokens: int, n_heads: int) -> list[Stage]:
    """Stages from the layer's input to queries, keys or values."""
    dim = n_heads * model.head_dim
    stages = linear(f"{letter}_proj", m=n_tokens, n=dim, k=model.d_model, has_bias=model.has_bias)
    is_nope = model.local is not None and model.local.is_full_nope and not layer.is_local
    if letter == "v" or is_nope:
        return stages
    if model.qk_norm != "none":
        norm = RmsNorm(rows=n_tokens * n_heads, cols=model.head_dim, affine=model.qk_norm == "rms")
        stages.append((f"{letter}_norm", norm))
    return [*stages, (f"{letter}_rope", Elementwise(n=n_tokens * dim, function="rope"))]


def _cached(model: DecoderModel, layer: Layer, step: Step) -> tuple[int, int]:
    """Tokens that attention spans, and tokens the cache holds.

    Prefill needs all keys of the sequence at hand. In decode a local layer keeps only what its tokens can still see.
    """
    if model.local is None or not layer.is_local or step.q_len == step.kv_len:
        return step.kv_len, step.kv_len
    if model.local.chunk:
        return (step.kv_len - 1) % model.local.chunk + 1, min(step.kv_len, model.local.chunk)
    kept = min(step.kv_len, model.local.window)
    return kept, kept


def _add_latent(b: TraceBuilder, model: DecoderModel, mla: LatentAttention, step: Step, x: str) -> str:
    """Add latent attention.

    Model
    -----
    Only the latent (``kv_lora``) and the shared rotary key (``rope``) are cached. A prefill expands them to keys and
    values per head with ``kv_b``. A decode step multiplies ``kv_b``'s key part into the query and its value part into
    the result instead, so that all heads attend to the latent itself. Both forms read the same weights.

    Sources
    -------
    DeepSeek-AI, DeepSeek-V2, arXiv:2405.04434, section 2.1 and appendix C; both forms are in
    github.com/deepseek-ai/DeepSeek-V3, inference/model.py, class MLA.
    """
    t, n_heads, nope = step.n_tokens, model.n_heads, model.head_dim - mla.rope
    latent = b.input("kv_cache", (step.batch, step.kv_len, mla.kv_lora + mla.rope), role="kv_cache")
    kv_b = b.input("kv_b_proj.b", (mla.kv_lora, n_heads * (nope + mla.v)), role="weight")
    q_stages: list[Stage] = [
        ("q_a_proj", Matmul(m=t, n=mla.q_lora, k=model.d_model)),
        ("q_a_norm", RmsNorm(rows=t, cols=mla.q_lora)),
        ("q_b_proj", Matmul(m=t, n=n_heads * model.head_dim, k=mla.q_lora)),
    ]
    q = add_chain(b, x, q_stages)
    kv_a = b.add("kv_a_proj", Matmul(m=t, n=mla.kv_lora + mla.rope, k=model.d_model), x)
    b.add("kv_a_norm", RmsNorm(rows=t, cols=mla.kv_lora), kv_a, out=latent)
    b.add("k_rope", Elementwise(n=t * mla.rope, function="rope"), kv_a, out=latent)
    attend = _add_expanded if step.q_len == step.kv_len else _add_absorbed
    return attend(b, model, mla, step, q, latent, kv_b)


def _add_expanded(
    b: TraceBuilder, model: DecoderModel, mla: LatentAttention, step: Step, q: str, latent: str, kv_b: str
) -> str:
    t, n_heads, nope = step.n_tokens, model.n_heads, model.head_dim - mla.rope
    b.add("q_rope", Elementwise(n=t * n_heads * mla.rope, function="rope"), q, out=q)
    kv_b_proj = Matmul(m=t, n=n_heads * (nope + mla.v), k=mla.kv_lora)
    kv = b.add("kv_b_proj", kv_b_proj, latent, weights={"b": kv_b})
    # Every head gets a copy of the shared rotary key behind its own part.
    k = b.add("k_concat", Concat(n=t * n_heads * model.head_dim), kv)
    attention = Attention(
        batch=step.batch,
        n_heads=n_heads,
        n_kv_heads=n_heads,
        q_len=step.q_len,
        kv_len=step.kv_len,
        head_dim=model.head_dim,
        v_dim=mla.v,
        causal=True,
    )
    return b.add("attention", attention, q, k, kv)


def _add_absorbed(
    b: TraceBuilder, model: DecoderModel, mla: LatentAttention, step: Step, q: str, latent: str, kv_b: str
) -> str:
    t, n_heads, nope = step.n_tokens, model.n_heads, model.head_dim - mla.rope
    # Both parts of the query are written straight into one buffer.
    q_latent = b.input("q_latent", (t, n_heads, mla.kv_lora + mla.rope))
    b.add("q_absorb", BatchedMatmul(batch=n_heads, m=t, n=mla.kv_lora, k=nope), q, kv_b, out=q_latent)
    b.add("q_rope", Elementwise(n=t * n_heads * mla.rope, function="rope"), q, out=q_latent)
    attention = Attention(
        batch=step.batch,
        n_heads=n_heads,
        n_kv_heads=1,
        q_len=step.q_len,
        kv_len=step.kv_len,
        head_dim=mla.kv_lora + mla.rope,
        v_dim=mla.kv_lora,
        causal=True,
        is_kv_shared=True,
    )
    y = b.add("attention", attention, q_latent, latent)
    return b.add("v_absorb", BatchedMatmul(batch=n_heads, m=t, n=mla.v, k=mla.kv_lora), y, kv_b)
