"""What a step on each axis does to a point: what the results hold is taken, the rest is evaluated and kept."""

from __future__ import annotations

import numpy as np
import pytest

import archmodel as am
from archmodel import report
from archmodel.sweep.evaluate import Evaluator

GIVEN = {
    "title": "small",
    "machine": "mtia_2i",
    "workloads": [{"workload": "recommendation/mtia_lc1", "label": "ranking", "settings": {"batch": 256}}],
    "axes": {
        "clock": {"low": "1 GHz", "high": "2 GHz", "n": 5},
        "memory": {
            "set": ["dram.technology", "dram.bandwidth"],
            "values": {"slow": ["LPDDR5", "204.8 GB/s"], "fast": ["HBM3E", "1.2 TB/s"]},
        },
        "workload.batch": [256, 512],
    },
    "objectives": {"throughput": "max", "perf_per_w": "max"},
}  # 20 points
POINT = 9  # 1.5 GHz, slow, 512
CHANGES = [
    ("", "none", "", 9), ("clock", "lowest", "1 GHz", 1), ("clock", "lower", "1.25 GHz", 5),
    ("clock", "higher", "1.75 GHz", 13), ("clock", "highest", "2 GHz", 17), ("memory", "higher", "fast", 11),
    ("workload.batch", "lower", "256", 8),
]  # fmt: skip


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    found = am.sweep(GIVEN, tmp_path_factory.mktemp("everything"))
    return {row["point"]: row for row in found.query("select * from points").rows()}


@pytest.fixture
def sampled(tmp_path):
    return am.sweep(GIVEN, tmp_path / "sampled", points=8, seed=1)


def test_changes_are_what_the_whole_space_has_there(everything, sampled, monkeypatch):
    evaluated = []
    evaluate = Evaluator.evaluate

    def count(self, points):
        evaluated.extend(self.sweep.space.ids(points).tolist())
        return evaluate(self, points)

    monkeypatch.setattr(Evaluator, "evaluate", count)
    table = am.api.sensitivities(sampled, POINT)
    rows = list(table.rows())
    assert [(row["axis"], row["change"], row["choice"], row["point"]) for row in rows] == CHANGES
    assert {row["around"] for row in rows} == {POINT}
    assert [{name: row[name] for name in everything[POINT]} for row in rows] == [
        everything[point] for *_, point in CHANGES
    ]
    there = {row["point"] for row in sampled.query("select point from points").rows()}
    assert set(evaluated) == {point for *_, point in CHANGES} - there
    evaluated.clear()
    assert am.api.sensitivities(sampled, POINT).columns == table.columns
    assert evaluated == []


def test_the_kept_table_has_the_same_bytes_whatever_was_there_before(sampled, tmp_path):
    whole = am.sweep(GIVEN, tmp_path / "whole")
    for found in (sampled, whole):
        am.api.sensitivities(found, POINT)
    parts = [found.store.part_path("sensitivity", POINT).read_bytes() for found in (sampled, whole)]
    assert parts[0] == parts[1]


def test_without_a_number_it_is_the_point_that_figures_choose(sampled):
    around = am.api.sensitivities(sampled)["around"][0]
    _, axes = report.plot_pareto(sampled)
    assert f"Point {around}\n" in axes.texts[0].get_text()
    report.plot_tornado(sampled)
    report.plot_tornado(sampled, point=around)


def test_what_cannot_be_answered_is_told(sampled):
    with pytest.raises(am.InputError) as caught:
        am.api.sensitivities(sampled, 20)
    assert str(caught.value) == (
        "1 error in sensitivity\n  --point: 20 is no point of the sweep; they are numbered from 0 to 19"
    )


def test_changes_without_an_answer_are_written_not_drawn(tmp_path):
    refusing = GIVEN | {
        "axes": {
            "clock": GIVEN["axes"]["clock"],
            "workload.dtype": ["fp16", "fp8"],  # of which the machine has no matrix arithmetic
        },
        "where": ["clock_hz <= 1.6 GHz"],
    }
    found = am.sweep(refusing, tmp_path)
    failed, broken = (
        [row["point"] for row in found.query(f"select point from points where {how} order by point").rows()]
        for how in ("status <> 'ok'", "status = 'ok' and not is_feasible")
    )
    assert (failed, broken) == ([1, 3, 5, 7, 9], [6, 8])
    am.api.sensitivities(found, 4)
    _, axes = report.plot_tornado(found, point=4)
    assert "fp8 (no answer)" in [text.get_text() for text in axes.texts]
    assert [text.get_text() for text in axes.get_legend().get_texts()][-1] == "breaks a condition"
    widths = [bar.get_width() for bar in axes.patches]
    assert np.isfinite(widths).all()
    am.api.sensitivities(found, 5)
    with pytest.raises(am.InputError) as caught:
        report.plot_tornado(found, point=5)
    assert str(caught.value).startswith("1 error in figure\n  --point: point 5 has no answer: ranking: ")
