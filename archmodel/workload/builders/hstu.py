"""HSTU: a user's history and the candidates as one sequence through sequential transduction units (STU)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from archmodel.inputs import SCHEMA
from archmodel.workload.build import TraceBuilder
from archmodel.workload.builders import Builder, Yield, register
from archmodel.workload.builders.dlrm import add_mlp
from archmodel.workload.builders.sharing import exchange
from archmodel.workload.operators.attention import Attention
from archmodel.workload.operators.elementwise import Elementwise
from archmodel.workload.operators.embedding_bag import EmbeddingBag
from archmodel.workload.operators.gather import Gather
from archmodel.workload.operators.layout import Concat
from archmodel.workload.operators.matmul import Matmul
from archmodel.workload.operators.normalise import LayerNorm
from archmodel.workload.settings import Count, RunSettings


@dataclass(frozen=True, slots=True)
class Hstu:
    """Hyper-parameters of an HSTU ranking model.

    Parameters
    ----------
    n_layers, n_heads, qk_dim, v_dim
        STU layers, and heads and widths per head of each.
    d_model
        Elements of a token.
    n_candidates
        Items scored per request.
    item_rows, category_rows, user_rows
        Rows of the embedding tables.
    embedding_dim
        Elements of an embedding vector.
    n_action_features
        Elements that say what the user did with an item.
    n_time_features
        Elements that say when a candidate is shown.
    position_rows, time_rows
        Learnt position and age vectors.
    hidden
        Hidden width of the towers that turn embeddings and actions into tokens.
    head_hidden
        Hidden width of the item tower and of the prediction tower.
    """

    __pydantic_config__: ClassVar = SCHEMA
    n_layers: Count
    n_heads: Count
    qk_dim: Count
    v_dim: Count
    d_model: Count
    n_candidates: Count
    item_rows: Count
    category_rows: Count
    user_rows: Count
    embedding_dim: Count
    n_action_features: Count
    n_time_features: Count
    position_rows: Count
    time_rows: Count
    hidden: Count
    head_hidden: Count


def build_hstu(b: TraceBuilder, model: Hstu, run: RunSettings) -> Yield:
    """Add one batch of requests; ``run.sequence`` is the number of history items.

    Model
    -----
    A request is one user token, the history and the candidates: ``1 + sequence + candidates`` positions. History
    positions attend causally; a candidate attends to the user, the history and itself (target-aware), so all candidates
    are scored in one pass. Requests of a batch are of equal length. SiLU is applied to u only, as in the
    reference code; the paper applies it to q, k and v too.

    Sources
    -------
    Zhai et al., Actions Speak Louder than Words, arXiv:2402.17152, ICML 2024; mlcommons/inference,
    recommendation/dlrm_v3/generative_recommenders/modules (dlrm_hstu.py, preprocessors.py, stu.py, postprocessors.py).
    """
    batch, n_items = run.batch, run.batch * (run.sequence + model.n_candidates)
    items = _add_lookup(b, "item_table", model.item_rows, n_items, model.embedding_dim)
    categories = _add_lookup(b, "category_table", model.category_rows, n_items, model.embedding_dim)
    users = _add_lookup(b, "user_table", model.user_rows, batch, model.embedding_dim)
    x = _add_tokens(b, model, items, categories, users, batch, n_items)
    n_positions = 1 + run.sequence + model.n_candidates
    with b.repeat(model.n_layers, "stu"):
        x = _add_stu(b, model, x, batch, n_positions)
    _add_prediction(b, model, x, items, categories, batch * model.n_candidates)
    return Yield(batch, "request")


def _add_lookup(b: TraceBuilder, name: str, rows: int, n: int, dim: int) -> str:
    """Read one row per position; nothing is pooled.

    Chips have equal parts of the rows, look up for the positions of all chips, and send vectors where they belong.
    """
    n_chips = b.plan.n_chips
    indices = b.input(f"{name}_indices", (n,), role="index")
    bag = EmbeddingBag(n_tables=1, rows=math.ceil(rows / n_chips), dim=dim, batch=n, pooling=1)
    return exchange(b, f"{name}_exchange", "all_to_all", b.add(name, bag, indices), n * dim, n_chips)


def _add_tower(b: TraceBuilder, name: str, x: str, rows: int, widths: tuple[int, int, int]) -> str:
    """Append two linear layers with ``x · sigmoid(norm(x))`` between them."""
    k, hidden, n = widths
    with b.scope(name):
        x = add_mlp(b, "up", x, rows, (k, hidden), end="")
        gate = b.add("gate_norm", LayerNorm(rows=rows, cols=hidden), x)
        gate = b.add("gate_sigmoid", Elementwise(n=rows * hidden, function="sigmoid"), gate)
        x = b.add("gate", Elementwise(n=rows * hidden, function="mul"), x, gate)
        return add_mlp(b, "down", x, rows, (hidden, n), end="")


def _add_normed_tower(b: TraceBuilder, name: str, x: str, rows: int, widths: tuple[int, int, int]) -> str:
    """Append a tower and a layer norm."""
    x = _add_tower(b, name, x, rows, widths)
    return b.add(f"{name}_norm", LayerNorm(rows=rows, cols=widths[-1]), x)


def _add_tokens(b: TraceBuilder, model: Hstu, items: str, categories: str, users: str, batch: int, n_items: int) -> str:
    """Turn embeddings, categories and actions into tokens, put the user in front and add position and age."""
    dim, n = model.d_model, n_items + batch
    widths = (model.embedding_dim, model.hidden, dim)
    x = _add_normed_tower(b, "item", items, n_items, widths)
    category = _add_normed_tower(b, "category", categories, n_items, widths)
    x = b.add("category_sum", Elementwise(n=n_items * dim, function="add"), x, category)
    actions = b.input("actions", (n_items, model.n_action_features))
    action = _add_normed_tower(b, "action", actions, n_items, (model.n_action_features, model.hidden, dim))
    x = b.add("action_sum", Elementwise(n=n_items * dim, function="add"), x, action)
    user = add_mlp(b, "user", users, batch, (model.embedding_dim, dim), end="")
    x = b.add("tokens", Concat(n=(batch * dim, n_items * dim)), user, x)
    for name, rows in {"position": model.position_rows, "time": model.time_rows}.items():
        indices = b.input(f"{name}_indices", (n,), role="index")
        vectors = b.add(name, Gather(rows=rows, dim=dim, n=n, is_weight=True), indices)
        x = b.add(f"{name}_sum", Elementwise(n=n * dim, function="add"), x, vectors)
    return x


def _add_stu(b: TraceBuilder, model: Hstu, x: str, batch: int, n_positions: int) -> str:
    """Append one STU: norm, uvqk, attention, norm, gate by u, output over (u, attention, gated attention), residual."""
    n, width = batch * n_positions, model.n_heads * model.v_dim
    y = b.add("norm", LayerNorm(rows=n, cols=model.d_model), x)
    uvqk = add_mlp(b, "uvqk", y, n, (model.d_model, 2 * width + 2 * model.n_heads * model.qk_dim), end="")
    u = b.add("silu", Elementwise(n=n * width, function="silu"), uvqk)
    attention = Attention(
        batch=batch,
        n_heads=model.n_heads,
        n_kv_heads=model.n_heads,
        q_len=n_positions,
        kv_len=n_positions,
        head_dim=model.qk_dim,
        v_dim=model.v_dim,
        causal=True,
        targets=model.n_candidates,
        score="silu",
    )
    attended = b.add("attention", attention, uvqk, uvqk, uvqk)
    gated = b.add("attention_norm", LayerNorm(rows=n, cols=width), attended)
    gated = b.add("gate", Elementwise(n=n * width, function="mul"), u, gated)
    y = b.add("concat", Concat(n=(n * width,) * 3), u, attended, gated)
    y = b.add("output", Matmul(m=n, n=model.d_model, k=3 * width), y)
    return b.add("residual", Elementwise(n=n * model.d_model, function="add"), y, x)


def _add_prediction(b: TraceBuilder, model: Hstu, x: str, items: str, categories: str, n: int) -> str:
    """Score the ``n`` candidates: encoded tokens with the time of showing, times item vectors, through a tower."""
    times = b.input("times", (n, model.n_time_features))
    x = b.add("candidates", Concat(n=(n * model.d_model, n * model.n_time_features)), x, times)
    x = add_mlp(b, "combine", x, n, (model.d_model + model.n_time_features, model.d_model), end="")
    x = b.add("combine_norm", LayerNorm(rows=n, cols=model.d_model), x)
    item = b.add("item_vectors", Concat(n=(n * model.embedding_dim,) * 2), items, categories)
    item = _add_normed_tower(b, "item_head", item, n, (2 * model.embedding_dim, model.head_hidden, model.d_model))
    x = b.add("match", Elementwise(n=n * model.d_model, function="mul"), x, item)
    x = _add_tower(b, "predict", x, n, (model.d_model, model.head_hidden, 1))
    return b.add("sigmoid", Elementwise(n=n, function="sigmoid"), x)


register(
    Builder("hstu", Hstu, {"inference": ("batch", "sequence", "dtype", "weight_dtype", "table_dtype")}, build_hstu)
)
