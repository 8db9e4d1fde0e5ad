"""Files that hold only some values of a machine: what they are good for, and where they belong in ``extends``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from archmodel.errors import Fault
from archmodel.inputs import Document
from archmodel.machine.types import Machine
from archmodel.units import yaml_key

_KEYS = {
    yaml_key(field.name): field.default is MISSING and field.default_factory is MISSING for field in fields(Machine)
}  # key of a file → whether a machine needs it
_ABOUT = ("title", "vendor", "status", "process")  # what nobody leaves out who describes a machine
_OTHERS = ("name", "notes", "sources")


def is_whole(tree: Mapping[str, Any]) -> bool:
    """Tell a machine from a fragment."""
    return all(key in tree for key, is_needed in _KEYS.items() if is_needed)


def fragment_faults(document: Document, path: Path) -> list[Fault]:
    """Refuse a fragment in place of a machine, in one sentence and not in one for each value that it lacks.

    Parameters
    ----------
    document
        With all that it extends.
    path
        Of the file.
    """
    groups = [key for key in document.tree if key not in _OTHERS]
    if not groups or any(key in _ABOUT or key not in _KEYS for key in groups):
        return []
    text = f"has only some values of a machine ({', '.join(groups)})"
    return [Fault(document.where(()), f"{text}; take them in with: extends: [MACHINE, {path}]")]


def order_faults(document: Document, trees: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    """Refuse fragments that come before a machine, whose values would win.

    Parameters
    ----------
    document
        A file that extends others.
    trees
        What each of these says.
    """
    last = max((k for k, tree in enumerate(trees) if is_whole(tree)), default=0)
    for k, tree in enumerate(trees[:last]):
        if not is_whole(tree):
            name, machine = (document.tree["extends"][i] for i in (k, last))
            text = f"extends: {name!r} has only some values of a machine, and those of {machine!r} would win"
            yield Fault(document.where(("extends", str(k))), f"{text}; name it behind {machine!r}")
