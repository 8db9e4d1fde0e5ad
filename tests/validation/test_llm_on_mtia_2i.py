"""Llama on MTIA 2i against what Meta reports (ISCA 2025, sections 3.6 and 8): prefill in time, decode not."""

from __future__ import annotations

import pytest

import archmodel as am

DECODE_LIMIT_S, PREFILL_LIMIT_S = 60e-3, 600e-3


def evaluate(workload: str, **settings: object) -> am.Result:
    return am.evaluate(am.machine("mtia_2i"), am.workload(workload, **settings))


@pytest.mark.parametrize(
    ("workload", "at_least_s"),
    # all weights in FP16 over 204.8 GB/s: 6.74 and 8.03 G parameters
    [("llm/llama2-7b", 65.8e-3), ("llm/llama3.1-8b", 78.4e-3)],
)
def test_decode_of_one_token_misses_the_limit(workload, at_least_s):
    result = evaluate(workload, phase="decode", batch=1, context=1024, dtype="fp16")
    assert result.latency_s >= at_least_s
    assert result.lower_s > DECODE_LIMIT_S
    assert result.bound == "dram"


def test_prefill_of_2k_tokens_meets_the_limit():
    result = evaluate("llm/llama2-7b", phase="prefill", batch=1, sequence=2048, dtype="fp16")
    assert result.upper_s < PREFILL_LIMIT_S
