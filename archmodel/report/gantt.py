"""Gantt chart of a timeline: operators, units of PEs and bandwidths over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from archmodel.report.figure import (
    FAINT,
    GROUP_COLOURS,
    INK,
    MEMORY_COLOURS,
    QUIET,
    UNIT_COLOUR,
    FigureInfo,
    house_style,
    new_canvas,
    plain_text,
    save_figure,
    wrap_text,
)
from archmodel.report.time_axis import (
    WIDTH_IN,
    Scale,
    average_counter,
    find_scale,
    time_in_columns,
    time_unit,
)
from archmodel.report.wording import name_step, say_timeline
from archmodel.results import ResultTable
from archmodel.results.timeline import Floats, Ints, Span, Timeline
from archmodel.units import format_count, format_si

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WAIT = "#ececec"
_DARK = ("#0072B2", "#009E73", "#882255", "#000000", "#D55E00")  # colours on which text is white
_LETTER_IN = 0.058  # of a letter on a bar
_N_ROWS = 40  # most units drawn; further PEs are left out
_N_COLUMNS = 300  # of a chart, where a unit has more events than can be told apart
_N_STEPS = 900  # of a bandwidth over time
_N_BARS = 400  # most commands of a unit that are told apart
_FEW_FRAC = 0.01  # of the time that is followed, to be said of less
_HEIGHT = 0.72  # of a bar in its row


def plot_gantt(timeline: Timeline, path: str | Path | None = None) -> tuple[Figure, Axes]:
    """Draw operators, units and bandwidths over time.

    Parameters
    ----------
    timeline
        What to draw; a window of it if it was made of one.
    path
        File to write (``.png``, ``.svg``, ``.pdf``); its data goes beside it, as ``NAME.data.csv``.

    Returns
    -------
    (Figure, Axes)
        For further changes; the axes of operators and units.

    Raises
    ------
    InputError
        When the file cannot be written.
    """
    info = gantt_info(timeline)
    tracks = list(
        dict.fromkeys((row["process"], row["track"]) for row in info.table.rows() if row["kind"] != "bandwidth")
    )
    with house_style():
        height_in = 0.27 * len(tracks)
        figure = new_canvas(info, (10.5, height_in + 2.9))
        axes, below = figure.subplots(2, sharex=True, height_ratios=(height_in + 0.4, 1.2))
        axes.set_title(wrap_text(info.title, 90), pad=22)
        _draw_tracks(axes, info, tracks, find_scale(timeline.window_s))
        _draw_bandwidths(below, info, find_scale(timeline.window_s))
        below.set_xlabel(info.x_label)
    if path is not None:
        save_figure(figure, info, Path(path))
    return figure, axes


def gantt_info(timeline: Timeline) -> FigureInfo:
    """Collect what a chart shows: a row per bar, and per column of what is too dense for bars."""
    rows = [_span_mark(span) for span in timeline.spans if span.track.name != "phases" or span.name == "not recorded"]
    shown, n_hidden = _unit_tracks(timeline)
    is_dense = any(_followed(timeline, i).size > _N_BARS for i in shown)
    for i in shown:
        rows += _unit_marks(timeline, i) + (_shares if is_dense else _commands)(timeline, i)
    edges_s = np.linspace(*timeline.window_s, _N_STEPS + 1)
    for counter in timeline.counters:
        if counter.unit == "GB/s":
            rows += [
                _mark(*counter.track, "bandwidth", "GB/s", *column)
                for column in zip(
                    edges_s[:-1].tolist(), edges_s[1:].tolist(), average_counter(counter, edges_s).tolist(), strict=True
                )
            ]
    _, unit = time_unit(timeline.window_s)
    remarks = list(timeline.remarks)
    if n_hidden:
        remarks.insert(0, f"not drawn: {format_count(n_hidden, 'unit')} of further PEs")
    footer = f"{say_timeline(timeline)} "
    if is_dense:
        footer += "Dark: share of the followed time for which a unit is at work, by height; "
    else:
        footer += "Dark: a unit is at work; "
    footer += "thin line: requests under way; grey: between first and last command of a phase."
    if not timeline.is_folded and timeline.followed_frac < _FEW_FRAC:
        remarks.insert(
            0, f"units are followed for {100 * timeline.followed_frac:.2g} % of the time; folded, one pass is shown"
        )
    footer += "".join(f" {remark[0].upper()}{remark[1:].rstrip('.')}." for remark in remarks)
    step = name_step(timeline.workload, timeline.phase, [timeline.run])
    return FigureInfo(
        title=f"{step} on {timeline.machine}: {format_si(timeline.latency_s, 's')}",
        x_label=f"Time from the start of {'one pass' if timeline.is_folded else 'the step'} [{unit}]",
        y_label="",
        table=ResultTable.from_rows(rows),
        footer=footer,
    )


def _mark(
    process: str, track: str, kind: str, what: str, start_s: float, end_s: float, value: float, group: str = ""
) -> dict[str, object]:
    return {
        "process": process, "track": track, "kind": kind, "what": what, "start_s": start_s, "end_s": end_s,
        "value": value, "group": group,
    }  # fmt: skip


def _span_mark(span: Span) -> dict[str, object]:
    kind = "missing" if span.name == "not recorded" else span.track.name
    if span.said.get("is_repeat"):
        kind = "repeats"
    track = "operators" if kind in ("repeats", "missing") else span.track.name
    return _mark(span.track.process, track, kind, span.name, span.start_s, span.end_s, 1.0, span.said.get("group", ""))


def _unit_tracks(timeline: Timeline) -> tuple[list[int], int]:
    """Choose whole PEs, the first ones; returns the tracks, and how many are left out."""
    used = sorted(set(timeline.events.track.tolist()))
    processes = list(dict.fromkeys(timeline.tracks[i].process for i in used))
    n_per_pe = max(1, len(used) // max(1, len(processes)))
    chosen = set(processes[: max(1, _N_ROWS // n_per_pe)])
    shown = [i for i in used if timeline.tracks[i].process in chosen]
    return shown, len(used) - len(shown)


def _unit_marks(timeline: Timeline, track: int) -> list[dict[str, object]]:
    """Show when a unit has commands, what is skipped, and when requests are under way."""
    events, (process, name) = timeline.events, timeline.tracks[track]
    mine = np.flatnonzero(events.track == track)
    skips = mine[events.command[mine] < 0]
    starts, ends = events.start_s[mine], events.end_s[mine]
    starts_of = np.array([span.start_s for span in timeline.spans if span.track.name == "phases"])
    place = np.searchsorted(starts_of, starts, side="right")
    rows = [
        _mark(process, name, "span", "", starts[place == i].min(), ends[place == i].max(), 0.0)
        for i in np.unique(place)
    ]
    for i in skips:
        busy = float(events.busy_cycles[i] / max(1, events.end_cycle[i] - events.start_cycle[i]))
        label = timeline.labels[events.label[i]]
        rows.append(_mark(process, name, "skipped", label, float(events.start_s[i]), float(events.end_s[i]), busy))
    requests = _requests(timeline, _followed(timeline, track))
    return rows + [_mark(process, name, "request", "", start, end, 1.0) for start, end in requests]


def _followed(timeline: Timeline, track: int) -> Ints:
    """Find the commands of a unit that are followed one by one."""
    events = timeline.events
    return np.flatnonzero((events.track == track) & (events.command >= 0))


def _commands(timeline: Timeline, track: int) -> list[dict[str, object]]:
    """Show each command of a unit."""
    events, (process, name) = timeline.events, timeline.tracks[track]
    return [
        _mark(process, name, "command", timeline.labels[events.label[i]], events.start_s[i], events.end_s[i], 1.0)
        for i in _followed(timeline, track).tolist()
    ]


def _shares(timeline: Timeline, track: int) -> list[dict[str, object]]:
    """Show for which share of the followed time of each column a unit is busy."""
    events, (process, name) = timeline.events, timeline.tracks[track]
    edges = np.linspace(*timeline.window_s, _N_COLUMNS + 1)
    mine = _followed(timeline, track)
    skips = np.flatnonzero((events.track == track) & (events.command < 0))
    busy_s = time_in_columns(events.start_s[mine], events.end_s[mine], edges)
    phase_s = time_in_columns(*timeline.followed_s, edges)
    skipped_s = time_in_columns(events.start_s[skips], events.end_s[skips], edges)
    shown_s = np.maximum(phase_s - skipped_s, busy_s)
    return [
        _mark(process, name, "share", "", edges[i], edges[i + 1], busy_s[i] / shown_s[i])
        for i in np.flatnonzero(busy_s > 1e-6 * shown_s)
    ]


def _requests(timeline: Timeline, chosen: Ints) -> list[tuple[float, float]]:
    """Join the times for which requests of commands are under way after their unit is free."""
    events = timeline.events
    chosen = chosen[events.end_cycle[chosen] > events.start_cycle[chosen] + events.busy_cycles[chosen]]
    gap = (timeline.window_s[1] - timeline.window_s[0]) / _N_STEPS
    joined: list[tuple[float, float]] = []
    for i in chosen[np.argsort(events.start_s[chosen], kind="stable")].tolist():
        start = float(events.start_s[i])
        end = start + float(events.end_cycle[i] - events.start_cycle[i]) / timeline.clock_hz
        if joined and start <= joined[-1][1] + gap:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _draw_tracks(axes: Axes, info: FigureInfo, tracks: Sequence[tuple[str, str]], scale: Scale) -> None:
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {track: [] for track in tracks}
    for row in info.table.rows():
        if row["kind"] != "bandwidth":
            rows[row["process"], row["track"]].append(row)
    axes.set_xlim(scale.first, scale.last)
    for y, track in enumerate(tracks):
        for row in rows[track]:
            if row["kind"] not in _MANY:
                _draw_bar(axes, y, row, scale)
        for kind, draw in _MANY.items():
            alike = [row for row in rows[track] if row["kind"] == kind]
            if alike:
                times = scale.per_s * np.array([(row["start_s"], row["end_s"]) for row in alike])
                draw(axes, y, times, np.array([row["value"] for row in alike]))
    axes.set_yticks(range(len(tracks)), [name.replace("_", " ") for _, name in tracks])
    axes.set_ylim(len(tracks) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", length=0, labelbottom=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    _name_pes(axes, tracks)
    _add_legend(axes, info)


def _draw_bar(axes: Axes, y: int, row: Mapping[str, Any], scale: Scale) -> None:
    kind, start, end = row["kind"], scale.per_s * row["start_s"], scale.per_s * row["end_s"]
    colour = UNIT_COLOUR if kind == "skipped" else GROUP_COLOURS.get(row["group"] or "launch", FAINT)
    if kind == "missing":
        axes.barh(
            y, end - start, left=start, height=_HEIGHT, color="none", edgecolor="#bbbbbb", hatch="////", linewidth=0
        )
    else:
        is_faint = kind in ("skipped", "repeats")
        line = {"edgecolor": "white", "linewidth": 0.4} if end - start > 0.03 * scale.per_inch else {"linewidth": 0}
        axes.barh(y, end - start, left=start, height=_HEIGHT, color=colour, alpha=0.4 if is_faint else 1.0, **line)
    low, high = max(start, scale.first), min(end, scale.last)
    text = row["what"]
    if text and (len(text) + 1) * _LETTER_IN * scale.per_inch < high - low:
        ink = "white" if kind == "operators" and colour in _DARK else INK
        axes.text((low + high) / 2, y, plain_text(text), ha="center", va="center", fontsize=7, color=ink)


def _draw_commands(axes: Axes, y: int, times: Floats, _: Floats) -> None:
    """Draw commands; the line around them lets the shortest be seen, another one parts those that meet."""
    widths = times[:, 1] - times[:, 0]
    low, height = y - _HEIGHT / 2, _HEIGHT
    axes.broken_barh(list(zip(times[:, 0], widths, strict=True)), (low, height), color=UNIT_COLOUR, linewidth=0.3)
    first, last = axes.get_xlim()
    is_wide = np.minimum(widths[1:], widths[:-1]) > 0.04 * (last - first) / WIDTH_IN
    meets = times[1:, 0][is_wide & (times[1:, 0] <= times[:-1, 1])]
    axes.vlines(meets, low, low + height, color="white", linewidth=0.5)


def _draw_waits(axes: Axes, y: int, times: Floats, _: Floats) -> None:
    """Draw where a unit has not done all its commands of a phase."""
    parts = list(zip(times[:, 0], times[:, 1] - times[:, 0], strict=True))
    axes.broken_barh(parts, (y - _HEIGHT / 2, _HEIGHT), color=_WAIT, linewidth=0, zorder=0.9)


def _draw_requests(axes: Axes, y: int, times: Floats, _: Floats) -> None:
    """Draw a thin line while requests are under way."""
    parts = list(zip(times[:, 0], times[:, 1] - times[:, 0], strict=True))
    axes.broken_barh(parts, (y + 0.5 * _HEIGHT - 0.1, 0.1), color=UNIT_COLOUR, linewidth=0, alpha=0.6)


def _draw_columns(axes: Axes, y: int, times: Floats, values: Floats) -> None:
    """Draw how busy a unit is as the height of its colour."""
    none, bottom = np.zeros_like(values), y + _HEIGHT / 2
    levels = np.stack((none, values, values, none), axis=1).reshape(-1)
    axes.fill_between(
        times.repeat(2, axis=1).reshape(-1), bottom, bottom - _HEIGHT * levels, color=UNIT_COLOUR, linewidth=0
    )


_MANY = {"span": _draw_waits, "request": _draw_requests, "command": _draw_commands, "share": _draw_columns}
"""Marks of a track that are drawn together, in this order."""


def _name_pes(axes: Axes, tracks: Sequence[tuple[str, str]]) -> None:
    """Part PEs by lines and name them at the right."""
    for process in dict.fromkeys(process for process, _ in tracks):
        places = [y for y, track in enumerate(tracks) if track[0] == process]
        if process != "step":
            axes.axhline(places[0] - 0.5, color=FAINT, linewidth=0.6)
            axes.annotate(
                process, (1.005, (places[0] + places[-1]) / 2), xycoords=("axes fraction", "data"), rotation=90,
                va="center", fontsize=8, color=QUIET, annotation_clip=False,
            )  # fmt: skip


def _add_legend(axes: Axes, info: FigureInfo) -> None:
    """Say which colour is which group of operators."""
    from matplotlib.patches import Patch

    shown = {row["group"] for row in info.table.rows() if row["group"]}
    handles = [Patch(color=colour, label=group) for group, colour in GROUP_COLOURS.items() if group in shown]
    if handles:
        axes.legend(
            handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(handles), fontsize=7,
            handlelength=1, columnspacing=1, borderpad=0.2,
        )  # fmt: skip


def _draw_bandwidths(axes: Axes, info: FigureInfo, scale: Scale) -> None:
    rows = [row for row in info.table.rows() if row["kind"] == "bandwidth"]
    for name, colour in MEMORY_COLOURS.items():
        mine = [row for row in rows if row["track"] == name]
        if mine:
            edges = [scale.per_s * row["start_s"] for row in mine] + [scale.per_s * mine[-1]["end_s"]]
            values = [row["value"] for row in mine]
            axes.stairs(values, edges, color=colour, linewidth=0.8, label=name, fill=True, alpha=0.75)
    axes.set_ylabel("bandwidth [GB/s]")
    axes.set_ylim(bottom=0)
    if rows:
        axes.legend(loc="lower right", bbox_to_anchor=(1, 0.95), fontsize=7, ncols=2, handlelength=1, borderpad=0.2)
