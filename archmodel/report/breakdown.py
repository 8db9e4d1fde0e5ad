"""Breakdown figure: where the time of one or more results goes, by operator group."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from archmodel.report.bars import Bar, check_latencies, draw_bars, name_bars, name_steps
from archmodel.report.figure import (
    GROUP_COLOURS,
    FigureInfo,
    house_style,
    save_figure,
)
from archmodel.report.wording import say_results
from archmodel.results import Result, ResultTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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

    Raises
    ------
    InputError
        When there is no result, or one without a time that could be parted; or the file cannot be written.
    """
    shown = [results] if isinstance(results, Result) else list(results)
    info = breakdown_info(shown)
    bars = [
        Bar(
            name, result.latency_s, {group: time_s / result.latency_s for group, time_s in _group_times(result).items()}
        )
        for name, result in zip(name_bars(shown), shown, strict=True)
    ]
    with house_style():
        figure, axes = draw_bars(info, bars, GROUP_COLOURS)
    if path is not None:
        save_figure(figure, info, Path(path))
    return figure, axes


def breakdown_info(results: Sequence[Result]) -> FigureInfo:
    """Add up operator times by group; launch cost is a group of its own; `InputError` when there is no result."""
    check_latencies(results)
    rows = [
        {
            "bar": name,
            "machine": result.machine,
            "workload": result.workload,
            "phase": result.phase,
            "group": group,
            "time_s": time_s,
            "time_frac": time_s / result.latency_s,
        }
        for name, result in zip(name_bars(results), results, strict=True)
        for group, time_s in _group_times(result).items()
    ]
    return FigureInfo(
        title=f"{name_steps(results, 'Time by operator group')}: where the time goes",
        x_label="Share of latency [%]; latency of one step at the end of each bar",
        y_label="",
        table=ResultTable.from_rows(rows),
        footer=say_results(results),
    )


def _group_times(result: Result) -> dict[str, float]:
    """Add up operator times by group [s], launching apart."""
    groups: dict[str, float] = {}
    for row in result.operators.rows():
        groups[row["group"]] = groups.get(row["group"], 0.0) + row["latency_s"] - row["launch_s"]
    return groups | {"launch": result.launch_s}
