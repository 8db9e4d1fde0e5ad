"""Many machines that differ in a few values: one machine whose values are columns.

A sweep over 100,000 machines does not make 100,000 objects. What lowers a machine is arithmetic on its values, and
works as well on arrays of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archmodel.machine.types import Machine

LeafPath = tuple[str, ...]
"""Attributes, and keys of mappings, from a machine to one of its values: ``("sram", "capacity_bytes")``."""

_NO_VALUES = ("name", "title", "vendor", "status", "process", "sources", "published", "notes", "provenance")


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
