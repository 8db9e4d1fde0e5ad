"""Shares of decoder models: what one chip keeps of every layer, and what cannot be shared."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from archmodel.errors import Fault
from archmodel.workload.builders.decoder_model import DecoderModel
from archmodel.workload.plan import Plan, Splits

COPIED = frozenset({
    "attention_norm", "q_norm", "k_norm", "q_a_proj", "q_a_norm", "kv_a_proj", "kv_a_norm", "ffn_norm", "router",
    "final_norm",
})  # fmt: skip
"""Operators whose weights every chip of a stage has."""
OF_KV = frozenset({"k_proj", "v_proj"})
ROUTED = frozenset({"experts_gate", "experts_up", "experts_down"})


def splits(model: DecoderModel) -> Splits:
    """Say what of a model can be shared by chips."""
    n_kv = 1 if model.mla else model.n_kv_heads
    degrees = [tp for tp in range(1, model.n_heads + 1) if not list(_against_tp(model, tp))]
    return Splits(tuple(degrees), n_kv, model.n_layers, COPIED, OF_KV, ROUTED)


def check_plan(model: DecoderModel, plan: Plan) -> Iterator[Fault]:
    """Find what of a model cannot be shared as planned."""
    allowed = splits(model)
    for what in _against_tp(model, plan.tp):
        yield Fault("tp", f"{plan.tp} {what}; allowed: {', '.join(map(str, allowed.tp))}")
    if plan.pp > model.n_layers:
        yield Fault("pp", f"{plan.pp} stages for {model.n_layers} layers; allowed: 1 to {model.n_layers}")
    if plan.ep > 1 and model.moe is None:
        yield Fault("ep", f"{plan.ep}, but the model has no routed experts; leave it out")
    elif model.moe and model.moe.n_experts % plan.ep:
        degrees = [ep for ep in range(1, model.moe.n_experts + 1) if model.moe.n_experts % ep == 0]
        what = f"{plan.ep} does not divide {model.moe.n_experts} experts"
        yield Fault("ep", f"{what}; allowed: {', '.join(map(str, degrees))}")
    elif model.moe and model.moe.ffn % (plan.tp // math.gcd(plan.tp, plan.ep)):
        yield Fault("tp", f"{plan.tp} with ep {plan.ep} does not divide the width {model.moe.ffn} of an expert")


def _against_tp(model: DecoderModel, tp: int) -> Iterator[str]:
    if model.n_heads % tp:
        yield f"does not divide {model.n_heads} heads"
    elif not model.mla and model.n_kv_heads % tp and tp % model.n_kv_heads:
        yield f"neither divides {model.n_kv_heads} key-value heads nor is a multiple of them"
    elif model.ffn % tp:
        yield f"does not divide the width {model.ffn} of the feed-forward layers"
    elif model.moe and model.moe.n_shared * model.moe.ffn % tp:
        yield f"does not divide the width {model.moe.n_shared * model.moe.ffn} of the shared experts"


def share_model(model: DecoderModel, tp: int) -> DecoderModel:
    """Cut a model into ``tp`` equal columns and give one.

    Model
    -----
    Attention heads, hidden widths of dense and shared feed-forward layers, and the vocabulary are divided; a key-value
    head is copied where there are fewer than chips, and so is the latent of latent attention. Routed experts are not
    touched (`archmodel.workload.builders.decoder_ffn.share_experts`).

    Sources
    -------
    M. Shoeybi et al., Megatron-LM, arXiv:1909.08053, section 3.
    """
    n_kv = model.n_heads // tp if model.mla else max(1, model.n_kv_heads // tp)
    return replace(
        model, n_heads=model.n_heads // tp, n_kv_heads=n_kv, ffn=model.ffn // tp, vocab=math.ceil(model.vocab / tp)
    )


def stage_layers(n_layers: int, pp: int) -> list[range]:
    """Layers of each stage, as even as whole layers can be."""
    return [range(idx * n_layers // pp, (idx + 1) * n_layers // pp) for idx in range(pp)]
