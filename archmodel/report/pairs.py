"""Matrix of pairs: every figure of the points of a sweep against every other one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from archmodel.errors import Fault, InputError
from archmodel.report.columns import Column, Scale
from archmodel.report.figure import (
    BASE,
    CHOSEN,
    CLOUD,
    FRONT,
    FigureInfo,
    house_style,
    new_canvas,
    plain_text,
    save_figure,
    wrap_text,
)
from archmodel.report.points import Source, SweepPoints, list_choices, open_points
from archmodel.report.sample import BASE_MACHINE, BEST, DOMINATED, FRONT_REST, Sample, cloud_size, read_sample
from archmodel.results import ResultTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_COLUMNS = 8
"""Beyond that, nobody can read the axes."""

_PANEL_IN, _LEAST_IN = 2.1, 6.6  # size of a panel, least size of the figure
_N_BINS = 24
_N_LETTERS = 40  # of a line of what is said of the chosen point


@dataclass(frozen=True, slots=True)
class PairsInfo(FigureInfo):
    """What a matrix of pairs shows; its table has ``point``, ``kind`` and the columns.

    Parameters
    ----------
    sample
        The points and their columns.
    """

    sample: Sample


def plot_pairs(
    source: Source, path: str | Path | None = None, *, columns: Sequence[str] = (), point: int | None = None
) -> tuple[Figure, Any]:
    """Draw every objective of a sweep against every other one, and how many points have which value of each.

    Parameters
    ----------
    source
        Results of a sweep: the folder, or what `archmodel.sweep` returns.
    path
        File to write (``.png``, ``.svg``, ``.pdf``); its data goes beside it, as ``NAME.data.csv``.
    columns
        Columns of the points to add, or objectives by their name.
    point
        Number of the point that is pointed out; by default as in `plot_pareto`.

    Returns
    -------
    (Figure, array of Axes)
        For further changes; those above the diagonal are not drawn.

    Raises
    ------
    InputError
        When there are no such results, columns or point, too many or too few columns, nothing to draw, or the file
        cannot be written.
    """
    info = pairs_info(open_points(source), columns, point)
    n = len(info.sample.columns)
    size_in = max(_LEAST_IN, _PANEL_IN * n)
    with house_style():
        figure = new_canvas(info, (1.25 * size_in, size_in))
        figure.suptitle(wrap_text(info.title, 9 * size_in), x=0.01, ha="left", fontweight="bold")
        axes = figure.subplots(n, n, sharex="col", squeeze=False)
        _draw(axes, info.sample)
    if path is not None:
        save_figure(figure, info, Path(path))
    return figure, axes


def pairs_info(points: SweepPoints, columns: Sequence[str] = (), point: int | None = None) -> PairsInfo:
    """Collect the points, see `plot_pairs`.

    Raises
    ------
    InputError
        When a column or the point is not there, or columns are too many or too few.
    """
    shown = list(dict.fromkeys([*points.objectives, *(points.column(name, "--columns") for name in columns)]))
    if not 2 <= len(shown) <= MOST_COLUMNS:
        names = ", ".join(each.title for each in shown)
        text = f"{names}: a matrix has 2 to {MOST_COLUMNS} columns, objectives included, and these are {len(shown)}"
        raise InputError("figure", [Fault("--columns", text)])
    sample = read_sample(points, shown, point)
    footer = points.footer(f"{sample.remark(points.counts)} On the diagonal: how many of all drawn points.")
    return PairsInfo(points.title(), "", "", ResultTable.from_rows(sample.rows), footer, sample)


def _draw(axes: Any, sample: Sample) -> None:
    scales = [column.scale(sample.values(column)) for column in sample.columns]
    n = len(sample.columns)
    for row in range(n):
        for col in range(n):
            here: Axes = axes[row, col]
            if col > row:
                here.set_axis_off()
            elif col == row:
                _draw_counts(here, sample, sample.columns[row], scales[row])
            else:
                _draw_pair(here, sample, (col, row), scales)
            here.tick_params(labelsize=7, labelleft=col < row and col == 0)
    for idx, (column, scale) in enumerate(zip(sample.columns, scales, strict=True)):
        text = plain_text(f"{column.title}\n[{scale.unit}]")
        axes[n - 1, idx].set_xlabel(text, fontsize=8)
        if idx:
            axes[idx, 0].set_ylabel(text, fontsize=8)
    handles, labels = axes[1, 0].get_legend_handles_labels()
    choices = list_choices(sample.choices, 12, _N_LETTERS)
    # Above the diagonal there is room: in the corner for the legend, and for the choices of the point below it.
    axes[0, n - 1].legend(
        handles, labels, loc="upper right", fontsize=8, borderaxespad=0, labelspacing=0.4,
        title=plain_text("\n".join(choices)), title_fontsize=7, alignment="left", reverse=True,
    )  # fmt: skip


def _draw_counts(axes: Axes, sample: Sample, column: Column, scale: Scale) -> None:
    drawn = np.array(sample.values(column, BEST, FRONT_REST, DOMINATED)) / scale.factor
    axes.hist(drawn, bins=_N_BINS, color=CLOUD)
    front = np.array(sample.values(column, BEST, FRONT_REST)) / scale.factor
    axes.plot(front, np.zeros(len(front)), "|", color=FRONT, ms=7, clip_on=False)
    axes.axvline(sample.chosen[column.name] / scale.factor, color=CHOSEN, lw=1.2)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _draw_pair(axes: Axes, sample: Sample, pair: tuple[int, int], scales: Sequence[Scale]) -> None:
    x, y = (sample.columns[idx] for idx in pair)
    looks: tuple[tuple[tuple[str, ...], str, dict[str, Any]], ...] = (
        ((DOMINATED,), "dominated", {"marker": "o", "ms": cloud_size(sample), "color": CLOUD, "alpha": 0.6}),
        ((BEST, FRONT_REST), "front of all objectives", {"marker": "o", "ms": 3.2, "color": FRONT}),
        ((BASE_MACHINE,), "base machine", {"marker": "D", "ms": 5, "color": BASE}),
    )
    for kinds, label, look in looks:
        values = [np.array(sample.values(each, *kinds)) / scales[idx].factor
                  for each, idx in zip((x, y), pair, strict=True)]  # fmt: skip
        if len(values[0]):
            axes.plot(*values, linestyle="none", mew=0, rasterized=True, label=label, **look)
    point = [[sample.chosen[each.name] / scales[idx].factor] for each, idx in zip((x, y), pair, strict=True)]
    text = f"point {sample.chosen['point']} ({sample.why_chosen})"
    axes.plot(*point, "*", ms=11, color=CHOSEN, mec="white", mew=0.6, zorder=5, label=text)
