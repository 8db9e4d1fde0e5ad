"""Roofline figure: ceilings of a machine, operators of a result as points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from archmodel.machine.types import Machine
from archmodel.report.figure import GROUP_COLOURS, FigureInfo, figure_footer, new_figure, save_figure
from archmodel.results import Result, ResultTable
from archmodel.units import format_si

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_roofline(
    machine: Machine, results: Result | Sequence[Result], path: str | Path | None = None
) -> tuple[Figure, Axes]:
    """Draw the hierarchical roofline of a machine with the operators of one or more results.

    A point is an operator: FLOP per byte moved (every operand once) against FLOP per second reached, its area the share
    of the step's time. Slopes are the memories; a point above the DRAM slope has operands on chip.

    Parameters
    ----------
    machine
        The machine of the results.
    results
        One result, or several on the same machine.
    path
        File to write (``.png``, ``.svg``, ``.pdf``); its data goes beside it as ``.csv``.

    Returns
    -------
    (Figure, Axes)
        For further changes.
    """
    shown = [results] if isinstance(results, Result) else list(results)
    info = roofline_info(machine, shown)
    figure, axes = new_figure(info)
    _draw_ceilings(axes, machine, _dtypes(shown))
    _draw_points(axes, list(info.table.rows()))
    axes.set_xscale("log")
    axes.set_yscale("log")
    if path is not None:
        save_figure(figure, info, Path(path))
    return figure, axes


def roofline_info(machine: Machine, results: Sequence[Result]) -> FigureInfo:
    """Collect the points; operators without arithmetic have no place on a roofline and are left out."""
    rows = [
        {
            "workload": result.workload,
            "phase": result.phase,
            "operator": row["operator"],
            "group": row["group"],
            "intensity_flop_per_byte": row["flop"] / row["bytes"],
            "reached_flop_per_s": row["flop"] / row["latency_s"],
            "latency_s": row["latency_s"],
            "time_frac": row["latency_s"] / result.latency_s,
            "bound": row["bound"],
        }
        for result in results
        for row in result.operators.rows()
        if row["flop"] > 0 and row["bytes"] > 0
    ]
    n_assumed = len(results[0].provenance.get("assumed", ()))
    remark = f"Ceilings are peaks computed from the parts; {n_assumed} values of {machine.name} are assumed."
    names = f"{results[0].workload} {results[0].phase}" if len(results) == 1 else f"{len(results)} workloads"
    return FigureInfo(
        title=f"{machine.title}: {names}",
        x_label="Arithmetic intensity [FLOP/B], every operand moved once",
        y_label="Arithmetic [FLOP/s]",
        table=ResultTable.from_rows(rows),
        footer=figure_footer(results, remark),
    )


def _dtypes(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(result.dtype for result in results))


def _draw_ceilings(axes: Axes, machine: Machine, dtypes: Sequence[str]) -> None:
    peaks = {f"matrix {dtype}": machine.peak_flop_per_s("matrix", dtype) for dtype in dtypes}
    for engine in ("simd", "vector"):
        for dtype in dtypes:
            peaks[f"{engine} {dtype}"] = machine.peak_flop_per_s(engine, dtype)
    roofs = {name: peak for name, peak in peaks.items() if peak > 0}
    top = max(roofs.values())
    slopes = {
        "local memory": machine.local_bandwidth_bytes_per_s,
        "SRAM": machine.sram_bandwidth_bytes_per_s,
        "DRAM": machine.dram.bandwidth_bytes_per_s,
    }
    intensity = np.logspace(-3, 5, 200)
    for (name, bandwidth), style in zip(slopes.items(), (":", "--", "-"), strict=True):
        axes.plot(intensity, np.minimum(top, bandwidth * intensity), style, color="#333333", lw=1.1, zorder=1)
        at = 0.016 if name == "local memory" else 0.02
        axes.annotate(
            f"{name} {format_si(bandwidth, 'B/s')}",
            (at, bandwidth * at),
            rotation=0,
            fontsize=8,
            va="bottom",
            ha="right",
            annotation_clip=False,
        )
    for name, peak in roofs.items():
        axes.axhline(peak, color="#333333", lw=1.1, zorder=1)
        axes.annotate(
            f"{name} {format_si(peak, 'FLOP/s')}", (1.0, peak), xycoords=("axes fraction", "data"), fontsize=8,
            va="bottom", ha="right",
        )  # fmt: skip


def _draw_points(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    for group, colour in GROUP_COLOURS.items():
        points = [row for row in rows if row["group"] == group]
        if points:
            axes.scatter(
                [row["intensity_flop_per_byte"] for row in points],
                [row["reached_flop_per_s"] for row in points],
                s=[14 + 900 * row["time_frac"] for row in points],
                color=colour,
                alpha=0.75,
                edgecolor="white",
                linewidth=0.6,
                label=group,
                zorder=3,
            )
    legend = axes.legend(loc="lower right", title="area: share of time", fontsize=8, title_fontsize=8)
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_sizes([36])  # type: ignore[attr-defined]
    if rows:
        low = min(row["intensity_flop_per_byte"] for row in rows)
        high = max(row["intensity_flop_per_byte"] for row in rows)
        axes.set_xlim(min(low / 3, 0.05), max(high * 5, 1e3))
        axes.set_ylim(min(row["reached_flop_per_s"] for row in rows) / 4)
