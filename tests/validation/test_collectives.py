"""Collectives of NCCL on eight H100 with NVSwitch (ai-dynamo/aiconfigurator, NCCL 2.27.3) against the α-β law.

Nothing is fitted: latencies and the bandwidth of a link are constants of NCCL's own choice of algorithms. NCCL moves
all_to_all directly and everything else, within one node, along rings, so that is what is compared; serving engines have
one-shot kernels besides, which the models may choose. 36 points are in this repository; the whole table, and the
all_reduce of microsoft/vidur, are read from the folder in ``ARCHMODEL_REFERENCE``.
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
# Mean of |error| by size: below 64 KiB steps bind, above 16 MB bytes do; between them NCCL changes its protocols.
LIMITS = {"all": 0.23, "steps": 0.18, "between": 0.28, "bytes": 0.25}


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def whole_table() -> Iterator[tuple[str, int, float, float]]:
    for row in read(Path(str(FOLDER)) / "published" / "collectives_nccl.csv"):
        if row["system"] == "h100_sxm" and row["nccl_dtype"] == "half":
            function = row["op_name"].replace("alltoall", "all_to_all")
            yield function, int(row["num_gpus"]), float(row["message_bytes"]), float(row["latency_ms"]) * 1e-3


def error(function: str, n_chips: int, n_bytes: float, measured_s: float) -> float:
    link = LINK
    assert link is not None
    algorithm = law.BY_DIRECT if function == "all_to_all" else law.BY_RING
    bytes_per_s = link.bandwidth_bytes_per_s * link.efficiency_frac
    time_s = law.collective_time(
        FUNCTIONS[function], algorithm, n_bytes, n_chips, law.SWITCH, 8, link.latency_s, bytes_per_s
    )
    return (link.launch_s + time_s) / measured_s - 1


def size_class(n_bytes: float) -> str:
    return "steps" if n_bytes <= 65536 else "between" if n_bytes < 16e6 else "bytes"


def check(points: list[tuple[str, int, float, float]]) -> None:
    errors = {point: error(*point) for point in points}
    for chosen, limit in LIMITS.items():
        found = np.array([each for point, each in errors.items() if chosen in ("all", size_class(point[2]))])
        print(f"{chosen}: {found.size} points, mean error {np.abs(found).mean():.1%}, bias {found.mean():+.1%}")
        assert np.abs(found).mean() < limit


def test_points_of_nccl():
    rows = read(DATA)
    assert len(rows) == 36
    points = [
        (row["function"], int(row["n_chips"]), float(row["n_bytes"]), float(row["time_us"]) * 1e-6) for row in rows
    ]
    check(points)


@needs_reference
def test_the_whole_table_of_nccl():
    points = list(whole_table())
    assert len(points) == 252
    check(points)


@needs_reference
@pytest.mark.parametrize(("n_chips", "limit"), [(2, 0.28), (4, 0.17), (8, 0.18)])
def test_large_all_reduces_of_vidur(n_chips, limit):
    rows = read(Path(str(FOLDER)) / "published" / "vidur_allreduce.csv")
    errors = np.array([
        error("all_reduce", n_chips, float(row["size_bytes"]), float(row["median_us"]) * 1e-6)
        for row in rows
        if row["system"] == "h100_dgx" and int(row["num_workers"]) == n_chips and float(row["size_bytes"]) > 8e6
    ])  # fmt: skip
    print(f"{n_chips} chips: {errors.size} points, mean error {np.abs(errors).mean():.1%}, bias {errors.mean():+.1%}")
    assert np.abs(errors).mean() < limit
