"""Ranking models of the Wukong and DHEN kind: blocks that mix a list of feature vectors in several ways at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from archmodel.errors import Fault, InputError
from archmodel.inputs import SCHEMA
from archmodel.units import YesNo
from archmodel.workload.build import TraceBuilder
from archmodel.workload.builders import Builder, Yield, register
from archmodel.workload.builders.dlrm import add_mlp
from archmodel.workload.builders.sharing import add_pooled
from archmodel.workload.operators.attention import Attention
from archmodel.workload.operators.elementwise import Elementwise
from archmodel.workload.operators.gather import Gather
from archmodel.workload.operators.layout import Concat, Permute
from archmodel.workload.operators.matmul import BatchedMatmul, Matmul
from archmodel.workload.operators.normalise import LayerNorm
from archmodel.workload.settings import Count, RunSettings


@dataclass(frozen=True, slots=True)
class Tables:
    """Embedding tables, all alike.

    Parameters
    ----------
    n_tables
        Tables.
    rows
        Rows of each.
    pooling
        Lookups per sample in each.
    is_remote
        Tables are elsewhere, and their pooled vectors are inputs of this chip.
    """

    __pydantic_config__: ClassVar = SCHEMA
    n_tables: Count
    rows: Count
    pooling: Count
    is_remote: Annotated[bool, YesNo()] = False


@dataclass(frozen=True, slots=True)
class FactorisationMachine:
    """Low-rank pairwise products of all vectors, through an MLP.

    Parameters
    ----------
    rank
        Columns of the projection that products are taken with.
    hidden
        Hidden widths of the MLP.
    n_features
        Vectors it gives to the next block.
    """

    __pydantic_config__: ClassVar = SCHEMA
    rank: Count
    hidden: Sequence[Count]
    n_features: Count


@dataclass(frozen=True, slots=True)
class LinearCompression:
    """Linear combinations of all vectors.

    Parameters
    ----------
    n_features
        Vectors it gives to the next block.
    """

    __pydantic_config__: ClassVar = SCHEMA
    n_features: Count


@dataclass(frozen=True, slots=True)
class SelfAttention:
    """Multi-head attention among the vectors, compressed.

    Parameters
    ----------
    n_heads, head_dim
        Heads and their width.
    n_features
        Vectors it gives to the next block.
    """

    __pydantic_config__: ClassVar = SCHEMA
    n_heads: Count
    head_dim: Count
    n_features: Count


@dataclass(frozen=True, slots=True)
class Users:
    """Samples of a batch that belong to the same user look up that user's tables once (in-batch broadcast).

    Parameters
    ----------
    n_tables
        Tables of users, among all.
    n_samples
        Samples of each user; the last one may have fewer.
    is_deferred
        Users' vectors are copied to their samples behind the compression, not before it.
    """

    __pydantic_config__: ClassVar = SCHEMA
    n_tables: Count
    n_samples: Count
    is_deferred: Annotated[bool, YesNo()]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Hyper-parameters of a ranking model.

    Parameters
    ----------
    n_dense_features
        Continuous inputs.
    bottom
        Hidden widths of the dense tower; a last layer to ``dim`` follows.
    tables
        Embedding tables.
    dim
        Elements of a feature vector.
    n_blocks
        Interaction blocks.
    fm, linear, attention
        What a block consists of; the vectors they give add up to the vectors a block works on.
    top
        Widths of the prediction tower; the last is the number of tasks.
    users
        Which tables are looked up per user; absent: none.
    """

    __pydantic_config__: ClassVar = SCHEMA
    n_dense_features: Count
    bottom: Sequence[Count]
    tables: Tables
    dim: Count
    n_blocks: Count
    fm: FactorisationMachine
    linear: LinearCompression
    top: Sequence[Count]
    attention: SelfAttention | None = None
    users: Users | None = None

    @property
    def n_features(self) -> int:
        """Vectors that a block works on."""
        return self.fm.n_features + self.linear.n_features + (self.attention.n_features if self.attention else 0)


def build_ranking(b: TraceBuilder, model: Ranking, run: RunSettings) -> Yield:
    """Add one batch of samples.

    Model
    -----
    Vectors of all tables and of the dense tower are compressed to ``n_features``; each block gives the same number
    again: ``X ← norm(concat(fm(X), linear(X), attention(X)) + X)``. The factorisation machine is the low-rank one,
    ``MLP(norm(X (Xᵀ Y)))`` with a learnt ``Y``; without attention a block is a Wukong layer, with it the ensemble of
    DHEN. Mixing along the list of vectors is a matmul over transposed vectors, with the transposes written down.

    Where users share samples, their vectors are copied from users to samples, a row each: those of their tables before
    the compression, or, deferred, what the compression makes of them. The compression is linear, so both are the same
    model: ``W·[users, items] = W_u·users + W_i·items``. Chips share the tables (`add_pooled`) and the batch.

    Sources
    -------
    Zhang et al., Wukong, arXiv:2403.02545, section 3; Zhang et al., DHEN, arXiv:2203.11014, section 3. In-batch
    broadcast, and deferring it: ISCA 2025 (MTIA 2i), section 6.

    Raises
    ------
    InputError
        When users have all tables.
    """
    batch, dim, tables, users = run.batch, model.dim, model.tables, model.users
    dense = b.input("dense", (batch, model.n_dense_features))
    dense = add_mlp(b, "bottom", dense, batch, (model.n_dense_features, *model.bottom, dim))
    n_own = tables.n_tables
    if users is not None:
        _check_users(users, tables)
        n_own -= users.n_tables
    vectors = {dense: 1, _add_bag(b, "tables", tables, n_own, batch, dim): n_own}
    if users is None:
        x = _add_compression(b, "compress", vectors, batch, dim, model.n_features)
    else:
        n_users = -(-batch // users.n_samples)
        pooled = _add_bag(b, "user_tables", tables, users.n_tables, n_users, dim)
        if users.is_deferred:
            x = _add_compression(b, "compress", vectors, batch, dim, model.n_features)
            y = _add_compression(b, "user_compress", {pooled: users.n_tables}, n_users, dim, model.n_features)
            y = _add_copies(b, y, n_users, model.n_features * dim, batch)
            x = b.add("user_sum", Elementwise(n=batch * model.n_features * dim, function="add"), x, y)
        else:
            copies = _add_copies(b, pooled, n_users, users.n_tables * dim, batch)
            x = _add_compression(b, "compress", {**vectors, copies: users.n_tables}, batch, dim, model.n_features)
    with b.repeat(model.n_blocks, "block"):
        x = _add_block(b, model, x, batch)
    add_mlp(b, "top", x, batch, (model.n_features * dim, *model.top), end="sigmoid")
    return Yield(batch, "sample")


def _check_users(users: Users, tables: Tables) -> None:
    if users.n_tables >= tables.n_tables:
        text = f"{users.n_tables} leaves no table to samples; allowed: fewer than the {tables.n_tables} there are"
        raise InputError("ranking model", [Fault("users.n_tables", text)])


def _add_bag(b: TraceBuilder, name: str, tables: Tables, n_tables: int, batch: int, dim: int) -> str:
    """Look up and pool the vectors of some tables; those of remote ones are given."""
    if tables.is_remote:
        return b.input(name, (batch, n_tables * dim))
    return add_pooled(b, name, [(tables.rows, tables.pooling)] * n_tables, dim, batch)


def _add_copies(b: TraceBuilder, x: str, n_users: int, width: int, batch: int) -> str:
    """Copy the row of each user to its samples."""
    return b.add("user_copies", Gather(rows=n_users, dim=width, n=batch), b.input("users", (batch,), role="index"), x)


def _add_compression(b: TraceBuilder, name: str, vectors: dict[str, int], batch: int, dim: int, n: int) -> str:
    """Join vectors, of which each tensor has so many per sample, and combine them into ``n``."""
    n_vectors = sum(vectors.values())
    prefix = name.removesuffix("compress")
    x = next(iter(vectors))
    if len(vectors) > 1:
        x = b.add(f"{prefix}vectors", Concat(n=tuple(batch * part * dim for part in vectors.values())), *vectors)
    x = b.add(f"{prefix}vectors_t", Permute(n=batch * n_vectors * dim), x)
    return _add_mix(b, name, x, batch * dim, n_vectors, n)


def _add_mix(b: TraceBuilder, name: str, transposed: str, rows: int, k: int, n: int) -> str:
    """Combine ``k`` vectors into ``n``; takes them transposed and gives them straight."""
    with b.scope(name):
        x = b.add("mix", Matmul(m=rows, n=n, k=k), transposed)
        return b.add("straight", Permute(n=rows * n), x)


def _add_block(b: TraceBuilder, model: Ranking, x: str, batch: int) -> str:
    """Append one block."""
    dim, n = model.dim, model.n_features
    transposed = b.add("transposed", Permute(n=batch * n * dim), x)
    parts = {  # the vectors each gives
        _add_fm(b, model.fm, x, transposed, batch, n, dim): model.fm.n_features,
        _add_mix(b, "linear", transposed, batch * dim, n, model.linear.n_features): model.linear.n_features,
    }
    if model.attention is not None:
        parts[_add_attention(b, model.attention, x, batch, n, dim)] = model.attention.n_features
    y = b.add("ensemble", Concat(n=tuple(batch * dim * part for part in parts.values())), *parts)
    y = b.add("residual", Elementwise(n=batch * n * dim, function="add"), y, x)
    return b.add("norm", LayerNorm(rows=batch * n, cols=dim), y)


def _add_fm(b: TraceBuilder, fm: FactorisationMachine, x: str, transposed: str, batch: int, n: int, dim: int) -> str:
    """Append ``MLP(norm(X (Xᵀ Y)))``."""
    with b.scope("fm"):
        low = b.add("project", Matmul(m=batch * dim, n=fm.rank, k=n), transposed)
        y = b.add("products", BatchedMatmul(batch=batch, m=n, n=fm.rank, k=dim), x, low)
        y = b.add("norm", LayerNorm(rows=batch, cols=n * fm.rank), y)
        return add_mlp(b, "mlp", y, batch, (n * fm.rank, *fm.hidden, fm.n_features * dim))


def _add_attention(b: TraceBuilder, attention: SelfAttention, x: str, batch: int, n: int, dim: int) -> str:
    """Append multi-head attention among the ``n`` vectors of a sample, and compress what it gives."""
    width = attention.n_heads * attention.head_dim
    op = Attention(
        batch=batch,
        n_heads=attention.n_heads,
        n_kv_heads=attention.n_heads,
        q_len=n,
        kv_len=n,
        head_dim=attention.head_dim,
    )
    with b.scope("attention"):
        qkv = b.add("qkv", Matmul(m=batch * n, n=3 * width, k=dim), x)
        y = b.add("attend", op, qkv, qkv, qkv)
        y = b.add("output", Matmul(m=batch * n, n=dim, k=width), y)
        y = b.add("transposed", Permute(n=batch * n * dim), y)
        return _add_mix(b, "compress", y, batch * dim, n, attention.n_features)


register(Builder("ranking", Ranking, {"inference": ("batch", "dtype", "weight_dtype", "table_dtype")}, build_ranking))
