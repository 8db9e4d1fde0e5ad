"""Chart of the commands of units, as the model expects them and as hardware ran them, one above the other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from archmodel.report.figure import FigureInfo, house_style, new_figure, plain_text, save_figure
from archmodel.results import ResultTable
from archmodel.results.timeline import Timeline
from archmodel.units import format_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = ("#56B4E9", "#0072B2")  # of the first and the second side
_DIFFERS = "#D55E00"
_HEIGHT, _THIN = 0.38, 0.08  # of a bar in its row, of the line until the result is visible
_N_SHOWN = 120  # most commands of a unit
_N_ROWS = 40  # most units


def plot_commands(timeline: Timeline, path: str | Path | None = None) -> tuple[Figure, Axes]:
    """Draw when the units of two sides were at work; a command whose cycles differ is marked.

    Parameters
    ----------
    timeline
        Tracks of two sides, named by the first word of their processes.
    path
        File to write (``.png``, ``.svg``, ``.pdf``); its data goes beside it, as ``NAME.data.csv``.

    Returns
    -------
    (Figure, Axes)
        For further changes.

    Raises
    ------
    InputError
        When the file cannot be written.
    """
    from matplotlib.patches import Patch

    info = commands_info(timeline)
    rows = list(info.table.rows())
    units = list(dict.fromkeys((row["pe"], row["unit"]) for row in rows))
    sides = list(dict.fromkeys(row["side"] for row in rows))
    with house_style():
        figure, axes = new_figure(info, (10.5, 1.9 + 0.42 * len(units)))
        axes.set_title(axes.get_title("left"), pad=22)
        for row in rows:
            _draw(axes, row, units.index((row["pe"], row["unit"])), sides.index(row["side"]))
        axes.set_yticks(range(len(units)), [plain_text(f"{pe} {unit}".strip()) for pe, unit in units])
        axes.set_ylim(len(units) - 0.4, -0.6)
        axes.set_xlim(left=0)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        handles = [Patch(color=colour, label=side) for side, colour in zip(sides, _COLOURS, strict=False)]
        handles += [Patch(color=_DIFFERS, label="differs")] if any(row["differs"] for row in rows) else []
        axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(handles), fontsize=7)
    if path is not None:
        save_figure(figure, info, Path(path))
    return figure, axes


def commands_info(timeline: Timeline) -> FigureInfo:
    """Collect what the chart shows: a row per command and side."""
    events, counts = timeline.events, dict[int, int]()
    rows: list[dict[str, Any]] = []
    used = list(dict.fromkeys((*_split(track.process)[1:], track.name) for track in timeline.tracks))[:_N_ROWS]
    n_hidden = 0
    for i, t in enumerate(events.track.tolist()):
        side, pe = _split(timeline.tracks[t].process)
        counts[t] = counts.get(t, 0) + 1
        if counts[t] > _N_SHOWN or (pe, timeline.tracks[t].name) not in used:
            n_hidden += 1
            continue
        rows.append({
            "pe": pe, "unit": timeline.tracks[t].name, "side": side, "command": counts[t],
            "start": int(events.start_cycle[i]), "free": round(float(events.end_s[i]) * timeline.clock_hz),
            "end": int(events.end_cycle[i]), "visible": int(events.visible_cycle[i]),
        })  # fmt: skip
    sides: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    for row in rows:
        said = (row["start"], row["end"], row["visible"])
        sides.setdefault((row["pe"], row["unit"], row["command"]), []).append(said)
    for row in rows:
        both = sides[row["pe"], row["unit"], row["command"]]
        row["differs"] = len(both) < 2 or both[0] != both[1]
    remarks = [f"unit {timeline.machine}, build {timeline.phase}, {timeline.mode}", *timeline.remarks[:2]]
    remarks += ["bars: from start to end, or to the next start; thin line: until the result is visible"]
    remarks += [f"not drawn: {format_count(n_hidden, 'further command')}"] if n_hidden else []
    return FigureInfo(
        f"{timeline.workload} on {timeline.machine}: commands of the model and of the RTL", "Time [cycles]", "",
        ResultTable.from_rows(rows), ". ".join(f"{text[0].upper()}{text[1:]}" for text in remarks),
    )  # fmt: skip


def _split(process: str) -> tuple[str, str]:
    """Part the name of a process into side and PE."""
    side, _, pe = process.partition(" ")
    return side, pe


def _draw(axes: Axes, row: dict[str, Any], y: int, side: int) -> None:
    colour = _DIFFERS if row["differs"] and side == 1 else _COLOURS[side]
    middle = y + (side - 0.5) * _HEIGHT * 1.1
    axes.barh(
        middle, row["free"] - row["start"], left=row["start"], height=_HEIGHT, color=colour, edgecolor="white",
        linewidth=0.3,
    )  # fmt: skip
    if row["visible"] > row["free"]:
        axes.barh(
            middle + _HEIGHT / 2 - _THIN, row["visible"] - row["free"], left=row["free"], height=_THIN, color=colour,
            alpha=0.6, linewidth=0,
        )  # fmt: skip
