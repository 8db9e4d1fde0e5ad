"""Without a SIMD engine the vector cores work on results, and it takes them as long as a loop of their own."""

from __future__ import annotations

import pytest

import archmodel as am
from archmodel.workload.build import TraceBuilder
from archmodel.workload.operators.elementwise import Elementwise
from archmodel.workload.operators.matmul import Matmul

HEADS = {
    "product": Matmul(m=512, n=4096, k=1024),
    "function": Elementwise(n=512 * 4096, function="bias"),
}


def vector_cycles(head, machine, launch):
    builder = TraceBuilder(dtype="bf16")
    x = builder.input("x", (512, 1024) if isinstance(head, Matmul) else (512, 4096))
    builder.add("gelu", Elementwise(n=512 * 4096, function="gelu"), builder.add("head", head, x))
    trace = builder.finish(name="t", title="t", phase="p", run={}, items=1.0, item="step")
    result = am.evaluate(am.machine(machine), trace, model="analytic", launch=launch)
    return [work.get("vector", 0) for work in result.operators["work_cycles"]]


@pytest.mark.parametrize("head", HEADS)
def test_a_fused_function_takes_the_cores_as_long_as_one_of_its_own(head):
    (fused,) = vector_cycles(HEADS[head], "rivos_like", "graph")
    before, alone = vector_cycles(HEADS[head], "rivos_like", "eager")
    assert before > 0  # sums are converted, a bias is added
    assert fused == pytest.approx(before + alone, rel=0.1)


OPERATORS = {
    "product": ("matmul", {"m": 512, "n": 512, "k": 512}),
    "gelu": ("linear", {"m": 512, "n": 512, "k": 512, "bias": True, "activation": "gelu"}),
    "few bags": ("embedding_bag", {"batch": 4, "pooling": 512, "rows": 100_000, "dim": 64, "n_tables": 1}),
    "lines": (
        "conv2d",
        {"batch": 1, "in_channels": 64, "out_channels": 64, "height": 56, "width": 56, "kernel": 3, "groups": 64},
    ),
    "parts of keys": (
        "attention",
        {"batch": 1, "q_len": 1, "kv_len": 32768, "n_heads": 32, "n_kv_heads": 8, "head_dim": 128, "causal": True},
    ),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_there_is_no_second_engine(name):
    kind, dims = OPERATORS[name]
    row = am.evaluate_operator(am.machine("rivos_like"), kind, dtype="bf16", model="analytic", **dims)
    assert row["work_cycles"]["vector"] > 0
    assert "simd" not in row["work_cycles"]


def test_an_activation_costs_its_loop():
    plain, gelu = (
        am.evaluate_operator(
            am.machine("rivos_like"),
            "linear",
            dtype="bf16",
            model="analytic",
            m=512,
            n=512,
            k=512,
            activation=activation,
        )["work_cycles"]["vector"]
        for activation in ("none", "gelu")
    )
    assert (plain, gelu) == (32 * 7, 32 * 47)  # 2048 results of a PE, 64 lanes; 7 passes to convert, 39.5 of the loop


def test_a_simd_engine_does_one_operation_each():
    (fused,) = vector_cycles(HEADS["product"], "mtia_300", "graph")
    assert fused == 0
