"""Feed-forward part of decoder layers: dense, and a mixture of routed and shared experts."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from archmodel.workload.build import TraceBuilder
from archmodel.workload.builders.decoder_chain import add_chain, linear
from archmodel.workload.builders.decoder_model import DecoderModel, MixtureOfExperts
from archmodel.workload.builders.sharing import exchange
from archmodel.workload.operators.elementwise import Elementwise
from archmodel.workload.operators.matmul import GroupedMatmul
from archmodel.workload.operators.normalise import Softmax
from archmodel.workload.operators.routing import MoeCombine, MoeDispatch, TopK
from archmodel.workload.plan import Plan
from archmodel.workload.types import OperatorKind


def add_dense(b: TraceBuilder, model: DecoderModel, prefix: str, ffn: int, n_tokens: int, x: str) -> str:
    """Add a gated feed-forward layer of hidden width ``ffn``; ``prefix`` goes before the names."""
    sizes = {"m": n_tokens, "n": ffn, "k": model.d_model}
    gate = add_chain(b, x, linear(f"{prefix}gate_proj", **sizes, has_bias=model.has_bias))
    up = add_chain(b, x, linear(f"{prefix}up_proj", **sizes, has_bias=model.has_bias))
    y = b.add(f"{prefix}swiglu", Elementwise(n=n_tokens * ffn, function="swiglu"), gate, up)
    return add_chain(b, y, linear(f"{prefix}down_proj", m=n_tokens, n=model.d_model, k=ffn, has_bias=model.has_bias))


@dataclass(frozen=True, slots=True)
class ExpertShare:
    """The routed experts of the busiest chip.

    Parameters
    ----------
    n_experts, ffn
        Experts, and the part of their hidden width.
    n_rows
        Rows that reach them.
    n_active
        Experts expected to get at least one row.
    n_sent
        Tokens that the chip sends to experts elsewhere; 0 where the chips of its replica have all experts.
    """

    n_experts: int
    ffn: int
    n_rows: int
    n_active: float
    n_sent: int


def share_experts(moe: MixtureOfExperts, plan: Plan, n_tokens: int, skew: float) -> ExpertShare:
    """Give the routed experts of the busiest chip.

    Model
    -----
    ``ep`` groups have E/ep experts each. Groups within a replica have its tokens already; groups across r = ep/tp
    replicas get the tokens of all of them, of which each chip sends 1/tp. Chips of a group beyond one share the hidden
    width. Tokens choose experts independently and uniformly: a group gets λ = k·T·r/ep rows on average, and the busiest
    of them about ``λ + √(2 λ ln ep)``; ``skew`` multiplies λ. n rows reach E/ep·(1 − (1 − ep/E)^n) of its experts.

    Parameters
    ----------
    moe, plan
        Of the model.
    n_tokens
        Of one replica and micro-batch.
    skew
        Rows of the busiest group over the mean, chance left out.

    Sources
    -------
    M. Raab, A. Steger, "Balls into Bins" — A Simple and Tight Analysis, RANDOM 1998 (the busiest of ep).
    """
    if plan.ep == 1:
        n_active = expected_experts(moe.n_experts, moe.top_k, n_tokens)
        return ExpertShare(moe.n_experts, moe.ffn // plan.tp, n_tokens * moe.top_k, n_active, 0)
    n_all = n_tokens * max(1, plan.ep // plan.tp)
    mean = skew * moe.top_k * n_all / plan.ep
    n_rows = math.ceil(min(mean + math.sqrt(2 * mean * math.log(plan.ep)), moe.top_k * n_all))
    n_experts = moe.n_experts // plan.ep
    return ExpertShare(
        n_experts=n_experts,
        ffn=moe.ffn // max(1, plan.tp // plan.ep),
        n_rows=n_rows,
        n_active=expected_experts(n_experts, 1, n_rows),
        n_sent=math.ceil(n_tokens / plan.tp) if plan.ep > plan.tp else 0,
    )


def add_routed(
    b: TraceBuilder,
    model: DecoderModel,
    moe: MixtureOfExperts,
    n_tokens: int,
    weight_dtype: str | None,
    skew: float,
    x: str,
) -> str:
    """Add a layer of routed experts, and the shared ones if there are any.

    Parameters
    ----------
    weight_dtype
        Storage of the routed experts, if not the builder's.
    skew
        Rows of the busiest group of experts over the mean.

    Model
    -----
    Tokens choose experts independently and uniformly, so T tokens reach E·(1 − (1 − k/E)^T) of E experts; only those
    are read. Every chip has the router. Where experts are in other replicas, each token is sent to each of its experts,
    and their answers are sent back.
    """
    d, share = model.d_model, share_experts(moe, b.plan, n_tokens, skew)
    scores = add_chain(b, x, linear("router", m=n_tokens, n=moe.n_experts, k=d, has_bias=model.has_bias))
    score: OperatorKind = Softmax(rows=n_tokens, cols=moe.n_experts)
    if moe.score == "sigmoid":
        score = Elementwise(n=n_tokens * moe.n_experts, function="sigmoid")
    scores = b.add("router_score", score, scores)
    chosen = b.add("top_k", TopK(rows=n_tokens, cols=moe.n_experts, k=moe.top_k), scores)
    add = _add_far_experts if share.n_sent else _add_near_experts
    y = add(b, model, moe, share, n_tokens, weight_dtype, x, chosen)
    if moe.n_shared:
        shared = add_dense(b, model, "shared_", moe.n_shared * moe.ffn // b.plan.tp, n_tokens, x)
        if share.n_sent:
            shared = exchange(b, "shared_sum", "all_reduce", shared, n_tokens * d, b.plan.tp)
        y = b.add("shared_add", Elementwise(n=n_tokens * d, function="add"), y, shared)
    return y if share.n_sent else exchange(b, "ffn_sum", "all_reduce", y, n_tokens * d, b.plan.tp)


def _add_near_experts(
    b: TraceBuilder,
    model: DecoderModel,
    moe: MixtureOfExperts,
    share: ExpertShare,
    n_tokens: int,
    weight_dtype: str | None,
    x: str,
    chosen: str,
) -> str:
    """Add experts of chips that have all the tokens: each takes the rows of its own."""
    d, k = model.d_model, moe.top_k
    n_own = math.ceil(share.n_rows / k)
    rows = b.add("dispatch", MoeDispatch(tokens=n_own, dim=d, topk=k), x, f"{chosen}.indices")
    y = _add_experts(b, model, replace(share, n_rows=n_own * k), weight_dtype, rows)
    out = b.input("combined", (n_tokens, d)) if b.plan.ep > 1 else None
    return b.add("combine", MoeCombine(tokens=n_own, dim=d, topk=k), y, chosen, out=out)


def _add_far_experts(
    b: TraceBuilder,
    model: DecoderModel,
    moe: MixtureOfExperts,
    share: ExpertShare,
    n_tokens: int,
    weight_dtype: str | None,
    x: str,
    chosen: str,
) -> str:
    """Add experts that get their rows from other replicas, and send them back."""
    d, k, plan = model.d_model, moe.top_k, b.plan
    # The buffer of the busiest chip decides how long an exchange takes.
    n_moved = max(share.n_sent * k, share.n_rows) * d
    sent, answered = b.input("sent", (n_moved,)), b.input("answered", (n_moved,))
    sent = b.add("dispatch", MoeDispatch(tokens=share.n_sent, dim=d, topk=k), x, f"{chosen}.indices", out=sent)
    rows = exchange(b, "dispatch_exchange", "all_to_all", sent, n_moved, plan.ep)
    y = _add_experts(b, model, share, weight_dtype, rows, out=answered)
    y = exchange(b, "combine_exchange", "all_to_all", y, n_moved, plan.ep)
    y = b.add("combine", MoeCombine(tokens=share.n_sent, dim=d, topk=k), y, chosen)
    n_gathered = share.n_sent * plan.tp * d
    return exchange(b, "combine_gather", "all_gather", y, n_gathered, plan.tp)


def _add_experts(
    b: TraceBuilder,
    model: DecoderModel,
    share: ExpertShare,
    weight_dtype: str | None,
    rows: str,
    out: str | None = None,
) -> str:
    """Add the gated feed-forward layers of the experts."""
    d, ffn, n_rows = model.d_model, share.ffn, share.n_rows

    def add(name: str, n: int, k: int, given: str, out: str | None = None) -> str:
        op = GroupedMatmul(m_total=n_rows, n=n, k=k, experts=share.n_experts, active=share.n_active)
        y = b.add(name, op, given, weight_dtype=weight_dtype, out=None if model.has_bias else out)
        bias = Elementwise(n=n_rows * n, function="bias")
        return b.add(f"{name}_bias", bias, y, out=out) if model.has_bias else y

    gate = add("experts_gate", ffn, d, rows)
    up = add("experts_up", ffn, d, rows)
    y = b.add("experts_swiglu", Elementwise(n=n_rows * ffn, function="swiglu"), gate, up)
    return add("experts_down", d, ffn, y, out=out)


def expected_experts(n_experts: int, top_k: int, n_tokens: int) -> float:
    """Compute the expected number of experts that get at least one token under uniform routing."""
    return n_experts * (1 - (1 - top_k / n_experts) ** n_tokens)
