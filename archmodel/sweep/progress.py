"""How far a sweep is: points done, points failed, the front so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archmodel.sweep.objectives import Objective
from archmodel.sweep.pareto import find_front

Table = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Progress:
    """What there is to tell.

    Parameters
    ----------
    n_done, n_points
        Points that are done, and all.
    n_failed, n_infeasible
        Of those done: without an answer, and with one that breaks a condition.
    n_front
        Points on the front so far.
    points_per_s
        Speed since the start, without what was there before; 0 as long as it is not known [1/s].
    best
        Best value of each objective so far, by column.
    """

    n_done: int
    n_points: int
    n_failed: int
    n_infeasible: int
    n_front: int
    points_per_s: float
    best: Mapping[str, float]

    @property
    def eta_s(self) -> float:
        """Time that is left [s]; infinite as long as it is not known."""
        return (self.n_points - self.n_done) / self.points_per_s if self.points_per_s else float("inf")


Tell = Callable[[Progress], None]


@dataclass
class Tally:
    """Counts points, and keeps the front of those that are done.

    Parameters
    ----------
    objectives
        Of the sweep.
    n_points
        Points in all.
    """

    objectives: Sequence[Objective]
    n_points: int
    n_done: int = 0
    n_failed: int = 0
    n_infeasible: int = 0
    front: Table = field(default_factory=dict)
    _n_new: int = 0
    _start_s: float = field(default_factory=time.perf_counter)

    def add(self, table: Table, is_new: bool = True) -> None:
        """Count the points of a part; ``is_new`` unless they were there before."""
        n = len(table["point"])
        self.n_done += n
        self._n_new += n if is_new else 0
        is_ok = table["status"] == "ok"
        self.n_failed += n - int(is_ok.sum())
        self.n_infeasible += int((is_ok & ~table["is_feasible"]).sum())
        on_front = find_front(as_minimised(self.objectives, table), table["is_feasible"])
        some = {name: column[on_front] for name, column in table.items()}
        joined = {name: np.concatenate([self.front[name], some[name]]) for name in some} if self.front else some
        stays = find_front(as_minimised(self.objectives, joined))
        self.front = {name: column[stays] for name, column in joined.items()}

    def sorted_front(self) -> Table:
        """Give the front in an order that does not depend on that of the parts: by objectives, then by point."""
        keys = [self.front["point"], *as_minimised(self.objectives, self.front).T[::-1]]
        order = np.lexsort(keys)
        return {name: column[order] for name, column in self.front.items()}

    def progress(self) -> Progress:
        """Say how far it is."""
        values = as_minimised(self.objectives, self.front) if self.front else np.empty((0, 0))
        best = {}
        if len(values):
            best = {each.column: each.sign * float(values[:, k].min()) for k, each in enumerate(self.objectives)}
        elapsed_s = time.perf_counter() - self._start_s
        return Progress(
            n_done=self.n_done,
            n_points=self.n_points,
            n_failed=self.n_failed,
            n_infeasible=self.n_infeasible,
            n_front=len(values),
            points_per_s=self._n_new / elapsed_s,
            best=best,
        )


def as_minimised(objectives: Sequence[Objective], table: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """Stack the objectives of a table so that less is better, (N, K).

    Parameters
    ----------
    objectives
        Of a sweep.
    table
        Has their columns.
    """
    return np.stack([each.sign * table[each.column].astype(np.float64) for each in objectives], axis=1)
