"""Sweeps whose points are chosen by a search, or by one model after the other: tables, resuming, what is refused."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import archmodel as am
from archmodel.errors import InputError
from archmodel.models.columns import evaluate_columns
from archmodel.report.pareto import pareto_info
from archmodel.report.points import open_points
from archmodel.results.store import Store
from archmodel.sweep.batches import Batches
from archmodel.sweep.evaluate import Evaluator
from archmodel.sweep.executors import open_executor
from archmodel.sweep.load import load_sweep
from archmodel.sweep.progress import Tally

SWEEP = {
    "name": "small",
    "title": "A space of 96 points",
    "machine": "mtia_2i",
    "workloads": [{"workload": "recommendation/mtia_lc1", "label": "ranking"}],
    "axes": {
        "clock": {"low": "0.9 GHz", "high": "2.0 GHz", "n": 12},
        "sram.capacity": ["64 MiB", "128 MiB", "256 MiB", "512 MiB"],
        "grid": {"set": ["pe.rows", "pe.cols"], "values": {"4 x 8": [4, 8], "8 x 8": [8, 8]}},
    },
    "objectives": {"throughput": "max", "perf_per_w": "max"},
    "where": ["die_mm2 <= 600 mm2"],
}
ALL = 96
RUNGS = "roofline,analytic:8"


@pytest.fixture(autouse=True)
def analytic_is_roofline(monkeypatch):
    """Lets the second model of a row give what the first gives: its kernels take long to compile."""
    evaluate = evaluate_columns

    def replace(model, *arguments):
        return evaluate("roofline" if model == "analytic" else model, *arguments)

    monkeypatch.setattr(sys.modules[Evaluator.__module__], "evaluate_columns", replace)


@pytest.fixture
def n_evaluated(monkeypatch):
    """Counts the points that are evaluated, by model; the base machine is none."""
    counted: dict[str, int] = {}
    evaluate = Evaluator.evaluate

    def count(self, points):
        model = self.sweep.file.model
        if self.sweep.space.axes:
            counted[model] = counted.get(model, 0) + len(points)
        return evaluate(self, points)

    monkeypatch.setattr(Evaluator, "evaluate", count)
    return counted


def tables(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.glob("*/part-*"))}


def points_of(found, table="points"):
    return [row["point"] for row in found.rows_of(table)]


@pytest.mark.parametrize("search", ["nsga2", "tpe", "random"])
def test_a_search_leaves_its_points_the_front_and_what_it_was_worth(tmp_path, search, n_evaluated):
    found = am.sweep(SWEEP, tmp_path, search=search, evaluations=40)
    points, baseline = points_of(found), points_of(found, "baseline")
    assert len(set(points)) == len(points) == 40
    assert not set(points) & set(baseline)  # what the search knows is not evaluated again
    assert n_evaluated == {"roofline": 40 + len(baseline)}
    assert set(points_of(found, "front")) <= set(points)
    last = {row["search"]: row for row in found.rows_of("hypervolume")}
    assert set(last) == {search, "random"}
    assert all(row["n_evaluations"] == 40 and row["hypervolume"] > 0 for row in last.values())


def test_points_are_the_evaluations_of_a_search_that_has_no_others(tmp_path):
    assert len(points_of(am.sweep(SWEEP, tmp_path / "points", search="random", points=7))) == 7
    assert len(points_of(am.sweep(SWEEP, tmp_path / "both", search="random", points=7, evaluations=9))) == 9


def test_an_enumeration_evaluates_every_point_once_and_is_at_least_as_good_as_any_search(tmp_path, n_evaluated):
    found = am.sweep(SWEEP, tmp_path / "all", search="enumerate")
    assert points_of(found) == list(range(ALL))
    assert n_evaluated == {"roofline": ALL}
    bred = am.sweep(SWEEP, tmp_path / "bred", search="nsga2", evaluations=60)
    (whole, part) = (each.rows_of("hypervolume") for each in (found, bred))
    assert whole[0]["reference_throughput"] == part[0]["reference_throughput"]
    assert max(row["hypervolume"] for row in whole) >= max(row["hypervolume"] for row in part)
    drawn = {row["point"] for row in pareto_info(open_points(bred)).table.rows() if row["point"] is not None}
    assert drawn == {row["point"] for row in bred.query("select point from points where is_feasible").rows()}


@pytest.mark.parametrize(("evaluations", "search"), [(ALL, "enumerate"), (ALL - 1, "nsga2")])
def test_auto_is_decided_by_the_evaluations(tmp_path, evaluations, search):
    found = am.sweep(SWEEP, tmp_path, search="auto", evaluations=evaluations)
    assert found.run["asked"]["search"] == search


@pytest.mark.parametrize(("search", "evaluations"), [("nsga2", 70), ("tpe", 36)])
@pytest.mark.parametrize("lost", ["points/part-00000", "points/part-00001", "baseline/part-00000"])
def test_a_search_that_goes_on_evaluates_the_lost_part_and_no_other(tmp_path, search, evaluations, lost, n_evaluated):
    found = am.sweep(SWEEP, tmp_path, search=search, evaluations=evaluations)
    whole, path, said = tables(tmp_path), tmp_path / f"{lost}.parquet", []
    n_lost = found.query(f"select count(*) as n from read_parquet('{path}')").columns["n"]
    if lost.endswith("0"):
        path.write_bytes(path.read_bytes()[:-3])
    else:
        path.unlink()
    for each in (*tmp_path.glob("hypervolume/*"), *tmp_path.glob("front/*")):
        each.unlink()
    n_evaluated.clear()
    am.sweep(SWEEP, tmp_path, search=search, evaluations=evaluations, say=said.append)
    assert [n_evaluated["roofline"]] == n_lost
    assert {name: content for name, content in tables(tmp_path).items() if name.suffix != ".corrupt"} == whole
    why = f"{path} is corrupt (its checksum is another one): kept as {path.name}.corrupt, and made again"
    assert (why in said) == lost.endswith("0")


def test_a_sweep_tells_a_search_by_how_much_points_break_its_conditions(tmp_path):
    """Of an earlier run, too: what a search is told does not depend on when it was stopped."""
    sweep = load_sweep(SWEEP | {"where": ["die_mm2 <= 400 mm2"]})
    store, points = Store(tmp_path), sweep.space.points(np.arange(ALL))
    told = []
    with open_executor("threads", sweep, 1) as workers:
        for _ in range(2):
            tally = Tally(sweep.objectives, ALL)
            evaluate = Batches(sweep, store, workers, "points", tally, lambda _: None, lambda _: None)
            told.append(evaluate(points)[1])
    area = store.read_part("points", 0)["die_mm2"]
    np.testing.assert_array_equal(told[0], np.maximum((area - 400) / 400, 0))
    np.testing.assert_array_equal(told[1], told[0])
    assert 0 < np.count_nonzero(told[0]) < ALL


def test_models_in_a_row_leave_a_table_each_and_what_they_were_worth(tmp_path, n_evaluated):
    found = am.sweep(SWEEP, tmp_path, fidelity=RUNGS)
    first, last = found.rows_of("fidelity")
    assert (first["model"], first["n_points"], last["model"]) == ("roofline", ALL, "analytic")
    assert last["n_points"] == first["n_kept"] + first["n_controls"] <= 8 + 2
    assert n_evaluated == {"roofline": ALL, "analytic": last["n_points"]}
    assert (first["rank_correlation_throughput"], first["n_controls_on_front"]) == (pytest.approx(1), 0)
    assert len(points_of(found, "points_roofline")) == ALL
    assert len(points_of(found)) == last["n_points"]
    assert set(points_of(found, "front")) <= set(points_of(found))
    assert ", model analytic, " in pareto_info(open_points(found)).footer
    whole = tables(tmp_path)
    am.sweep(SWEEP, tmp_path, fidelity=RUNGS)
    assert tables(tmp_path) == whole
    assert n_evaluated == {"roofline": ALL, "analytic": last["n_points"]}


def test_without_a_feasible_point_the_front_is_empty_and_says_why(tmp_path):
    said = []
    refused = SWEEP | {"where": ["die_mm2 <= 1 mm2"]}
    for search in ("nsga2", "tpe"):
        found = am.sweep(refused, tmp_path / search, search=search, evaluations=30, say=said.append)
        assert found.rows_of("front") == []
        assert {row["hypervolume"] for row in found.rows_of("hypervolume")} == {0}
    found = am.sweep(refused, tmp_path / "rungs", fidelity=RUNGS, say=said.append)
    assert found.rows_of("front") == found.rows_of("points") == []
    assert found.rows_of("fidelity")[-1]["n_points"] == 0
    assert said.count("the front is empty: none of the 30 points with an answer meets every condition") == 2
    assert said[-1] == "the front is empty: no point has an answer"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"search": "nsga2", "fidelity": RUNGS},
            "1 error in sweep\n  --search: goes not with --fidelity; leave one of them out",
        ),
        (
            {"search": "enumerate", "evaluations": 95},
            "1 error in sweep\n"
            "  --evaluations: 95 of 96 points are no enumeration; leave it out, or take another search",
        ),
        (
            {"evaluations": 5},
            "1 error in sweep\n  --evaluations: are those of a search; give --search, or --points for a random sample",
        ),
        ({"search": "nsga3"}, "1 error in search\n  unknown search 'nsga3'; did you mean 'nsga2'?"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_written(tmp_path, arguments, message):
    with pytest.raises(InputError) as error:
        am.sweep(SWEEP, tmp_path / "new", **arguments)
    assert str(error.value) == message
    assert not (tmp_path / "new").exists()


def test_points_of_a_search_are_those_of_the_same_points_without_it(tmp_path):
    found = am.sweep(SWEEP, tmp_path / "bred", search="nsga2", evaluations=30)
    every = {row["point"]: row for row in am.sweep(SWEEP, tmp_path / "all").rows_of("points")}
    for row in found.rows_of("points"):
        assert row.keys() == every[row["point"]].keys()
        assert all(np.array_equal(value, every[row["point"]][name]) for name, value in row.items())
