"""Lower attention: fused, in blocks that never leave local memory; on a systolic array as two products."""

from __future__ import annotations

import math

from archmodel.dtypes import dtype_bytes
from archmodel.kernels.attention_shape import ROW_STATE, SUM_BYTES
from archmodel.kernels.lanes import simd_cycles
from archmodel.lowering.attention_cuts import Cuts, far_of
from archmodel.lowering.attention_setting import find_setting
from archmodel.lowering.operators.matmul import lower_product
from archmodel.lowering.phases import Phase, Site, lowers
from archmodel.lowering.rvv import VectorCores, bag_cycles, loop_cycles
from archmodel.lowering.stream import Flow, Stage, stream
from archmodel.lowering.timing import lower_matmul
from archmodel.workload.operators.attention import Attention


@lowers(Attention.kind)
def lower_attention(site: Site) -> tuple[Phase, ...]:
    """Lower attention with the cut that is fastest in closed form.

    Raises
    ------
    UnsupportedError
        When the smallest blocks do not fit local memory.
    """
    assert isinstance(site.op, Attention)
    if site.array is not None:
        return _lower_unfused(site, site.op)
    cuts, far = list_cuts(site), far_of(site)
    likely, cycles, _ = cuts.judge(far)
    took, splits = cycles[:, 0, 0].tolist(), cuts.n_splits(likely[:, 0]).tolist()
    combined = {n: combine_parts(site, n) for n in splits}
    took = [n_cycles + sum(phase.count()[0] for phase in combined[n]) for n_cycles, n in zip(took, splits, strict=True)]
    best = min(range(len(took)), key=took.__getitem__)
    return cuts.lower(int(likely[best, 0])), *combined[splits[best]]


def list_cuts(site: Site) -> Cuts:
    """List the cuts of an attention that are tried."""
    setting = find_setting(site)
    return Cuts.of(setting, setting.tried)


def combine_parts(site: Site, n_splits: int) -> tuple[Phase, ...]:
    """Write the phase that adds up what the parts of the keys gave, if there are several.

    Each row is a sum weighted by the parts' maxima, then divided.
    """
    if n_splits == 1:
        return ()
    op, lanes, latency = site.op, site.timing.lanes, site.timing.simd_latency
    assert isinstance(op, Attention)
    parts = Flow(n_splits * (op.value_dim + ROW_STATE), SUM_BYTES, is_far=False)
    out = site.place("out")

    def stages(n_rows: int) -> tuple[Stage, ...]:
        if site.lone_cores is not None:
            return (Stage("vector", _combine_cycles(op, n_rows, n_splits, out.dtype, site.lone_cores)),)
        n_results = n_rows * op.value_dim
        factors = simd_cycles(n_rows * n_splits, 4, lanes)  # maximum, subtract, exp, sum
        return (Stage("simd", factors + simd_cycles(n_results, 2 * n_splits + 1, lanes), latency),)

    n_rows = op.batch * op.q_len * op.n_heads
    return (stream(site, "combine", n_rows, (parts,), stages, (Flow(op.value_dim, out.element_bytes, out.is_far),)),)


def _combine_cycles(op: Attention, n_rows: int, n_splits: int, dtype: str, cores: VectorCores) -> int:
    """Cycles in which vector cores combine rows: factors of the parts, their weighted sum, its division."""
    factors = ("maximum", "exp_of_difference", "sum")
    took = sum(loop_cycles(loop, n_rows, n_splits, "fp32", "fp32", cores) for loop in factors)
    took += loop_cycles("reciprocal", 1, n_rows, "fp32", "fp32", cores)
    took += bag_cycles(n_rows, n_splits, op.value_dim, "fp32", cores, is_weighted=True)
    return took + loop_cycles("scale", n_rows, op.value_dim, "fp32", "fp32", cores, dtype)


def _lower_unfused(site: Site, op: Attention) -> tuple[Phase, ...]:
    """Lower attention to two products and the score function between them; all attended keys meet all queries.

    Scores are in SRAM if they fit what caches DRAM, else in DRAM.
    """
    heads, n_rows = op.batch * op.n_kv_heads, op.q_len * (op.n_heads // op.n_kv_heads)
    n_keys, size = op.kv_attended, dtype_bytes(site.dtype)
    is_far = heads * n_rows * n_keys * size > site.timing.cache_bytes
    q, k, out = site.place("q"), site.place("k"), site.place("out")
    v = k if op.is_kv_shared else site.place("v")
    scores = lower_matmul(
        heads, n_rows, n_keys, op.head_dim, (q.dtype, k.dtype, site.dtype), (q.is_far, k.is_far, is_far), 1
    )
    results = lower_matmul(
        heads, n_rows, op.value_dim, n_keys, (site.dtype, v.dtype, out.dtype), (is_far, v.is_far, out.is_far), 1
    )
    # A row that is too long for local memory goes through it in pieces.
    per_piece = min(n_keys, int(site.timing.local_bytes / (8 * size)))
    flow = Flow(per_piece, size, is_far)
    n_reductions, n_operations = (2, 4) if op.score == "softmax" else (0, 3)
    flows = [flow]
    if op.has_bias:
        n_operations += 1
        bias = site.place("bias")
        flows.append(Flow(per_piece, bias.element_bytes, bias.is_far, is_indexed=True))

    def stages(n_pieces: int) -> tuple[Stage, ...]:
        timing = site.timing
        cycles = simd_cycles(n_pieces * per_piece, n_operations + n_reductions, timing.lanes)
        return (Stage("simd", cycles, timing.simd_latency),)

    n_pieces = heads * n_rows * math.ceil(n_keys / per_piece)
    score = stream(site, op.score, n_pieces, flows, stages, (flow,))
    return lower_product(scores, site), score, lower_product(results, site)
