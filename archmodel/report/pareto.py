"""Pareto figure: two figures of the points of a sweep against each other, and which points no other one beats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from archmodel.errors import Fault, InputError
from archmodel.report.figure import (
    BASE,
    CHOSEN,
    CLOUD,
    FRONT,
    FigureInfo,
    house_style,
    new_figure,
    plain_text,
    save_figure,
)
from archmodel.report.points import (
    MOST_DRAWN,
    Column,
    Source,
    SweepPoints,
    list_choices,
    open_points,
    quote,
    spread_order,
)
from archmodel.results import ResultTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BEST, OTHER_FRONT, DOMINATED, BASE_MACHINE = "front of the two", "front", "dominated", "base machine"
"""Kinds of points: no other one is better in these two columns; in all objectives; others; what the axes change."""

_LOG_FROM = 30.0  # largest over smallest value of an axis, from which it is logarithmic
_N_LINES, _N_LETTERS = 16, 34  # of what is said of the chosen point


@dataclass(frozen=True, slots=True)
class ParetoInfo(FigureInfo):
    """What a Pareto figure shows; its table has ``point``, ``kind`` and the two columns.

    Parameters
    ----------
    x, y
        Columns of the axes.
    chosen
        The point that is pointed out, with all its columns.
    why_chosen
        ``knee``, ``best throughput`` or ``as given``.
    choices
        What it has chosen on each axis of the sweep.
    n_objectives
        Of the sweep.
    n_of_kind
        Points of each kind, also those that are not drawn.
    """

    x: Column
    y: Column
    chosen: Mapping[str, Any]
    why_chosen: str
    choices: Mapping[str, str]
    n_objectives: int
    n_of_kind: Mapping[str, int]


def plot_pareto(
    source: Source,
    path: str | Path | None = None,
    *,
    x: str | None = None,
    y: str | None = None,
    point: int | None = None,
) -> tuple[Figure, Axes]:
    """Draw two figures of the points of a sweep against each other.

    Points that meet the conditions of the sweep are drawn: those that no other one beats in these two figures joined by
    steps, beyond which nothing was found, the rest of the front of all objectives, a sample of the others, the base
    machine, and one point with its choices.

    Parameters
    ----------
    source
        Results of a sweep, of a search or of a series of models: the folder, or what `archmodel.sweep` returns.
    path
        File to write (``.png``, ``.svg``, ``.pdf``); its data goes beside it, as ``NAME.data.csv``.
    x, y
        Columns of the points, or objectives by their name; the first two objectives if not given.
    point
        Number of the point that is pointed out; if not given, the knee of the front of the two figures, which is the
        point farthest from the line between its ends, or the best of the first objective.

    Returns
    -------
    (Figure, Axes)
        For further changes.

    Raises
    ------
    InputError
        When there are no such results, columns or point, nothing to draw, or the file cannot be written.
    """
    info = pareto_info(open_points(source), x, y, point)
    with house_style():
        figure, axes = new_figure(info, (10.4, 5.4))
        _draw(axes, info)
    if path is not None:
        save_figure(figure, info, Path(path))
    return figure, axes


def pareto_info(
    points: SweepPoints, x: str | None = None, y: str | None = None, point: int | None = None
) -> ParetoInfo:
    """Collect the points, see `plot_pareto`.

    Raises
    ------
    InputError
        When a column or the point is not there.
    """
    columns = _choose_columns(points, x, y)
    rows, n_of_kind, n_missing = _read_rows(points, columns)
    best = [row for row in rows if row["kind"] == BEST]
    if point is None:
        point, why = _choose_point(points, columns, best)
    else:
        why = "as given"
    chosen = points.row(point, "--point")
    base = points.base()
    if all(isinstance(base.get(each.name), float) for each in columns):
        rows.append({"point": None, "kind": BASE_MACHINE, **{each.name: base[each.name] for each in columns}})
    labels = [each.label(row[each.name] for row in rows) for each in columns]
    counts, n_drawn = points.counts, sum(row["kind"] == DOMINATED for row in rows)
    remark = (
        f"Of {counts['n_points']:,} points {counts['n_failed']:,} without an answer, {counts['n_infeasible']:,} that "
        f"break a condition and {n_missing:,} without a finite value are not drawn"
    )
    few = (
        "."
        if n_drawn == n_of_kind[DOMINATED]
        else f", of {n_of_kind[DOMINATED]:,} dominated ones a sample of {n_drawn:,} is."
    )
    return ParetoInfo(
        points.title(), labels[0], labels[1], ResultTable.from_rows(rows), points.footer(remark + few), *columns,
        chosen=chosen, why_chosen=why, choices=points.choices(chosen), n_objectives=len(points.objectives),
        n_of_kind=n_of_kind,
    )  # fmt: skip


def _choose_columns(points: SweepPoints, x: str | None, y: str | None) -> tuple[Column, Column]:
    objectives = points.objectives
    if y is None and len(objectives) < 2 and x in (None, objectives[0].title, objectives[0].name):
        text = f"the sweep has one objective, {objectives[0].title}; name a column to draw it against"
        raise InputError("figure", [Fault("--y" if x else "--x", text)])
    first = points.column(x, "--x") if x else next(each for each in objectives if y not in (each.title, each.name))
    second = points.column(y, "--y") if y else next(each for each in objectives if each.name != first.name)
    if first.name == second.name:
        raise InputError("figure", [Fault("--y", f"{second.title} is on the other axis; name another column")])
    return first, second


def _read_rows(points: SweepPoints, columns: tuple[Column, Column]) -> tuple[list[dict[str, Any]], dict[str, int], int]:
    """Read what is drawn, count the points of each kind, and those that lack one of the values."""
    x, y = (f"CAST({quote(each.name)} AS DOUBLE)" for each in columns)
    has_front = all(each.goal for each in columns)
    kinds = f"""
        WITH feasible AS (SELECT point, {x} AS x, {y} AS y FROM points WHERE is_feasible),
        usable AS (SELECT * FROM feasible WHERE isfinite(x) AND isfinite(y)),
        compared AS (
            SELECT *, min(y * {columns[1].sign}) OVER (
                ORDER BY x * {columns[0].sign}, y * {columns[1].sign}, point
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS beaten_by FROM usable),
        kinds AS (
            SELECT point, x, y, CASE
                WHEN {has_front} AND (beaten_by IS NULL OR y * {columns[1].sign} < beaten_by) THEN '{BEST}'
                WHEN point IN (SELECT point FROM front) THEN '{OTHER_FRONT}' ELSE '{DOMINATED}' END AS kind
            FROM compared),
        ranked AS (
            SELECT *, count(*) OVER (PARTITION BY kind) AS n,
                row_number() OVER (PARTITION BY kind ORDER BY {spread_order()}) AS place FROM kinds)
        SELECT point, kind, x, y, n, (SELECT count(*) FROM feasible) - (SELECT count(*) FROM usable) AS n_missing
        FROM ranked WHERE kind = '{BEST}' OR place <= {MOST_DRAWN} ORDER BY kind, x * {columns[0].sign}, point"""
    found = list(points.store.query(kinds).rows())
    if not found:
        text = f"no point has a finite value of both {columns[0].name} and {columns[1].name}; name other columns"
        raise InputError("figure", [Fault("", text)])
    rows = [
        {"point": row["point"], "kind": row["kind"], columns[0].name: row["x"], columns[1].name: row["y"]}
        for row in found
    ]
    n_of_kind = {BEST: 0, OTHER_FRONT: 0, DOMINATED: 0} | {row["kind"]: row["n"] for row in found}
    return rows, n_of_kind, found[0]["n_missing"]


def _choose_point(
    points: SweepPoints, columns: tuple[Column, Column], best: Sequence[Mapping[str, Any]]
) -> tuple[int, str]:
    """Choose the knee of the front of two figures, or the best of the first objective if it has no inside."""
    first = next(points.store.query("SELECT point FROM front LIMIT 1").rows())["point"]
    if len(best) < 3:
        return first, f"best {points.objectives[0].title}"
    cost = np.array([[each.sign * row[each.name] for each in columns] for row in best])
    cost = (cost - cost.min(axis=0)) / np.ptp(cost, axis=0)
    inside = 1 - cost.sum(axis=1)  # the line joins (0, 1) and (1, 0)
    if inside.max() <= 0:  # no point is nearer to the ideal one than the line
        return first, f"best {points.objectives[0].title}"
    return best[int(np.argmax(inside))]["point"], "knee"


def _draw(axes: Axes, info: ParetoInfo) -> None:
    rows = list(info.table.rows())
    scales = [each.scale(row[each.name] for row in rows) for each in (info.x, info.y)]

    def places(kind: str) -> tuple[list[float], list[float]]:
        some = [row for row in rows if row["kind"] == kind]
        return ([row[info.x.name] / scales[0].factor for row in some],
                [row[info.y.name] / scales[1].factor for row in some])  # fmt: skip

    drawn, n = len(places(DOMINATED)[0]), info.n_of_kind
    sample = f"{n[DOMINATED]:,} dominated" + (f" ({drawn:,} drawn)" if drawn < n[DOMINATED] else "")
    if drawn:
        axes.plot(*places(DOMINATED), "o", ms=2.4, mew=0, color=CLOUD, alpha=0.7, rasterized=True, label=sample)
    if n[OTHER_FRONT]:
        text = f"{n[OTHER_FRONT]:,} more on the front of all {info.n_objectives}"
        axes.plot(*places(OTHER_FRONT), "o", ms=4, mew=0, color="#56B4E9", label=text, rasterized=n[OTHER_FRONT] > 500)
    if n[BEST]:
        steps = "steps-pre" if info.x.goal == "max" else "steps-post"
        x, y = places(BEST)
        order = np.argsort(x, kind="stable")
        axes.plot(
            np.take(x, order), np.take(y, order), "o-", ms=4.5, mew=0, lw=1.3, color=FRONT, drawstyle=steps,
            label=f"{n[BEST]:,} on the front of these two",
        )  # fmt: skip
    if places(BASE_MACHINE)[0]:
        axes.plot(*places(BASE_MACHINE), "D", ms=7, color=BASE, mec="white", label="base machine", zorder=4)
    chosen = [info.chosen[each.name] / scale.factor for each, scale in zip((info.x, info.y), scales, strict=True)]
    axes.plot(
        *([value] for value in chosen), "*", ms=15, color=CHOSEN, mec="white", zorder=5,
        label=f"point {info.chosen['point']} ({info.why_chosen})",
    )  # fmt: skip
    for values, set_scale in ((_all(rows, info.x), axes.set_xscale), (_all(rows, info.y), axes.set_yscale)):
        if min(values) > 0 and max(values) / min(values) > _LOG_FROM:
            set_scale("log")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8)
    said = [each.title + " " + scale.show(info.chosen[each.name])
            for each, scale in zip((info.x, info.y), scales, strict=True)]  # fmt: skip
    lines = [f"Point {info.chosen['point']}", *said, "", *list_choices(info.choices, _N_LINES, _N_LETTERS)]
    axes.annotate(plain_text("\n".join(lines)), (1.03, 0.0), xycoords="axes fraction", fontsize=8, va="bottom",
                  linespacing=1.35, annotation_clip=False)  # fmt: skip


def _all(rows: Sequence[Mapping[str, Any]], column: Column) -> list[float]:
    return [row[column.name] for row in rows]
