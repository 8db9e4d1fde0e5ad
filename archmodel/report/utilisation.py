"""Utilisation over time: for which share of it the units of PEs are at work, and what memories move."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from archmodel.errors import Fault, InputError
from archmodel.report.figure import (
    FAINT,
    GROUP_COLOURS,
    MEMORY_COLOURS,
    UNIT_COLOUR,
    FigureInfo,
    house_style,
    new_canvas,
    save_figure,
    wrap_text,
)
from archmodel.report.time_axis import average_counter, find_scale, time_in_columns, time_unit
from archmodel.report.wording import name_step, say_timeline
from archmodel.results import ResultTable
from archmodel.results.timeline import Floats, Timeline
from archmodel.units import format_si

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_N_COLUMNS = 300
_LEAST_KNOWN = 0.02  # of a column, that is followed; of less nothing is said
_UNKNOWN_COLOUR = "#e8e8e8"
_ROW_IN, _REST_IN = 0.42, 1.5


def plot_utilisation(timeline: Timeline, path: str | Path | None = None) -> tuple[Figure, list[Axes]]:
    """Draw over time for which share of it each unit is at work, mean of all PEs, and the bandwidth of memories.

    Parameters
    ----------
    timeline
        What to draw; a window of it if it was made of one.
    path
        File to write (``.png``, ``.svg``, ``.pdf``); its data goes beside it, as ``NAME.data.csv``.

    Returns
    -------
    (Figure, list of Axes)
        For further changes; operators, units and memories from top to bottom.

    Raises
    ------
    InputError
        When no unit is followed in the window, or the file cannot be written.
    """
    info = utilisation_info(timeline)
    rows = list(info.table.rows())
    names = list(dict.fromkeys((row["kind"], row["name"]) for row in rows if row["kind"] != "operator"))
    scale = find_scale(timeline.window_s)
    with house_style():
        figure = new_canvas(info, (10.5, _REST_IN + _ROW_IN * (1 + len(names))))
        all_axes: list[Axes] = list(
            figure.subplots(1 + len(names), sharex=True, height_ratios=[0.6] + [1] * len(names))
        )
        all_axes[0].set_title(wrap_text(info.title, 90), pad=22)
        _draw_operators(all_axes[0], [row for row in rows if row["kind"] == "operator"], scale.per_s)
        for axes, (kind, name) in zip(all_axes[1:], names, strict=True):
            mine = [row for row in rows if (row["kind"], row["name"]) == (kind, name)]
            _draw_row(axes, mine, scale.per_s)
        all_axes[-1].set_xlim(scale.first, scale.last)
        all_axes[-1].set_xlabel(info.x_label)
    if path is not None:
        save_figure(figure, info, Path(path))
    return figure, all_axes


def utilisation_info(timeline: Timeline) -> FigureInfo:
    """Average over columns of time: a row per operator, and per column of each unit and memory.

    Model
    -----
    A unit of a column: ``busy time of its commands / (PEs · known time)``. Repeats that were skipped count evenly over
    their time, and further executions of an operator as the first one. Known is the time of launches and of operators
    whose commands are followed.

    Raises
    ------
    InputError
        When no unit is followed in the window.
    """
    edges_s = np.linspace(*timeline.window_s, _N_COLUMNS + 1)
    repeats = _find_repeats(timeline)
    known_s = _known_time(timeline, repeats, edges_s)
    rows: list[dict[str, Any]] = [
        _row("operator", span.name, span.start_s, span.end_s, group=span.said.get("group", ""))
        for span in timeline.spans if span.track.name == "operators"
    ]  # fmt: skip
    busy_s = _busy_times(timeline, repeats, edges_s)
    is_known = known_s > _LEAST_KNOWN * np.diff(edges_s)
    if not busy_s or not is_known.any():
        text = f"no unit is followed in the window of {timeline.workload} on {timeline.machine}; choose another one"
        raise InputError("figure", [Fault("", text)])
    n_pes = len({track.process for track in timeline.tracks})
    columns_s = list(zip(edges_s[:-1].tolist(), edges_s[1:].tolist(), strict=True))
    for unit, times_s in busy_s.items():
        shares = np.minimum(times_s / np.where(is_known, n_pes * known_s, 1.0), 1.0)
        for column_s, share, is_said in zip(columns_s, shares.tolist(), is_known.tolist(), strict=True):
            rows.append(_row("unit", unit, *column_s, busy_frac=share if is_said else None))
    for counter in timeline.counters:
        if counter.unit == "GB/s":
            for column_s, value in zip(columns_s, average_counter(counter, edges_s).tolist(), strict=True):
                rows.append(_row("memory", counter.track.name, *column_s, bandwidth_bytes_per_s=value * 1e9))
    _, unit_name = time_unit(timeline.window_s)
    pes = f"mean of {n_pes} PEs" if n_pes > 1 else "one PE for all"
    alike = ", further executions as the first one on average" if repeats.starts_s.size else ""
    remarks = [f"units: {pes}{alike}; grey: not followed", *timeline.remarks]
    said = " ".join(f"{remark[0].upper()}{remark[1:].rstrip('.')}." for remark in remarks)
    step = name_step(timeline.workload, timeline.phase, [timeline.run])
    return FigureInfo(
        title=f"{step} on {timeline.machine}: {format_si(timeline.latency_s, 's')}",
        x_label=f"Time from the start of {'one pass' if timeline.is_folded else 'the step'} [{unit_name}]",
        y_label="",
        table=ResultTable.from_rows(rows),
        footer=f"{say_timeline(timeline)} {said}",
    )


def _row(kind: str, name: str, start_s: float, end_s: float, **said: Any) -> dict[str, Any]:
    values = {"busy_frac": None, "bandwidth_bytes_per_s": None, "group": "", **said}
    return {"kind": kind, "name": name, "start_s": start_s, "end_s": end_s, **values}


class _Work(NamedTuple):
    """When a unit of a PE is at work, and for which share of that time; the intervals do not overlap."""

    unit: str
    starts_s: Floats
    ends_s: Floats
    shares: Floats


class _Repeats(NamedTuple):
    """Further executions of operators whose first one is followed: from when until when, and the first ones [s]."""

    starts_s: Floats
    ends_s: Floats
    n_executions: Floats
    first_edges_s: Floats
    first_followed_s: Floats

    def shares(self, busy_s: Floats) -> Floats:
        """Give the share of their time that a unit is at work if it is as in the first execution [PEs].

        Parameters
        ----------
        busy_s : (R,) float64
            For how long it is at work in what is followed of the first execution [s].
        """
        first_s = self.first_edges_s[1::2] - self.first_edges_s[::2]
        each_s = busy_s * first_s / self.first_followed_s
        shares: Floats = each_s * self.n_executions / (self.ends_s - self.starts_s)
        return shares


def _find_work(timeline: Timeline) -> list[_Work]:
    """Collect the commands of each unit and PE, and repeats that were skipped."""
    events, found = timeline.events, []
    for i in np.unique(events.track).tolist():
        for is_skip in (False, True):
            mine = np.flatnonzero((events.track == i) & ((events.command < 0) == is_skip))
            starts_s, ends_s = events.start_s[mine], events.end_s[mine]
            lasts = np.maximum(1.0, (ends_s - starts_s) * timeline.clock_hz)
            shares = events.busy_cycles[mine] / lasts if is_skip else np.ones(mine.size)
            found.append(_Work(timeline.tracks[i].name, starts_s, ends_s, shares))
    return found


def _find_repeats(timeline: Timeline) -> _Repeats:
    spans = [span for span in timeline.spans if span.track.name == "operators"]
    pairs = [(first, more) for first, more in pairwise(spans) if more.said.get("is_repeat")]
    firsts_s = np.array([(first.start_s, first.end_s) for first, _ in pairs]).reshape(-1)
    followed_s = time_in_columns(*timeline.followed_s, firsts_s)[::2] if pairs else np.zeros(0)
    chosen = np.flatnonzero(followed_s > 0)
    repeats = [pairs[i][1] for i in chosen]
    return _Repeats(
        np.array([more.start_s for more in repeats]),
        np.array([more.end_s for more in repeats]),
        np.array([more.said["executions"] - 1 for more in repeats]),
        firsts_s.reshape(-1, 2)[chosen].reshape(-1),
        followed_s[chosen],
    )


def _known_time(timeline: Timeline, repeats: _Repeats, edges_s: Floats) -> Floats:
    """Find of how much of each column it is known what units do [s]."""
    spans = [(span.start_s, span.end_s) for span in timeline.spans if span.track.name == "operators"]
    starts_s, ends_s = np.array(spans).reshape(-1, 2).T
    followed_s = time_in_columns(*timeline.followed_s, edges_s)
    alike_s = time_in_columns(repeats.starts_s, repeats.ends_s, edges_s)
    unknown_s = np.maximum(time_in_columns(starts_s, ends_s, edges_s) - followed_s - alike_s, 0.0)
    known_s: Floats = np.diff(edges_s) - unknown_s
    return known_s


def _busy_times(timeline: Timeline, repeats: _Repeats, edges_s: Floats) -> dict[str, Floats]:
    """Add up for how long units of a name are at work in each column, those of all PEs together [s]."""
    found: dict[str, Floats] = {}
    for unit, *work in _find_work(timeline):
        busy_s = time_in_columns(work[0], work[1], edges_s, work[2])
        if repeats.starts_s.size:
            firsts_s = time_in_columns(work[0], work[1], repeats.first_edges_s, work[2])[::2]
            busy_s = busy_s + time_in_columns(repeats.starts_s, repeats.ends_s, edges_s, repeats.shares(firsts_s))
        found[unit] = found.get(unit, 0.0) + busy_s
    return {unit: times_s for unit, times_s in found.items() if times_s.any()}


def _draw_operators(axes: Axes, rows: Sequence[dict[str, Any]], per_s: float) -> None:
    """Draw which operators run when, with the colours of their groups above."""
    from matplotlib.patches import Patch

    for group in dict.fromkeys(row["group"] for row in rows):
        parts = [
            (per_s * row["start_s"], per_s * (row["end_s"] - row["start_s"])) for row in rows if row["group"] == group
        ]
        axes.broken_barh(parts, (0, 1), color=GROUP_COLOURS.get(group, FAINT), linewidth=0)
    shown = {row["group"] for row in rows}
    handles = [Patch(color=colour, label=group) for group, colour in GROUP_COLOURS.items() if group in shown]
    axes.legend(
        handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(handles) or 1, fontsize=7, handlelength=1,
        columnspacing=1, borderpad=0.2,
    )  # fmt: skip
    axes.set_yticks([])
    axes.set_ylabel("operators", rotation=0, ha="right", va="center", fontsize=8)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(axis="x", length=0)
    axes.grid(visible=False)


def _draw_row(axes: Axes, rows: Sequence[dict[str, Any]], per_s: float) -> None:
    """Draw one unit in per cent, or one memory in GB/s; its mean is at the right."""
    kind, name = rows[0]["kind"], rows[0]["name"]
    edges = [per_s * row["start_s"] for row in rows] + [per_s * rows[-1]["end_s"]]
    if kind == "unit":
        values = np.array([np.nan if row["busy_frac"] is None else 100 * row["busy_frac"] for row in rows])
        axes.set_ylim(0, 100)
        unit, colour = "%", UNIT_COLOUR
        axes.stairs(np.where(np.isnan(values), 100.0, 0.0), edges, color=_UNKNOWN_COLOUR, fill=True)
    else:
        values = np.array([row["bandwidth_bytes_per_s"] / 1e9 for row in rows])
        axes.set_ylim(0, max(1.05 * float(values.max()), 1e-9))
        unit, colour = "GB/s", MEMORY_COLOURS.get(name, UNIT_COLOUR)
    axes.stairs(np.nan_to_num(values), edges, color=colour, fill=True)
    axes.set_ylabel(f"{name.replace('_', ' ')} [{unit}]", rotation=0, ha="right", va="center", fontsize=8)
    axes.tick_params(axis="y", labelsize=6)
    axes.tick_params(axis="x", length=0)
    known = values[~np.isnan(values)]
    mean = f"{known.mean():.2g} %" if unit == "%" else format_si(known.mean() * 1e9, "B/s")
    axes.annotate(
        f"mean {mean}", (1.005, 0.5), xycoords="axes fraction", fontsize=7, va="center", annotation_clip=False
    )
