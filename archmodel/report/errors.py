"""Error figure: what a model says over what was measured, on hardware or its RTL, point by point."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archmodel.errors import Fault, InputError
from archmodel.report.figure import (
    COLOURS,
    FAINT,
    FigureInfo,
    house_style,
    new_canvas,
    plain_text,
    save_figure,
    short_text,
)
from archmodel.results import ResultTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = "points.csv"
"""File in a folder that ``archmodel verify`` wrote."""
_UNITS = {"s": "s", "cycles": "cycles"}
_BANDS = {0.2: "#eeeeee", 0.1: "#d9d9d9"}
_MARKERS = "osD^v<>PX*phd"
_N_SERIES = 24  # that the legend names
_LEAST_SHOWN, _MOST_SHOWN = 0.25, 1.0  # errors that the lower axes reach to; points beyond are on their edge


def plot_errors(
    points: ResultTable, path: str | Path | None = None, *, reference: str = "measurement"
) -> tuple[Figure, Axes]:
    """Draw what a model says over what was measured, and below by how much that is off.

    Parameters
    ----------
    points
        A row per point: ``series``, and ``measured_s`` and ``modelled_s`` [s], or ``measured_cycles`` and
        ``modelled_cycles``; from `read_points`, or `as_points` of a verification.
    path
        File to write (``.png``, ``.svg``, ``.pdf``); its data goes beside it, as ``NAME.data.csv``.
    reference
        What is on the horizontal axis, in one or two words.

    Returns
    -------
    (Figure, Axes)
        For further changes; the upper axes.

    Raises
    ------
    InputError
        When there are no points, a value is missing or no positive number, or the file cannot be written.
    """
    info = errors_info(points, reference)
    rows = list(info.table.rows())
    with house_style():
        figure = new_canvas(info, (9.6, 7.0))
        upper, lower = figure.subplots(2, sharex=True, height_ratios=(2, 1))
        upper.set_title(plain_text(info.title), pad=12)
        upper.set_ylabel(info.y_label)
        lower.set_xlabel(info.x_label)
        lower.set_ylabel("error of the model [%]")
        _draw(upper, lower, rows, _unit_of(points))
    if path is not None:
        save_figure(figure, info, Path(path))
    return figure, upper


def errors_info(points: ResultTable, reference: str = "measurement") -> FigureInfo:
    """Compute the error of each point: ``modelled / measured − 1``; `InputError` as of `plot_errors`."""
    unit = _unit_of(points)
    faults = _faults(points, unit)
    if faults:
        raise InputError("figure", faults)
    columns = f"measured_{unit}", f"modelled_{unit}"
    rows = []
    for row in points.rows():
        measured, modelled = (row[column] for column in columns)
        error = 0.0 if measured == modelled else modelled / measured - 1 if measured else math.inf
        rows.append({"series": row["series"], columns[0]: measured, columns[1]: modelled, "error_frac": error})
    n_exact = sum(row["error_frac"] == 0 for row in rows)
    n_near = sum(abs(row["error_frac"]) <= 0.1 for row in rows)
    said = (
        f"{n_exact:,} of {len(rows):,} points are exact"
        if n_exact
        else f"{n_near:,} of {len(rows):,} points within 10 %"
    )
    return FigureInfo(
        title=f"Model against {reference}: {said}",
        x_label=f"{reference} [{_UNITS[unit]}]",
        y_label=f"expected by the model [{_UNITS[unit]}]",
        table=ResultTable.from_rows(rows),
        footer=f"archmodel {version('archmodel')}. On the line the model is exact; grey: within 10 and 20 %. "
        "In the legend: mean of errors without their sign, the largest one, and points.",
    )


def as_points(points: ResultTable) -> ResultTable:
    """Take the points of a verification as those of an error figure: a series per block, and per model of its kernels.

    Parameters
    ----------
    points
        A row per point: ``unit``, ``model_cycles``, ``rtl_cycles``; of kernels ``models``, too: cycles by model.
    """
    rows = []
    for row in points.rows():
        measured, models = row["rtl_cycles"], row.get("models") or {}
        rows.append({"series": row["unit"], "measured_cycles": measured, "modelled_cycles": row["model_cycles"]})
        for model, cycles in models.items():
            rows.append({"series": f"{row['unit']}, {model}", "measured_cycles": measured, "modelled_cycles": cycles})
    return ResultTable.from_rows(rows)


def read_points(path: str | Path) -> ResultTable:
    """Read the points of an error figure.

    Parameters
    ----------
    path
        Folder that ``archmodel verify`` wrote, or a ``.csv`` file with the columns that `plot_errors` takes.

    Raises
    ------
    InputError
        When it cannot be read, or lacks a column.
    """
    file = Path(path) / POINTS if Path(path).is_dir() else Path(path)
    try:
        rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no table in UTF-8"
        raise InputError("figure", [Fault(str(file), f"cannot be read: {reason}")]) from error
    names = list(rows[0]) if rows else []
    if {"unit", "model_cycles", "rtl_cycles"} <= set(names):
        return as_points(ResultTable.from_rows([_read_verified(row, f"{file}:{i}") for i, row in enumerate(rows, 2)]))
    values = [name for name in names if re.fullmatch(r"(measured|modelled)_(s|cycles)", name)]
    table = ResultTable.from_rows([{**row, **{name: _number(row[name]) for name in values}} for row in rows])
    _unit_of(table, str(file))
    return table


def _read_verified(row: Mapping[str, str], where: str) -> dict[str, Any]:
    pairs = [pair.split("=") for pair in (row.get("models") or "").split()]
    if any(len(pair) != 2 for pair in pairs):
        text = f"models: {row['models']!r} is no list of cycles by model, e.g. 'grid=120 compact=118'"
        raise InputError("figure", [Fault(where, text)])
    models = dict(pairs)
    return {
        "unit": row["unit"], "model_cycles": _number(row["model_cycles"]), "rtl_cycles": _number(row["rtl_cycles"]),
        "models": {name: _number(cycles) for name, cycles in models.items()},
    }  # fmt: skip


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def _unit_of(points: ResultTable, where: str = "") -> str:
    """Find the unit of the points."""
    for unit in _UNITS:
        if {"series", f"measured_{unit}", f"modelled_{unit}"} <= set(points.columns):
            return unit
    if not len(points):
        raise InputError("figure", [Fault(where, "no points given; give at least one")])
    text = "needs columns series, measured_s, modelled_s, or series, measured_cycles, modelled_cycles"
    raise InputError("figure", [Fault(where, f"{text}; it has {', '.join(points.columns)}")])


def _faults(points: ResultTable, unit: str) -> list[Fault]:
    if not len(points):
        return [Fault("", "no points given; give at least one")]
    low = 0 if unit == "cycles" else math.ulp(0.0)
    faults = []
    for i, row in enumerate(points.rows(), start=1):
        for name in (f"measured_{unit}", f"modelled_{unit}"):
            value = row[name]
            if value is None or not math.isfinite(value) or value < low:
                given = "is missing" if value is None else f"{value:g} is not allowed"
                faults.append(Fault(f"point {i}", f"{name}: {given}; allowed: positive numbers"))
    return faults


def _draw(upper: Axes, lower: Axes, rows: Sequence[Mapping[str, Any]], unit: str) -> None:
    """Draw bands, the line of no error, and a series after the other."""
    names = (f"measured_{unit}", f"modelled_{unit}")
    least = 1.0 if unit == "cycles" else 0.0  # a logarithm of no cycles there is not
    values = [max(least, row[name]) for row in rows for name in names]
    ends = [min(values) * 0.8, max(values) * 1.25]
    largest = max((abs(row["error_frac"]) for row in rows if math.isfinite(row["error_frac"])), default=0.0)
    limit = min(_MOST_SHOWN, max(_LEAST_SHOWN, 1.1 * largest))
    for width, colour in _BANDS.items():
        upper.fill_between(ends, [(1 - width) * end for end in ends], [(1 + width) * end for end in ends], color=colour)
        lower.axhspan(-100 * width, 100 * width, color=colour, linewidth=0)
    upper.plot(ends, ends, color=FAINT, linewidth=1)
    lower.axhline(0, color=FAINT, linewidth=1)
    series = list(dict.fromkeys(row["series"] for row in rows))
    for i, name in enumerate(series):
        mine = [row for row in rows if row["series"] == name]
        style: dict[str, Any] = {
            "linestyle": "none", "marker": _MARKERS[i % len(_MARKERS)], "markersize": 4, "alpha": 0.6,
            "color": COLOURS[i % len(COLOURS)], "markeredgewidth": 0,
        }  # fmt: skip
        xs = [max(least, row[names[0]]) for row in mine]
        label = _say_errors(name, mine) if i < _N_SERIES else None
        upper.plot(xs, [max(least, row[names[1]]) for row in mine], label=label, **style)
        shown = [100 * min(limit, max(-limit, row["error_frac"])) for row in mine]
        lower.plot(xs, shown, clip_on=False, **style)
    upper.set_xscale("log")
    upper.set_yscale("log")
    upper.set_ylim(*ends)
    lower.set_xlim(*ends)
    lower.set_ylim(-100 * limit, 100 * limit)
    title = f"{len(series) - _N_SERIES} series are not named" if len(series) > _N_SERIES else None
    upper.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=7, title=title, title_fontsize=7)


def _say_errors(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Name a series with its mean and largest error and the number of its points."""
    errors = [row["error_frac"] for row in rows]
    if not any(errors):
        said = "exact"
    else:
        worst = max(errors, key=abs)
        said = f"{100 * sum(map(abs, errors)) / len(errors):.2g} %, {100 * worst:+.2g} %"
    return plain_text(f"{short_text(name, 30)}: {said.replace('-', '−')}, {len(rows):,}")
