"""Fidelity ladder: what each model says of the time of operators, between the physical bound and no overlap at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archmodel.errors import Fault, InputError
from archmodel.machine.types import Machine
from archmodel.report.figure import (
    COLOURS,
    FAINT,
    FigureInfo,
    house_style,
    new_figure,
    plain_text,
    save_figure,
)
from archmodel.report.wording import name_step, say_machine
from archmodel.results import ResultTable
from archmodel.units import format_count, format_si
from archmodel.workload.types import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RUNGS = {"roofline_s": ("roofline", "s", COLOURS[0]), "analytic_s": ("analytic", "^", COLOURS[2]),
         "cycle_s": ("cycle", "o", COLOURS[5])}  # fmt: skip
"""Name, marker and colour of each model, by its column."""
_SUMMED = ("bound_s", *RUNGS, "upper_s")
_N_ROWS = 14  # of operators that are alike; all others share one
_N_LETTERS = 42
_ROW_IN, _REST_IN = 0.34, 2.0
_BRACKET = "#777777"


def plot_ladder(
    machine: Machine, trace: Trace, ladder: ResultTable, path: str | Path | None = None
) -> tuple[Figure, Axes]:
    """Draw the time of operators by each model, over the physical bound; brackets reach to no overlap at all.

    Parameters
    ----------
    machine, trace
        What was asked.
    ladder
        What `archmodel.ladder` said.
    path
        File to write (``.png``, ``.svg``, ``.pdf``); its data goes beside it, as ``NAME.data.csv``.

    Returns
    -------
    (Figure, Axes)
        For further changes.

    Raises
    ------
    InputError
        When no operator has a time by every model, or the file cannot be written.
    """
    info = ladder_info(machine, trace, ladder)
    rows = list(info.table.rows())
    with house_style():
        figure, axes = new_figure(info, (9.6, _REST_IN + _ROW_IN * len(rows)))
        axes.set_title(axes.get_title("left"), pad=26)
        _draw(axes, rows)
    if path is not None:
        save_figure(figure, info, Path(path))
    return figure, axes


def ladder_info(machine: Machine, trace: Trace, ladder: ResultTable) -> FigureInfo:
    """Collect the slowest operators, alike ones together; a row for the others, and one for all. No launching.

    Raises
    ------
    InputError
        When no operator has a time by every model.
    """
    rows = list(ladder.rows())
    known = [row for row in rows if not row["message"] and row["bound_s"] > 0]
    if not known:
        reasons = dict.fromkeys(row["message"] for row in rows)
        text = "; ".join(reasons) or "it has no operators"
        raise InputError("figure", [Fault("", f"no model counts the cycles of {trace.name} on {machine.name}: {text}")])
    alike: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in known:
        alike.setdefault((row["kind"], *(row[column] for column in _SUMMED)), []).append(row)
    groups = sorted(alike.values(), key=lambda group: -sum(row["cycle_s"] for row in group))
    shown = [_add_up(f"all of {len(known):,} operators" if len(known) > 1 else known[0]["operator"], known)]
    if len(groups) > 1:
        shown += [_add_up(_name_of(group), group) for group in groups[:_N_ROWS]]
    others = [row for group in groups[_N_ROWS:] for row in group]
    shown += [_add_up(format_count(len(others), "other"), others)] if others else []
    said = "Launching is left out. Brackets: from the physical bound to no overlap at all."
    if len(known) < len(rows):
        share = 1 - sum(row["roofline_s"] for row in known) / sum(row["roofline_s"] for row in rows)
        said += f" Not shown: {format_count(len(rows) - len(known), 'operator')} without cycles or bound, "
        said += f"{100 * share:.2g} % of the time by the roofline."
    return FigureInfo(
        title=f"{name_step(trace.name, trace.phase, [trace.run])} on {machine.name}: time by model",
        x_label="Time [multiples of the physical bound]; by model cycle at the right",
        y_label="",
        table=ResultTable.from_rows(shown),
        footer=f"{say_machine(machine)} {said}",
    )


def _name_of(group: Sequence[Mapping[str, Any]]) -> str:
    """Name operators that are alike by the first one."""
    others = f" and {len(group) - 1:,} alike" if len(group) > 1 else ""
    return str(group[0]["operator"]) + others


def _add_up(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"operator": name} | {column: sum(row[column] for row in rows) for column in _SUMMED}


def _draw(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    over = [{column: row[column] / row["bound_s"] for column in _SUMMED} for row in rows]
    for y, (row, ratios) in enumerate(zip(rows, over, strict=True)):
        last = max(ratios.values())
        axes.plot([1, last], [y, y], "-", color=_BRACKET, linewidth=1, zorder=1)
        axes.plot([1, last], [y, y], "|", color=_BRACKET, markersize=9, zorder=1)
        percent = 100 * row["cycle_s"] / rows[0]["cycle_s"]
        share = f" ({percent:.2g} %)" if percent >= 0.1 else " (< 0.1 %)"
        axes.annotate(
            format_si(row["cycle_s"], "s") + (share if y else ""), (1.01, y), xycoords=("axes fraction", "data"),
            va="center", fontsize=8, annotation_clip=False,
        )  # fmt: skip
    for column, (name, marker, colour) in RUNGS.items():
        is_hollow = marker == "^"  # it is often where the next one is
        axes.plot(
            [ratios[column] for ratios in over], range(len(rows)), marker, color=colour, label=name, zorder=3,
            markersize=9 if is_hollow else 5, markerfacecolor="none" if is_hollow else colour,
            markeredgecolor=colour if is_hollow else "white", markeredgewidth=1.0 if is_hollow else 0.5,
        )  # fmt: skip
    if len(rows) > 1:
        axes.axhline(0.5, color=FAINT, linewidth=0.6)
    axes.set_xscale("log")
    axes.set_xlim(0.95, 1.1 * max(max(ratios.values()) for ratios in over))
    _name_ticks(axes)
    axes.set_yticks(range(len(rows)), [plain_text(_ends_of(row["operator"])) for row in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(RUNGS), fontsize=8, borderaxespad=0.2)


def _ends_of(name: str) -> str:
    """Keep both ends of a long name: those of a model differ in either."""
    half = _N_LETTERS // 2
    return name if len(name) <= _N_LETTERS else f"{name[: half - 1]}…{name[-half:]}"


def _name_ticks(axes: Axes) -> None:
    """Name 1, 1.5, 2, 3, 5, 7, 10, 20, … on an axis that has hardly a decade."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    _, high = axes.get_xlim()
    steps = (1, 1.5, 2, 3, 5, 7) if high < 30 else (1, 3) if high < 1000 else (1,)
    ticks = [step * 10.0**power for power in range(13) for step in steps]
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in ticks if tick <= high]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
