"""Models: one file each. A model turns a trace and a machine into a `Result`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, TypeVar

from archmodel.errors import Fault, InputError, UnknownNameError
from archmodel.machine.types import Machine
from archmodel.mapping import LaunchMode
from archmodel.registry import import_plugins
from archmodel.results import Result, ResultTable
from archmodel.workload.types import Trace


class Model(Protocol):
    """What every model offers. `evaluate` is pure and deterministic."""

    name: str

    def supports(self, trace: Trace, machine: Machine) -> tuple[str, ...]:
        """Say why there would be no answer; empty when there is one."""
        ...

    def evaluate(self, trace: Trace, machine: Machine, launch: LaunchMode = "graph") -> Result:
        """Evaluate one trace on one machine; `UnsupportedError` with reasons when there is no answer."""
        ...

    def evaluate_batch(self, trace: Trace, machines: Sequence[Machine], launch: LaunchMode = "graph") -> ResultTable:
        """Evaluate one trace on many machines: a row each, unsupported ones with a status and a message."""
        ...


M = TypeVar("M", bound=type)
_MODELS: dict[str, Model] = {}


def register(cls: M) -> M:
    """Class decorator: make a model known under its ``name``."""
    model: Model = cls()
    if model.name in _MODELS:
        raise ValueError(f"model {model.name!r} registered twice")
    _MODELS[model.name] = model
    return cls


def models() -> Mapping[str, Model]:
    """Map every known model by name."""
    import_plugins("archmodel.models")
    return MappingProxyType(dict(sorted(_MODELS.items())))


def find_model(name: str, mode: str | None = None) -> Model:
    """Find a model by name, and, if it has modes, in one of them.

    Raises
    ------
    InputError
        When there is no such model or mode.
    """
    known = models()
    if name not in known:
        raise UnknownNameError("model", name, known)
    if mode is None:
        return known[name]
    variants: Mapping[str, Model] = getattr(known[name], "modes", {})
    if not variants:
        raise InputError("mode", [Fault("", f"model {name!r} has no modes; leave mode out")])
    if mode not in variants:
        raise UnknownNameError(f"mode of model {name!r}", mode, variants)
    return variants[mode]
