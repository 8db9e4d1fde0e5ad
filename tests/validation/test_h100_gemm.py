"""2,420 measured BF16 GEMMs on H100 SXM (ai-dynamo/aiconfigurator, TensorRT-LLM 1.3.0rc20) against the roofline.

The table is read from the folder in ``ARCHMODEL_REFERENCE``; without it the test is skipped.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

import archmodel as am

FOLDER = os.environ.get("ARCHMODEL_REFERENCE")
pytestmark = pytest.mark.skipif(FOLDER is None, reason="ARCHMODEL_REFERENCE is not set: no measured GEMM tables")


@pytest.fixture(scope="module")
def points():
    lines = (Path(str(FOLDER)) / "published" / "gemm_h100_sxm.csv").read_text().splitlines()
    rows = [row for row in csv.DictReader(lines) if row["gemm_dtype"] == "bfloat16"]
    shapes = [{dim: int(row[dim]) for dim in "mnk"} for row in rows]
    table = am.evaluate_operators(am.machine("h100_sxm"), "matmul", shapes, dtype="bf16")
    return {
        "measured_s": np.array([float(row["latency_ms"]) * 1e-3 for row in rows]),
        "bytes": np.array(table["bytes"]),
        **{name: np.array(table[name]) for name in ("latency_s", "lower_s", "upper_s", "bound")},
    }


@pytest.mark.parametrize(
    ("bound", "error_limit", "bias_limits"),
    # mean of |error| and of error; set around the results once known, to guard them (docs/methods/validation.md)
    [
        ("all", 0.15, (-0.10, 0.0)),
        ("matrix", 0.10, (-0.06, 0.06)),
        ("dram", 0.16, (-0.16, -0.08)),
        ("launch", 0.22, (-0.05, 0.05)),
    ],
)
def test_mean_error_by_what_binds(points, bound, error_limit, bias_limits):
    chosen = np.array([bound in ("all", name) for name in points["bound"]])
    error = points["latency_s"][chosen] / points["measured_s"][chosen] - 1
    print(f"{bound}: {error.size} GEMMs, mean error {np.abs(error).mean():.1%}, bias {error.mean():+.1%}")
    assert np.abs(error).mean() < error_limit
    assert bias_limits[0] <= error.mean() <= bias_limits[1]


def test_few_measurements_are_above_the_serial_bound(points):
    above = (points["measured_s"] > points["upper_s"]).mean()
    print(f"{above:.1%} of the measured GEMMs take longer than upper_s")
    assert above < 0.10


def test_no_measurement_is_below_the_bound_but_those_that_stay_in_l2(points):
    impossible = points["measured_s"] < points["lower_s"]
    l2_bytes = am.machine("h100_sxm").sram.capacity_bytes
    assert np.all(points["bytes"][impossible] < l2_bytes)  # a benchmark loop finds them there; a cold start does not
    assert impossible.mean() < 0.002
