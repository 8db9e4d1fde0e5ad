"""Roofline figure: ceilings of a machine, operators of a result as points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from archmodel.errors import Fault, InputError
from archmodel.machine.types import Machine
from archmodel.report.figure import (
    FAINT,
    GROUP_COLOURS,
    INK,
    FigureInfo,
    check_results,
    house_style,
    new_figure,
    plain_text,
    save_figure,
)
from archmodel.report.wording import name_step, say_results
from archmodel.results import Result, ResultTable
from archmodel.units import format_si

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ENGINES: tuple[Literal["matrix", "simd", "vector"], ...] = ("matrix", "simd", "vector")


def plot_roofline(
    machine: Machine, results: Result | Sequence[Result], path: str | Path | None = None
) -> tuple[Figure, Axes]:
    """Draw the hierarchical roofline of a machine with the operators of one or more results.

    A point is an operator: FLOP per byte moved (every operand once) against FLOP per second reached, its area the share
    of the step's time, its colour the operator group (of one result) or the workload (of several). Slopes are the
    memories; a point above the DRAM slope has operands on chip.

    Parameters
    ----------
    machine
        The machine of the results.
    results
        One result, or several on the same machine.
    path
        File to write (``.png``, ``.svg``, ``.pdf``); its data goes beside it, as ``NAME.data.csv``.

    Returns
    -------
    (Figure, Axes)
        For further changes.

    Raises
    ------
    InputError
        When there is no result, or one of another machine; or the file cannot be written.
    """
    shown = [results] if isinstance(results, Result) else list(results)
    info = roofline_info(machine, shown)
    with house_style():
        figure, axes = new_figure(info)
        _set_limits(axes, machine, list(info.table.rows()), _dtypes(shown))
        _draw_ceilings(axes, machine, _dtypes(shown))
        _draw_points(axes, list(info.table.rows()), "group" if len(shown) == 1 else "step")
    if path is not None:
        save_figure(figure, info, Path(path))
    return figure, axes


def roofline_info(machine: Machine, results: Sequence[Result]) -> FigureInfo:
    """Collect the points; operators without arithmetic have no place on a roofline and are left out.

    Raises
    ------
    InputError
        When there is no result, or one of another machine.
    """
    check_results(results)
    others = sorted({result.machine for result in results} - {machine.name})
    if others:
        text = f"results of {', '.join(others)} do not belong on the roofline of {machine.name}"
        raise InputError("figure", [Fault("", text)])
    rows = [
        {
            "step": f"{result.workload} {result.phase}",
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
    remark = "Ceilings are peaks computed from the parts, a fused multiply-add of lanes as 2 FLOP."
    first = results[0]
    names = f"{len(results)} steps" if len(results) > 1 else name_step(first.workload, first.phase, [first.run])
    return FigureInfo(
        title=f"{machine.title}: {names}",
        x_label="Arithmetic intensity [FLOP/B], every operand moved once",
        y_label="Arithmetic [FLOP/s]",
        table=ResultTable.from_rows(rows),
        footer=f"{say_results(results)} {remark}",
    )


def _dtypes(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(result.dtype for result in results))


def _roofs(machine: Machine, dtypes: Sequence[str]) -> dict[float, str]:
    """Map each distinct peak to its label; engines and dtypes with the same peak share one."""
    labels: dict[float, dict[str, list[str]]] = {}
    for engine in _ENGINES:
        for dtype in dtypes:
            peak = machine.peak_flop_per_s(engine, dtype)
            if peak > 0:
                labels.setdefault(peak, {}).setdefault(engine, []).append(dtype)
    return {
        peak: ", ".join(f"{engine} {'/'.join(names)}" for engine, names in engines.items())
        for peak, engines in labels.items()
    }


def _slopes(machine: Machine) -> dict[str, tuple[float, str]]:
    """Map each memory to its bandwidth [B/s] and the style of its line."""
    return {
        "local memory": (machine.local_bandwidth_bytes_per_s, ":"),
        "SRAM": (machine.sram_bandwidth_bytes_per_s, "--"),
        "DRAM": (machine.dram.bandwidth_bytes_per_s, "-"),
    }


def list_ceilings(machine: Machine, results: Sequence[Result]) -> list[dict[str, Any]]:
    """List what bounds operators on a machine: ``name`` with either ``flop_per_s`` or ``bytes_per_s``, a row each.

    Parameters
    ----------
    machine
        The machine of the results.
    results
        Their dtypes are those of the peaks.
    """
    peaks = [{"name": f"{name} peak", "flop_per_s": peak} for peak, name in _roofs(machine, _dtypes(results)).items()]
    slopes = _slopes(machine).items()
    return [*peaks, *({"name": name, "bytes_per_s": bandwidth} for name, (bandwidth, _) in slopes)]


def _set_limits(axes: Axes, machine: Machine, rows: Sequence[Mapping[str, Any]], dtypes: Sequence[str]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    intensities = [row["intensity_flop_per_byte"] for row in rows] or [1.0]
    reached = [row["reached_flop_per_s"] for row in rows] or [1e9]
    top = max(_roofs(machine, dtypes), default=1e12)
    axes.set_xlim(min(*intensities, 0.1) / 2, max(*intensities, 1e3) * 2)
    axes.set_ylim(min(reached) / 2, top * 3)


def _draw_ceilings(axes: Axes, machine: Machine, dtypes: Sequence[str]) -> None:
    roofs = _roofs(machine, dtypes)
    top = max(roofs, default=1e12)
    low, high = axes.get_xlim()
    intensity = np.geomspace(low, high, 200)
    slopes = _slopes(machine)
    for bandwidth, style in slopes.values():
        axes.plot(intensity, np.minimum(top, bandwidth * intensity), style, color=INK, lw=1.1, zorder=1)
    for peak, label in roofs.items():
        axes.axhline(peak, color=INK if peak == top else FAINT, lw=1.1, zorder=1)
        axes.annotate(
            f"{label} {format_si(peak, 'FLOP/s')}", (0.995, peak), xycoords=("axes fraction", "data"),
            xytext=(0, 16 if peak == top else 2), textcoords="offset points", fontsize=8, va="bottom", ha="right",
        )  # fmt: skip
    angle = _slope_angle(axes)
    for name, (bandwidth, _) in slopes.items():
        start = max(low * 1.3, axes.get_ylim()[0] * 1.5 / bandwidth)
        axes.annotate(
            f"{name} {format_si(bandwidth, 'B/s')}", (start, bandwidth * start), textcoords="offset points", fontsize=8,
            xytext=(0, 3) if name != "DRAM" else (3, -9), rotation=angle, rotation_mode="anchor",
        )  # fmt: skip


def _slope_angle(axes: Axes) -> float:
    """Angle on paper of a line that rises a decade per decade [degrees]; known once the layout is."""
    figure = axes.figure
    figure.draw_without_rendering()  # type: ignore[union-attr]
    low, high = axes.transData.transform([(1.0, 1e9), (10.0, 1e10)])
    return float(np.degrees(np.arctan2(high[1] - low[1], high[0] - low[0])))


def _draw_points(axes: Axes, rows: Sequence[Mapping[str, Any]], by: str) -> None:
    names = list(dict.fromkeys(row[by] for row in rows))
    for idx, name in enumerate(names):
        points = [row for row in rows if row[by] == name]
        axes.scatter(
            [row["intensity_flop_per_byte"] for row in points],
            [row["reached_flop_per_s"] for row in points],
            s=[14 + 700 * row["time_frac"] for row in points],
            color=GROUP_COLOURS.get(name, f"C{idx}"),
            alpha=0.75,
            edgecolor="white",
            linewidth=0.6,
            label=plain_text(name),
            zorder=3,
        )
    if not names:
        return
    legend = axes.legend(loc="lower right", title="area: share of the step's time", fontsize=8, title_fontsize=8)
    for handle in legend.legend_handles:
        handle.set_sizes([36])  # type: ignore[union-attr]
