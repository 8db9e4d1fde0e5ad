"""Evaluate points of a sweep: the models over columns of machines, and figures of the mix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from archmodel.errors import InputError, UnsupportedError
from archmodel.machine.columns import MachineColumns
from archmodel.mapping import LaunchMode
from archmodel.models.columns import BINDERS, evaluate_columns
from archmodel.sweep.fields import Part, build_trace, freeze
from archmodel.sweep.figures import Economics, mix_columns
from archmodel.sweep.load import Sweep
from archmodel.sweep.machines import Group, MachineFinder, as_column
from archmodel.sweep.objectives import CHIP, PER_WORKLOAD, axis_columns
from archmodel.sweep.space import Axis, Points
from archmodel.workload.types import Trace

Table = dict[str, NDArray[Any]]
"""Columns of equal length; NaN, and an empty text, where there is no value."""

_BOUND_NAMES = np.array([*BINDERS, ""], np.object_)  # −1 stands for no answer


def evaluate_points(sweep: Sweep, points: Points) -> Table:
    """Evaluate points.

    Parameters
    ----------
    sweep
        What is asked.
    points
        (N, axes), which choice of every axis.

    Returns
    -------
    dict
        Columns (N,): ``point`` (its number in the space), those of the axes, figures per workload and of the mix,
        ``status`` and ``message``, ``is_feasible``.

    Raises
    ------
    UnsupportedError
        When the base machine, to which a mix is compared, has no answer.
    """
    return Evaluator(sweep).evaluate(points)


@dataclass(frozen=True)
class Evaluator:
    """Evaluates points of one sweep, and keeps what they share.

    Parameters
    ----------
    sweep
        What is asked.
    """

    sweep: Sweep

    @cached_property
    def economics(self) -> Economics:
        """Energy, area and cost."""
        return Economics(self.sweep.file.economy)

    @cached_property
    def base(self) -> Mapping[str, Mapping[str, float]]:
        """Figures of each workload on the base machine, which those of a mix are relative to; none for one workload."""
        sweep, found = self.sweep, dict[str, Mapping[str, float]]()
        if len(sweep.base.parts) == 1:
            return found
        machines = MachineColumns(sweep.base.machine, {}, 1)
        for part in sweep.base.parts:
            trace = build_trace(part.workload, freeze(part.settings))
            totals = evaluate_columns(sweep.file.model, trace, machines, sweep.file.launch, sweep.file.mode)
            if totals.messages[0]:
                subject = f"{part.label} on base machine {sweep.base.name}"
                raise UnsupportedError(subject, [str(totals.messages[0]), "take another base machine or workload"])
            if reason := self.economics.reason_against(sweep.base.machine):
                raise UnsupportedError(f"base machine {sweep.base.name}", [reason])
            columns = self.economics.workload(trace, totals, self.economics.chips(machines))
            found[part.label] = {name: float(column[0]) for name, column in columns.items()}
        return found

    @cached_property
    def machines(self) -> MachineFinder:
        """Machines of points."""
        return MachineFinder(self.sweep, self.economics)

    @cached_property
    def _axis_columns(self) -> dict[str, tuple[int, NDArray[Any]]]:
        """Columns of the axes: of which, and a value per choice."""
        return {
            name: (idx, as_column(values))
            for idx, axis in enumerate(self.sweep.space.axes)
            for name, values in axis_columns(axis).items()
        }

    def evaluate(self, points: Points) -> Table:
        """Evaluate points, see `evaluate_points`."""
        parts = self.sweep.base.parts
        table: Table = {"point": self.sweep.space.ids(points)}
        for name, (idx, values) in self._axis_columns.items():
            table[name] = values[points[:, idx]]
        messages = np.full(len(points), "", np.object_)
        for name in CHIP:
            table[name] = np.full(len(points), np.nan)
        for part in parts:
            table |= {f"{part.label}_{name}": np.full(len(points), np.nan) for name in PER_WORKLOAD}
            table[f"{part.label}_bound"] = np.full(len(points), "", np.object_)
        for group in self.machines.find(points, messages):
            self._fill(table, points, group, messages)
        table |= mix_columns(table, parts, self.base)
        is_ok = messages == ""
        table["status"] = np.where(is_ok, "ok", "unsupported").astype(np.object_)
        table["message"] = messages
        is_feasible = is_ok.astype(np.bool_)
        for condition in self.sweep.conditions:
            is_feasible &= condition.holds(table)
        table["is_feasible"] = is_feasible
        return table

    def _fill(self, table: Table, points: Points, group: Group, messages: NDArray[np.object_]) -> None:
        """Fill the rows of machines that are evaluated together."""
        machines, file, mine = group.machines, self.sweep.file, points[group.rows]
        chips = self.economics.chips(machines) if group.is_priced else None
        for name, column in chips.columns.items() if chips else ():
            table[name][_all_of(group.rows, points)] = column
        for part in self.sweep.base.parts:
            for inside, trace, launch in self._runs(part, mine, group.rows, messages):
                rows, some, its_chips = group.rows[inside], machines, chips
                if len(inside) < machines.n_machines:
                    some = machines.take(inside)
                    its_chips = chips.take(inside, some) if chips else None
                totals = evaluate_columns(file.model, trace, some, launch, file.mode)
                where = _all_of(rows, points)
                for name, column in self.economics.workload(trace, totals, its_chips).items():
                    table[f"{part.label}_{name}"][where] = column
                table[f"{part.label}_bound"][where] = _BOUND_NAMES[totals.bound]
                for row in np.flatnonzero(totals.messages != ""):
                    _add_message(messages, rows[[row]], f"{part.label}: {totals.messages[row]}")

    def _runs(
        self, part: Part, points: Points, chosen: NDArray[np.int64], messages: NDArray[np.object_]
    ) -> Iterator[tuple[NDArray[np.int64], Trace, LaunchMode]]:
        """Give the runs of one workload: which points, what, and how it is launched; one for each of its settings."""
        axes = self.sweep.space.axes
        varied = [idx for idx, axis in enumerate(axes) if _concerns(axis, part)]
        for inside in self.sweep.space.split(points, varied):
            choices = [axes[idx].choices[points[inside[0], idx]] for idx in varied]
            settings = dict(part.settings)
            for choice in choices:
                settings |= choice.settings.get(part.label, {})
            launch = next((choice.launch for choice in choices if choice.launch), self.sweep.file.launch)
            try:
                trace = build_trace(part.workload, freeze(settings))
            except InputError as error:  # settings that do not go together, each of which does with the others
                reason = "; ".join(map(str, error.faults))
                _add_message(messages, chosen[inside], f"{part.label}: {reason}")
                continue
            yield inside, trace, cast("LaunchMode", launch)


def _concerns(axis: Axis, part: Part) -> bool:
    return any(choice.launch or part.label in choice.settings for choice in axis.choices)


def _all_of(rows: NDArray[np.int64], points: Points) -> Any:
    """Give rows as they are filled fastest: as a slice if they are all rows."""
    return slice(None) if len(rows) == len(points) else rows


def _add_message(messages: NDArray[np.object_], rows: NDArray[np.int64], text: str) -> None:
    for row in rows:
        messages[row] = "; ".join(filter(None, (messages[row], text)))
