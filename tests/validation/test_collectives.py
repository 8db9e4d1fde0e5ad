"""Collectives of NCCL on eight H100 with NVSwitch (ai-dynamo/aiconfigurator, NCCL 2.27.3) against the α-β law.

Nothing is fitted: latencies and the bandwidth of a link are constants of NCCL's own choice of algorithms. NCCL moves
all_to_all directly and everything else, within one node, along rings; that schedule tests the law. Models take the
fastest algorithm instead, as serving engines with kernels of their own do, so they are compared as well. 36 points are
in this repository; the whole table, and the all_reduce of microsoft/vidur, are read from the folder in
``ARCHMODEL_REFERENCE``.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import archmodel as am
from archmodel.kernels import collectives as law

FOLDER = os.environ.get("ARCHMODEL_REFERENCE")
needs_reference = pytest.mark.skipif(FOLDER is None, reason="ARCHMODEL_REFERENCE is not set: no measured collectives")
LINK = am.machine("h100_sxm").scale_up
DATA = Path(__file__).parent / "data" / "nccl_h100.csv"
FUNCTIONS = {
    "all_reduce": law.ALL_REDUCE, "all_gather": law.ALL_GATHER, "reduce_scatter": law.REDUCE_SCATTER,
    "all_to_all": law.ALL_TO_ALL,
}  # fmt: skip
SIZES = ("all", "steps", "between", "bytes")
"""Below 64 KiB steps bind, above 16 MB bytes do; between them NCCL changes its protocols."""
# Mean of |error| by size that is allowed.
LIMITS = {
    "schedule": {"all": 0.23, "steps": 0.18, "between": 0.28, "bytes": 0.25},
    "models": {"all": 0.28, "steps": 0.23, "between": 0.35, "bytes": 0.25},
}
# Mean of |error| and of the error, as printed in docs/methods/chips.md.
FEW = {
    "schedule": {"all": (0.194, -0.131), "steps": (0.097, 0.088), "between": (0.242, -0.242), "bytes": (0.242, -0.239)},
    "models": {"all": (0.243, -0.204), "steps": (0.165, -0.048), "between": (0.318, -0.318), "bytes": (0.245, -0.244)},
}
WHOLE = {
    "schedule": {"all": (0.214, -0.134), "steps": (0.147, 0.042), "between": (0.264, -0.255), "bytes": (0.244, -0.229)},
    "models": {"all": (0.265, -0.209), "steps": (0.217, -0.089), "between": (0.332, -0.325), "bytes": (0.249, -0.235)},
}


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def whole_table() -> Iterator[tuple[str, int, float, float]]:
    for row in read(Path(str(FOLDER)) / "published" / "collectives_nccl.csv"):
        if row["system"] == "h100_sxm" and row["nccl_dtype"] == "half":
            function = row["op_name"].replace("alltoall", "all_to_all")
            yield function, int(row["num_gpus"]), float(row["message_bytes"]), float(row["latency_ms"]) * 1e-3


def error(taken: str, function: str, n_chips: int, n_bytes: float, measured_s: float) -> float:
    """Error of the schedule that NCCL takes, or of what models take, the fastest."""
    link = LINK
    assert link is not None
    shape = (n_bytes, n_chips, law.SWITCH, 8)
    rates = (link.latency_s, link.message_s, link.bandwidth_bytes_per_s * link.efficiency_frac)
    if taken == "models":
        time_s = law.fastest_algorithm(FUNCTIONS[function], *shape, *rates)[1]
    else:
        algorithm = law.BY_DIRECT if function == "all_to_all" else law.BY_RING
        time_s = law.collective_time(FUNCTIONS[function], algorithm, *shape, *rates)
    return (link.launch_s + time_s) / measured_s - 1


def size_class(n_bytes: float) -> str:
    return "steps" if n_bytes <= 65536 else "between" if n_bytes < 16e6 else "bytes"


def check(points: list[tuple[str, int, float, float]], taken: str, printed: dict[str, tuple[float, float]]) -> None:
    errors = {point: error(taken, *point) for point in points}
    for chosen in SIZES:
        found = np.array([each for point, each in errors.items() if chosen in ("all", size_class(point[2]))])
        mean, bias = np.abs(found).mean(), found.mean()
        print(f"{taken}, {chosen}: {found.size} points, mean error {mean:.1%}, bias {bias:+.1%}")
        assert (mean, bias) == pytest.approx(printed[chosen], abs=0.005)
        assert mean < LIMITS[taken][chosen]


@pytest.mark.parametrize("taken", LIMITS)
def test_points_of_nccl(taken):
    rows = read(DATA)
    assert len(rows) == 36
    points = [
        (row["function"], int(row["n_chips"]), float(row["n_bytes"]), float(row["time_us"]) * 1e-6) for row in rows
    ]
    check(points, taken, FEW[taken])


@needs_reference
@pytest.mark.parametrize("taken", LIMITS)
def test_the_whole_table_of_nccl(taken):
    points = list(whole_table())
    assert len(points) == 252
    check(points, taken, WHOLE[taken])


# Chips → mean error of the schedule and of what models take, and the limit of the former.
VIDUR = {2: (0.277, 0.283, 0.28), 4: (0.164, 0.181, 0.17), 8: (0.170, 0.211, 0.18)}


@needs_reference
@pytest.mark.parametrize("n_chips", VIDUR)
def test_large_all_reduces_of_vidur(n_chips):
    rows = [
        (float(row["size_bytes"]), float(row["median_us"]) * 1e-6)
        for row in read(Path(str(FOLDER)) / "published" / "vidur_allreduce.csv")
        if row["system"] == "h100_dgx" and int(row["num_workers"]) == n_chips and float(row["size_bytes"]) > 8e6
    ]
    means = []
    for taken in LIMITS:
        errors = np.array([error(taken, "all_reduce", n_chips, *row) for row in rows])
        means.append(np.abs(errors).mean())
        print(f"{taken}, {n_chips} chips: {len(rows)} points, mean error {means[-1]:.1%}, bias {errors.mean():+.1%}")
    assert means == pytest.approx(VIDUR[n_chips][:2], abs=0.005)
    assert means[0] < VIDUR[n_chips][2]
