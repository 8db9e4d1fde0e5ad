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
        **{name: np.array(table[name]) for name in ("latency_s", "lower_s", "upper_s")},
    }


def test_mean_error_without_calibration(points):
    error = np.abs(points["latency_s"] / points["measured_s"] - 1)
    print(f"{len(error)} GEMMs: mean error {error.mean():.1%}, median {np.median(error):.1%}")
    assert error.mean() < 0.20


def test_no_measurement_is_below_the_bound_but_those_that_stay_in_l2(points):
    impossible = points["measured_s"] < points["lower_s"]
    l2_bytes = am.machine("h100_sxm").sram.capacity_bytes
    assert np.all(points["bytes"][impossible] < l2_bytes)  # a benchmark loop finds them there; a cold start does not
    assert impossible.mean() < 0.002
