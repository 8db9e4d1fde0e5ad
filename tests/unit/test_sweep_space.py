"""Spaces, sweep files and the conditions in them: what is read, and what is said of what is wrong."""

from __future__ import annotations

import numpy as np
import pytest

import archmodel as am
from archmodel.sweep.conditions import Condition, sum_violations
from archmodel.sweep.load import load_sweep, preset_paths
from archmodel.sweep.space import Axis, Choice, Space

FILE = """\
title: test
machine: mtia_2i
workloads:
  - {workload: llm/llama3.1-8b, label: decode, settings: {phase: decode, batch: 8}}
axes:
  clock: {low: 1 GHz, high: 2 GHz, n: 3}
  pe.rows: {low: 2, high: 16, n: 4, scale: log}
  memory:
    set: [dram.technology, dram.bandwidth]
    values: {slow: [LPDDR5, 204.8 GB/s], fast: [HBM3E, 1.2 TB/s]}
  workload.context: [1024, 4096]
objectives: {throughput: max, cost: min}
where: [n_dies <= 1, tdp_w <= 500 W]
"""


def write(tmp_path, text):
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(tmp_path, old, new):
    assert old in FILE
    with pytest.raises(am.InputError) as caught:
        load_sweep(write(tmp_path, FILE.replace(old, new)))
    return [str(fault) for fault in caught.value.faults]


def axis(name, n):
    return Axis(name, tuple(Choice(str(i), {}, {}, {}, None, {name: i}) for i in range(n)), False)


def test_points_and_numbers_are_each_other_s_inverse():
    space = Space((axis("a", 3), axis("b", 1), axis("c", 5)))
    ids = np.arange(space.n_points)
    points = space.points(ids)
    assert points[:6].tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 2], [0, 0, 3], [0, 0, 4], [1, 0, 0]]
    assert np.array_equal(space.ids(points), ids)
    assert len(np.unique(points, axis=0)) == 15


def test_a_range_from_zero_has_the_unit_of_its_other_end(tmp_path):
    text = FILE.replace("clock: {low: 1 GHz, high: 2 GHz, n: 3}", "launch.operator: {low: 0 us, high: 10 us, n: 3}")
    first = load_sweep(write(tmp_path, text)).space.axes[0]
    assert [choice.label for choice in first.choices] == ["0 us", "5 us", "10 us"]
    assert [choice.columns["launch_operator_s"] for choice in first.choices] == pytest.approx([0, 5e-6, 1e-5])


def test_a_sample_repeats_no_point_and_follows_from_the_seed():
    space = Space(tuple(axis(name, 100) for name in "abcde"))  # 10¹⁰ points are not listed
    drawn = space.sample(1000, seed=3)
    assert len(np.unique(drawn)) == 1000
    assert np.all(np.diff(drawn) > 0)
    assert np.array_equal(drawn, space.sample(1000, seed=3))
    assert not np.array_equal(drawn, space.sample(1000, seed=4))
    assert np.array_equal(Space((axis("a", 4),)).sample(10, seed=0), np.arange(4))


def test_a_file_is_read(tmp_path):
    sweep = load_sweep(write(tmp_path, FILE))
    assert sweep.space.n_values == (3, 4, 2, 2)
    said = {each.name: [choice.columns for choice in each.choices] for each in sweep.space.axes}
    assert said["clock"] == [{"clock_hz": 1e9}, {"clock_hz": 1.5e9}, {"clock_hz": 2e9}]
    assert said["pe.rows"] == [{"pe_rows": 2}, {"pe_rows": 4}, {"pe_rows": 8}, {"pe_rows": 16}]
    assert said["memory"][1] == {"dram_technology": "HBM3E", "dram_bandwidth_bytes_per_s": 1.2e12}
    assert said["workload.context"] == [{"context": 1024}, {"context": 4096}]
    assert [each.is_structural for each in sweep.space.axes] == [False, False, True, False]
    assert [(each.column, each.goal) for each in sweep.objectives] == [("throughput", "max"), ("chip_usd", "min")]


def test_a_mapping_is_read_as_a_file():
    given = {
        "title": "test", "machine": "mtia_2i", "workloads": [{"workload": "baseline/resnet-50"}],
        "axes": {"clock": ["1 GHz"]}, "objectives": {"latency": "min"},
    }  # fmt: skip
    assert load_sweep(given).base.parts[0].label == "resnet_50"
    with pytest.raises(am.InputError, match=r"axes\.clock: clock: '1 GB' is not a frequency"):
        load_sweep(given | {"axes": {"clock": ["1 GB"]}})


@pytest.mark.parametrize("name", sorted(preset_paths()))
def test_shipped_sweeps_are_read(name):
    sweep = load_sweep(name)
    assert sweep.space.n_points > 100
    assert name != "mtia_next" or sweep.space.n_points >= sweep.file.points == 100_000


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("clock: {low", "clokc: {low", [
            "s.yaml:6:16: axes.clokc: low: clokc: no such value; did you mean 'clock'?",
            "s.yaml:6:29: axes.clokc: high: clokc: no such value; did you mean 'clock'?",
        ]),
        ("low: 1 GHz", "low: 1 GB", [
            "s.yaml:6:16: axes.clock: low: clock: '1 GB' is not a frequency; units allowed: Hz, kHz, MHz, GHz",
        ]),
        ("low: 1 GHz", "low: 3 GHz", ["s.yaml:6:16: axes.clock: low is not below high"]),
        ("n: 3}", "n: three}", [
            "s.yaml:6:39: axes.clock: n: 'three' is no number of values; allowed: whole numbers from 2 to 10000",
        ]),
        ("n: 4, scale: log", "n: 5, scale: log", [
            "s.yaml:7:34: axes.pe.rows: a range of whole numbers meets others: 2, 3.364, 5.657, 9.514, 16; change low, "
            "high or n, or list the values",
        ]),
        ("scale: log", "scale: lgo", ["s.yaml:7:44: axes.pe.rows: scale: 'lgo' is not known; did you mean 'log'?"]),
        ("fast: [HBM3E, 1.2 TB/s]", "fast: [HBM3E]", [
            "s.yaml:10:48: axes.memory: fast: give 2 values, one for each of dram.technology, dram.bandwidth",
        ]),
        ("slow: [LPDDR5, 204.8 GB/s]", "slow: [HBM3E, 1.2 TB/s]", [
            "s.yaml:10:45: axes.memory: fast is the same as slow; each value is given once",
        ]),
        ("workload.context: [", "workload.contxt: [", [
            "s.yaml:11:20: axes.workload.contxt: workload.contxt: there is no setting 'contxt'; did you mean "
            "'context'?",
        ]),
        ("workload.context: [", "workload.prefill.context: [", [
            "s.yaml:11:29: axes.workload.prefill.context: workload.prefill.context: there is no workload 'prefill'; "
            "allowed: decode",
        ]),
        ("workload.context: [1024", "workload.context: [0", [
            "s.yaml:11:22: axes.workload.context: workload.decode: llm/llama3.1-8b: context: 0 is not a count; "
            "allowed: whole numbers from 1 to 1e12",
        ]),
        ("workload.context: [1024, 4096]", "launch: [graf]", [
            "s.yaml:11:12: axes.launch: launch: 'graf' is no launch mode; did you mean 'graph'?",
        ]),
        ("workload.context: [", "pe.rows.x: [", [
            "s.yaml:11:15: axes.pe.rows.x: pe.rows.x: no such value; pe.rows is a single value",
            "s.yaml:11:21: axes.pe.rows.x: pe.rows.x: no such value; pe.rows is a single value",
        ]),
        ("workload.context: [1024, 4096]", "rows: {set: pe.rows, values: [4]}", [
            "s.yaml:11:9: axes.rows: sets pe.rows, as axis 'pe.rows' does; let one do it",
        ]),
        ("throughput: max", "thruput: max", [
            "s.yaml:12:23: objectives.thruput: there is no such figure; did you mean 'throughput'?",
        ]),
        ("throughput: max", "throughput: most", [
            "s.yaml:12:26: objectives.throughput: 'most' is not known; allowed: min, max",
        ]),
        ("tdp_w <= 500 W", "tdpw <= 500 W", [
            "s.yaml:13:22: where: tdpw <= 500 W: there is no column 'tdpw'; did you mean 'tdp_w'?",
        ]),
        ("tdp_w <= 500 W", "tdp_w <= 500", [
            "s.yaml:13:22: where: tdp_w <= 500: a number without a unit stands beside a value in W; give it one, e.g. "
            "'858 mm2'",
        ]),
        ("machine: mtia_2i", "machine: mtia_2", [
            "s.yaml:2:10: machine: unknown machine 'mtia_2'; did you mean 'mtia_2i'?; or give the path of a .yaml file",
        ]),
        ("phase: decode", "phase: decoed", [
            "s.yaml:4:5: workloads: unknown phase 'decoed'; did you mean 'decode'?; these are the phases of "
            "llm/llama3.1-8b",
        ]),
        ("title: test", "title: test\nmodel: rofline", [
            "s.yaml:2:8: model: unknown model 'rofline'; did you mean 'roofline'?",
        ]),
        ("title: test", "titel: test", [
            "s.yaml: title: missing; it has no default", "s.yaml:1:8: titel: unknown key; did you mean 'title'?",
        ]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_located(tmp_path, old, new, expected):
    assert faults(tmp_path, old, new) == expected


def test_every_fault_is_told_at_once(tmp_path):
    text = FILE.replace("n: 3", "n: 1").replace("1024", "-1")
    with pytest.raises(am.InputError) as caught:
        load_sweep(write(tmp_path, text))
    assert [str(fault).partition(": ")[0] for fault in caught.value.faults] == ["s.yaml:6:39", "s.yaml:11:22"]


COLUMNS = {
    "die_mm2": np.array([100.0, 900.0]),
    "tdp_w": np.array([60.0, 70.0]),
    "sram_capacity_bytes": np.array([100.0, 1024.0]),
    "pe_rows": np.array([1, 2]),
    "speedup": np.array([0.5, np.nan]),
    "memory": np.array(["slow", "fast"], np.object_),
    "chip_usd": np.array([1000.0, 2000.0]),
}
NAMES = tuple(COLUMNS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("die_mm2 <= 500 mm2", [True, False]),
        ("die_mm2 > 500 mm2", [False, True]),
        ("400 mm2 <= die_mm2 <= 1000 mm2", [False, True]),
        ("sram_capacity_bytes >= 1 KiB", [False, True]),
        ("sram_capacity_bytes / pe_rows >= 0.5 KiB", [False, True]),
        ("die_mm2 <= 500 mm2 or tdp_w < 1 kW", [True, True]),
        ("die_mm2 <= 500 mm2 and tdp_w <= 50 W", [False, False]),
        ("tdp_w / die_mm2 < 0.5 W / 1 mm2", [False, True]),
        ("memory == 'fast'", [False, True]),
        ("speedup >= 1", [False, False]),
        ("speedup != 1", [True, False]),
        ("memory != 'fast'", [True, False]),
        ("pe_rows * 2 - 1 == 3", [False, True]),
        ("chip_usd <= 1.5 kUSD", [True, False]),
    ],
)  # fmt: skip
def test_conditions_hold_point_by_point(text, expected):
    condition = Condition(text)
    condition.check(NAMES, ("memory",))
    assert condition.holds(COLUMNS).tolist() == expected
    assert (condition.violation(COLUMNS) == 0).tolist() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("die_mm2 <= 500 mm2", [0, 0.8]),
        ("500 mm2 >= die_mm2", [0, 0.8]),
        ("die_mm2 > 500 mm2", [0.8, 0]),
        ("400 mm2 <= die_mm2 <= 600 mm2", [0.75, 0.5]),
        ("die_mm2 <= 500 mm2 and tdp_w <= 50 W", [0.2, 0.8 + 0.4]),
        ("die_mm2 <= 50 mm2 or tdp_w < 1 W", [1, 17]),
        ("speedup >= 1 or die_mm2 <= 300 mm2", [0, 2]),  # what is missing does not count beside what is known
        ("tdp_w < 60 W", [np.finfo(float).eps, 1 / 6]),
        ("pe_rows == 4", [0.75, 0.5]),
        ("pe_rows - 1 <= 0", [0, 1]),  # no ratio to a limit of 0
        ("memory == 'fast'", [1, 0]),
        ("speedup >= 1", [0.5, np.inf]),
        ("speedup != 0.5", [1, np.inf]),
    ],
)
def test_a_broken_condition_says_by_how_much(text, expected):
    Condition(text).check(NAMES, ("memory",))
    assert Condition(text).violation(COLUMNS).tolist() == pytest.approx(expected, rel=1e-12, abs=0)


def test_violations_add_up_and_are_not_known_without_an_answer():
    table = {
        "die_mm2": np.array([100.0, 900.0, 900.0, np.nan]),
        "tdp_w": np.array([50.0, 60.0, 60.0, 60.0]),
        "status": np.array(["ok", "ok", "unsupported", "unsupported"], np.object_),
        "is_feasible": np.array([True, False, False, False]),
    }
    conditions = [Condition("die_mm2 <= 500 mm2"), Condition("tdp_w <= 50 W")]
    assert sum_violations(conditions, table).tolist() == pytest.approx([0, 0.8 + 0.2, np.inf, np.inf])
    assert sum_violations([], table | {"is_feasible": table["status"] == "ok"}).tolist() == [0, 0, np.inf, np.inf]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("die_mm2", "is no comparison; write a comparison of columns and quantities, e.g. 'die_mm2 <= 858 mm2'"),
        ("die_mm2 <=", "cannot be read; write a comparison of columns and quantities, e.g. 'die_mm2 <= 858 mm2'"),
        ("die_mm2 <= 5 W", "a value in mm2 and a value in W cannot be compared"),
        ("die_mm2 + tdp_w > 1 W", "a value in mm2 and a value in W cannot be added"),
        ("memory <= 3", "a number without a unit stands beside text; give it one, e.g. '858 mm2'"),
        ("memory * 2 == 1", "text and comparisons have no place in arithmetic"),
        ("dei_mm2 <= 3 mm2", "there is no column 'dei_mm2'; did you mean 'die_mm2'?"),
        ("__import__('os').system('x') == 0",
         "cannot be read; write a comparison of columns and quantities, e.g. 'die_mm2 <= 858 mm2'"),
        ("die_mm2 <= 1 TW", "cannot be read; write a comparison of columns and quantities, e.g. 'die_mm2 <= 858 mm2'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_condition_is_told(text, expected):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the whole text is compared)
        Condition(text).check(NAMES, ("memory",))
    assert str(caught.value) == expected
