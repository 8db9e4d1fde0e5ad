"""Fields that axes set: values of the machine, settings of the workloads, and how steps are launched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from typing import Any, get_args

from archmodel.errors import InputError, suggest
from archmodel.machine.columns import LeafPath, list_leaves
from archmodel.machine.load import load_machine
from archmodel.machine.types import Machine
from archmodel.mapping import LaunchMode
from archmodel.sweep.space import Choice
from archmodel.units import yaml_key
from archmodel.workload.builders import find_builder
from archmodel.workload.load import load_workload, read_workload
from archmodel.workload.settings import RunSettings
from archmodel.workload.types import Trace

Settings = tuple[tuple[str, Any], ...]
_LAUNCH, _WORKLOAD = "launch", "workload"


@dataclass(frozen=True, slots=True)
class Part:
    """One workload of the mix.

    Parameters
    ----------
    label
        Short name; its columns begin with it.
    workload
        Name or file.
    settings
        Run settings, as for `archmodel.workload`.
    weight
        Share of the time of the base machine, after division by the sum of all weights.
    """

    label: str
    workload: str
    settings: Mapping[str, Any]
    weight: float


@dataclass(frozen=True, slots=True)
class Base:
    """What axes change.

    Parameters
    ----------
    name, texts
        The machine, and values of it that the sweep sets for all points.
    machine
        The same, loaded.
    parts
        The workloads.
    """

    name: str
    texts: Mapping[str, str]
    machine: Machine
    parts: tuple[Part, ...]


def why_no_field(path: str, base: Base) -> str:
    """Say why an axis cannot set a field, with near misses; nothing if it can."""
    first, *rest = path.split(".")
    if path == _LAUNCH:
        return ""
    if first != _WORKLOAD:
        return ""  # the machine says it, with the value
    labels, settings = [part.label for part in base.parts], [field.name for field in fields(RunSettings)]
    if len(rest) == 2 and rest[0] not in labels:
        return f"there is no workload {rest[0]!r}; {suggest(rest[0], labels)}"
    if not 1 <= len(rest) <= 2 or rest[-1] not in settings:
        return f"there is no setting {'.'.join(rest)!r}; {suggest(rest[-1] if rest else '', settings)}"
    return ""


def make_choice(label: str, given: Mapping[str, Any], base: Base) -> Choice:
    """Check one choice of an axis.

    Parameters
    ----------
    label
        What people read.
    given
        Values as written, by field.
    base
        What they change.

    Raises
    ------
    ValueError
        With what is wrong: ``field: why``, joined by ``; ``.
    """
    texts: dict[str, str] = {}
    settings: dict[str, dict[str, Any]] = {}
    columns: dict[str, Any] = {}
    launch, faults = None, list[str]()
    for path, value in given.items():
        first, *rest = path.split(".")
        if path == _LAUNCH:
            launch = str(value)
            columns[_LAUNCH] = launch
            if launch not in get_args(LaunchMode):
                faults.append(f"{path}: {launch!r} is no launch mode; {suggest(launch, get_args(LaunchMode))}")
        elif first == _WORKLOAD:
            meant = (
                [part for part in base.parts if rest[-1] in known_settings(part)]
                if len(rest) == 1
                else [part for part in base.parts if part.label == rest[0]]
            )
            if not meant:
                faults.append(f"{path}: no workload of the sweep has this setting")
            for part in meant:
                settings.setdefault(part.label, {})[rest[-1]] = value
            columns["_".join(rest)] = value
        else:
            texts[path] = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    machine = base.machine
    try:
        machine = load_machine(base.name, {**base.texts, **texts}) if texts else base.machine
    except InputError as error:
        faults += [str(fault).removeprefix("--set: ") for fault in error.faults]
    faults += _why_no_settings(settings, base.parts)
    if faults:
        raise ValueError("; ".join(faults))
    leaves = {leaf_path(machine, path.split(".")): None for path in texts}
    known = dict(list_leaves(machine))
    leaves = {path: known.get(path) for path in leaves}
    columns |= {"_".join(path): value for path, value in leaves.items()}
    return Choice(label, texts, leaves, settings, launch, columns)


def _why_no_settings(settings: Mapping[str, Mapping[str, Any]], parts: Sequence[Part]) -> list[str]:
    """Say why workloads do not take settings; nothing if they do."""
    faults = []
    for part in parts:
        if part.label in settings:
            try:
                build_trace(part.workload, freeze({**part.settings, **settings[part.label]}))
            except InputError as error:
                faults += [f"workload.{part.label}: {fault}" for fault in error.faults]
    return faults


def known_settings(part: Part) -> tuple[str, ...]:
    """List the settings that a workload has in its phase."""
    _, file, _ = read_workload(part.workload)
    builder = find_builder(file.builder)
    phase = str(part.settings.get("phase") or next(iter(builder.phases)))
    return (*builder.phases.get(phase, ()), "chips", *builder.splits)


def freeze(settings: Mapping[str, Any]) -> Settings:
    """Make settings a key of caches."""
    return tuple(sorted(settings.items()))


@lru_cache(maxsize=256)
def build_trace(workload: str, settings: Settings) -> Trace:
    """Build a trace, once per process.

    Parameters
    ----------
    workload
        Name or file.
    settings
        As `freeze` leaves them.
    """
    return load_workload(workload, **dict(settings))


def leaf_path(machine: Machine, keys: Sequence[str]) -> LeafPath:
    """Follow the keys of a machine file to the value that they name.

    Parameters
    ----------
    machine
        That has the value.
    keys
        E.g. ``["sram", "capacity"]``.
    """
    here: Any = machine
    path: list[str] = []
    for key in keys:
        name = (
            next((field.name for field in fields(here) if yaml_key(field.name) == key), key)
            if is_dataclass(here)
            else key
        )
        path.append(name)
        here = getattr(here, name) if is_dataclass(here) else here.get(name) if isinstance(here, Mapping) else None
    return tuple(path)
