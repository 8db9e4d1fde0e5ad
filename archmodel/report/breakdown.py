"""Breakdown figure: where the time of one or more results goes, by operator group."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from archmodel.report.figure import (
    GROUP_COLOURS,
    FigureInfo,
    check_results,
    figure_footer,
    house_style,
    new_figure,
    save_figure,
)
from archmodel.results import Result, ResultTable
from archmodel.units import format_si

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SMALLEST_SHARE = 0.3  # percent; a thinner slice is not seen


def plot_breakdown(results: Result | Sequence[Result], path: str | Path | None = None) -> tuple[Figure, Axes]:
    """Draw one bar per result: shares of the latency by operator group, launching apart.

    Parameters
    ----------
    results
        One result or several; each bar is labelled with its machine (and workload, if they differ) and its latency.
    path
        File to write (``.png``, ``.svg``, ``.pdf``); its data goes beside it, as ``NAME.data.csv``.

    Returns
    -------
    (Figure, Axes)
        For further changes.
    """
    shown = [results] if isinstance(results, Result) else list(results)
    info = breakdown_info(shown)
    with house_style():
        figure, axes = new_figure(info)
        _draw_bars(axes, info, shown)
    if path is not None:
        save_figure(figure, info, Path(path))
    return figure, axes


def _draw_bars(axes: Axes, info: FigureInfo, results: Sequence[Result]) -> None:
    names = [_label(result, results) for result in results]
    left = [0.0] * len(results)
    shares = {(row["bar"], row["group"]): row["time_frac"] for row in info.table.rows()}
    for group, colour in GROUP_COLOURS.items():
        widths = [100 * shares.get((name, group), 0.0) for name in names]
        if max(widths, default=0.0) >= _SMALLEST_SHARE:
            axes.barh(names, widths, left=left, color=colour, label=group, edgecolor="white", linewidth=0.6)
            left = [start + width for start, width in zip(left, widths, strict=True)]
    for name, result in zip(names, results, strict=True):
        latency = f" {format_si(result.latency_s, 's')}"
        axes.annotate(latency, (100, name), va="center", fontsize=9, annotation_clip=False)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, 100)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=6, fontsize=8)


def breakdown_info(results: Sequence[Result]) -> FigureInfo:
    """Add up operator times by group; launch cost is a group of its own; `InputError` when there is no result."""
    check_results(results)
    rows = []
    for result in results:
        groups: dict[str, float] = {}
        for row in result.operators.rows():
            groups[row["group"]] = groups.get(row["group"], 0.0) + row["latency_s"] - row["launch_s"]
        groups["launch"] = result.launch_s
        rows += [
            {
                "bar": _label(result, results),
                "machine": result.machine,
                "workload": result.workload,
                "phase": result.phase,
                "group": group,
                "time_s": time_s,
                "time_frac": time_s / result.latency_s,
            }
            for group, time_s in groups.items()
        ]
    workloads = dict.fromkeys(f"{result.workload} {result.phase}" for result in results)
    title = next(iter(workloads)) if len(workloads) == 1 else "Time by operator group"
    return FigureInfo(
        title=f"{title}: where the time goes",
        x_label="Share of latency [%]; latency of one step at the end of each bar",
        y_label="",
        table=ResultTable.from_rows(rows),
        footer=figure_footer(results, "Machines contain assumed values ('archmodel machines show')."),
    )


def _label(result: Result, results: Sequence[Result]) -> str:
    is_one_workload = len({(r.workload, r.phase) for r in results}) == 1
    is_one_machine = len({r.machine for r in results}) == 1
    workload = f"{result.workload} {result.phase}"
    if is_one_workload:
        return result.machine
    return workload if is_one_machine else f"{result.machine}: {workload}"
