"""Model `wave` over random products and attention: bounds hold, and more hardware is never slower."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

import archmodel as am

H100 = am.machine("h100_sxm")
FASTER = replace(H100, dram=replace(H100.dram, bandwidth_bytes_per_s=2 * H100.dram.bandwidth_bytes_per_s))
EDGE = st.integers(1, 20_000)
PRODUCT = st.fixed_dictionaries({"m": EDGE, "n": EDGE, "k": EDGE})


@st.composite
def attention(draw):
    n_kv_heads = draw(st.sampled_from([1, 2, 8]))
    kv_len = draw(st.integers(1, 16_384))
    causal = draw(st.booleans())
    return {
        "batch": draw(st.integers(1, 64)),
        "n_heads": n_kv_heads * draw(st.sampled_from([1, 4, 16])),
        "n_kv_heads": n_kv_heads,
        "q_len": draw(st.integers(1, kv_len)),
        "kv_len": kv_len,
        "head_dim": draw(st.sampled_from([64, 72, 128])),
        "causal": causal,
        "window": draw(st.sampled_from([0, 128])) if causal else 0,
    }


def row_of(machine, kind, dims):
    return am.evaluate_operator(machine, kind, dtype="bf16", model="wave", launch="graph", **dims)


@settings(max_examples=40, deadline=None)
@given(kind_and_dims=st.one_of(st.tuples(st.just("matmul"), PRODUCT), st.tuples(st.just("attention"), attention())))
def test_bounds_hold_and_faster_memory_is_never_slower(kind_and_dims):
    kind, dims = kind_and_dims
    row, faster = row_of(H100, kind, dims), row_of(FASTER, kind, dims)
    assert 0 < row["lower_s"] <= row["latency_s"] <= row["upper_s"]
    assert row["utilisation"] <= 1
    assert 0 < row["tail_frac"] <= 1
    assert faster["latency_s"] <= row["latency_s"] * (1 + 1e-12)


@settings(max_examples=20, deadline=None)
@given(dims=PRODUCT, dim=st.sampled_from("mnk"))
def test_twice_the_product_takes_no_less(dims, dim):
    larger = dims | {dim: 2 * dims[dim]}
    assert row_of(H100, "matmul", larger)["latency_s"] >= row_of(H100, "matmul", dims)["latency_s"] * (1 - 1e-12)
