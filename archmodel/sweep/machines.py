"""Machines of points: those of one structure side by side, and why some points have none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archmodel.errors import InputError
from archmodel.inputs import Document
from archmodel.machine.columns import MachineColumns, Structure
from archmodel.machine.load import contradictions, load_machine
from archmodel.machine.types import Machine
from archmodel.sweep.figures import Economics
from archmodel.sweep.load import Sweep
from archmodel.sweep.space import Axis, Points

# Values that contradict each other although each of them is right; see `contradictions`.
_CONTRADICTING = (("sram", "capacity_bytes"), ("dram", "capacity_bytes"), ("timing",), ("wave",), ("vector", "lanes"))


@dataclass(frozen=True, slots=True)
class Group:
    """Machines of one structure, which are evaluated together.

    Parameters
    ----------
    rows
        Which of the points they are (M,).
    machines
        In the same order.
    is_priced
        Whether they have energy, area and cost.
    """

    rows: NDArray[np.int64]
    machines: MachineColumns
    is_priced: bool


@dataclass(frozen=True, slots=True)
class _Member:
    """A machine as structural axes give it: of which structure, its number there, why it has no cost if it has none."""

    structure: int
    number: int
    against: str


class MachineFinder:
    """Finds the machines of points. What it has loaded and checked, it knows when further points are asked about.

    Parameters
    ----------
    sweep
        Whose points.
    economics
        Says which machines have energy, area and cost.
    """

    def __init__(self, sweep: Sweep, economics: Economics) -> None:
        self.sweep, self.economics = sweep, economics
        self._axes = sweep.space.axes
        self._structural = [idx for idx, axis in enumerate(self._axes) if axis.is_structural]
        self._deciding = [idx for idx, axis in enumerate(self._axes) if axis.is_structural or _may_contradict(axis)]
        self._values = {
            path: (idx, as_column([choice.leaves[path] for choice in axis.choices]))
            for idx, axis in enumerate(self._axes)
            if not axis.is_structural
            for path in axis.choices[0].leaves
        }
        self._structures: list[tuple[Structure, bool]] = []
        self._members: dict[int, _Member | str] = {}
        self._faults: dict[int, str] = {}
        self._lock = Lock()  # threads share what is known

    def find(self, points: Points, messages: NDArray[np.object_]) -> Iterator[Group]:
        """Give the machines of points; where there is none, say why in ``messages``, and where they have no cost.

        Parameters
        ----------
        points
            (N, axes), which choice of every axis.
        messages
            (N,), to be filled.
        """
        codes, first, place = np.unique(
            self.sweep.space.codes(points, self._structural), return_index=True, return_inverse=True
        )
        found = [self._member(code, points[row]) for code, row in zip(codes.tolist(), first, strict=True)]
        for idx, member in enumerate(found):
            if (why := member if isinstance(member, str) else member.against) != "":
                messages[place == idx] = why
        numbers = [(-1, 0) if isinstance(each, str) else (each.structure, each.number) for each in found]
        structure, number = np.array(numbers, np.int64).reshape(-1, 2)[place].T
        for idx in np.unique(structure[structure >= 0]):
            rows = np.flatnonzero(structure == idx)
            kind, is_priced = self._structures[idx]
            columns = {path: values[points[rows, axis]] for path, (axis, values) in self._values.items()}
            machines = kind.columns(number[rows], columns)
            is_wrong = self._mark_contradictions(points[rows], machines, rows, messages)
            if is_wrong.any():
                rows, machines = rows[~is_wrong], machines.take(~is_wrong)
            if len(rows):
                yield Group(rows, machines, is_priced)

    def _member(self, code: int, point: NDArray[np.int64]) -> _Member | str:
        """Load the machine that the structural axes give, or say why there is none."""
        with self._lock:
            if code not in self._members:
                texts = dict(self.sweep.base.texts)
                for idx in self._structural:
                    texts |= self._axes[idx].choices[point[idx]].texts
                try:
                    self._members[code] = self._add(load_machine(self.sweep.base.name, texts))
                except InputError as error:
                    self._members[code] = "; ".join(fault.text for fault in error.faults)
            return self._members[code]

    def _add(self, machine: Machine) -> _Member:
        """Put a machine beside those of its structure."""
        reason = self.economics.reason_against(machine)
        against = f"economy: {reason}" if reason else ""
        for idx, (structure, is_priced) in enumerate(self._structures):
            if is_priced == (not reason) and (number := structure.add(machine)) is not None:
                return _Member(idx, number, against)
        structure = Structure(machine)
        self._structures.append((structure, not reason))
        number = structure.add(machine)
        assert number is not None  # it is of its own structure
        return _Member(len(self._structures) - 1, number, against)

    def _mark_contradictions(
        self, points: Points, machines: MachineColumns, rows: NDArray[np.int64], messages: NDArray[np.object_]
    ) -> NDArray[np.bool_]:
        """Mark machines whose values contradict each other, and say so."""
        codes, first, place = np.unique(
            self.sweep.space.codes(points, self._deciding), return_index=True, return_inverse=True
        )
        said = [self._say_contradiction(code, machines, row) for code, row in zip(codes.tolist(), first, strict=True)]
        for idx, text in enumerate(said):
            if text:
                messages[rows[place == idx]] = text
        return np.array([text != "" for text in said], np.bool_)[place]

    def _say_contradiction(self, code: int, machines: MachineColumns, idx: int) -> str:
        if code not in self._faults:
            faults = contradictions(machines.at(idx), Document("", {}, {}))
            self._faults[code] = "; ".join(fault.text for fault in faults)
        return self._faults[code]


def as_column(values: list[Any]) -> NDArray[Any]:
    """Make numbers an array of numbers, and anything else one of texts.

    Parameters
    ----------
    values
        Of an axis, one per choice.
    """
    if all(isinstance(value, int | float) for value in values):
        return np.array(values)
    return np.array(["" if value is None else str(value) for value in values], np.object_)


def _may_contradict(axis: Axis) -> bool:
    return any(path[: len(start)] == start for path in axis.choices[0].leaves for start in _CONTRADICTING)
