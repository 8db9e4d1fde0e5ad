"""Successive fidelity: what a cheap model leaves to the next one, and what is said of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from archmodel.errors import InputError
from archmodel.sweep.fidelity import (
    MARGIN_FRAC,
    MOST_POINTS,
    Rung,
    choose_points,
    climb,
    correlate_ranks,
    measure_distance,
    read_rungs,
    report,
)

NAN = math.nan


def test_rungs_are_read_with_modes_and_limits():
    assert read_rungs("roofline, analytic:500,cycle:grid:24,cycle:representative") == (
        Rung("roofline", None, MOST_POINTS["roofline"]),
        Rung("analytic", None, 500),
        Rung("cycle", "grid", 24),
        Rung("cycle", "representative", MOST_POINTS["cycle"]),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "roofline",
            "1 error in fidelity\n  --fidelity: 'roofline' is one model; give two or more, e.g. roofline,analytic",
        ),
        (
            "rooflin,cycle:grit,analytic:0",
            "3 errors in fidelity\n"
            "  --fidelity: 'rooflin': unknown model 'rooflin'; did you mean 'roofline'?\n"
            "  --fidelity: 'cycle:grit': unknown mode of model 'cycle' 'grit'; did you mean 'grid'?\n"
            "  --fidelity: 'analytic:0': no points are too few; give 1 or more",
        ),
    ],
)
def test_faults_of_rungs_are_listed(text, message):
    with pytest.raises(InputError) as error:
        read_rungs(text)
    assert str(error.value) == message


def test_distance_is_the_factor_by_which_all_objectives_must_become_better():
    # Less of the first, more of the second (hence negative); the last two are 10 % and twice as far from (1, -8).
    objectives = np.array([[1.0, -8], [4, -16], [1.1, -8 / 1.1], [2, -4], [NAN, -1], [0.5, -99]])
    is_feasible = np.array([True] * 5 + [False])
    distance = measure_distance(objectives, is_feasible)
    assert distance[:4] == pytest.approx([0, 0, math.log(1.1), math.log(2)], abs=1e-12)
    assert np.isnan(distance[4:]).all()


def test_with_every_objective_better_by_the_distance_a_point_is_dominated_no_longer():
    generator = np.random.default_rng(3)
    objectives = generator.random((200, 3)) + 0.1
    distance = measure_distance(objectives, np.ones(200, np.bool_))
    for idx in np.flatnonzero(distance > 0):
        for shift, is_dominated in ((1.001, False), (0.999, True)):
            moved = objectives[idx] / math.exp(distance[idx] * shift)
            assert (objectives < moved).all(axis=1).any() == is_dominated


def test_what_is_within_the_margin_stays():
    objectives = np.array([[1.0], [1.2], [1.21], [NAN], [1.1]])
    distance = measure_distance(objectives, np.ones(5, np.bool_))
    assert choose_points(objectives, distance, 9, 0.2 + 1e-9).tolist() == [0, 1, 4]
    assert choose_points(objectives, distance, 2, 0.2 + 1e-9).tolist() == [0, 4]


def test_a_front_that_is_too_large_is_thinned_evenly():
    x = np.linspace(1, 2, 101)
    objectives = np.stack([x, 3 - x], axis=1)
    chosen = choose_points(objectives, np.zeros(101), 5, MARGIN_FRAC)
    assert chosen[[0, -1]].tolist() == [0, 100]
    assert (np.diff(chosen) >= 12).all()


def figures(rung, points):
    """Two objectives of 400 points; the fine model moves each by up to 5 %, and everything by a half."""
    x, y = 1 + points % 20, 1 + points // 20
    cost = np.stack([x * (1 + 1 / y), y + 20.0 / x], axis=1)
    if rung.model != "roofline":
        cost *= 1.5 + 0.05 * np.sin(points * 7.0)[:, None]
    return cost, points % 20 != 0


RUNGS = (Rung("roofline", None, 400), Rung("analytic", None, 100), Rung("cycle", "grid", 10))


def test_the_front_of_the_finest_model_is_found_with_few_of_its_evaluations():
    everything = np.arange(400)
    all_fine, is_feasible = figures(RUNGS[1], everything)
    true_front = everything[measure_distance(all_fine, is_feasible) == 0]
    coarse, fine = climb(RUNGS[:2], everything, figures, seed=1)
    assert len(fine.points) == len(coarse.kept) + len(coarse.controls) <= 100 + 16
    assert set(true_front) == set(fine.points[fine.is_front])


def test_controls_are_points_that_were_dropped_and_feasible():
    coarse, fine, finest = climb(RUNGS, np.arange(400), figures, seed=1)
    assert len(coarse.controls) == 16
    assert not set(coarse.controls) & set(coarse.kept)
    assert (coarse.controls % 20 != 0).all()
    assert set(coarse.controls) <= set(fine.points)
    assert len(fine.kept) == 10
    assert len(fine.controls) == 2
    assert len(finest.controls) == 0


def test_every_rung_is_reported():
    climbed = climb(RUNGS, np.arange(400), figures, seed=1)
    table = report(climbed, ["latency", "cost"])
    assert {name: column[0] for name, column in table.items() if name.startswith("n_")} == {
        "n_points": 400,
        "n_answers": 400,
        "n_feasible": 380,
        "n_front": int(climbed[0].is_front.sum()),
        "n_kept": len(climbed[0].kept),
        "n_controls": 16,
        "n_controls_on_front": 0,
    }
    assert table["model"].tolist() == ["roofline", "analytic", "cycle:grid"]
    assert (table["margin_needed_frac"][:2] <= MARGIN_FRAC).all()
    assert (table["rank_correlation_latency"][:2] > 0.9).all()
    assert np.isnan(table["rank_correlation_cost"][2])
    assert table["final_front_frac"][2] == 1


def test_without_a_feasible_point_nothing_is_left_and_nothing_fails():
    def refuse(rung, points):
        return figures(rung, points)[0], np.zeros(len(points), np.bool_)

    climbed = climb(RUNGS, np.arange(400), refuse, seed=1)
    assert [len(each.points) for each in climbed] == [400, 0, 0]
    table = report(climbed, ["latency", "cost"])
    assert table["n_front"].tolist() == [0, 0, 0]
    assert np.isnan(table["final_front_frac"]).all()


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1, 2, 3], [10, 20, 90], 1),
        ([1, 2, 3], [3, 2, 1], -1),
        ([1, 2, 2, 3], [1, 2, 2, 3], 1),
        ([1, 2, 3, NAN], [1, 3, 2, 0], 0.5),
        ([1, 1, 1], [1, 2, 3], NAN),
        ([NAN], [1], NAN),
    ],
)
def test_ranks_are_correlated(first, second, expected):
    found = correlate_ranks(np.array(first, np.float64), np.array(second, np.float64))
    assert found == pytest.approx(expected, nan_ok=True)
