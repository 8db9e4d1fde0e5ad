"""DLRM: pooled embeddings and a dense tower, crossed pairwise (DLRM-v1) or by a low-rank cross network (DCNv2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

from archmodel.inputs import SCHEMA
from archmodel.workload.build import TraceBuilder
from archmodel.workload.builders import Builder, Yield, register
from archmodel.workload.builders.sharing import add_pooled
from archmodel.workload.operators.elementwise import Elementwise
from archmodel.workload.operators.layout import Concat
from archmodel.workload.operators.matmul import BatchedMatmul, Matmul
from archmodel.workload.settings import Count, RunSettings

End = Literal["relu", "sigmoid", ""]


@dataclass(frozen=True, slots=True)
class CrossNetwork:
    """Low-rank cross network of DCNv2.

    Parameters
    ----------
    n_layers
        Cross layers.
    rank
        Width between the two matrices of a layer.
    """

    __pydantic_config__: ClassVar = SCHEMA
    n_layers: Count
    rank: Count


@dataclass(frozen=True, slots=True)
class Dlrm:
    """Hyper-parameters of a DLRM.

    Parameters
    ----------
    n_dense_features
        Continuous inputs.
    bottom
        Hidden widths of the dense tower; a last layer to ``dim`` follows.
    dim
        Elements of an embedding vector.
    tables
        Rows and lookups per sample of each table.
    top
        Hidden widths of the prediction tower; a last layer to one logit follows.
    cross
        Cross network; without one, vectors interact by dot products.
    """

    __pydantic_config__: ClassVar = SCHEMA
    n_dense_features: Count
    bottom: Sequence[Count]
    dim: Count
    tables: Sequence[tuple[Count, Count]]
    top: Sequence[Count]
    cross: CrossNetwork | None = None


def add_mlp(b: TraceBuilder, name: str, x: str, rows: int, widths: Sequence[int], *, end: End = "relu") -> str:
    """Append linear layers with bias and relu; ``end`` replaces the last relu, ``""`` leaves it out."""
    n_layers = len(widths) - 1
    with b.scope(name):
        for idx, (k, n) in enumerate(pairwise(widths)):
            x = b.add(f"fc{idx}", Matmul(m=rows, n=n, k=k), x)
            x = b.add(f"fc{idx}_bias", Elementwise(n=rows * n, function="bias"), x)
            function: End = "relu" if idx + 1 < n_layers else end
            if function:
                x = b.add(f"fc{idx}_{function}", Elementwise(n=rows * n, function=function), x)
    return x


def build_dlrm(b: TraceBuilder, model: Dlrm, run: RunSettings) -> Yield:
    """Add one batch of user-item pairs.

    Model
    -----
    Chips share the tables (`add_pooled`) and the batch. The dot interaction multiplies the full matrix of vectors and
    keeps the triangle below its diagonal, as the reference does; picking the triangle is part of the concatenation.

    Sources
    -------
    Naumov et al., arXiv:1906.00091 (DLRM); Wang et al., DCN V2, arXiv:2008.13535; facebookresearch/dlrm.
    """
    batch, n_tables = run.batch, len(model.tables)
    dense = b.input("dense", (batch, model.n_dense_features))
    dense = add_mlp(b, "bottom", dense, batch, (model.n_dense_features, *model.bottom, model.dim))
    pooled = add_pooled(b, "tables", model.tables, model.dim, batch)
    n_vectors = n_tables + 1
    vectors = b.add("vectors", Concat(n=(batch * model.dim, batch * n_tables * model.dim)), dense, pooled)
    if model.cross is None:
        width = model.dim + n_vectors * (n_vectors - 1) // 2
        x = _add_dot(b, vectors, dense, batch, n_vectors, model.dim)
    else:
        width = n_vectors * model.dim
        x = _add_cross(b, vectors, batch, width, model.cross)
    add_mlp(b, "top", x, batch, (width, *model.top, 1), end="sigmoid")
    return Yield(batch, "sample")


def _add_dot(b: TraceBuilder, vectors: str, dense: str, batch: int, n: int, dim: int) -> str:
    """Multiply every vector with every other and put the pairs behind the dense vector."""
    products = b.add("dot", BatchedMatmul(batch=batch, m=n, n=n, k=dim), vectors, vectors)
    return b.add("pairs", Concat(n=(batch * dim, batch * (n * (n - 1) // 2))), dense, products)


def _add_cross(b: TraceBuilder, x0: str, batch: int, width: int, cross: CrossNetwork) -> str:
    """Apply ``x ← x0 · (W (V x) + bias) + x``, ``V`` to the low rank and ``W`` back; x starts as x0."""
    n = batch * width
    with b.repeat(cross.n_layers, "cross"):
        low = b.add("v", Matmul(m=batch, n=cross.rank, k=width), x0)
        y = b.add("w", Matmul(m=batch, n=width, k=cross.rank), low)
        y = b.add("bias", Elementwise(n=n, function="bias"), y)
        y = b.add("gate", Elementwise(n=n, function="mul"), x0, y)
        return b.add("residual", Elementwise(n=n, function="add"), y, x0)


register(Builder("dlrm", Dlrm, {"inference": ("batch", "dtype", "weight_dtype", "table_dtype")}, build_dlrm))
