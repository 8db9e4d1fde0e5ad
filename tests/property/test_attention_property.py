"""More attention takes longer, whatever its shape."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

import archmodel as am
from archmodel.lowering.phases import find_site
from archmodel.mapping import place
from archmodel.models import find_model
from archmodel.workload.operators.attention import Attention
from archmodel.workload.single import operators_trace

SHAPES = st.builds(
    Attention,
    batch=st.integers(1, 4),
    n_heads=st.just(8),
    n_kv_heads=st.sampled_from([1, 2, 8]),
    q_len=st.sampled_from([1, 7, 64, 500]),
    kv_len=st.integers(500, 4000),
    head_dim=st.sampled_from([40, 64, 128]),
    causal=st.booleans(),
    score=st.sampled_from(["softmax", "silu"]),
)
CLOSE = 0.98
"""Blocks are chosen by the closed form: what is chosen for the longer one may be the better choice by this much."""


def cycles_of(machine, op):
    chip = am.machine(machine)
    placed = {operand.name: "dram" for operand in op.operands()}
    trace = operators_trace("attention", [op.dims()], "fp16", placed)
    return find_model("cycle").count(find_site(trace, 0, chip, place(trace, chip))).cycles


@settings(max_examples=5, deadline=None)
@given(SHAPES, st.sampled_from(["mtia_2i", "mtia_300", "tt_wormhole_n150"]), st.floats(1.2, 3))
def test_attention_takes_longer_with_more_keys_and_more_sequences(op, machine, factor):
    took = cycles_of(machine, op)
    assert cycles_of(machine, replace(op, kv_len=int(op.kv_len * factor))) >= CLOSE * took
    assert cycles_of(machine, replace(op, batch=2 * op.batch)) >= CLOSE * took


@settings(max_examples=4, deadline=None)
@given(SHAPES.filter(lambda op: op.causal and op.q_len > 1), st.integers(16, 400))
def test_a_window_never_takes_longer(op, window):
    assert CLOSE * cycles_of("mtia_2i", replace(op, window=window)) <= cycles_of("mtia_2i", op)
