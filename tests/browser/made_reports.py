"""Reports for the browser: of each kind, with names that nobody should use, and one of 100,000 points."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb

import archmodel as am
from archmodel.api import keep_results, open_sweep, report
from archmodel.results import ResultTable
from archmodel.results.keep import VERIFY, keep_tables
from archmodel.results.store import Store
from archmodel.sweep.run import SweepResult

HOSTILE = "<img src=x onerror=\"window.ran='image'\">"
TITLE = f"</script><script>window.ran='title'</script> & {HOSTILE} $x_1$ ${{y}}"
WORKLOAD = """
title: Made up for tests
source: made up
builder: dlrm
defaults: {batch: 256, dtype: fp16, weight_dtype: null, table_dtype: fp16}
model: {n_dense_features: 13, bottom: [64], dim: 64, tables: [[100000, 1], [1000000, 1]], top: [256, 1]}
"""
N_POINTS, N_FRONT = 100_000, 2_500


def write_small(folder: Path) -> tuple[Path, SweepResult]:
    """Sweep a few machines and report on them; returns the page and what it is about."""
    axes = {
        "clock": {"low": "1 GHz", "high": "2 GHz", "n": 4},
        "sram.width": ["1024 B/cycle", "4096 B/cycle"],
        "memory": {
            "set": ["dram.technology", "dram.bandwidth"],
            "values": {HOSTILE: ["LPDDR5", "204.8 GB/s"], "fast & <b>dear</b>": ["HBM3E", "1.2 TB/s"]},
        },
    }
    found = _sweep(folder, axes, TITLE)
    return report(found.store.folder), found


def write_large(folder: Path) -> tuple[Path, SweepResult]:
    """Report on results of `N_POINTS` points of which more are on the front than a page holds.

    A few points are evaluated; the others have figures made up between those, as what counts is how many there are.
    """
    axes = {
        "clock": {"low": "1 GHz", "high": "2 GHz", "n": 50},
        "dram.bandwidth": {"low": "100 GB/s", "high": "2 TB/s", "n": 50},
        "sram.width": {"low": "1024 B/cycle", "high": "8192 B/cycle", "n": 40},
    }
    few = _sweep(folder, axes, "A hundred thousand machines", points=500).store
    many = Store(folder / "many")
    shutil.copytree(few.folder, many.folder, ignore=shutil.ignore_patterns("points", "front", "lock"))
    figures = [name for name, unit in many.run()["units"].items() if name in many.run()["goals"]]
    made_up = ", ".join(f'"{name}" * (0.8 + 0.4 * (hash(id) % 10007) / 10007) AS "{name}"' for name in figures)
    with many.lock(), duckdb.connect() as connection:
        points = f"read_parquet('{few.folder}/points/*.parquet')"
        connection.execute(
            f"CREATE TABLE made AS SELECT * EXCLUDE (id) REPLACE (id AS point, {made_up}) FROM "
            f"(SELECT *, row_number() OVER () - 1 AS id FROM {points}, range({N_POINTS // 500}))"
        )
        for table, most in (("points", N_POINTS), ("front", N_FRONT)):
            read = connection.execute(f"SELECT * FROM made ORDER BY point LIMIT {most}")
            many.write_part(table, 0, read.fetchnumpy())
    return report(many.folder), open_sweep(many.folder)


def write_run(folder: Path) -> Path:
    """Report on a step on two machines, one of which a user has changed."""
    machines = [am.machine("mtia_2i", {"clock": "1.5 GHz"}), am.machine("h100_sxm")]
    trace = am.workload(_workload(folder))
    results = [am.evaluate(machine, trace) for machine in machines]
    keep_results(folder / "results", "compare", ["archmodel", "compare", HOSTILE], machines, results, {HOSTILE: TITLE})
    return report(folder / "results")


def write_verification(folder: Path) -> Path:
    """Report on a verification with an error and a name that nobody should use."""
    points = [
        {"unit": HOSTILE, "simulator": "verilator", "build": "b", "point": i, "parameters": TITLE, "rtl_cycles": cycles,
         "model_cycles": cycles + (i == 3), "error_frac": (i == 3) / cycles}
        for i, cycles in enumerate((10, 100, 1_000, 10_000))
    ]  # fmt: skip
    run = {"command": ["archmodel", "verify", HOSTILE], "versions": {"archmodel": "1.2.3"}}
    keep_tables(folder / "results", VERIFY, run, {"points": ResultTable.from_rows(points)})
    return report(folder / "results")


def _workload(folder: Path) -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / "made_up.yaml"
    path.write_text(WORKLOAD, encoding="utf-8")
    return path


def _sweep(folder: Path, axes: dict[str, Any], title: str, points: int | None = None) -> SweepResult:
    given = {
        "title": title, "machine": "mtia_2i", "axes": axes,
        "workloads": [{"workload": str(_workload(folder)), "label": "ranking"}],
        "objectives": {"throughput": "max", "perf_per_usd": "max", "perf_per_w": "max"},
    }  # fmt: skip
    return am.sweep(given, folder / "results", points=points)
