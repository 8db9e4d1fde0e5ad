"""Evaluate points of a sweep: the models over columns of machines, and figures of the mix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from archmodel.errors import InputError, UnsupportedError
from archmodel.inputs import Document
from archmodel.machine.columns import MachineColumns, can_join, join
from archmodel.machine.load import contradictions, load_machine
from archmodel.machine.types import Machine
from archmodel.mapping import LaunchMode
from archmodel.models.columns import BINDERS, evaluate_columns
from archmodel.sweep.fields import Part, build_trace, freeze
from archmodel.sweep.figures import Economics, mix_columns
from archmodel.sweep.load import Sweep
from archmodel.sweep.objectives import CHIP, PER_WORKLOAD, axis_columns
from archmodel.sweep.space import Axis, Points
from archmodel.workload.types import Trace

Table = dict[str, NDArray[Any]]
"""Columns of equal length; NaN, and an empty text, where there is no value."""
Group = tuple[NDArray[np.int64], MachineColumns]
"""Machines of one structure, and which of the points they are."""

_BOUND_NAMES = np.array([*BINDERS, ""], np.object_)  # −1 stands for no answer

# Values that contradict each other although each of them is right; see `contradictions`.
_CONTRADICTING = (("sram", "capacity_bytes"), ("dram", "capacity_bytes"), ("timing",), ("wave",), ("vector", "lanes"))


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
            chip, reason = self.economics.chip(machines)
            if reason:
                raise UnsupportedError(f"base machine {sweep.base.name}", [reason])
            columns = self.economics.workload(trace, machines, totals, chip)
            found[part.label] = {name: float(column[0]) for name, column in columns.items()}
        return found

    @cached_property
    def _machines(self) -> dict[tuple[int, ...], Machine | str]:
        return {}

    def evaluate(self, points: Points) -> Table:
        """Evaluate points, see `evaluate_points`."""
        axes, parts = self.sweep.space.axes, self.sweep.base.parts
        table: Table = {"point": self.sweep.space.ids(points)}
        for idx, axis in enumerate(axes):
            for name, values in axis_columns(axis).items():
                table[name] = _as_column(values)[points[:, idx]]
        messages = np.full(len(points), "", np.object_)
        for name in CHIP:
            table[name] = np.full(len(points), np.nan)
        for part in parts:
            table |= {f"{part.label}_{name}": np.full(len(points), np.nan) for name in PER_WORKLOAD}
            table[f"{part.label}_bound"] = np.full(len(points), "", np.object_)
        for groups in _join(list(self._groups(points, messages))):
            self._fill(table, points, groups, messages)
        table |= mix_columns(table, parts, self.base)
        is_ok = messages == ""
        table["status"] = np.where(is_ok, "ok", "unsupported").astype(np.object_)
        table["message"] = messages
        is_feasible = is_ok.astype(np.bool_)
        for condition in self.sweep.conditions:
            is_feasible &= condition.holds(table)
        table["is_feasible"] = is_feasible
        return table

    def _fill(self, table: Table, points: Points, groups: Sequence[Group], messages: NDArray[np.object_]) -> None:
        """Fill the rows of machines that are evaluated together; what chips cost depends on structure."""
        chips = []
        for chosen, its_machines in groups:
            chip, reason = self.economics.chip(its_machines)
            if reason:
                messages[chosen] = f"economy: {reason}"
            for name, column in chip.items():
                table[name][chosen] = column
            chips.append(chip)
        chosen, machines = np.concatenate([rows for rows, _ in groups]), join([each for _, each in groups])
        firsts = np.cumsum([0, *(len(rows) for rows, _ in groups)])
        for part in self.sweep.base.parts:
            for inside, trace, launch in self._runs(part, points[chosen], chosen, messages):
                file, rows = self.sweep.file, chosen[inside]
                some = machines if len(inside) == machines.n_machines else machines.take(inside)
                totals = evaluate_columns(file.model, trace, some, launch, file.mode)
                for (_, its_machines), chip, first in zip(groups, chips, firsts[:-1], strict=True):
                    is_its = (first <= inside) & (inside < first + its_machines.n_machines)
                    its = inside[is_its] - first
                    its_chip = {name: column[its] for name, column in chip.items()}
                    its_totals = totals.take(is_its)
                    found = self.economics.workload(trace, its_machines.take(its), its_totals, its_chip)
                    for name, column in found.items():
                        table[f"{part.label}_{name}"][rows[is_its]] = column
                table[f"{part.label}_bound"][rows] = _BOUND_NAMES[totals.bound]
                for row in np.flatnonzero(totals.messages != ""):
                    _add_message(messages, rows[[row]], f"{part.label}: {totals.messages[row]}")

    def _groups(self, points: Points, messages: NDArray[np.object_]) -> Iterator[Group]:
        """Split points into machines of one structure; where there is no machine, say why in ``messages``."""
        axes = self.sweep.space.axes
        structural = [idx for idx, axis in enumerate(axes) if axis.is_structural]
        for key, chosen in _split(points, structural):
            machine = self._machine(structural, key)
            if isinstance(machine, str):
                messages[chosen] = machine
                continue
            columns = {
                path: _as_column([choice.leaves[path] for choice in axis.choices])[points[chosen, idx]]
                for idx, axis in enumerate(axes)
                if not axis.is_structural
                for path in axis.choices[0].leaves
            }
            machines = MachineColumns(machine, columns, len(chosen))
            is_wrong = self._mark_contradictions(points[chosen], machines, chosen, messages)
            if is_wrong.any():
                chosen, machines = chosen[~is_wrong], machines.take(~is_wrong)
            if len(chosen):
                yield chosen, machines

    def _machine(self, structural: list[int], key: tuple[int, ...]) -> Machine | str:
        """Load the machine that the structural axes give, or say why there is none."""
        if key not in self._machines:
            texts = dict(self.sweep.base.texts)
            for idx, choice in zip(structural, key, strict=True):
                texts |= self.sweep.space.axes[idx].choices[choice].texts
            try:
                self._machines[key] = load_machine(self.sweep.base.name, texts)
            except InputError as error:
                self._machines[key] = "; ".join(fault.text for fault in error.faults)
        return self._machines[key]

    def _mark_contradictions(
        self, points: Points, machines: MachineColumns, chosen: NDArray[np.int64], messages: NDArray[np.object_]
    ) -> NDArray[np.bool_]:
        """Mark machines whose values contradict each other, and say so."""
        is_wrong = np.zeros(len(points), np.bool_)
        relevant = [
            idx
            for idx, axis in enumerate(self.sweep.space.axes)
            if any(path[: len(start)] == start for path in axis.choices[0].leaves for start in _CONTRADICTING)
        ]
        for _, inside in _split(points, relevant):
            faults = contradictions(machines.at(int(inside[0])), Document("", {}, {}))
            if faults:
                is_wrong[inside] = True
                messages[chosen[inside]] = "; ".join(fault.text for fault in faults)
        return is_wrong

    def _runs(
        self, part: Part, points: Points, chosen: NDArray[np.int64], messages: NDArray[np.object_]
    ) -> Iterator[tuple[NDArray[np.int64], Trace, LaunchMode]]:
        """Give the runs of one workload: which points, what, and how it is launched; one for each of its settings."""
        axes = self.sweep.space.axes
        varied = [idx for idx, axis in enumerate(axes) if _concerns(axis, part)]
        for key, inside in _split(points, varied):
            choices = [axes[idx].choices[choice] for idx, choice in zip(varied, key, strict=True)]
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


def _join(groups: Sequence[Group]) -> list[list[Group]]:
    """Put groups together whose machines can be joined."""
    joined: list[list[Group]] = []
    for group in groups:
        known = next((each for each in joined if can_join(each[0][1].base, group[1].base)), None)
        if known is None:
            joined.append([group])
        else:
            known.append(group)
    return joined


def _concerns(axis: Axis, part: Part) -> bool:
    return any(choice.launch or part.label in choice.settings for choice in axis.choices)


def _split(points: Points, axes: list[int]) -> Iterator[tuple[tuple[int, ...], NDArray[np.int64]]]:
    """Group points by their choices on some axes: the choices, and which points have them."""
    if not axes:
        yield (), np.arange(len(points))
        return
    keys, group = np.unique(points[:, axes], axis=0, return_inverse=True)
    for idx, key in enumerate(keys):
        yield tuple(key.tolist()), np.flatnonzero(group == idx)


def _as_column(values: list[Any]) -> NDArray[Any]:
    """Make numbers an array of numbers, and anything else one of texts."""
    if all(isinstance(value, int | float) for value in values):
        return np.array(values)
    return np.array(["" if value is None else str(value) for value in values], np.object_)


def _add_message(messages: NDArray[np.object_], rows: NDArray[np.int64], text: str) -> None:
    for row in rows:
        messages[row] = "; ".join(filter(None, (messages[row], text)))
