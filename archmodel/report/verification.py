"""Figure of a verification: cycles of the model against cycles of the hardware, point by point."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from archmodel.errors import Fault, InputError
from archmodel.report.figure import FigureInfo, house_style, new_figure, save_figure
from archmodel.results import ResultTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = "osD^v<>PX*phd"


def plot_verification(points: ResultTable, path: str | Path | None = None) -> tuple[Figure, Axes]:
    """Draw cycles of the model over cycles of the hardware; what lies on the diagonal is exact.

    Parameters
    ----------
    points
        A row per point: ``unit``, ``model_cycles``, ``rtl_cycles``.
    path
        File to write (``.png``, ``.svg``, ``.pdf``); its data goes beside it, as ``NAME.data.csv``.

    Returns
    -------
    (Figure, Axes)
        For further changes.

    Raises
    ------
    InputError
        When there are no points, or the file cannot be written.
    """
    if not len(points):
        raise InputError("figure", [Fault("", "no points given; give at least one")])
    rows = [{name: row[name] for name in ("unit", "simulator", "model_cycles", "rtl_cycles")} for row in points.rows()]
    n_exact = sum(1 for row in rows if row["model_cycles"] == row["rtl_cycles"])
    info = FigureInfo(
        f"Model against RTL: {n_exact:,} of {len(rows):,} points are exact",
        "counted by the RTL [cycles]", "expected by the model [cycles]", ResultTable.from_rows(rows),
        "On the diagonal the model is exact; the dashed lines are 10 % apart from it.",
    )  # fmt: skip
    with house_style():
        figure, axes = new_figure(info)
        _draw(axes, rows)
    if path is not None:
        save_figure(figure, info, Path(path))
    return figure, axes


def _draw(axes: Axes, rows: list[dict[str, Any]]) -> None:
    cycles = [max(1, row[name]) for row in rows for name in ("model_cycles", "rtl_cycles")]
    ends = [min(cycles) * 0.8, max(cycles) * 1.25]
    axes.plot(ends, ends, color="#999999", linewidth=1)
    for factor in (0.9, 1.1):
        axes.plot(ends, [factor * end for end in ends], color="#bbbbbb", linewidth=0.8, linestyle="--")
    for i, unit in enumerate(dict.fromkeys(row["unit"] for row in rows)):
        of_unit = [row for row in rows if row["unit"] == unit]
        axes.plot(
            [row["rtl_cycles"] for row in of_unit], [row["model_cycles"] for row in of_unit], linestyle="none",
            marker=_MARKERS[i % len(_MARKERS)], markersize=4, alpha=0.6, label=unit,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
