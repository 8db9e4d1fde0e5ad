"""What the scoreboard of all benches, and that of seeded laws, let pass."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import pytest

from archmodel.verify.contract import common_folder, find_unit
from archmodel.verify.mutation import _first_difference

EXPECTED = {"cycles": 100, "events": {"start": [3, 5]}, "counters": {"load_data": 10}, "models": {"grid": 96}}
MEASURED = {"cycles": 100, "events": {"start": [3, 5]}, "counters": {"load_data": 10}, "outputs": {}}
EXACT = {"cycles_tolerance_frac": 0.0, "counters_tolerance_frac": 0.0, "models_tolerance_frac": {}}


def scoreboard_faults(expected, measured, tolerances):
    pytest.importorskip("cocotb")
    spec = importlib.util.spec_from_file_location("tb_common", common_folder() / "tb_common.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    board = module.Scoreboard({"unit": "x", "parameters": {}})
    board.check({"index": 0, "seed": [1], "expected": expected, "tolerances": tolerances}, measured, {})
    return board.faults


CASES = [
    ({}, {}, ""),
    ({"cycles": 101}, {}, "cycles: model 100, RTL 101"),
    ({"cycles": 101}, {"cycles_tolerance_frac": 0.02}, ""),
    ({"cycles": 103}, {"cycles_tolerance_frac": 0.02}, "cycles: model 100, RTL 103"),
    ({"events": {"start": [3, 6]}}, {"models_tolerance_frac": {"grid": 0.05}}, "event 'start'"),
    ({"events": {"start": [3, 6]}}, {"cycles_tolerance_frac": 0.02}, ""),
    ({"events": {"start": [3, 8]}}, {"cycles_tolerance_frac": 0.02}, "event 'start'"),
    ({"events": {"start": [3]}}, {"cycles_tolerance_frac": 0.02}, "event 'start'"),
    ({}, {"models_tolerance_frac": {"grid": 0.05}}, ""),
    ({}, {"models_tolerance_frac": {"grid": 0.03}}, "96, RTL 100"),
    ({"cycles": 99}, {"models_tolerance_frac": {"grid": 0.05}}, "cycles: model 100, RTL 99"),
    ({"counters": {"load_data": 14}}, {}, "counter 'load_data'"),
    ({"counters": {"load_data": 14}}, {"counters_tolerance_frac": 0.05}, ""),
    ({"counters": {"load_data": 999}}, {"counters_tolerance_frac": None}, ""),
]


@pytest.mark.parametrize(("changed", "tolerances", "said"), CASES)
def test_only_what_a_contract_allows_may_differ(changed, tolerances, said):
    faults = scoreboard_faults(EXPECTED, MEASURED | changed, EXACT | tolerances)
    assert len(faults) == (1 if said else 0)
    assert said in "".join(faults)
    contract = replace(find_unit("simd_engine").contract, **(EXACT | tolerances))
    difference = _first_difference(contract, EXPECTED, MEASURED | changed)
    assert bool(difference) == bool(said)
    assert said in difference


def test_points_without_models_are_held_to_the_law_alone():
    expected = {name: value for name, value in EXPECTED.items() if name != "models"}
    tolerances = EXACT | {"models_tolerance_frac": {"grid": 0.01}}
    assert scoreboard_faults(expected, MEASURED, tolerances) == []
    assert _first_difference(replace(find_unit("simd_engine").contract, **tolerances), expected, MEASURED) == ""
