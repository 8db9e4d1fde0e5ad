"""Lower what takes tokens to their experts and back: copies and weighted sums of rows at a list of indices."""

from __future__ import annotations

import math
from collections.abc import Sequence

from archmodel.kernels.lanes import simd_cycles
from archmodel.lowering.phases import Phase, Site, lowers
from archmodel.lowering.rvv import bag_cycles
from archmodel.lowering.stream import Flow, Stage, stream
from archmodel.workload.operators.routing import MoeCombine, MoeDispatch

_LOCAL_FRAC = 1 / 4
"""Part of local memory that the rows of one token may take, each buffered twice."""


@lowers(MoeDispatch.kind)
def lower_dispatch(site: Site) -> tuple[Phase, ...]:
    """Lower the copying of tokens: each is loaded once and stored where its experts find it.

    Few or long tokens are cut into parts of their columns (`cut_columns`).
    """
    op = site.op
    assert isinstance(op, MoeDispatch)
    x, out = site.place("x"), site.place("out")
    n_parts = cut_columns(site, op.tokens, op.topk, op.dim, max(x.element_bytes, out.element_bytes))
    dim = math.ceil(op.dim / n_parts)
    copies = Flow(op.topk * dim, out.element_bytes, out.is_far, n_pieces=op.topk, is_indexed=True)

    def stages(_: int) -> Sequence[Stage]:
        return ()

    return (stream(site, "dispatch", op.tokens * n_parts, (Flow(dim, x.element_bytes, x.is_far),), stages, (copies,)),)


@lowers(MoeCombine.kind)
def lower_combine(site: Site) -> tuple[Phase, ...]:
    """Lower the weighted sum of what the experts of a token gave: rows are gathered with a weight each, and added up.

    Few or long tokens are cut into parts of their columns (`cut_columns`).
    """
    op = site.op
    assert isinstance(op, MoeCombine)
    x, out = site.place("x"), site.place("out")
    n_parts = cut_columns(site, op.tokens, op.topk, op.dim, max(x.element_bytes, out.element_bytes))
    dim = math.ceil(op.dim / n_parts)
    rows = Flow(op.topk * dim, x.element_bytes, x.is_far, n_pieces=op.topk, is_indexed=True)

    def stages(n_tokens: int) -> Sequence[Stage]:
        if site.cores is None:
            passes = simd_cycles(n_tokens * op.topk * dim, 2, site.timing.lanes)
            return (Stage("simd", passes, site.timing.simd_latency),)
        return (Stage("vector", bag_cycles(n_tokens, op.topk, dim, x.dtype, site.cores, is_weighted=True)),)

    sums = Flow(dim, out.element_bytes, out.is_far)
    return (stream(site, "combine", op.tokens * n_parts, (rows,), stages, (sums,)),)


def cut_columns(site: Site, n_tokens: int, n_copies: int, dim: int, element_bytes: float) -> int:
    """Cut tokens into parts of their columns: until each PE has one, and a token with its copies fits local memory.

    Parameters
    ----------
    site
        Where.
    n_tokens, n_copies, dim, element_bytes
        Tokens, rows that each becomes or is made of, elements of a row, and bytes of an element.

    Returns
    -------
    int
        Parts; those that let more PEs work are no shorter than a fragment of the network.
    """
    row_bytes = dim * element_bytes
    for_pes = min(math.ceil(site.n_pes / n_tokens), max(1, int(row_bytes // site.timing.fragment_bytes)))
    for_memory = math.ceil(2 * (n_copies + 1) * row_bytes / (_LOCAL_FRAC * site.timing.local_bytes))
    return min(dim, max(for_pes, for_memory))
