"""Decoder-only transformers: LLaMA-like dense models, mixtures of experts, latent and local attention."""

from __future__ import annotations

from collections.abc import Iterator

from archmodel.errors import Fault, InputError
from archmodel.workload.build import TraceBuilder
from archmodel.workload.builders import Builder, Yield, register
from archmodel.workload.builders.decoder_attention import add_attention
from archmodel.workload.builders.decoder_ffn import add_dense, add_routed
from archmodel.workload.builders.decoder_model import DecoderModel, Layer, Step, layer_groups
from archmodel.workload.builders.decoder_shard import check_plan, share_model, splits, stage_layers
from archmodel.workload.builders.sharing import exchange
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
    repeats, so groups of unlike layers follow each other instead of interleaving. Where chips share the model, the
    trace is that of one of them (`share_model`, `share_experts`): an all_reduce follows every attention and every
    feed-forward layer, stages send their result on, and the logits are gathered.
    """
    faults = list(_contradictions(model))
    if faults:
        raise InputError("workload description", faults)
    plan = b.plan
    faults = list(check_plan(model, plan))
    if faults:
        raise InputError("run settings", faults)
    b.splits = splits(model)
    q_len, cached = (1, run.context) if run.phase == "decode" else (run.sequence, 0)
    step = Step(run.batch, q_len, cached + q_len)
    own, n_hidden = share_model(model, plan.tp), step.n_tokens * model.d_model
    x = ""
    for idx, layers in enumerate(stage_layers(model.n_layers, plan.pp)):
        with b.stage(idx):
            if idx == 0:
                tokens = b.input("token_ids", (step.n_tokens,), role="index")
                source = Gather(rows=own.vocab, dim=model.d_model, n=step.n_tokens, is_weight=True)
                x = b.add("embedding", source, tokens)
                x = exchange(b, "embedding_sum", "all_reduce", x, n_hidden, plan.tp)
            for name, (layer, n_layers) in layer_groups(model, layers).items():
                with b.repeat(n_layers, name):
                    x = _add_layer(b, own, layer, step, run, x)
            if idx + 1 < plan.pp:
                x = exchange(b, "send", "send", x, n_hidden, 2)
            else:
                _add_head(b, own, step, x)
    return Yield(step.n_tokens, "token")


def _add_head(b: TraceBuilder, model: DecoderModel, step: Step, x: str) -> None:
    x = b.add("final_norm", RmsNorm(rows=step.batch, cols=model.d_model), x)
    # Of several stages, the first and the last have a copy each.
    tied = {"b": "embedding.source"} if model.is_tied and b.plan.pp == 1 else None
    x = b.add("lm_head", Matmul(m=step.batch, n=model.vocab, k=model.d_model), x, weights=tied)
    n_logits = step.batch * model.vocab * b.plan.tp
    logits = b.input("logits", (n_logits,)) if b.plan.tp > 1 else None
    exchange(b, "lm_head_gather", "all_gather", x, n_logits, b.plan.tp, out=logits)


def _add_layer(b: TraceBuilder, model: DecoderModel, layer: Layer, step: Step, run: RunSettings, x: str) -> str:
    norm = RmsNorm(rows=step.n_tokens, cols=model.d_model)
    residual = Elementwise(n=step.n_tokens * model.d_model, function="add")
    n_hidden, tp = step.n_tokens * model.d_model, b.plan.tp
    y = add_attention(b, model, layer, step, b.add("attention_norm", norm, x))
    y = exchange(b, "attention_sum", "all_reduce", y, n_hidden, tp)
    x = b.add("attention_residual", residual, x, y)
    y = b.add("ffn_norm", norm, x)
    if model.moe and layer.is_routed:
        # What the user asks for wins over the storage the experts were released in.
        expert_dtype = None if run.weight_dtype else model.moe.weight_dtype
        y = add_routed(b, model, model.moe, step.n_tokens, expert_dtype, run.skew, y)
    else:
        y = exchange(b, "ffn_sum", "all_reduce", add_dense(b, model, "", model.ffn, step.n_tokens, y), n_hidden, tp)
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
        splits=("tp", "ep", "pp", "skew"),
    )
)
