"""The points of a sweep that a figure draws: the front, a sample of the others, and one that is pointed out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from archmodel.errors import Fault, InputError
from archmodel.report.columns import Column
from archmodel.report.points import MOST_DRAWN, SweepPoints, quote, spread_order

BEST, FRONT_REST, DOMINATED, BASE_MACHINE = "front of the two", "front", "dominated", "base machine"
"""Kinds of points: none is better in the first two columns; others on the front of the sweep; dominated ones; and the
base machine, which is no point."""


KNEE = "The knee is the point of the front of two figures that is farthest from the line between its ends."


@dataclass(frozen=True, slots=True)
class Sample:
    """Points that are drawn.

    Parameters
    ----------
    columns
        That they have.
    rows
        ``point`` and ``kind`` (see `BEST`), then the columns; points that are dominated come first.
    n_of_kind
        Points of each kind, also those that are not drawn.
    n_missing
        Points that lack a value of one of the columns.
    chosen
        The point that is pointed out, with all its columns.
    why_chosen
        ``knee``, ``best throughput`` or ``as given``.
    choices
        What it has chosen on each axis of the sweep.
    """

    columns: tuple[Column, ...]
    rows: Sequence[Mapping[str, Any]]
    n_of_kind: Mapping[str, int]
    n_missing: int
    chosen: Mapping[str, Any]
    why_chosen: str
    choices: Mapping[str, str]

    def values(self, column: Column, *kinds: str) -> list[float]:
        """Give the values of a column, of some kinds of points or of all."""
        return [row[column.name] for row in self.rows if not kinds or row["kind"] in kinds]

    def remark(self, counts: Mapping[str, int]) -> str:
        """Say which points are not drawn, and what the knee is if one is pointed out."""
        n = self.n_of_kind[DOMINATED]
        n_drawn = sum(row["kind"] == DOMINATED for row in self.rows)
        few = "" if n_drawn == n else f"; of {n:,} dominated ones a sample of {n_drawn:,} is"
        return (
            f"Of {counts['n_points']:,} points {counts['n_failed']:,} without an answer, {counts['n_infeasible']:,} "
            f"that break a condition and {self.n_missing:,} without a finite value are not drawn{few}."
        ) + (f" {KNEE}" if self.why_chosen.startswith("knee") else "")


def read_sample(
    points: SweepPoints,
    columns: Sequence[Column],
    point: int | None = None,
    *,
    keys: Sequence[str] = (),
    most: int = MOST_DRAWN,
) -> Sample:
    """Read the points that a figure draws; they meet the conditions of the sweep and have a value of every column.

    Parameters
    ----------
    points
        Of a sweep.
    columns
        That are drawn; the first two say what `BEST` is, if both have a goal.
    point
        Number of the one that is pointed out; if not given, the knee of the front of the first two columns, which is
        the point farthest from the line between its ends, or the best of the first objective.
    keys
        Further columns, of any type.
    most
        Points of a kind, apart from `BEST`.

    Raises
    ------
    InputError
        When no point has all the values, or ``point`` is not there or has no answer.
    """
    found = list(points.store.query(_select(columns, keys, most)).rows())
    if not found:
        wanted = " and ".join(each.name for each in columns)
        raise InputError("figure", [Fault("", f"no point has a finite value of {wanted}; name other columns")])
    n_of_kind = {BEST: 0, FRONT_REST: 0, DOMINATED: 0} | {row["kind"]: row["n"] for row in found}
    names = {"point": "point", "kind": "kind"} | {each.name: f"v{idx}" for idx, each in enumerate(columns)}
    names |= {key: f"k{idx}" for idx, key in enumerate(keys)}
    rows: list[dict[str, Any]] = [{name: row[short] for name, short in names.items()} for row in found]
    why = "as given"
    if point is None:
        point, why = _choose_point(points, columns, [row for row in rows if row["kind"] == BEST])
    chosen, base = points.row(point, "--point"), points.base()
    lacking = [each.name for each in columns if chosen[each.name] is None or not math.isfinite(chosen[each.name])]
    if lacking:
        text = f"point {point} has no finite value of {' and '.join(lacking)}; name another point, or other columns"
        raise InputError("figure", [Fault("--point", text)])
    why += "" if chosen["is_feasible"] else ", breaks a condition"
    if all(isinstance(base.get(each.name), float) for each in columns):
        rows.append({**{name: base.get(name) for name in names}, "kind": BASE_MACHINE})
    return Sample(tuple(columns), rows, n_of_kind, found[0]["n_missing"], chosen, why, points.choices(chosen))


def _select(columns: Sequence[Column], keys: Sequence[str], most: int) -> str:
    values = [f"CAST({quote(each.name)} AS DOUBLE) AS v{idx}" for idx, each in enumerate(columns)]
    values += [f"{quote(key)} AS k{idx}" for idx, key in enumerate(keys)]
    finite = " AND ".join(f"isfinite(v{idx})" for idx in range(len(columns)))
    pair, has_best = columns[:2], len(columns) > 1 and all(each.goal for each in columns[:2])
    x, y = (f"v{idx} * {each.sign}" for idx, each in enumerate(pair)) if len(pair) == 2 else ("v0", "v0")
    return f"""
        WITH feasible AS (SELECT point, {", ".join(values)} FROM points WHERE is_feasible),
        usable AS (SELECT *, point IN (SELECT point FROM front) AS is_front FROM feasible WHERE {finite}),
        compared AS (
            SELECT *, min({y}) OVER (ORDER BY {x}, {y}, NOT is_front, point
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS least FROM usable),
        kinds AS (
            SELECT *, CASE WHEN {has_best} AND (least IS NULL OR {y} < least) THEN '{BEST}'
                WHEN is_front THEN '{FRONT_REST}' ELSE '{DOMINATED}' END AS kind FROM compared),
        ranked AS (
            SELECT *, count(*) OVER (PARTITION BY kind) AS n, row_number() OVER (
                PARTITION BY kind ORDER BY {spread_order()}) AS place FROM kinds)
        SELECT *, (SELECT count(*) FROM feasible) - (SELECT count(*) FROM usable) AS n_missing
        FROM ranked WHERE kind = '{BEST}' OR place <= {most} ORDER BY kind, {x}, point"""


def _choose_point(points: SweepPoints, columns: Sequence[Column], best: Sequence[Mapping[str, Any]]) -> tuple[int, str]:
    """Choose the knee of the front of two columns, or the best of the first objective if it has no inside."""
    first = next(points.store.query("SELECT point FROM front LIMIT 1").rows())["point"]
    if len(best) >= 3:
        cost = np.array([[each.sign * row[each.name] for each in columns[:2]] for row in best])
        cost = (cost - cost.min(axis=0)) / np.ptp(cost, axis=0)
        inside = 1 - cost.sum(axis=1)  # the line between the ends joins (0, 1) and (1, 0)
        if inside.max() > 1e-9:
            return best[int(np.argmax(inside))]["point"], "knee"
    return first, f"best {points.objectives[0].title}"


def choose_point(points: SweepPoints) -> tuple[int, str]:
    """Choose the point that figures and pages point out if they are not told which, and say why (`Sample`).

    Parameters
    ----------
    points
        Of a sweep; its first two objectives say which, see `read_sample`. The point has a value of the others, too.
    """
    sample = read_sample(points, points.objectives, most=1)
    return int(sample.chosen["point"]), sample.why_chosen


def cloud_size(sample: Sample) -> float:
    """Choose the size of the marks of dominated points [points]: small where there are many."""
    return 1.7 if sample.n_of_kind[DOMINATED] > 500 else 3.0
