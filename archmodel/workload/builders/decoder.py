"""Decoder-only transformers: LLaMA-like dense models, mixtures of experts, latent and local attention."""

from __future__ import annotations

from collections.abc import Iterator

from archmodel.errors import Fault, InputError
from archmodel.workload.build import TraceBuilder
from archmodel.workload.builders import Builder, Yield, register
from archmodel.workload.builders.decoder_attention import add_attention
from archmodel.workload.builders.decoder_ffn import add_dense, add_routed
from archmodel.workload.builders.decoder_model import DecoderModel, Layer, Step, layer_groups
from archmodel.workload.operators.elementwise import Elementwise
from archmodel.workload.operators.gather import Gather
from archmodel.workload.operators.matmul import Matmul
from archmodel.workload.operators.normalise import RmsNorm
from archmodel.workload.settings import RunSettings


def build_decoder(b: TraceBuilder, model: DecoderModel, run: RunSettings) -> Yield:
    """Add one prefill or decode step.

    Model
    -----
    Prefill takes ``sequence`` new tokens per sequence from an empty KV cache; decode takes one after ``context`` cached
    ones. Only the last token of each sequence goes through the output head. Layers of the same kind are one block that
    repeats, so groups of unlike layers follow each other instead of interleaving.
    """
    faults = list(_contradictions(model))
    if faults:
        raise InputError("workload description", faults)
    q_len, cached = (1, run.context) if run.phase == "decode" else (run.sequence, 0)
    step = Step(run.batch, q_len, cached + q_len)
    tokens = b.input("token_ids", (step.n_tokens,), role="index")
    x = b.add("embedding", Gather(rows=model.vocab, dim=model.d_model, n=step.n_tokens, is_weight=True), tokens)
    for name, (layer, n_layers) in layer_groups(model).items():
        with b.repeat(n_layers, name):
            x = _add_layer(b, model, layer, step, run, x)
    x = b.add("final_norm", RmsNorm(rows=step.batch, cols=model.d_model), x)
    tied = {"b": "embedding.source"} if model.is_tied else None
    b.add("lm_head", Matmul(m=step.batch, n=model.vocab, k=model.d_model), x, weights=tied)
    return Yield(step.n_tokens, "token")


def _add_layer(b: TraceBuilder, model: DecoderModel, layer: Layer, step: Step, run: RunSettings, x: str) -> str:
    norm = RmsNorm(rows=step.n_tokens, cols=model.d_model)
    residual = Elementwise(n=step.n_tokens * model.d_model, function="add")
    y = add_attention(b, model, layer, step, b.add("attention_norm", norm, x))
    x = b.add("attention_residual", residual, x, y)
    y = b.add("ffn_norm", norm, x)
    if model.moe and layer.is_routed:
        # What the user asks for wins over the storage the experts were released in.
        expert_dtype = None if run.weight_dtype else model.moe.weight_dtype
        y = add_routed(b, model, model.moe, step.n_tokens, expert_dtype, y)
    else:
        y = add_dense(b, model, "", model.ffn, step.n_tokens, y)
    return b.add("ffn_residual", residual, x, y)


def _contradictions(model: DecoderModel) -> Iterator[Fault]:
    """Find what no single field and no single operator shows."""
    if model.ffn == 0 and any(not layer.is_routed for layer, _ in layer_groups(model).values()):
        yield Fault("model.ffn", "missing; layers without routed experts need it")
    if model.local and bool(model.local.window) == bool(model.local.chunk):
        yield Fault("model.local", "give either window or chunk")
    if model.mla and (model.local or model.has_bias or model.qk_norm != "none"):
        yield Fault("model.mla", "cannot be combined with local, has_bias or qk_norm")
    if model.mla and model.n_kv_heads != model.n_heads:
        yield Fault(
            "model.n_kv_heads", f"{model.n_kv_heads} with mla; every head has its own keys, so give {model.n_heads}"
        )
    if model.mla and model.mla.rope >= model.head_dim:
        yield Fault("model.mla.rope", f"{model.mla.rope} leaves nothing of head_dim {model.head_dim}")
    if model.mla and model.mla.v < model.mla.rope:
        yield Fault("model.mla.v", f"{model.mla.v} is less than rope {model.mla.rope}; give at least as much")


register(
    Builder(
        name="decoder",
        model=DecoderModel,
        phases={
            "prefill": ("batch", "sequence", "dtype", "weight_dtype", "kv_dtype"),
            "decode": ("batch", "context", "dtype", "weight_dtype", "kv_dtype"),
        },
        build=build_decoder,
    )
)
