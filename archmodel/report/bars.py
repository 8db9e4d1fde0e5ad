"""Stacked bars: one per result, in parts that add up to its latency."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from archmodel.errors import Fault, InputError
from archmodel.report.figure import TITLE_LETTERS_PER_IN, FigureInfo, check_results, new_figure, plain_text, wrap_text
from archmodel.report.wording import name_step, say_settings
from archmodel.results import Result
from archmodel.units import format_si

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SMALLEST_SHARE = 0.3  # percent; a thinner slice is not seen
_WIDTH_IN, _BAR_IN, _LETTER_IN = 8.4, 0.5, 0.085
_HEAD_IN, _TITLE_IN = 0.4, 0.2  # above the bars, and for each further line of the title
_FOOT_IN, _RIGHT_IN, _LEGEND_IN = 1.45, 0.85, 0.95  # around the bars; the legend from below
_N_LETTERS, _N_LINES = 28, 2  # of a name


class Bar(NamedTuple):
    """A bar: its name, the time that it stands for [s], and the shares of its parts."""

    name: str
    time_s: float
    shares: Mapping[str, float]


def draw_bars(info: FigureInfo, bars: Sequence[Bar], colours: Mapping[str, str]) -> tuple[Figure, Axes]:
    """Draw bars one below the other; the time of each is at its end.

    Parameters
    ----------
    info
        Title, labels and footer.
    bars
        From top to bottom.
    colours
        Of the parts, in the order in which they are stacked.
    """
    names = [_wrap(bar.name) for bar in bars]
    left_in = 0.3 + _LETTER_IN * max(len(line) for name in names for line in name.split("\n"))
    title = wrap_text(info.title, (_WIDTH_IN - left_in) * TITLE_LETTERS_PER_IN)
    height_in = _HEAD_IN + _TITLE_IN * title.count("\n") + _BAR_IN * len(bars) + _FOOT_IN
    figure, axes = new_figure(info, (_WIDTH_IN, height_in))
    axes.set_title(title, pad=12)
    figure.set_layout_engine("none")  # bars are as high as any others, however many there are
    axes.set_position((
        left_in / _WIDTH_IN, _FOOT_IN / height_in, (_WIDTH_IN - left_in - _RIGHT_IN) / _WIDTH_IN,
        _BAR_IN * len(bars) / height_in,
    ))  # fmt: skip
    left = [0.0] * len(bars)
    for part, colour in colours.items():
        widths = [100 * bar.shares.get(part, 0.0) for bar in bars]
        if max(widths, default=0.0) >= _SMALLEST_SHARE:
            axes.barh(range(len(bars)), widths, left=left, color=colour, label=part, edgecolor="white", linewidth=0.6)
            left = [start + width for start, width in zip(left, widths, strict=True)]
    for y, bar in enumerate(bars):
        axes.annotate(f" {format_si(bar.time_s, 's')}", (100, y), va="center", fontsize=9, annotation_clip=False)
    axes.set_yticks(range(len(bars)), [plain_text(name) for name in names])
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, 100)
    place = (0.5, _LEGEND_IN / height_in)
    figure.legend(*axes.get_legend_handles_labels(), loc="upper center", bbox_to_anchor=place, ncols=5, fontsize=8)
    return figure, axes


def name_steps(results: Sequence[Result], otherwise: str) -> str:
    """Name what all results are of, for a title; ``otherwise`` if that is not one workload."""
    first = results[0]
    is_one = all((result.workload, result.phase) == (first.workload, first.phase) for result in results)
    return name_step(first.workload, first.phase, [result.run for result in results]) if is_one else otherwise


def _wrap(name: str) -> str:
    """Break a long name into lines, and leave the rest out: the data beside the figure has it all."""
    return "\n".join(textwrap.wrap(name, _N_LETTERS, max_lines=_N_LINES, placeholder=" …"))


def check_latencies(results: Sequence[Result]) -> None:
    """Raise `InputError` when there is no result, or one without a time that could be parted."""
    check_results(results)
    faults = [
        Fault("", f"result of {result.workload} on {result.machine}: takes {result.latency_s:g} s; nothing to part")
        for result in results if not (math.isfinite(result.latency_s) and result.latency_s > 0)
    ]  # fmt: skip
    if faults:
        raise InputError("figure", faults)


def name_bars(results: Sequence[Result]) -> list[str]:
    """Name results by what they differ in: machine, workload, model, and what the user set."""
    is_one_workload = len({(result.workload, result.phase) for result in results}) == 1
    is_one_machine = len({result.machine for result in results}) == 1
    is_one_model = len({result.model for result in results}) == 1
    names = []
    for result in results:
        workload = f"{result.workload} {result.phase}"
        name = result.machine if is_one_workload else workload if is_one_machine else f"{result.machine}: {workload}"
        name += "" if is_one_model else f", {result.model}"
        names.append(name)
    return [
        name + _say_given(result, results) if names.count(name) > 1 else name
        for name, result in zip(names, results, strict=True)
    ]


def _say_given(result: Result, results: Sequence[Result]) -> str:
    """Say the settings of a result that not all have, and which values the user set."""
    differ = [name for name in result.run if any(other.run.get(name) != result.run[name] for other in results)]
    said = [say_settings([result.run], [name for name in differ if name != "set"])]
    said += [f"{path}={text}" for path, text in result.run.get("set", {}).items()]
    given = ", ".join(filter(None, said))
    return f" ({given})" if given else ""
