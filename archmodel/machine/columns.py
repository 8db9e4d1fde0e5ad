"""Many machines that differ in a few values: one machine whose values are columns.

A sweep over 100,000 machines does not make 100,000 objects. What lowers a machine is arithmetic on its values, and
works as well on arrays of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archmodel.machine.types import Machine

LeafPath = tuple[str, ...]
"""Attributes, and keys of mappings, from a machine to one of its values: ``("sram", "capacity_bytes")``."""

_NO_VALUES = ("name", "title", "vendor", "status", "process", "sources", "published", "notes", "provenance")
_TECHNOLOGY = ("dram", "technology")


@dataclass(frozen=True, slots=True)
class MachineColumns:
    """M machines of one structure.

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

    def machine(self) -> Machine:
        """Make one machine whose values are scalars or columns."""
        machine: Machine = put_leaves(self.base, self.columns)
        return machine

    def at(self, idx: int) -> Machine:
        """Make one of the machines."""
        machine: Machine = put_leaves(self.base, {path: column[idx].item() for path, column in self.columns.items()})
        return machine

    def take(self, chosen: NDArray[Any]) -> MachineColumns:
        """Choose some of the machines, by index or by mask."""
        columns = {path: column[chosen] for path, column in self.columns.items()}
        return MachineColumns(self.base, columns, len(np.arange(self.n_machines)[chosen]))


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


def _differing_leaves(base: Machine, other: Machine) -> dict[LeafPath, Any]:
    """Give the values of a machine that are not those of another one; what it lacks is ``None``.

    Parameters
    ----------
    base, other
        The machine to compare with, and the one whose values are given.
    """
    ours, theirs = dict(list_leaves(base)), dict(list_leaves(other))
    return {
        path: theirs.get(path)
        for path in {**ours, **theirs}
        if path not in ours or path not in theirs or ours[path] != theirs[path]
    }


def can_join(base: Machine, other: Machine) -> bool:
    """Whether machines differ in single numbers, and in the technology of their DRAM, but not in structure.

    Parameters
    ----------
    base, other
        The machines.
    """
    known = dict(list_leaves(base))
    return base.name == other.name and all(
        path == _TECHNOLOGY or (_is_number(value) and _is_number(known.get(path)))
        for path, value in _differing_leaves(base, other).items()
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def join(groups: Sequence[MachineColumns]) -> MachineColumns:
    """Put groups of machines side by side, whose bases `can_join`; what these differ in becomes columns.

    Parameters
    ----------
    groups
        One or more, in the order of the machines.
    """
    base = groups[0].base
    leaves = [dict(list_leaves(group.base)) for group in groups]
    differing = [path for group in groups for path in (*group.columns, *_differing_leaves(base, group.base))]
    columns = {
        path: np.concatenate(
            [
                group.columns.get(path, np.full(group.n_machines, known[path]))
                for group, known in zip(groups, leaves, strict=True)
            ]
        )
        for path in dict.fromkeys(differing)
    }
    return MachineColumns(base, columns, sum(group.n_machines for group in groups))
