"""Parallel coordinates: every point of a sweep as a line over its choices and its objectives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from archmodel.errors import Fault, InputError
from archmodel.report.columns import Column
from archmodel.report.figure import (
    CHOSEN,
    CLOUD,
    FRONT,
    INK,
    FigureInfo,
    house_style,
    new_figure,
    plain_text,
    save_figure,
    short_text,
)
from archmodel.report.points import Source, SweepPoints, SweptAxis, open_points
from archmodel.report.sample import BASE_MACHINE, BEST, DOMINATED, FRONT_REST, Sample, read_sample
from archmodel.results import ResultTable
from archmodel.units import format_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_AXES = 14
"""Axes of the sweep that are drawn; beyond that their names have no room."""

_N_LINES = 600  # of a kind: more are a plane
_MOST_TICKS = 9  # of a coordinate
_N_LETTERS = 15  # of a choice
_COORDINATE_IN = 1.0  # between two coordinates


@dataclass(frozen=True, slots=True)
class ParallelInfo(FigureInfo):
    """What parallel coordinates show; its table has ``point``, ``kind``, the choices and the objectives.

    Parameters
    ----------
    axes
        Of the sweep, that are drawn.
    sample
        The points and their objectives.
    """

    axes: tuple[SweptAxis, ...]
    sample: Sample


def plot_parallel(
    source: Source, path: str | Path | None = None, *, axes: Sequence[str] = (), point: int | None = None
) -> tuple[Figure, Axes]:
    """Draw points of a sweep as lines over their choices on each axis and their objectives.

    Points of the front are blue, a sample of the others grey; of each objective the better end is up.

    Parameters
    ----------
    source
        Results of a sweep: the folder, or what `archmodel.sweep` returns.
    path
        File to write (``.png``, ``.svg``, ``.pdf``); its data goes beside it, as ``NAME.data.csv``.
    axes
        Axes of the sweep, in the order in which they are drawn; if not given, those that have several choices, at most
        `MOST_AXES`.
    point
        Number of the point that is pointed out; by default as in `plot_pareto`.

    Returns
    -------
    (Figure, Axes)
        For further changes.

    Raises
    ------
    InputError
        When there are no such results, axes or point, too many axes, nothing to draw, or the file cannot be written.
    """
    info = parallel_info(open_points(source), axes, point)
    n = len(info.axes) + len(info.sample.columns)
    with house_style():
        figure, drawn = new_figure(info, (max(6.4, 1.2 + _COORDINATE_IN * n), 5.4))
        _draw(drawn, info)
    if path is not None:
        save_figure(figure, info, Path(path))
    return figure, drawn


def parallel_info(points: SweepPoints, axes: Sequence[str] = (), point: int | None = None) -> ParallelInfo:
    """Collect the points, see `plot_parallel`.

    Raises
    ------
    InputError
        When an axis or the point is not there, or there are too many axes.
    """
    if len(axes) > MOST_AXES:
        raise InputError("figure", [Fault("--axes", f"{len(axes)} axes are too many; at most {MOST_AXES}")])
    several = [axis for axis in points.axes if len(axis.labels) > 1]
    shown = [points.axis(name, "--axes") for name in axes] or several[:MOST_AXES]
    sample = read_sample(points, points.objectives, point, keys=[axis.column for axis in shown], most=_N_LINES)
    left_out = [axis.name for axis in points.axes if axis not in shown]
    remark = f"Not drawn: {_name_some(left_out)}. " if left_out else ""
    remark += f"Of objectives the better end is up. {sample.remark(points.counts)}"
    rows = [
        {key: row[key] for key in ("point", "kind")}
        | {axis.name: _label(axis, row[axis.column]) for axis in shown}
        | {column.name: row[column.name] for column in sample.columns}
        for row in sample.rows
        if row["kind"] != BASE_MACHINE  # which need not be on every axis
    ]
    return ParallelInfo(
        points.title(), "", "", ResultTable.from_rows(rows), points.footer(remark), tuple(shown), sample
    )  # fmt: skip


def _label(axis: SweptAxis, value: object) -> str:
    return axis.labels[int(axis.indices([value])[0])]


def _name_some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} axes more"


def _draw(axes: Axes, info: ParallelInfo) -> None:
    from matplotlib.collections import LineCollection

    sample, n_axes = info.sample, len(info.axes)
    rows = [row for row in sample.rows if row["kind"] != BASE_MACHINE]
    heights = [_spread(axis.indices([row[axis.column] for row in rows]), len(axis.labels)) for axis in info.axes]
    ranges = [_range(column, [*sample.values(column), sample.chosen[column.name]]) for column in sample.columns]
    heights += [_scaled(np.array([row[column.name] for row in rows]), ends)
                for column, ends in zip(sample.columns, ranges, strict=True)]  # fmt: skip
    lines = np.stack([np.broadcast_to(np.arange(len(heights)), (len(rows), len(heights))), np.stack(heights, 1)], 2)
    kinds = np.array([row["kind"] for row in rows])
    n_drawn, n = int((kinds == DOMINATED).sum()), sample.n_of_kind
    cloud = f"{n[DOMINATED]:,} dominated" + (f" ({n_drawn:,} drawn)" if n_drawn < n[DOMINATED] else "")
    looks = (
        (kinds == DOMINATED, CLOUD, 0.5, 0.35, cloud),
        ((kinds == BEST) | (kinds == FRONT_REST), FRONT, 0.9, 0.75, f"{n[BEST] + n[FRONT_REST]:,} on the front"),
    )
    for of_kind, colour, width, alpha, label in looks:
        if of_kind.any():
            axes.add_collection(LineCollection(
                list(lines[of_kind]), colors=colour, linewidths=width, alpha=alpha, label=label, rasterized=True,
            ))  # fmt: skip
    chosen = [_spread(axis.indices([sample.chosen[axis.column]]), len(axis.labels))[0] for axis in info.axes]
    chosen += [_scaled(np.array([sample.chosen[column.name]]), ends)[0]
               for column, ends in zip(sample.columns, ranges, strict=True)]  # fmt: skip
    text = f"point {sample.chosen['point']} ({sample.why_chosen})"
    axes.plot(range(len(chosen)), chosen, "o-", ms=5, color=CHOSEN, lw=2, label=text, zorder=4)
    for place, axis in enumerate(info.axes):
        _write_choices(axes, place, axis)
    for place, (column, ends) in enumerate(zip(sample.columns, ranges, strict=True), start=n_axes):
        _write_values(axes, place, column, ends)
    _tidy(axes, info)


def _spread(indices: NDArray[np.int64], n_choices: int) -> NDArray[np.float64]:
    return indices / (n_choices - 1) if n_choices > 1 else np.full(len(indices), 0.5)


def _range(column: Column, values: Sequence[float]) -> tuple[float, float]:
    """Give the values at the lower and the upper end of a coordinate: the better one is up."""
    low, high = min(values), max(values)
    if low == high:
        low, high = low - 0.5 * abs(low or 1.0), high + 0.5 * abs(high or 1.0)
    return (high, low) if column.goal == "min" else (low, high)


def _scaled(values: NDArray[np.float64], ends: tuple[float, float]) -> NDArray[np.float64]:
    return (values - ends[0]) / (ends[1] - ends[0])


def _write_choices(axes: Axes, place: int, axis: SweptAxis) -> None:
    ticks = axis.title_and_ticks()[1]
    step = -(-(len(ticks) - 1) // (_MOST_TICKS - 1)) or 1
    for idx in range(0, len(ticks), step):
        _write(axes, place, _spread(np.array([idx]), len(ticks))[0], short_text(ticks[idx], _N_LETTERS))


def _write_values(axes: Axes, place: int, column: Column, ends: tuple[float, float]) -> None:
    scale = column.scale(ends)
    for height in np.linspace(0, 1, 5):
        value = ends[0] + height * (ends[1] - ends[0])
        _write(axes, place, float(height), format_number(value / scale.factor, 3))


def _write(axes: Axes, place: int, height: float, text: str) -> None:
    axes.annotate(
        plain_text(text), (place, height), xytext=(4, 0), textcoords="offset points", fontsize=7, va="center", zorder=6,
        bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none", "alpha": 0.78},
        annotation_clip=False,
    )  # fmt: skip


def _tidy(axes: Axes, info: ParallelInfo) -> None:
    titles = [axis.title_and_ticks()[0] for axis in info.axes]
    titles += [f"{column.title} [{column.scale(info.sample.values(column)).unit}]" for column in info.sample.columns]
    broken = [plain_text(short_text(title, 44).replace(" [", "\n[").replace(".", ".\n")) for title in titles]
    axes.set_xticks(range(len(titles)), broken, fontsize=8)
    for place in range(len(titles)):
        axes.axvline(place, color=INK if place < len(info.axes) else FRONT, lw=1, zorder=3)
    axes.set_xlim(-0.3, len(titles) - 0.3)
    axes.set_ylim(-0.05, 1.05)
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(axis="x", length=0)
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, fontsize=8, borderaxespad=0)
    axes.set_title(axes.get_title(loc="left"), pad=26)
