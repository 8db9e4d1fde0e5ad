"""Heat map: a figure of a sweep over two of its axes, the best of all other choices or their mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from archmodel.errors import Fault, InputError, suggest
from archmodel.report.columns import Column, is_logarithmic
from archmodel.report.figure import CHOSEN, FigureInfo, house_style, new_figure, plain_text, save_figure, short_text
from archmodel.report.points import Source, SweepPoints, SweptAxis, open_points, quote
from archmodel.results import ResultTable
from archmodel.units import format_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Over = Literal["best", "mean"]

_MOST_WITH_TEXT = 14  # columns of cells that have room for their value
_MOST_TICKS = 30
_N_LETTERS = 24  # of a choice


@dataclass(frozen=True, slots=True)
class HeatmapInfo(FigureInfo):
    """What a heat map shows; its table has a row per cell: its choices, ``n_points``, the value, and its ``point``.

    Parameters
    ----------
    x, y
        Axes of the sweep.
    value
        What is drawn.
    over
        Whether it is the best of the points of a cell, or their mean.
    """

    x: SweptAxis
    y: SweptAxis
    value: Column
    over: Over


def plot_heatmap(
    source: Source,
    path: str | Path | None = None,
    *,
    x: str | None = None,
    y: str | None = None,
    value: str | None = None,
    over: Over = "best",
) -> tuple[Figure, Axes]:
    """Draw a figure over two axes of a sweep: of each cell the best point, or the mean of its points.

    Points that break a condition of the sweep do not count; a cell without any is empty. The best cell has a frame.

    Parameters
    ----------
    source
        Results of a sweep: the folder, or what `archmodel.sweep` returns.
    path
        File to write (``.png``, ``.svg``, ``.pdf``); its data goes beside it, as ``NAME.data.csv``.
    x, y
        Axes of the sweep; the first two that have several choices if not given.
    value
        Objective or column of the points; the first objective if not given.
    over
        ``best`` or ``mean`` of the points of a cell.

    Returns
    -------
    (Figure, Axes)
        For further changes.

    Raises
    ------
    InputError
        When there are no such results, axes or column, nothing to draw, or the file cannot be written.
    """
    info = heatmap_info(open_points(source), x, y, value, over)
    width, height = len(info.x.labels), len(info.y.labels)
    with house_style():
        size_in = (min(max(6.4, 2.6 + 0.75 * width), 12.0), min(max(4.2, 1.9 + 0.42 * height), 9.0))
        figure, axes = new_figure(info, size_in)
        _draw(figure, axes, info)
    if path is not None:
        save_figure(figure, info, Path(path))
    return figure, axes


def heatmap_info(
    points: SweepPoints, x: str | None = None, y: str | None = None, value: str | None = None, over: Over = "best"
) -> HeatmapInfo:
    """Collect the cells, see `plot_heatmap`.

    Raises
    ------
    InputError
        When an axis or the column is not there, or no cell has a value.
    """
    if over not in get_args(Over):
        raise InputError("figure", [Fault("--over", f"{over!r} is not known; {suggest(over, get_args(Over))}")])
    across, down = _choose_axes(points, x, y)
    column = points.column(value, "--value") if value else points.objectives[0]
    if over == "best" and not column.goal:
        text = f"neither more nor less of {column.name} is better; add --over mean, or name another column"
        raise InputError("figure", [Fault("--value", text)])
    rows = _read_cells(points, across, down, column, over)
    counts, n_cells = sorted(row["n_points"] for row in rows), len(across.labels) * len(down.labels)
    n_said = f"{counts[0]:,}" if counts[0] == counts[-1] else f"{counts[0]:,} to {counts[-1]:,}"
    remark = (
        f"A cell is the {'best' if over == 'best' else 'mean'} of its points over all other axes, {n_said} that meet "
        f"the conditions; {n_cells - len(rows)} of {n_cells} cells have none."
    )
    return HeatmapInfo(
        points.title(), across.title_and_ticks()[0], down.title_and_ticks()[0], ResultTable.from_rows(rows),
        points.footer(remark), across, down, column, over,
    )  # fmt: skip


def _choose_axes(points: SweepPoints, x: str | None, y: str | None) -> tuple[SweptAxis, SweptAxis]:
    given = [points.axis(name, option) if name else None for name, option in ((x, "--x"), (y, "--y"))]
    left = [axis for axis in points.axes if axis not in given and len(axis.labels) > 1]
    for idx, option in enumerate(("--x", "--y")):
        if given[idx] is None and not left:
            text = "the sweep has no further axis of several choices; a heat map needs two"
            raise InputError("figure", [Fault(option, text)])
        given[idx] = given[idx] or left.pop(0)
    across, down = given
    assert across is not None
    assert down is not None
    if across == down:
        raise InputError("figure", [Fault("--y", f"{down.name} is on the other axis; name another one")])
    return across, down


def _read_cells(
    points: SweepPoints, across: SweptAxis, down: SweptAxis, column: Column, over: Over
) -> list[dict[str, Any]]:
    """Read a row per cell that has a point, in the order of the choices."""
    x, y, value = (quote(name) for name in (across.column, down.column, column.name))
    chosen = f"arg_{'min' if column.sign > 0 else 'max'}(point, value ORDER BY point)" if over == "best" else "NULL"
    figure = f"{'min' if column.sign > 0 else 'max'}(value)" if over == "best" else "avg(value ORDER BY point)"
    found = points.store.query(
        f"WITH usable AS (SELECT point, {x} AS x, {y} AS y, CAST({value} AS DOUBLE) AS value FROM points "
        "WHERE is_feasible) "
        f"SELECT x, y, count(*) AS n_points, {figure} AS value, {chosen} AS point FROM usable WHERE isfinite(value) "
        "GROUP BY x, y"
    )  # fmt: skip
    if not len(found):
        raise InputError("figure", [Fault("", f"no point has a finite value of {column.name}; name another column")])
    places = zip(down.indices(found["y"]).tolist(), across.indices(found["x"]).tolist(), found.rows(), strict=True)
    return [
        {
            across.name: across.labels[col], down.name: down.labels[row], "n_points": cell["n_points"],
            column.name: cell["value"], "point": cell["point"],
        }
        for row, col, cell in sorted(places, key=lambda place: place[:2])
    ]  # fmt: skip


def _draw(figure: Figure, axes: Axes, info: HeatmapInfo) -> None:
    from matplotlib.colors import LogNorm, Normalize
    from matplotlib.patches import Rectangle

    rows = list(info.table.rows())
    shape = (len(info.y.labels), len(info.x.labels))
    cells = np.full(shape, np.nan)
    places = [(info.y.labels.index(row[info.y.name]), info.x.labels.index(row[info.x.name])) for row in rows]
    for place, row in zip(places, rows, strict=True):
        cells[place] = row[info.value.name]
    scale = info.value.scale(cells[np.isfinite(cells)])
    norm = LogNorm if is_logarithmic(cells.ravel()) else Normalize
    shown = axes.imshow(
        cells / scale.factor, norm=norm(), cmap="cividis" if info.value.sign < 0 else "cividis_r", aspect="auto",
        origin="lower", interpolation="nearest",
    )  # fmt: skip
    bar = figure.colorbar(shown, ax=axes, pad=0.02)
    label = f"{info.over} {info.value.title}\n[{scale.unit}]{info.value.better}"
    bar.set_label(plain_text(label), fontsize=9)
    bar.outline.set_visible(False)
    axes.set_facecolor("#f2f2f2")
    axes.grid(visible=False)
    _set_ticks(axes, info)
    if info.value.goal:
        up, right = places[int(np.argmin([info.value.sign * row[info.value.name] for row in rows]))]
        axes.add_patch(Rectangle((right - 0.5, up - 0.5), 1, 1, fill=False, ec=CHOSEN, lw=2.2, clip_on=False))
    if shape[1] <= _MOST_WITH_TEXT and shape[0] <= 2 * _MOST_WITH_TEXT:
        for place, row in zip(places, rows, strict=True):
            _write_value(axes, shown, place, row[info.value.name] / scale.factor)


def _set_ticks(axes: Axes, info: HeatmapInfo) -> None:
    for axis, side in ((info.x, axes.xaxis), (info.y, axes.yaxis)):
        ticks = axis.title_and_ticks()[1]
        step = -(-len(ticks) // _MOST_TICKS)
        side.set_ticks(range(0, len(ticks), step), [plain_text(short_text(tick, _N_LETTERS)) for tick in ticks[::step]])
    longest = max(len(tick) for tick in info.x.title_and_ticks()[1])
    if longest * len(info.x.labels) > 90:  # letters that have room side by side
        axes.tick_params(axis="x", labelrotation=35)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")


def _write_value(axes: Axes, shown: Any, place: tuple[int, int], value: float) -> None:
    """Write the value of a cell, light on dark or dark on light."""
    red, green, blue, _ = shown.cmap(shown.norm(value))
    ink = "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else "black"
    axes.text(place[1], place[0], format_number(value, 3), ha="center", va="center", fontsize=8, color=ink)
