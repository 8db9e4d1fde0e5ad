"""Machines of a sweep with unlike technologies of DRAM are evaluated together, with the same numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import yaml

import archmodel as am
from archmodel.machine.columns import MachineColumns, can_join, join
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


def test_structures_are_joined_if_they_differ_in_numbers_and_technology():
    base = am.machine("mtia_2i")
    faster = am.machine("mtia_2i", {"dram.technology": "GDDR6", "dram.bandwidth": "1024 GB/s"})
    groups = [MachineColumns(base, {}, 2), MachineColumns(faster, {}, 1)]
    assert can_join(base, faster)
    joined = join(groups)
    assert joined.columns["dram", "technology"].tolist() == ["LPDDR5", "LPDDR5", "GDDR6"]
    assert joined.at(2).dram == faster.dram
    assert joined.at(0).dram == base.dram


def test_structures_that_lack_parts_are_not_joined():
    base = am.machine("mtia_2i")
    assert not can_join(base, replace(base, simd=None))
    assert not can_join(base, am.machine("mtia_v1"))
