"""Figure of a waveform: signals over cycles, as logic analysers show them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from archmodel.report.figure import FigureInfo, house_style, new_figure, save_figure
from archmodel.results import ResultTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINE, _BUS, _UNKNOWN = "#0072B2", "#56B4E9", "#D55E00"
_HIGH = 0.7  # height of a signal in its row


def plot_waveform(
    title: str, remark: str, rows: Sequence[Mapping[str, str]], path: str | Path, n_shown: int = 32
) -> tuple[Figure, Axes]:
    """Draw signals cycle by cycle: one bit as a line, several as boxes with their value in hexadecimal.

    Parameters
    ----------
    title, remark
        Headline; what else there is to know, below the figure.
    rows
        Bits of each signal, a row per cycle.
    path
        File to write; its data goes beside it.
    n_shown
        Cycles to draw at most.
    """
    shown = rows[:n_shown]
    footer = textwrap.fill(f"{remark} Cycles 0 to {len(shown) - 1} of {len(rows)}; values in hexadecimal.", 150)
    table = ResultTable.from_rows([{"cycle": i, **row} for i, row in enumerate(shown)])
    info = FigureInfo(title, "time [cycles]", "", table, footer)
    with house_style():
        figure, axes = new_figure(info)
        figure.set_size_inches(10, 1.2 + 0.34 * len(shown[0]))
        for i, name in enumerate(reversed(list(shown[0]))):
            _draw_signal(axes, i, [row[name] for row in shown])
        axes.set_yticks([i + _HIGH / 2 for i in range(len(shown[0]))], list(reversed(list(shown[0]))))
        axes.set_xlim(0, len(shown))
        axes.set_ylim(-0.3, len(shown[0]))
        axes.grid(visible=True, axis="x")
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
    save_figure(figure, info, Path(path))
    return figure, axes


def _draw_signal(axes: Axes, bottom: int, values: Sequence[str]) -> None:
    if all(len(value) == 1 for value in values):
        levels = [bottom + _HIGH * {"0": 0.0, "1": 1.0}.get(value, 0.5) for value in values]  # in between: unknown
        axes.stairs(levels, range(len(values) + 1), baseline=None, color=_LINE, linewidth=1.4)
        return
    first = 0
    for i in range(1, len(values) + 1):
        if i < len(values) and values[i] == values[first]:
            continue
        is_known = set(values[first]) <= {"0", "1"}
        text = f"{int(values[first], 2):x}" if is_known else "x"
        axes.barh(
            bottom + _HIGH / 2, i - first, left=first, height=_HIGH, linewidth=0.8,
            facecolor="#eef6fb" if is_known else "#fbe9dd", edgecolor=_BUS if is_known else _UNKNOWN,
        )  # fmt: skip
        if len(text) <= 2.2 * (i - first):
            axes.text((first + i) / 2, bottom + _HIGH / 2, text, ha="center", va="center", fontsize=6.5)
        first = i
