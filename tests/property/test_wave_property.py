"""Model `wave` over random products and attention: bounds hold, more hardware is never slower, nor are masks."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

import archmodel as am
from archmodel.kernels.wave_attention import QUERIES

MACHINES = {name: am.machine(name) for name in ("h100_sxm", "mi300x", "tpu_v5e")}
H100 = MACHINES["h100_sxm"]
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


@st.composite
def small_attention(draw):
    n_kv_heads = draw(st.sampled_from([1, 2, 8]))
    kv_len = draw(st.integers(1, 600))
    return {
        "batch": draw(st.integers(1, 64)),
        "n_heads": n_kv_heads * draw(st.sampled_from([1, 4, 16])),
        "n_kv_heads": n_kv_heads,
        "q_len": draw(st.integers(1, kv_len)),
        "kv_len": kv_len,
        "head_dim": draw(st.sampled_from([64, 72, 128])),
    }


@settings(max_examples=60, deadline=None)
@example({"batch": 2, "n_heads": 32, "n_kv_heads": 8, "q_len": 70, "kv_len": 106, "head_dim": 128}, 20, "h100_sxm")
@given(dims=small_attention(), window=st.integers(1, 600), name=st.sampled_from(sorted(MACHINES)))
def test_masks_never_cost_time(dims, window, name):
    machine = MACHINES[name]
    full, causal = (row_of(machine, "attention", dims | {"causal": mask})["latency_s"] for mask in (False, True))
    assert causal <= full * (1 + 1e-12)
    # Few queries may split their keys, at most into blocks: a window may leave fewer parts than all keys have.
    if dims["q_len"] * dims["n_heads"] / dims["n_kv_heads"] > QUERIES:
        masked = row_of(machine, "attention", dims | {"causal": True, "window": window})["latency_s"]
        assert masked <= causal * (1 + 1e-12)


@settings(max_examples=30, deadline=None)
@given(dims=small_attention(), causal=st.booleans(), name=st.sampled_from(sorted(MACHINES)))
def test_bounds_hold_for_many_tiles_of_few_slots(dims, causal, name):
    row = row_of(MACHINES[name], "attention", dims | {"causal": causal})
    assert 0 < row["lower_s"] <= row["latency_s"] <= row["upper_s"]
