"""The front of a sweep, and which of its points a page holds and looks into."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archmodel.report.points import SweepPoints, check_ended
from archmodel.report.sample import choose_point
from archmodel.results.store import Store

MOST_ROWS, _MOST_VALUES = 2000, 80_000
"""Points that a page holds, and values of them: what goes beyond is asked for by a query."""

MOST_DETAILED = 60
"""Points whose operators and blocks are shown."""


@dataclass(frozen=True)
class Front:
    """The points of a sweep that no other one beats.

    Parameters
    ----------
    points
        The results.
    """

    points: SweepPoints

    @cached_property
    def rows(self) -> dict[str, NDArray[Any]]:
        """All of them, column by column, best of the first objective first."""
        return self.points.store.arrays("SELECT * FROM front")

    @cached_property
    def best(self) -> dict[str, int]:
        """The best point of each objective; none of an empty front."""
        n, ids = len(self.rows["point"]), self.rows["point"]
        return {
            each.title: int(ids[np.argmin(each.sign * self.rows[each.name])]) for each in self.points.objectives if n
        }

    @cached_property
    def opened(self) -> tuple[int, str]:
        """The point that the page opens with, and why; figures of the sweep point it out, too."""
        point, why = choose_point(self.points)
        if point in self.rows["point"]:
            return point, why
        first = self.points.objectives[0].title  # of results whose front lacks points
        return self.best[first], f"best {first}"

    @cached_property
    def told(self) -> set[int]:
        """Numbers of the points that are there however large the front is."""
        return {*self.best.values(), self.opened[0]} if self.best else set()

    @cached_property
    def kept(self) -> list[int]:
        """Numbers of the points that the page holds."""
        most = min(MOST_ROWS, _MOST_VALUES // max(1, len(self.rows)))
        return pick(self.rows["point"].tolist(), self.told, most)

    @cached_property
    def detailed(self) -> list[int]:
        """Numbers of the points whose operators and blocks are shown."""
        return pick(self.kept, self.told, MOST_DETAILED)

    @cached_property
    def workloads(self) -> list[str]:
        """Labels of the workloads."""
        return list(self.points.run["asked"]["workloads"])

    @cached_property
    def ladder_queries(self) -> dict[str, str]:
        """What to ask for what models say of the best points: those of the sweep, or else those of table ``ladder``."""
        names, best = list(self.points.run["asked"]["fidelity"]), ", ".join(map(str, sorted(set(self.best.values()))))
        tables = {name: "points" if name == names[-1] else f"points_{name.replace(':', '_')}" for name in names}
        if not names and "ladder" in self.points.store.tables():
            tables = {"": "ladder"}
        return {name: f"SELECT * FROM {table} WHERE point IN ({best})" for name, table in tables.items()}

    @cached_property
    def ladder(self) -> list[dict[str, Any]]:
        """What models say of the best points, point by point, the cheapest model first."""
        rows = [
            {**({"model": name} if name else {}), **row}
            for name, sql in self.ladder_queries.items()
            for row in self.points.store.query(sql).rows()
        ]
        return sorted(rows, key=lambda row: int(row["point"]))

    def column(self, name: str) -> list[Any]:
        """Give a column of the points that the page holds."""
        values: list[Any] = self.rows[name][np.isin(self.rows["point"], self.kept)].tolist()
        return values


def open_front(store: Store) -> Front:
    """Open the front of a sweep.

    Parameters
    ----------
    store
        Its results.

    Raises
    ------
    InputError
        When the sweep has not ended, or is of an archmodel that did not say enough of it.
    """
    check_ended(store, "report", ("units", "goals", "description"))
    return Front(SweepPoints(store))


def pick(points: Sequence[int], told: Collection[int], most: int) -> list[int]:
    """Choose points of a front: the best ones, and others evenly spread over it.

    Parameters
    ----------
    points
        Numbers, in the order of the front.
    told
        Those that are there in any case.
    most
        How many, besides those of ``told``.
    """
    if len(points) <= most:
        return list(points)
    spread = {points[idx] for idx in np.linspace(0, len(points) - 1, most).round().astype(int)} | set(told)
    return [point for point in points if point in spread]
