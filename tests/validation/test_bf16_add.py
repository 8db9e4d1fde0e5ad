"""BF16 add on MTIA 300: bandwidth against size, as published.

``launch.eager`` and the efficiency of the DRAM are taken from the same figure: only the shape in between is a check.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import archmodel as am

POINTS = list(csv.DictReader((Path(__file__).parent / "data" / "mtia300_bf16_add.csv").read_text().splitlines()))
# Estimate over published time, less one, from 2^20 to 2^30 elements.
ERRORS = {
    "roofline": [0.096, 0.069, -0.007, -0.104, -0.148, -0.118, -0.069, -0.030, -0.011, 0.005, 0.016],
    "cycle": [0.146, 0.103, 0.009, -0.099, -0.140, -0.116, -0.067, -0.018, 0.003, 0.013, 0.024],
}
ASYMPTOTES = {"roofline": 0.001, "cycle": 0.008}  # time over that at the published bandwidth, less one
CASES = [(model, *case) for model, errors in ERRORS.items() for case in zip(POINTS, errors, strict=True)]


def estimate_s(n: int, model: str) -> float:
    machine = am.machine("mtia_300")
    return am.evaluate_operator(machine, "elementwise", n=n, function="add", dtype="bf16", model=model)["latency_s"]


def error_at(point: dict[str, str], model: str) -> float:
    return estimate_s(int(point["n_elements"]), model) / (float(point["latency_us"]) * 1e-6) - 1


@pytest.mark.parametrize(
    ("model", "point", "error"), CASES, ids=[f"{model}-{point['n_elements']}" for model, point, _ in CASES]
)
def test_each_published_size_is_within_15_percent(model, point, error, record_property):
    found = error_at(point, model)
    record_property("error", f"{found:+.1%}")
    assert found == pytest.approx(error, abs=0.005)
    assert abs(found) <= 0.15


@pytest.mark.parametrize(("model", "error"), ASYMPTOTES.items())
def test_the_asymptote_is_the_published_bandwidth(model, error, record_property):
    n = 2**34
    found = estimate_s(n, model) * 5.57e12 / (3 * 2 * n) - 1  # ISCA 2026, memory bandwidth
    record_property("error", f"{found:+.1%}")
    assert found == pytest.approx(error, abs=0.005)
    assert abs(found) <= 0.03
