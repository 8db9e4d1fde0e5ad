"""MTIA 2i from 1.1 to 1.35 GHz: recommendation models gain 5 to 20 % (ISCA 2025, section 5.2)."""

from __future__ import annotations

import statistics

import pytest

import archmodel as am

MIX = [f"recommendation/mtia_{name}" for name in ("lc1", "lc2", "lc3", "lc4", "lc5", "hc1", "hc2", "hc3", "hc4")]
MODELS = ["roofline", "cycle"]
# What DRAM or the host link binds gains too little: not reached, as docs/methods/validation.md says. The dims are our
# own fit.
BELOW = {"roofline": {"mtia_lc1": 0.036, "mtia_lc2": 0.045, "mtia_hc3": 0.047}, "cycle": {"mtia_hc3": 0.046}}


@pytest.fixture(scope="module", params=MODELS)
def model(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def gains(model) -> dict[str, float]:
    slow, fast = am.machine("mtia_2i_1.1ghz"), am.machine("mtia_2i")
    latencies_s = {
        name: [am.evaluate(machine, am.workload(name), model=model).latency_s for machine in (slow, fast)]
        for name in MIX
    }
    return {name: slow_s / fast_s - 1 for name, (slow_s, fast_s) in latencies_s.items()}


def test_the_mix_gains_what_meta_reports(gains, record_property):
    record_property("gains", ", ".join(f"{name} {gain:+.1%}" for name, gain in gains.items()))
    assert 0.05 <= statistics.mean(gains.values()) <= 0.20


@pytest.mark.parametrize("name", MIX)
def test_each_model_gains_what_meta_reports_or_its_known_shortfall(gains, model, name):
    known = BELOW[model].get(name.rpartition("/")[2])
    if known is None:
        assert 0.05 <= gains[name] <= 0.20
    else:
        assert gains[name] == pytest.approx(known, abs=0.002)
