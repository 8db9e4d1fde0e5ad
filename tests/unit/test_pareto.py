"""Fronts and hypervolumes: by hand, against definitions, compiled against Python form."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archmodel.kernels import pareto_front
from archmodel.sweep.pareto import (
    MOST_TRACED_OBJECTIVES,
    N_REFERENCE_POINTS,
    choose_reference,
    find_front,
    measure_hypervolume,
    trace_hypervolume,
)

NAN, INF = math.nan, math.inf


def on_grid(n_objectives):
    row = st.lists(st.integers(0, 4), min_size=n_objectives, max_size=n_objectives)
    return st.lists(row, min_size=1, max_size=12).map(lambda rows: np.array(rows, np.float64))


POINTS = st.integers(1, 5).flatmap(on_grid)


def front_by_definition(objectives):
    def dominates(p, q):
        return bool((p <= q).all() and (p < q).any())

    return [not any(dominates(q, p) for q in objectives) for p in objectives]


def volume_by_counting(objectives, reference):
    """Count unit cells below the reference that a point dominates: coordinates are whole numbers."""
    cells = itertools.product(*(range(int(end)) for end in reference))
    return sum(any((point <= cell).all() for point in objectives) for cell in cells)


@given(POINTS)
@settings(deadline=None)
def test_the_front_is_what_nothing_dominates(objectives):
    assert find_front(objectives).tolist() == front_by_definition(objectives)


@given(POINTS)
@settings(deadline=None)
def test_hypervolume_is_the_number_of_cells(objectives):
    reference = np.full(objectives.shape[1], 4.0)
    assert measure_hypervolume(objectives, reference) == volume_by_counting(objectives, reference)


@given(POINTS)
@settings(deadline=None, max_examples=30)
def test_compiled_kernels_equal_their_python_form(objectives):
    ordered = objectives[np.lexsort(objectives.T[::-1])]
    marks = [np.zeros(len(ordered), np.bool_) for _ in range(2)]
    pareto_front.mark_undominated(ordered, marks[0])
    python_form(pareto_front.mark_undominated)(ordered, marks[1])
    np.testing.assert_array_equal(*marks)
    reference = np.full(objectives.shape[1], 5.0)
    volume = python_form(pareto_front.dominated_volume)(objectives, reference)
    assert pareto_front.dominated_volume(objectives, reference) == volume


def python_form(function):
    return getattr(function, "py_func", function)


def test_equal_points_are_on_the_front_together_or_not_at_all():
    objectives = np.array([[1.0, 2], [1, 2], [2, 1], [2, 2], [2, 2]])
    assert find_front(objectives).tolist() == [True, True, True, False, False]


def test_what_has_no_answer_or_is_not_feasible_is_on_no_front_and_beats_nothing():
    objectives = np.array([[NAN, 0], [0, 0], [INF, 0], [1, -INF], [2.0, 2]])
    is_feasible = np.array([True, False, True, True, True])
    assert find_front(objectives, is_feasible).tolist() == [False, False, False, False, True]
    assert not find_front(np.full((3, 2), NAN)).any()
    assert find_front(np.empty((0, 2))).shape == (0,)


def test_a_front_of_many_points_is_found():
    angles = np.random.default_rng(0).random(20_000) * math.pi / 2
    circle = 1 - np.stack([np.cos(angles), np.sin(angles)], axis=1)
    inside = circle + 1e-3
    assert find_front(np.concatenate([inside, circle])).tolist() == [False] * 20_000 + [True] * 20_000


def test_what_is_worse_than_the_reference_adds_nothing():
    objectives = np.array([[1.0, 1], [3, 0], [0, 3]])
    assert measure_hypervolume(objectives, np.array([2.0, 2])) == 1
    assert measure_hypervolume(objectives, np.array([0.5, 0.5])) == 0
    assert measure_hypervolume(objectives[:0], np.array([2.0, 2])) == 0


def test_the_reference_is_the_worst_of_the_first_feasible_points():
    objectives = np.ones((N_REFERENCE_POINTS + 3, 2))
    objectives[:5] = [[9, 9], [NAN, 99], [2, 1], [1, 4], [1, 1]]
    objectives[-1] = [99, 99]
    is_feasible = np.ones(len(objectives), np.bool_)
    is_feasible[0] = False
    assert choose_reference(objectives, is_feasible).tolist() == [2, 4]
    assert choose_reference(objectives, np.zeros_like(is_feasible)) is None


def test_the_trace_grows_to_the_hypervolume_of_all_points():
    objectives = np.random.default_rng(1).random((500, 3))
    is_feasible = objectives[:, 0] > 0.1
    reference = np.ones(3)
    ends, volumes = trace_hypervolume(objectives, is_feasible, reference)
    assert ends.tolist() == [25 * step for step in range(1, 21)]
    assert (np.diff(volumes) >= 0).all()
    assert volumes[3] == measure_hypervolume(objectives[:100][is_feasible[:100]], reference)
    assert volumes[-1] == measure_hypervolume(objectives[is_feasible], reference)


@pytest.mark.parametrize(
    ("n_points", "n_objectives", "ends"), [(3, 2, [1, 2, 3]), (50, MOST_TRACED_OBJECTIVES + 1, [50]), (0, 2, [])]
)
def test_the_trace_has_no_more_steps_than_there_is_to_say(n_points, n_objectives, ends):
    objectives = np.random.default_rng(1).random((n_points, n_objectives))
    found, volumes = trace_hypervolume(objectives, np.ones(n_points, np.bool_), np.ones(n_objectives))
    assert found.tolist() == ends
    assert len(volumes) == len(ends)
