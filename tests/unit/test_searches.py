"""Searches beyond their suite: which is chosen, journals, missing packages, what is found in a space of a real size."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from archmodel.errors import ArchmodelError, InputError
from archmodel.sweep.baseline import compare, draw_baseline
from archmodel.sweep.pareto import choose_reference, measure_hypervolume
from archmodel.sweep.search import Batch, choose_search, find_search, join
from archmodel.sweep.search.tpe import JOURNAL, N_STARTUP
from archmodel.testing.searches import N_VALUES, SEED, fail, run, weigh


@pytest.mark.parametrize(
    ("n_points", "model", "search"),
    [(2000, "cycle", "enumerate"), (2001, "roofline", "nsga2"), (2001, "analytic", "nsga2"), (2001, "cycle", "tpe")],
)
def test_the_search_follows_from_the_space_the_budget_and_the_model(n_points, model, search):
    assert choose_search(n_points, 2000, model) == search


def test_an_unknown_search_is_named_with_the_nearest():
    with pytest.raises(InputError, match=r"unknown search 'nsga3'; did you mean 'nsga2'\?"):
        find_search("nsga3")


def test_a_part_of_an_enumeration_is_refused():
    with pytest.raises(InputError) as error:
        run(find_search("enumerate"), weigh, 59)
    assert str(error.value) == (
        "1 error in search 'enumerate'\n  60 points do not fit 59 evaluations; allow 60, or use nsga2, tpe or random"
    )


@pytest.mark.parametrize(("search", "package"), [("nsga2", "pymoo"), ("tpe", "optuna")])
def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch, search, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ArchmodelError) as error:
        run(find_search(search), weigh, 60)
    assert str(error.value) == f"search {search!r} needs {package}; run: pip install 'archmodel[search]'"


@pytest.mark.parametrize("search", ["random", "nsga2", "tpe"])
def test_a_longer_search_begins_like_a_shorter_one_and_all_begin_at_random(search):
    short, long = (run(find_search(search), weigh, n).points for n in (20, 40))
    np.testing.assert_array_equal(long[:20], short)
    np.testing.assert_array_equal(short, run(find_search("random"), weigh, 20).points)


@pytest.mark.parametrize("n_lost_bytes", [1, 40, 3000])
def test_a_journal_that_was_cut_off_is_gone_on_with(tmp_path, n_lost_bytes):
    whole = run(find_search("tpe"), weigh, 44).points
    run(find_search("tpe"), weigh, 37, tmp_path)
    journal = tmp_path / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-n_lost_bytes])
    (tmp_path / f"{JOURNAL}.lock").touch()  # left by a process that was killed
    np.testing.assert_array_equal(run(find_search("tpe"), weigh, 44, tmp_path).points, whole)


def test_what_is_in_the_journal_is_not_evaluated_again(tmp_path):
    n_evaluated = 0

    def count(points):
        nonlocal n_evaluated
        n_evaluated += len(points)
        return weigh(points)

    run(find_search("tpe"), count, N_STARTUP + 8, tmp_path)
    run(find_search("tpe"), count, N_STARTUP + 12, tmp_path)
    assert n_evaluated == N_STARTUP + 12


def test_journals_of_two_searches_are_kept_apart(tmp_path):
    tpe = find_search("tpe")
    first = join(list(tpe(N_VALUES, weigh, 30, SEED, tmp_path))).points
    other = join(list(tpe(N_VALUES, weigh, 30, SEED + 1, tmp_path))).points
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(join(list(tpe(N_VALUES, weigh, 30, SEED, tmp_path))).points, first)


AXES = (5, 3, 7, 4, 6, 6, 3)  # 45,360 points


def size_chips(points):
    """A chip in a few lines: time of two kinds of work, power and area; area is limited."""
    rows, columns, clock, width, sram, dram, port = (1.0 + points.astype(np.float64)).T
    rate, bandwidth = rows * columns * (3 + clock) * width**1.5, 2.0**dram
    miss = 1 / (1 + sram)
    time = 8 / rate + np.maximum(1 / rate, miss / bandwidth) + np.maximum(0.1 / rate, 0.02 / port) + miss / bandwidth
    power = 3 + 0.02 * rows * columns * width * (3 + clock) ** 2.2 + 0.8 * bandwidth + sram * 0.2 + port
    area = 20 + rows * columns * (0.5 + width) + 8 * sram + 3 * bandwidth**0.5 + 2 * port
    return np.stack([time, power, area], axis=1), np.maximum(area / 110 - 1, 0)


@pytest.mark.parametrize("seed", [0, 1])
def test_nsga2_comes_near_the_enumerated_front_and_random_points_do_not(seed):
    everything = join(list(find_search("enumerate")(AXES, size_chips, 10**6, seed, None)))
    found = join(list(find_search("nsga2")(AXES, size_chips, 2000, seed, None)))
    baseline = draw_baseline(AXES, size_chips, found, seed)
    reference = choose_reference(baseline.objectives, baseline.is_feasible)
    whole, bred, drawn = (
        measure_hypervolume(batch.objectives[batch.is_usable], reference) for batch in (everything, found, baseline)
    )
    assert bred >= 0.95 * whole
    assert bred > drawn
    table = compare("nsga2", found, baseline, ["time", "power", "area"])
    assert table["search"].tolist() == ["nsga2"] * 20 + ["random"] * 20
    assert table["n_evaluations"].tolist() == [*range(100, 2001, 100)] * 2
    assert table["hypervolume"][[19, 39]].tolist() == [bred, drawn]
    assert [table[f"reference_{name}"][0] for name in ("time", "power", "area")] == reference.tolist()


HIDDEN = (3, 9, 7, 2, 10, 5)


def find_hidden(points):
    """Points of 2,985,984 that are near the hidden one are feasible: one in 7,900."""
    distance = np.abs(points - np.array(HIDDEN)).sum(axis=1)
    objectives = np.stack([points.sum(axis=1), (11 - points).max(axis=1)], axis=1).astype(np.float64)
    return objectives, np.maximum(distance / 3 - 1, 0)


@pytest.mark.parametrize(("search", "n_evaluations"), [("nsga2", 600), ("tpe", 100)])
def test_a_search_climbs_to_where_points_are_feasible_if_it_is_told_how_far_they_are(search, n_evaluations):
    def refuse(points):
        objectives, violation = find_hidden(points)
        return objectives, np.where(violation > 0, np.inf, 0.0)

    graded, refused = (
        join(list(find_search(search)((12,) * 6, evaluate, n_evaluations, SEED, None)))
        for evaluate in (find_hidden, refuse)
    )
    assert graded.is_usable.sum() > 5
    assert not refused.is_usable.any()


def test_grades_rank_feasible_points_before_others_and_failed_ones_last():
    objectives = np.zeros((6, 2))
    objectives[5] = np.nan
    violation = np.array([0.0, np.finfo(float).eps, 0.5, 1e9, np.inf, 0.0])
    grade = Batch(np.zeros((6, 1), np.int64), objectives, violation).grade
    assert grade[0] == 0
    assert (np.diff(grade) > 0).all()
    assert grade[4:].tolist() == [1, 2]


def test_the_baseline_evaluates_only_what_the_search_has_not():
    found = run(find_search("tpe"), weigh, 40)
    evaluated = []

    def note(points):
        evaluated.append(points)
        return weigh(points)

    baseline = draw_baseline(N_VALUES, note, found, SEED)
    np.testing.assert_array_equal(baseline.points, run(find_search("random"), weigh, 40).points)
    np.testing.assert_array_equal(baseline.objectives, weigh(baseline.points)[0])
    assert not {tuple(p) for p in np.concatenate(evaluated)} & {tuple(p) for p in found.points}


def test_without_a_usable_point_hypervolumes_are_zero():
    found = run(find_search("nsga2"), fail, 40)
    table = compare("nsga2", found, draw_baseline(N_VALUES, fail, found, SEED), ["a", "b"])
    assert table["search"].tolist() == ["nsga2", "random"]
    assert table["hypervolume"].tolist() == [0, 0]
    assert np.isnan(table["reference_a"]).all()
