"""BF16 add on MTIA 300: bandwidth against size, as published."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import archmodel as am

POINTS = list(csv.DictReader((Path(__file__).parent / "data" / "mtia300_bf16_add.csv").read_text().splitlines()))


def estimate_s(n: int) -> float:
    return am.evaluate_operator(am.machine("mtia_300"), "elementwise", n=n, function="add", dtype="bf16")["latency_s"]


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point["n_elements"])
def test_each_published_size_is_within_15_percent(point):
    n, measured_s = int(point["n_elements"]), float(point["latency_us"]) * 1e-6
    assert estimate_s(n) == pytest.approx(measured_s, rel=0.15)


def test_the_asymptote_is_the_published_bandwidth():
    n = 2**34
    assert 3 * 2 * n / estimate_s(n) == pytest.approx(5.57e12, rel=0.03)  # ISCA 2026, section on memory bandwidth
