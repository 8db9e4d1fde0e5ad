"""The suite of searches: what each of them promises, tried on a small space whose front is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from archmodel.sweep.pareto import find_front
from archmodel.sweep.search import Batch, Evaluate, Floats, Points, Search, join, keys_of

N_VALUES = (4, 1, 5, 3)
N_POINTS = 60
SEED = 7


def weigh(points: Points) -> tuple[Floats, Floats]:
    """Give two objectives that conflict; some points fail and some are infeasible."""
    x = points.astype(np.float64)
    objectives = np.stack([x[:, 0] + 0.3 * x[:, 2], (3 - x[:, 0]) ** 2 + x[:, 3]], axis=1)
    objectives[(points[:, 0] == 2) & (points[:, 3] == 0)] = np.nan
    return objectives, np.where(points[:, 2] == 0, 0.5, 0.0)


def refuse(points: Points) -> tuple[Floats, Floats]:
    """Keep no point: all of them have objectives and break a constraint, some by no one knows how much."""
    return weigh(points)[0], np.where(points[:, 2] == 0, np.inf, 0.5 + points[:, 0])


def fail(points: Points) -> tuple[Floats, Floats]:
    """Give no answer."""
    return np.full((len(points), 2), np.nan), np.zeros(len(points))


def run(search: Search, evaluate: Evaluate, n_evaluations: int, folder: Path | None = None) -> Batch:
    """Run a search to its end and put its batches one behind the other."""
    return join(list(search(N_VALUES, evaluate, n_evaluations, SEED, folder)))


class SearchContract:
    """What every search must hold. Fixtures: ``search``; ``n_evaluations`` if it needs all of the space."""

    @pytest.fixture
    def n_evaluations(self) -> int:
        """Give a number that is no whole number of batches."""
        return 37

    def test_the_same_seed_gives_the_same_points(self, search: Search, n_evaluations: int) -> None:
        """Points and their order."""
        first, second = (run(search, weigh, n_evaluations).points for _ in range(2))
        np.testing.assert_array_equal(first, second)

    def test_it_keeps_to_its_evaluations_and_to_the_space(self, search: Search, n_evaluations: int) -> None:
        """All evaluations are used, as there are points left; each is a point of the space; none comes twice."""
        points = run(search, weigh, n_evaluations).points
        assert len(set(keys_of(points))) == len(points) == n_evaluations
        assert points.dtype == np.int64
        assert (points >= 0).all()
        assert (points < N_VALUES).all()

    def test_it_stops_when_the_space_is_used_up(self, search: Search) -> None:
        """With evaluations to spare, each point comes once."""
        points = run(search, weigh, 1000).points
        assert len(set(keys_of(points))) == len(points) == N_POINTS

    def test_it_gives_back_what_was_evaluated(self, search: Search, n_evaluations: int) -> None:
        """Objectives and violations are those of the points, failed ones included."""
        found = run(search, weigh, n_evaluations)
        objectives, violation = weigh(found.points)
        np.testing.assert_array_equal(found.objectives, objectives)
        np.testing.assert_array_equal(found.violation, violation)
        np.testing.assert_array_equal(found.is_usable, (violation == 0) & ~np.isnan(objectives[:, 0]))

    @pytest.mark.parametrize("evaluate", [refuse, fail])
    def test_a_space_without_a_usable_point_is_searched_to_the_end(
        self, search: Search, n_evaluations: int, evaluate: Evaluate
    ) -> None:
        """All points infeasible, or all failed: no error, no front."""
        found = run(search, evaluate, n_evaluations)
        assert len(found.points) == n_evaluations
        assert not find_front(found.objectives, found.is_usable).any()

    def test_an_interrupted_search_goes_on_as_it_would_have(self, search: Search, tmp_path: Path) -> None:
        """Stopped after some batches and started again in its folder, it evaluates the same points."""
        whole = run(search, weigh, N_POINTS)
        for _, _ in zip(range(4), search(N_VALUES, weigh, N_POINTS, SEED, tmp_path), strict=False):
            pass
        resumed = run(search, weigh, N_POINTS, tmp_path)
        np.testing.assert_array_equal(resumed.points, whole.points)
        np.testing.assert_array_equal(resumed.objectives, whole.objectives)
        np.testing.assert_array_equal(resumed.violation, whole.violation)
