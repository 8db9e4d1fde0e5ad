"""Tornado: what a step on each axis of a sweep does to one point, the axis that matters most on top."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archmodel.errors import Fault, InputError
from archmodel.report.columns import Column
from archmodel.report.figure import (
    COLOURS,
    INK,
    QUIET,
    FigureInfo,
    house_style,
    new_figure,
    plain_text,
    save_figure,
    short_text,
)
from archmodel.report.points import Source, SweepPoints, open_points
from archmodel.report.sample import choose_point
from archmodel.results import ResultTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_AXES = 20
"""Axes that are drawn, those that matter most."""

_LOWER, _HIGHER, _BREAKS = *COLOURS[:2], QUIET
_LANE, _STEP = 0.4, 0.2  # heights of a bar to the outermost choice and to the next one, in rows
_N_LETTERS = 22  # of a choice
_LETTER_IN, _AXIS_IN = 0.05, 5.2  # widths of a letter of them, and of the axis at least
_SIDES = (("lower", "lowest"), ("higher", "highest"))  # from the next choice outwards


@dataclass(frozen=True, slots=True)
class TornadoInfo(FigureInfo):
    """What a tornado shows; its table has ``axis``, ``change``, ``choice``, ``change_frac``, ``status`` and more.

    Parameters
    ----------
    value
        The column that changes.
    choices
        What the point has chosen, of each axis that is drawn, the one that matters most first.
    """

    value: Column
    choices: Mapping[str, str]


def plot_tornado(
    source: Source, path: str | Path | None = None, *, point: int | None = None, value: str | None = None
) -> tuple[Figure, Axes]:
    """Draw how a figure of one point changes when one axis goes to its next or outermost choice.

    Parameters
    ----------
    source
        Results of a sweep in which `archmodel.api.sensitivities` has kept those of the point: the folder, or what
        `archmodel.sweep` returns.
    path
        File to write (``.png``, ``.svg``, ``.pdf``); its data goes beside it, as ``NAME.data.csv``.
    point
        Number of the point; by default as in `archmodel.api.sensitivities`.
    value
        Objective or column of the points; the first objective if not given.

    Returns
    -------
    (Figure, Axes)
        For further changes.

    Raises
    ------
    InputError
        When there are no such results, point or column, nothing to draw, or the file cannot be written.
    """
    info = tornado_info(open_points(source), point, value)
    with house_style():
        figure, axes = new_figure(info, (9.6, 2.2 + 0.46 * len(info.choices)))
        _draw(axes, info)
    if path is not None:
        save_figure(figure, info, Path(path))
    return figure, axes


def tornado_info(points: SweepPoints, point: int | None = None, value: str | None = None) -> TornadoInfo:
    """Collect the changes, see `plot_tornado`.

    Raises
    ------
    InputError
        When the point or the column is not there, or the point has no finite value.
    """
    column = points.column(value, "--value") if value else points.objectives[0]
    point = choose_point(points)[0] if point is None else point
    centre, *varied = _read_changes(points, point)
    start = centre[column.name]
    if start is None or not math.isfinite(start) or not start:
        text = f"point {point} has no {column.name} that could change by a share, but {start}; name another column"
        raise InputError("figure", [Fault("--value", text)])
    changes = [_change(row, column, start) for row in varied]
    swings: dict[str, float] = {}
    for row in changes:
        swings[row["axis"]] = max(swings.get(row["axis"], 0.0), abs(row["change_frac"] or 0.0))
    by_swing = sorted(swings, key=lambda axis: -swings[axis])
    chosen = points.choices(centre)
    few = f" {len(by_swing) - MOST_AXES} axes that matter less are in the data." if len(by_swing) > MOST_AXES else ""
    remark = (
        "Each bar changes one axis, to the next choice (dark) or to the last one on that side (light), in the order of "
        f"the sweep.{few}"
    )
    return TornadoInfo(
        f"{points.title()}\nWhat a step on each axis does to point {point}",
        f"Change of {column.title} [%] from {column.scale([start]).show(start)}{column.better}", "",
        ResultTable.from_rows(changes), points.footer(remark), column,
        {axis: chosen[axis] for axis in by_swing[:MOST_AXES]},
    )  # fmt: skip


def _read_changes(points: SweepPoints, point: int) -> list[dict[str, Any]]:
    """Read a point and its changes; the point itself comes first."""
    rows = []
    if "sensitivity" in points.store.tables():
        rows = list(points.store.query(f"SELECT * FROM sensitivity WHERE around = {point:d}").rows())
    if not rows:
        text = f"has no changes of point {point}; archmodel.api.sensitivities(folder, {point}) evaluates and keeps them"
        raise InputError("figure", [Fault(str(points.store.folder), text)])
    if len(rows) == 1:
        text = "no axis of the sweep has several choices, so that there is nothing to change"
        raise InputError("figure", [Fault(str(points.store.folder), text)])
    rows.sort(key=lambda row: row["change"] != "none")
    if rows[0]["status"] != "ok":
        raise InputError("figure", [Fault("--point", f"point {point} has no answer: {rows[0]['message']}")])
    return rows


def _change(row: Mapping[str, Any], column: Column, start: float) -> dict[str, Any]:
    value = row[column.name]
    has_value = row["status"] == "ok" and value is not None and math.isfinite(value)
    return {
        **{name: row[name] for name in ("axis", "change", "choice", "point")},
        column.name: value,
        "change_frac": value / start - 1 if has_value else None,
        "is_feasible": row["is_feasible"],
        "status": row["status"],
    }


def _draw(axes: Axes, info: TornadoInfo) -> None:
    from matplotlib.patches import Patch

    rows = {(row["axis"], row["change"]): row for row in info.table.rows()}
    labels = []
    for place, axis in enumerate(info.choices):
        for side, colour, shift in zip(_SIDES, (_LOWER, _HIGHER), (0.21, -0.21), strict=True):
            lane = [rows[axis, change] for change in side if (axis, change) in rows]
            labels.append(_draw_lane(axes, place + shift, lane, colour))
    names = [f"{short_text(axis, 40)} = {short_text(label, _N_LETTERS)}" for axis, label in info.choices.items()]
    axes.set_yticks(range(len(names)), [plain_text(name) for name in names], fontsize=9)
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.set_xlim(*_make_room(labels))
    axes.axvline(0, color=INK, lw=1)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    handles = [Patch(color=_LOWER, label="choices before"), Patch(color=_HIGHER, label="choices after")]
    if any(row["change_frac"] is not None and not row["is_feasible"] for row in rows.values()):
        handles.append(Patch(facecolor="white", edgecolor=_BREAKS, hatch="/////", label="breaks a condition"))
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8)


def _draw_lane(axes: Axes, y: float, lane: Sequence[Mapping[str, Any]], colour: str) -> tuple[float, int]:
    """Draw the changes on one side of an axis, from the next choice outwards, and write the choices at the end.

    Returns
    -------
    tuple
        Where the longest bar ends [%], and how many letters are written there.
    """
    drawn = [row for row in lane if row["change_frac"] is not None]
    for row in reversed(drawn):  # what is next comes over what is farther
        is_next = row["change"] in ("lower", "higher")
        length, height, layer = 100 * row["change_frac"], _STEP if is_next else _LANE, 3.0 if is_next else 2.0
        axes.barh(y, length, height=height, color=colour, lw=0, alpha=1.0 if is_next else 0.4, zorder=layer)
        if not row["is_feasible"]:  # hatched behind what is next, which may well meet every condition
            axes.barh(
                y, length, height=height, color="none", edgecolor=_BREAKS, lw=0, hatch="/////", zorder=layer + 0.5
            )
    end = max((100 * row["change_frac"] for row in drawn), key=abs, default=0.0)
    label = ", ".join(
        short_text(row["choice"], _N_LETTERS) + ("" if row["change_frac"] is not None else " (no answer)")
        for row in lane
    )
    axes.annotate(
        plain_text(label), (end, y), xytext=(4 if end >= 0 else -4, 0), textcoords="offset points", fontsize=7,
        ha="left" if end >= 0 else "right", va="center", color=INK,
    )  # fmt: skip
    return end, len(label)


def _make_room(labels: Sequence[tuple[float, int]]) -> tuple[float, float]:
    """Choose the ends of the axis [%] so that what is written at the ends of bars fits, too."""
    low, high = min(end for end, _ in labels), max(end for end, _ in labels)
    for _ in range(8):  # the room for a letter grows with the range, more slowly each time
        letter = (max(high - low, 1e-3)) * _LETTER_IN / _AXIS_IN
        low = min(min(0.0, end) - (n + 2) * letter * (end < 0) for end, n in labels)
        high = max(max(0.0, end) + (n + 2) * letter * (end >= 0) for end, n in labels)
    return low, high
