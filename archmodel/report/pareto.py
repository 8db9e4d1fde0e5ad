"""Pareto figure: two figures of the points of a sweep against each other, and which points no other one beats."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from archmodel.errors import Fault, InputError
from archmodel.report.columns import Column, is_logarithmic
from archmodel.report.figure import (
    BASE,
    CHOSEN,
    CLOUD,
    FRONT,
    FRONT_LIGHT,
    FigureInfo,
    house_style,
    new_figure,
    plain_text,
    save_figure,
)
from archmodel.report.points import Source, SweepPoints, list_choices, open_points
from archmodel.report.sample import BASE_MACHINE, BEST, DOMINATED, FRONT_REST, Sample, cloud_size, read_sample
from archmodel.results import ResultTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_N_LINES, _N_LETTERS = 16, 34  # of what is said of the chosen point


@dataclass(frozen=True, slots=True)
class ParetoInfo(FigureInfo):
    """What a Pareto figure shows; its table has ``point``, ``kind`` and the two columns.

    Parameters
    ----------
    sample
        The points, their two columns (of x and y), and the one that is pointed out.
    n_objectives
        Of the sweep.
    """

    sample: Sample
    n_objectives: int


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
    steps, beyond which nothing was found; the rest of the front of all objectives; a sample of the others; the base
    machine; and one point with its choices.

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
    sample = read_sample(points, _choose_columns(points, x, y), point)
    x_label, y_label = (column.label(sample.values(column)) for column in sample.columns)
    return ParetoInfo(
        points.title(), x_label, y_label, ResultTable.from_rows(sample.rows),
        points.footer(sample.remark(points.counts)), sample, len(points.objectives),
    )  # fmt: skip


def _choose_columns(points: SweepPoints, x: str | None, y: str | None) -> tuple[Column, Column]:
    given = [points.column(name, option) if name else None for name, option in ((x, "--x"), (y, "--y"))]
    left = [each for each in points.objectives if each not in given]
    for idx, option in enumerate(("--x", "--y")):
        if given[idx] is None and not left:
            text = f"the sweep has one objective, {points.objectives[0].title}; name a column to draw it against"
            raise InputError("figure", [Fault(option, text)])
        given[idx] = given[idx] or left.pop(0)
    first, second = given
    assert first is not None
    assert second is not None
    if first.name == second.name:
        raise InputError("figure", [Fault("--y", f"{second.title} is on the other axis; name another column")])
    return first, second


def _draw(axes: Axes, info: ParetoInfo) -> None:
    sample = info.sample
    scales = [column.scale(sample.values(column)) for column in sample.columns]

    def places(kind: str) -> list[list[float]]:
        return [[value / scale.factor for value in sample.values(column, kind)]
                for column, scale in zip(sample.columns, scales, strict=True)]  # fmt: skip

    n, n_drawn = sample.n_of_kind, len(places(DOMINATED)[0])
    if n[DOMINATED]:
        text = f"{n[DOMINATED]:,} dominated" + (f" ({n_drawn:,} drawn)" if n_drawn < n[DOMINATED] else "")
        axes.plot(
            *places(DOMINATED),
            "o",
            ms=1.4 * cloud_size(sample),
            mew=0,
            color=CLOUD,
            alpha=0.7,
            rasterized=True,
            label=text,
        )
    if n[FRONT_REST]:
        text = f"{n[FRONT_REST]:,}{' more' if n[BEST] else ''} on the front of all {info.n_objectives}"
        axes.plot(*places(FRONT_REST), "o", ms=4, mew=0, color=FRONT_LIGHT, rasterized=True, label=text)
    if n[BEST]:
        x, y = places(BEST)
        order = np.argsort(x, kind="stable")
        axes.plot(
            np.take(x, order), np.take(y, order), "o-", ms=4.5, mew=0, lw=1.3, color=FRONT,
            drawstyle="steps-pre" if sample.columns[0].goal == "max" else "steps-post",
            label=f"{n[BEST]:,} on the front of these two",
        )  # fmt: skip
    if any(places(BASE_MACHINE)):
        axes.plot(*places(BASE_MACHINE), "D", ms=7, color=BASE, mec="white", label="base machine", zorder=4)
    point = [sample.chosen[column.name] for column in sample.columns]
    axes.plot(
        *([value / scale.factor] for value, scale in zip(point, scales, strict=True)), "*", ms=15, color=CHOSEN,
        mec="white", zorder=5, label=f"point {sample.chosen['point']} ({sample.why_chosen})",
    )  # fmt: skip
    for column, set_scale in zip(sample.columns, (axes.set_xscale, axes.set_yscale), strict=True):
        if is_logarithmic(sample.values(column)):
            set_scale("log")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8)
    figures = [f"{column.title} {scale.show(value)}"
               for column, scale, value in zip(sample.columns, scales, point, strict=True)]  # fmt: skip
    lines = [f"Point {sample.chosen['point']}", *figures, "", *list_choices(sample.choices, _N_LINES, _N_LETTERS)]
    axes.annotate(
        plain_text("\n".join(lines)), (1.03, 0.0), xycoords="axes fraction", fontsize=8, va="bottom", linespacing=1.35,
        annotation_clip=False,
    )  # fmt: skip
