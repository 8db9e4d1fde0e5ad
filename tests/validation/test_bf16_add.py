"""BF16 add on MTIA 300: bandwidth against size, as published."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import archmodel as am

POINTS = list(csv.DictReader((Path(__file__).parent / "data" / "mtia300_bf16_add.csv").read_text().splitlines()))
MODELS = ("roofline", "cycle")


def estimate_s(n: int, model: str) -> float:
    machine = am.machine("mtia_300")
    return am.evaluate_operator(machine, "elementwise", n=n, function="add", dtype="bf16", model=model)["latency_s"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("point", POINTS, ids=lambda point: point["n_elements"])
def test_each_published_size_is_within_15_percent(point, model):
    n, measured_s = int(point["n_elements"]), float(point["latency_us"]) * 1e-6
    assert estimate_s(n, model) == pytest.approx(measured_s, rel=0.15)


@pytest.mark.parametrize("model", MODELS)
def test_the_asymptote_is_the_published_bandwidth(model):
    n = 2**34
    assert 3 * 2 * n / estimate_s(n, model) == pytest.approx(5.57e12, rel=0.03)  # ISCA 2026, memory bandwidth
