"""Machines of a sweep with unlike technologies of DRAM are evaluated together, with the same numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import yaml

import archmodel as am
from archmodel.economy import load_economy
from archmodel.machine.columns import Structure
from archmodel.sweep.evaluate import evaluate_points
from archmodel.sweep.load import load_sweep, preset_paths


@pytest.fixture(scope="module")
def given():
    """The axis of DRAM that `mtia_next` has, and two sizes of SRAM."""
    given = yaml.safe_load(preset_paths()["mtia_next"].read_text(encoding="utf-8"))
    dram = given["axes"]["dram"]
    dram["values"] = {name: dram["values"][name] for name in ("LPDDR5 256 bit", "GDDR6 512 bit", "2 x HBM3")}
    axes = {"dram": dram, "sram.capacity": ["128 MiB", "512 MiB"]}
    del given["points"]
    return given | {"axes": axes, "model": "analytic"}


@pytest.mark.parametrize(
    ("workload", "n_ok"),
    [
        ({"workload": "recommendation/dlrm_dcnv2", "label": "dlrm", "weight": 1}, 6),
        ({"workload": "llm/llama3.1-8b", "label": "lm", "weight": 1, "settings": {"phase": "decode", "batch": 128}}, 4),
    ],
)
def test_points_together_are_what_they_are_alone(given, workload, n_ok):
    sweep = load_sweep(given | {"workloads": [workload]})
    points = sweep.space.points(np.arange(sweep.space.n_points))
    together = evaluate_points(sweep, points)
    alone = [evaluate_points(sweep, points[[idx]]) for idx in range(len(points))]
    for name, column in together.items():
        np.testing.assert_array_equal(column, np.concatenate([table[name] for table in alone]), err_msg=name)
    assert (together["status"] == "ok").sum() == n_ok


def test_machines_of_one_structure_differ_in_numbers_and_technology():
    base = am.machine("mtia_2i")
    faster = am.machine("mtia_2i", {"dram.technology": "GDDR6", "dram.bandwidth": "1024 GB/s"})
    structure = Structure(base)
    numbers = np.array([structure.add(base), structure.add(base), structure.add(faster)])
    clocks = {("clock_hz",): np.array([1e9, 2e9, 3e9])}
    machines = structure.columns(numbers, clocks)
    assert machines.columns["dram", "technology"].tolist() == ["LPDDR5", "LPDDR5", "GDDR6"]
    assert machines.at(2) == replace(faster, clock_hz=3e9, provenance=base.provenance)
    assert machines.at(0) == replace(base, clock_hz=1e9)
    assert structure.columns(numbers[:2], {}).columns == {}


def test_machines_that_lack_parts_are_of_another_structure():
    base = am.machine("mtia_2i")
    assert Structure(base).add(replace(base, simd=None)) is None
    assert Structure(base).add(am.machine("mtia_v1")) is None


def test_a_technology_without_a_price_has_times_and_its_machines_have_no_cost():
    """Beside one that has; each figure is what it is alone."""
    given = {
        "title": "memory", "machine": "h100_sxm",
        "workloads": [{"workload": "recommendation/mtia_lc1", "label": "ranking"}],
        "axes": {"dram.technology": ["HBM3", "HBM9", "GDDR6"], "clock": ["1 GHz", "1.5 GHz"]},
        "objectives": {"throughput": "max"},
    }  # fmt: skip
    sweep = load_sweep(given)
    table = evaluate_points(sweep, sweep.space.points(np.arange(6)))
    known = ", ".join(load_economy().area.dram_mm2_per_bytes_per_s)
    assert table["message"][2:4].tolist() == [f"economy: dram.technology is 'HBM9'; known: {known}"] * 2
    assert table["status"].tolist() == ["ok", "ok", "unsupported", "unsupported", "ok", "ok"]
    for name in ("die_mm2", "chip_usd", "ranking_j_per_item"):
        assert np.isnan(table[name]).tolist() == [False, False, True, True, False, False]
    assert np.isfinite(table["ranking_latency_s"]).all()
    alone = [evaluate_points(sweep, sweep.space.points(np.array([idx]))) for idx in range(6)]
    for name, column in table.items():
        np.testing.assert_array_equal(column, np.concatenate([each[name] for each in alone]), err_msg=name)
