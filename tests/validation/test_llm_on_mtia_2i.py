"""Llama on MTIA 2i against what Meta reports (ISCA 2025, sections 3.6 and 8): prefill in time, decode not.

The paper gives the limits, 600 ms to the first token and 60 ms for each further one, not batch and lengths; those here
are one prompt of 2,048 tokens and a context of 1,024.
"""

from __future__ import annotations

import pytest

import archmodel as am

DECODE_LIMIT_S, PREFILL_LIMIT_S = 60e-3, 600e-3
COUNTED = ["analytic", "cycle"]


def evaluate(workload: str, model: str = "roofline", **settings: object) -> am.Result:
    return am.evaluate(am.machine("mtia_2i"), am.workload(workload, **settings), model=model)


@pytest.mark.parametrize(
    ("workload", "at_least_s"),
    # all weights in FP16 over 204.8 GB/s: 6.74 and 8.03 G parameters
    [("llm/llama2-7b", 65.8e-3), ("llm/llama3.1-8b", 78.4e-3)],
)
@pytest.mark.parametrize("model", ["roofline", *COUNTED])
def test_decode_of_one_token_misses_the_limit(workload, at_least_s, model):
    result = evaluate(workload, model, phase="decode", batch=1, context=1024, dtype="fp16")
    assert result.latency_s >= at_least_s
    assert result.lower_s > DECODE_LIMIT_S
    assert result.bound == "dram"


def test_prefill_of_2k_tokens_meets_the_limit():
    result = evaluate("llm/llama2-7b", phase="prefill", batch=1, sequence=2048, dtype="fp16")
    assert result.upper_s < PREFILL_LIMIT_S


@pytest.mark.parametrize("model", COUNTED)
def test_prefill_meets_the_limit_in_cycles(model):
    result = evaluate("llm/llama2-7b", model, phase="prefill", batch=1, sequence=2048, dtype="fp16")
    assert result.lower_s <= result.latency_s < PREFILL_LIMIT_S
    assert result.bound == "matrix"


def test_cycles_of_llama_are_as_printed():
    """Time to the first token and per token of Llama-2-7B: 169 ms and 81 ms."""
    printed = {"prefill": (169e-3, {"sequence": 2048}), "decode": (81.4e-3, {"context": 1024})}
    for phase, (time_s, lengths) in printed.items():
        result = evaluate("llm/llama2-7b", "cycle", phase=phase, batch=1, dtype="fp16", **lengths)
        assert result.latency_s == pytest.approx(time_s, rel=0.03)
