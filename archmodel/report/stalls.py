"""Stall figure: what matrix engines do and wait for, of one or more results of a model that follows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archmodel.errors import Fault, InputError
from archmodel.report.bars import Bar, check_latencies, draw_bars, name_bars, name_steps
from archmodel.report.figure import (
    STALL_COLOURS,
    FigureInfo,
    house_style,
    save_figure,
)
from archmodel.report.wording import say_results
from archmodel.results import Result, ResultTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WAITS = {
    "data": "waits for data", "space": "waits for space", "issue": "waits for commands",
    "arbitration": "waits for its turn", "dram": "waits for DRAM",
}  # fmt: skip
_LEAST_SHARE = 0.01  # of a step, that a group of operators takes to have a bar


def plot_stalls(results: Result | Sequence[Result], path: str | Path | None = None) -> tuple[Figure, Axes]:
    """Draw for which share of the time matrix engines are at work, and what they wait for in the rest.

    A single result has a bar for the step and one for each operator group; several have a bar each.

    Parameters
    ----------
    results
        One result or several, of model ``cycle``.
    path
        File to write (``.png``, ``.svg``, ``.pdf``); its data goes beside it, as ``NAME.data.csv``.

    Returns
    -------
    (Figure, Axes)
        For further changes.

    Raises
    ------
    InputError
        When there is no result, or one of a model that does not count stalls; or the file cannot be written.
    """
    shown = [results] if isinstance(results, Result) else list(results)
    info = stalls_info(shown)
    bars = [
        Bar(name, sum(times.values()), {state: time_s / sum(times.values()) for state, time_s in times.items()})
        for _, name, times in _bars(shown)
    ]
    with house_style():
        figure, axes = draw_bars(info, bars, STALL_COLOURS)
    if path is not None:
        save_figure(figure, info, Path(path))
    return figure, axes


def stalls_info(results: Sequence[Result]) -> FigureInfo:
    """Add up the stalls by cause: of each result, or of each operator group of a single one.

    Raises
    ------
    InputError
        When there is no result, or one of a model that does not count stalls.
    """
    check_latencies(results)
    without = [result for result in results if not any(row.get("stall_cycles") for row in result.operators.rows())]
    if without:
        raise InputError("figure", [
            Fault("", f"result of {result.workload} on {result.machine}: model {result.model!r} counts no stalls; "
                  "give one of model 'cycle'") for result in without
        ])  # fmt: skip
    rows = [
        {
            "bar": name, "machine": result.machine, "workload": result.workload, "phase": result.phase,
            "state": state, "time_s": time_s, "time_frac": time_s / sum(times.values()),
        }
        for result, name, times in _bars(results) for state, time_s in times.items()
    ]  # fmt: skip
    on = f" on {results[0].machine}" if len(results) == 1 else ""
    return FigureInfo(
        title=f"{name_steps(results, 'Matrix engines')}{on}: what matrix engines wait for",
        x_label="Share of time [%]; time at the end of each bar",
        y_label="",
        table=ResultTable.from_rows(rows),
        footer=f"{say_results(results)} Of the matrix engine that waits longest.",
    )


def _bars(results: Sequence[Result]) -> Iterator[tuple[Result, str, dict[str, float]]]:
    """Give the result of each bar, its name, and its time by state [s]."""
    if len(results) > 1:
        for result, name in zip(results, name_bars(results), strict=True):
            yield result, name, _add_up_step(result)
        return
    (result,) = results
    rows = list(result.operators.rows())
    yield result, "step", _add_up_step(result)
    times = {group: sum(row["latency_s"] for row in rows if row["group"] == group) for group in _groups(rows)}
    for group in sorted(times, key=lambda name: -times[name]):
        if times[group] >= _LEAST_SHARE * result.latency_s:
            yield result, group, _add_up([row for row in rows if row["group"] == group])


def _groups(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(row["group"] for row in rows))


def _add_up_step(result: Result) -> dict[str, float]:
    """Add up the operators of a step and the start of its job [s]."""
    total = _add_up(list(result.operators.rows()))
    return total | {"launch": max(result.launch_s, total["launch"])}


def _add_up(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Add up the time of operators by what the matrix engine does [s]."""
    total = dict.fromkeys(STALL_COLOURS, 0.0)
    for row in rows:
        n_cycles = row["cycles"]
        cycle_s = (row["latency_s"] - row["launch_s"]) / n_cycles if n_cycles else 0.0
        stalls = {_WAITS[cause]: cycles for cause, cycles in row["stall_cycles"].items()}
        # Of the engine that waits longest; another one may be at work for longer.
        busy = min(row["work_cycles"].get("matrix", 0), n_cycles - sum(stalls.values()))
        rest = n_cycles - sum(stalls.values()) - busy
        state = "after the last product" if busy else "operators without products"
        for name, cycles in (stalls | {"at work": busy, state: rest}).items():
            total[name] += cycles * cycle_s
        total["launch"] += row["launch_s"]
    return total
