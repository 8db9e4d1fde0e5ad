"""Many machines that differ in a few values: one machine whose values are columns.

A sweep over 100,000 machines does not make 100,000 objects. What lowers a machine is arithmetic on its values, and
works as well on arrays of them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from archmodel.machine.types import Machine

LeafPath = tuple[str, ...]
"""Attributes, and keys of mappings, from a machine to one of its values: ``("sram", "capacity_bytes")``."""

T = TypeVar("T")
_NO_VALUES = ("name", "title", "vendor", "status", "process", "sources", "published", "notes", "provenance")
_TECHNOLOGY = ("dram", "technology")
_MOST_CODES, _NEAR_ONE_ANOTHER = 1 << 62, 1 << 32


@dataclass(frozen=True, slots=True)
class MachineColumns:
    """M machines of one structure.

    Several models and workloads are asked about the same machines: what is worked out of these is kept with them.

    Parameters
    ----------
    base
        What they have in common.
    columns
        What they differ in: a value per machine, (M,) each.
    n_machines
        M; given because there may be no columns.
    """

    base: Machine
    columns: Mapping[LeafPath, NDArray[Any]]
    n_machines: int
    _known: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def find(self, what: Hashable, make: Callable[[], T]) -> T:
        """Give what was worked out of these machines before, or make it; it is kept as long as they are.

        Parameters
        ----------
        what
            By which it is known.
        make
            Makes it, from these machines alone.
        """
        if what not in self._known:
            self._known[what] = make()
        found: T = self._known[what]
        return found

    def machine(self) -> Machine:
        """Make one machine whose values are scalars or columns."""
        machine: Machine = self.find("machine", lambda: put_leaves(self.base, self.columns))
        return machine

    def at(self, idx: int) -> Machine:
        """Make one of the machines."""
        machine: Machine = put_leaves(self.base, {path: column[idx].item() for path, column in self.columns.items()})
        return machine

    def take(self, chosen: NDArray[Any]) -> MachineColumns:
        """Choose some of the machines, by index or by mask."""
        columns = {path: column[chosen] for path, column in self.columns.items()}
        return MachineColumns(self.base, columns, len(np.arange(self.n_machines)[chosen]))


def distinct(columns: Sequence[NDArray[Any]], n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Tell rows apart: the first of each unlike one, in the order of their values, and which of these every row is.

    Parameters
    ----------
    columns
        Of the rows; none: all rows are alike.
    n
        Rows.
    """
    code, n_codes = np.zeros(n, np.int64), 1
    for column in columns:
        place, n_values = _number(column)
        if n_codes * n_values > _MOST_CODES:  # numbered anew
            code, n_codes = _number(np.unique(code, return_inverse=True)[1])
        if n_values > 1:
            code, n_codes = code * n_values + place, n_codes * n_values
    _, first, place = np.unique(code, return_index=True, return_inverse=True)
    return first, place


def _number(column: NDArray[Any]) -> tuple[NDArray[np.int64], int]:
    """Give values numbers in their order, and say how many; whole numbers near one another are numbers already."""
    if column.dtype == np.int64 and len(column) and (span := int(np.ptp(column))) < _NEAR_ONE_ANOTHER:
        return column - column.min(), span + 1
    values, place = np.unique(column, return_inverse=True)
    return place, len(values)


def list_leaves(node: Any, path: LeafPath = ()) -> Iterator[tuple[LeafPath, Any]]:
    """List the values of a machine, or of a part of it, with their paths.

    Parameters
    ----------
    node
        Machine, part or value.
    path
        Where it is.
    """
    if is_dataclass(node):
        for each in fields(node):
            if path or each.name not in _NO_VALUES:
                yield from list_leaves(getattr(node, each.name), (*path, each.name))
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from list_leaves(value, (*path, str(key)))
    else:
        yield path, node


def put_leaves(node: Any, values: Mapping[LeafPath, Any]) -> Any:
    """Make the same machine, or part of one, with other values.

    Parameters
    ----------
    node
        Machine, part or mapping.
    values
        By path from there; every path leads to a value that exists.
    """
    below: dict[str, dict[LeafPath, Any]] = {}
    for path, value in values.items():
        below.setdefault(path[0], {})[path[1:]] = value
    changed = {
        name: parts[()] if () in parts else put_leaves(_child(node, name), parts) for name, parts in below.items()
    }
    if isinstance(node, Mapping):
        return {**node, **changed}
    return replace(node, **changed)


def _child(node: Any, name: str) -> Any:
    return node[name] if isinstance(node, Mapping) else getattr(node, name)


class Structure:
    """Machines that differ in single numbers, and in the technology of their DRAM, but not in what they have.

    Parameters
    ----------
    base
        One of them.
    """

    def __init__(self, base: Machine) -> None:
        self.base = base
        self._leaves = dict(list_leaves(base))
        self._members: list[Mapping[LeafPath, Any]] = []

    def add(self, machine: Machine) -> int | None:
        """Add a machine, and give its number among them; ``None`` where it is of another structure."""
        theirs = dict(list_leaves(machine))
        differing = {
            path: theirs.get(path)
            for path in {**self._leaves, **theirs}
            if path not in self._leaves or path not in theirs or self._leaves[path] != theirs[path]
        }
        is_alike = self.base.name == machine.name and all(
            path == _TECHNOLOGY or (_is_number(value) and _is_number(self._leaves.get(path)))
            for path, value in differing.items()
        )
        if not is_alike:
            return None
        self._members.append(differing)
        return len(self._members) - 1

    def columns(self, which: NDArray[np.int64], columns: Mapping[LeafPath, NDArray[Any]]) -> MachineColumns:
        """Put machines side by side; what those added differ in becomes columns.

        Parameters
        ----------
        which
            (M,), number of each, as `add` gave it.
        columns
            What else they differ in, a value per machine; they go before what was added.
        """
        present, place = np.unique(which, return_inverse=True)
        members = [self._members[number] for number in present.tolist()]
        differing = dict.fromkeys(path for member in members for path in member if path not in columns)
        values = {path: [member.get(path, self._leaves[path]) for member in members] for path in differing}
        of_members = {path: np.array(each)[place] for path, each in values.items()}
        return MachineColumns(self.base, {**columns, **of_members}, len(which))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
