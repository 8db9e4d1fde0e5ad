"""Builders: one file per model family. A builder turns the ``model:`` part of a workload file into a trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from archmodel.errors import UnknownNameError
from archmodel.registry import import_plugins
from archmodel.workload.build import TraceBuilder
from archmodel.workload.settings import RunSettings


@dataclass(frozen=True, slots=True)
class Yield:
    """What one step of a trace gives: ``items`` of ``item`` (``"token"``, ``"sample"``, ``"image"``, ``"video"``)."""

    items: float
    item: str


@dataclass(frozen=True, slots=True)
class Builder:
    """A registered builder.

    Parameters
    ----------
    name
        What a workload file writes behind ``builder:``.
    model
        Frozen dataclass that checks the ``model:`` part of the file.
    phases
        Phases it can build, each with the `RunSettings` that it uses; the first is the default.
    build
        Adds the operators of one step to a `TraceBuilder` and says what the step yields. It is given the settings of
        one chip: ``batch`` is the share of one replica and micro-batch.
    splits
        How its models can be shared by chips, besides by the batch: of ``tp``, ``ep``, ``pp`` and ``skew``.
    """

    name: str
    model: type
    phases: Mapping[str, tuple[str, ...]]
    build: Callable[[TraceBuilder, Any, RunSettings], Yield]
    splits: tuple[str, ...] = ()


_BUILDERS: dict[str, Builder] = {}


def register(builder: Builder) -> Builder:
    """Make a builder known by its name."""
    if builder.name in _BUILDERS:
        raise ValueError(f"builder {builder.name!r} registered twice")
    _BUILDERS[builder.name] = builder
    return builder


def find_builder(name: str) -> Builder:
    """Find a builder by name, else raise `UnknownNameError`."""
    builders = all_builders()
    if name not in builders:
        raise UnknownNameError("builder", name, builders)
    return builders[name]


def all_builders() -> Mapping[str, Builder]:
    """Map every known builder by name."""
    import_plugins("archmodel.builders")
    return MappingProxyType(dict(sorted(_BUILDERS.items())))
