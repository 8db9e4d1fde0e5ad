"""Operator kinds: one file each. A kind is a frozen dataclass of dims with `operands`, `work` and `reuse`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from archmodel.errors import UnknownNameError
from archmodel.registry import import_plugins
from archmodel.workload.types import OperatorKind

K = TypeVar("K", bound=type[OperatorKind])
_KINDS: dict[str, type[OperatorKind]] = {}


def register(cls: K) -> K:
    """Class decorator: make a kind known under its ``kind``."""
    if cls.kind in _KINDS:
        raise ValueError(f"operator kind {cls.kind!r} registered twice")
    _KINDS[cls.kind] = cls
    return cls


def operator_kinds() -> Mapping[str, type[OperatorKind]]:
    """Map every known kind to its class."""
    import_plugins("archmodel.operators")
    return MappingProxyType(dict(sorted(_KINDS.items())))


def operator_kind(name: str) -> type[OperatorKind]:
    """Find a kind by name, else raise `UnknownNameError`."""
    kinds = operator_kinds()
    if name not in kinds:
        raise UnknownNameError("operator", name, kinds)
    return kinds[name]
