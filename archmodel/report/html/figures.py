"""Figures of a page that its script does not make up itself: plain dicts, as Plotly reads them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from archmodel.report.figure import (
    COLOURS,
    GROUP_COLOURS,
    QUIET,
    FigureInfo,
)

Figure = dict[str, Any]
_GRID = "#e4e4e4"
_DECADES = 1000.0  # from the least to the largest value of an axis that is marked with powers of ten


def group_colours(groups: Iterable[str]) -> dict[str, str]:
    """Give a colour to each operator group: its own, or the next one for groups that have none."""
    others = sorted(set(groups) - set(GROUP_COLOURS))
    return GROUP_COLOURS | dict(zip(others, itertools.cycle(COLOURS), strict=False))


def draw_points(
    info: FigureInfo, x: str, y: str, by: str, *, name: str = "", lines: Sequence[Mapping[str, Any]] = ()
) -> Figure:
    """Draw rows as dots on logarithmic axes.

    Parameters
    ----------
    info
        What is shown.
    x, y
        Columns of its table; what is not above zero has no place.
    by
        Column whose values have a colour each.
    name
        Column that says what a dot is.
    lines
        Traces behind the dots.
    """
    rows = [row for row in info.table.rows() if row[x] > 0 and row[y] > 0]
    colours = group_colours(str(row[by]) for row in rows)
    traces = []
    for key in dict.fromkeys(str(row[by]) for row in rows):
        own = [row for row in rows if str(row[by]) == key]
        traces.append({
            "type": "scatter", "mode": "markers", "name": escape(key, quote=False),
            "x": [row[x] for row in own], "y": [row[y] for row in own],
            "text": [escape(str(row[name or by]), quote=False) for row in own],
            "hovertemplate": "%{text}<br>%{x:.4g}, %{y:.4g}<extra></extra>",
            "marker": {"size": 8, "color": colours[key], "opacity": 0.75},
        })  # fmt: skip
    return {"data": [*lines, *traces], "layout": _layout(info, x, y, rows)}


def draw_line(name: str, xs: Sequence[float], ys: Sequence[float], dash: str = "solid") -> Figure:
    """Draw a line that dots are compared with."""
    line = {"color": QUIET, "width": 1.2, "dash": dash}
    return {"type": "scatter", "mode": "lines", "name": escape(name, quote=False), "x": list(xs), "y": list(ys),
            "line": line, "hoverinfo": "name"}  # fmt: skip


def draw_steps(rows: Sequence[Mapping[str, Any]], workloads: Sequence[str]) -> Figure:
    """Draw how latency changes from model to model, a line per workload and point.

    Parameters
    ----------
    rows
        ``point``, ``model`` and ``LABEL_latency_s`` [s]; the cheapest model of a point first.
    workloads
        Their labels.
    """
    points: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        points.setdefault(row["point"], []).append(row)
    traces = []
    for label, colour in zip(workloads, itertools.cycle(COLOURS), strict=False):
        upper, lower, ys = list[str](), list[str](), list[float | None]()
        for point, steps in points.items():
            times_s = [step[f"{label}_latency_s"] for step in steps]
            upper += [f"point {point}"] * (len(steps) + 1)
            lower += [*(str(step["model"]) for step in steps), str(steps[-1]["model"])]
            ys += [*(time_s / times_s[0] if time_s and times_s[0] else None for time_s in times_s), None]
        traces.append({
            "type": "scatter", "mode": "lines+markers", "name": escape(label, quote=False),
            "x": [upper, lower], "y": ys, "marker": {"color": colour, "size": 8},
            "line": {"color": colour, "width": 1.5},
        })  # fmt: skip
    first = escape(str(rows[0]["model"]), quote=False)
    axis = {"title": {"text": f"Latency over that of {first}"}, "gridcolor": _GRID, "automargin": True}
    return {"data": traces, "layout": {"xaxis": {"type": "multicategory", "automargin": True}, "yaxis": axis}}


def _layout(info: FigureInfo, x: str, y: str, rows: Sequence[Mapping[str, Any]]) -> Figure:
    def axis(label: str, column: str) -> Figure:
        values = [row[column] for row in rows]
        is_long = max(values, default=1.0) > _DECADES * min(values, default=1.0)
        ticks = {"dtick": 1} if is_long else {}  # powers of ten only; a short axis has none of these
        return {"type": "log", "title": {"text": escape(label, quote=False)}, "gridcolor": _GRID, "automargin": True,
                "exponentformat": "power", **ticks}  # fmt: skip

    return {"xaxis": axis(info.x_label, x), "yaxis": axis(info.y_label, y), "hovermode": "closest"}
