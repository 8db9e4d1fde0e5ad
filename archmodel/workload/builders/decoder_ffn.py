"""Feed-forward part of decoder layers: dense, and a mixture of routed and shared experts."""

from __future__ import annotations

from archmodel.workload.build import TraceBuilder
from archmodel.workload.builders.decoder_chain import add_chain, linear
from archmodel.workload.builders.decoder_model import DecoderModel, MixtureOfExperts
from archmodel.workload.operators.elementwise import Elementwise
from archmodel.workload.operators.matmul import GroupedMatmul
from archmodel.workload.operators.normalise import Softmax
from archmodel.workload.operators.routing import MoeCombine, MoeDispatch, TopK
from archmodel.workload.types import OperatorKind


def add_dense(b: TraceBuilder, model: DecoderModel, prefix: str, ffn: int, n_tokens: int, x: str) -> str:
    """Add a gated feed-forward layer of hidden width ``ffn``; ``prefix`` goes before the names."""
    sizes = {"m": n_tokens, "n": ffn, "k": model.d_model}
    gate = add_chain(b, x, linear(f"{prefix}gate_proj", **sizes, has_bias=model.has_bias))
    up = add_chain(b, x, linear(f"{prefix}up_proj", **sizes, has_bias=model.has_bias))
    y = b.add(f"{prefix}swiglu", Elementwise(n=n_tokens * ffn, function="swiglu"), gate, up)
    return add_chain(b, y, linear(f"{prefix}down_proj", m=n_tokens, n=model.d_model, k=ffn, has_bias=model.has_bias))


def add_routed(
    b: TraceBuilder, model: DecoderModel, moe: MixtureOfExperts, n_tokens: int, weight_dtype: str | None, x: str
) -> str:
    """Add a layer of routed experts, and the shared ones if there are any.

    Parameters
    ----------
    weight_dtype
        Storage of the routed experts, if not the builder's.

    Model
    -----
    Tokens choose experts independently and uniformly, so T tokens reach E·(1 − (1 − k/E)^T) of E experts; only those
    are read.
    """
    d, ffn, n_rows = model.d_model, moe.ffn, n_tokens * moe.top_k
    scores = add_chain(b, x, linear("router", m=n_tokens, n=moe.n_experts, k=d, has_bias=model.has_bias))
    score: OperatorKind = Softmax(rows=n_tokens, cols=moe.n_experts)
    if moe.score == "sigmoid":
        score = Elementwise(n=n_tokens * moe.n_experts, function="sigmoid")
    scores = b.add("router_score", score, scores)
    chosen = b.add("top_k", TopK(rows=n_tokens, cols=moe.n_experts, k=moe.top_k), scores)
    rows = b.add("dispatch", MoeDispatch(tokens=n_tokens, dim=d, topk=moe.top_k), x, f"{chosen}.indices")

    def add_experts(name: str, n: int, k: int, given: str) -> str:
        active = expected_experts(moe.n_experts, moe.top_k, n_tokens)
        op = GroupedMatmul(m_total=n_rows, n=n, k=k, experts=moe.n_experts, active=active)
        y = b.add(name, op, given, weight_dtype=weight_dtype)
        return b.add(f"{name}_bias", Elementwise(n=n_rows * n, function="bias"), y) if model.has_bias else y

    gate = add_experts("experts_gate", ffn, d, rows)
    up = add_experts("experts_up", ffn, d, rows)
    y = b.add("experts_swiglu", Elementwise(n=n_rows * ffn, function="swiglu"), gate, up)
    y = add_experts("experts_down", d, ffn, y)
    y = b.add("combine", MoeCombine(tokens=n_tokens, dim=d, topk=moe.top_k), y, chosen)
    if moe.n_shared:
        shared = add_dense(b, model, "shared_", moe.n_shared * ffn, n_tokens, x)
        y = b.add("shared_add", Elementwise(n=n_tokens * d, function="add"), y, shared)
    return y


def expected_experts(n_experts: int, top_k: int, n_tokens: int) -> float:
    """Compute the expected number of experts that get at least one token under uniform routing."""
    return n_experts * (1 - (1 - top_k / n_experts) ** n_tokens)
