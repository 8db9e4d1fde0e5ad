"""What a sweep says of a point, and what of it can be an objective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from archmodel.sweep.fields import Part
from archmodel.sweep.space import Axis, Space
from archmodel.units import unit_of

Goal = Literal["min", "max"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a chip over the mix of workloads.

    Parameters
    ----------
    goal
        Which way is better, unless a sweep says otherwise.
    single, mix
        Its column when the sweep has one workload, and when it has several.
    single_unit, mix_unit
        Its unit then.
    """

    goal: Goal
    single: str
    mix: str
    single_unit: str
    mix_unit: str


FIGURES = {
    "latency": Figure("min", "latency_s", "latency_ratio", "s", "× base"),
    "throughput": Figure("max", "throughput", "speedup", "{item}/s", "× base"),
    "energy": Figure("min", "j_per_item", "energy_ratio", "J/{item}", "× base"),
    "perf_per_w": Figure("max", "perf_per_w", "perf_per_w", "{item}/s/W", "× base / W"),
    "perf_per_mm2": Figure("max", "perf_per_mm2", "perf_per_mm2", "{item}/s/mm2", "× base / mm2"),
    "perf_per_usd": Figure("max", "perf_per_usd", "perf_per_usd", "{item}/s/USD", "× base / USD"),
    "area": Figure("min", "silicon_mm2", "silicon_mm2", "mm2", "mm2"),
    "power": Figure("min", "power_w", "power_w", "W", "W"),
    "tdp": Figure("min", "tdp_w", "tdp_w", "W", "W"),
    "cost": Figure("min", "chip_usd", "chip_usd", "USD", "USD"),
    "capex": Figure("min", "capex_per_gw_usd", "capex_per_gw_usd", "USD/GW", "USD/GW"),
}
"""Figures by the name that objectives use."""

CHIP: dict[str, tuple[Goal | None, str]] = {
    "die_mm2": ("min", "mm2"),
    "n_dies": ("min", ""),
    "silicon_mm2": ("min", "mm2"),
    "typical_w": ("min", "W"),
    "tdp_w": ("min", "W"),
    "chip_usd": ("min", "USD"),
    "chips_per_gw": (None, "1/GW"),
    "capex_per_gw_usd": ("min", "USD/GW"),
}
"""Columns of a chip, whatever it runs: which way is better, if either is, and the unit."""

PER_WORKLOAD: dict[str, tuple[Goal, str]] = {
    "latency_s": ("min", "s"),
    "lower_s": ("min", "s"),
    "step_j": ("min", "J"),
    "throughput": ("max", "{item}/s"),
    "utilisation": ("max", ""),
    "j_per_item": ("min", "J/{item}"),
    "usd_per_million_items": ("min", "USD/10⁶ {item}"),
    "items_per_s_per_mw": ("max", "{item}/s/MW"),
}
"""Figures of each workload, whose columns begin with its label: which way is better, and the unit."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A column that is to be as small or as large as can be.

    Parameters
    ----------
    name
        As the sweep names it.
    column
        Of the table of points.
    goal
        ``min`` or ``max``.
    unit
        Of the column.
    """

    name: str
    column: str
    goal: Goal
    unit: str

    @property
    def sign(self) -> float:
        """Factor that makes the objective one to be minimised."""
        return 1.0 if self.goal == "min" else -1.0


def figure_units(labels: Sequence[str], items: Sequence[str]) -> dict[str, tuple[str, Goal, str]]:
    """List what objectives can be: name → column, better direction, unit.

    Parameters
    ----------
    labels
        Of the workloads.
    items
        What each of them produces, e.g. ``token``.
    """
    is_mix = len(labels) > 1
    found: dict[str, tuple[str, Goal, str]] = {}
    for name, figure in FIGURES.items():
        unit = figure.mix_unit if is_mix else figure.single_unit.format(item=items[0])
        found[name] = (figure.mix if is_mix else figure.single, figure.goal, unit)
    for label, item in zip(labels, items, strict=True):
        for ending, (goal, unit) in PER_WORKLOAD.items():
            found[f"{label}_{ending}"] = (f"{label}_{ending}", goal, unit.format(item=item))
    return found


def describe_columns(
    labels: Sequence[str], items: Sequence[str], space: Space
) -> tuple[dict[str, str], dict[str, Goal]]:
    """Give the unit of every column of numbers, and which way is better, of those of which one is.

    Parameters
    ----------
    labels, items
        Of the workloads, see `figure_units`.
    space
        Its axes have columns, too.
    """
    figures = figure_units(labels, items).values()
    of_axes = [
        name for axis in space.axes for name, values in axis_columns(axis).items()
        if not any(isinstance(value, str) for value in values)
    ]  # fmt: skip
    units = {name: unit_of(name) for name in of_axes} | {name: unit for name, (_, unit) in CHIP.items()}
    goals = {name: goal for name, (goal, _) in CHIP.items() if goal}
    return (
        units | {column: unit for column, _, unit in figures},
        goals | {column: goal for column, goal, _ in figures},
    )


def point_columns(parts: Sequence[Part], space: Space) -> tuple[list[str], list[str]]:
    """List the columns that conditions can use: all, and those of text.

    Parameters
    ----------
    parts
        The workloads of a sweep.
    space
        Its axes.
    """
    names: list[str] = []
    texts: list[str] = []
    for axis in space.axes:
        columns = axis_columns(axis)
        names += columns
        texts += [name for name, values in columns.items() if isinstance(values[0], str)]
    units = figure_units([part.label for part in parts], [""] * len(parts))
    names += [*CHIP, *(column for column, _, _ in units.values())]
    return list(dict.fromkeys(names)), texts


def axis_columns(axis: Axis) -> dict[str, list[Any]]:
    """Give the columns of an axis, a value per choice: of each field, and its labels where its name is another one.

    Parameters
    ----------
    axis
        Of a space.
    """
    fields = {name: [choice.columns[name] for choice in axis.choices] for name in axis.choices[0].columns}
    name, column = axis.name.replace(".", "_"), next(iter(fields))
    is_field = len(fields) == 1 and (column.startswith(name) or name.endswith(column))
    return fields if is_field else {name: [choice.label for choice in axis.choices], **fields}
