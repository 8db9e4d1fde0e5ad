"""Read sweep files: YAML with a base machine, a mix of workloads, axes, conditions and objectives."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from archmodel.errors import Fault, InputError, UnknownNameError, suggest
from archmodel.inputs import SCHEMA, Document, KeyPath, build, in_reading_order, is_file, read_yaml
from archmodel.machine.load import load_machine
from archmodel.mapping import LaunchMode
from archmodel.models import find_model
from archmodel.sweep.axes import read_axes
from archmodel.sweep.conditions import Condition
from archmodel.sweep.fields import Base, Part, build_trace, freeze
from archmodel.sweep.objectives import Goal, Objective, figure_units, point_columns
from archmodel.sweep.space import Space
from archmodel.units import GIVEN_COUNT, GIVEN_COUNT_OR_ZERO, POSITIVE

SUBJECT = "sweep description"
_WORD = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class MixFile:
    """A workload of a sweep as its file describes it.

    Parameters
    ----------
    workload
        Name or path.
    label
        Short name; the last part of ``workload`` if not given.
    weight
        Share of the time of the base machine, relative to the other workloads.
    settings
        Run settings: phase, batch, …
    """

    __pydantic_config__: ClassVar = SCHEMA
    workload: str
    label: str | None = None
    weight: Annotated[float, POSITIVE] = 1.0
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SweepFile:
    """A sweep as its file describes it.

    Parameters
    ----------
    title
        What is asked.
    machine
        Base machine: a name or path. Speed, latency and energy of a mix are relative to it.
    workloads
        The mix.
    axes
        By name: what varies, see `archmodel.sweep.axes.read_axes`.
    objectives
        Name → ``min`` or ``max``.
    where
        Conditions that points must meet.
    set
        Values of the base machine that hold for all points, by path.
    model, mode, launch
        As in `archmodel.evaluate`.
    points
        How many points are evaluated; all of them if not given.
    seed
        From which a sample or a search is drawn.
    economy
        Parameters of energy, area and cost that hold for all points, by path.
    notes
        Sentences that belong beside the results.
    """

    __pydantic_config__: ClassVar = SCHEMA
    title: str
    machine: str
    workloads: Sequence[MixFile]
    axes: Mapping[str, Any]
    objectives: Mapping[str, Literal["min", "max"]]
    where: Sequence[str] = ()
    set: Mapping[str, Any] = field(default_factory=dict)
    model: str = "roofline"
    mode: str | None = None
    launch: LaunchMode = "graph"
    points: Annotated[int, GIVEN_COUNT] | None = None
    seed: Annotated[int, GIVEN_COUNT_OR_ZERO] = 0
    economy: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep, checked.

    Parameters
    ----------
    name, file
        What it is called, and what its file says.
    description
        What the file says, as it is written there.
    base
        What its axes change.
    space
        Its points.
    objectives, conditions
        What is wanted, and what must hold.
    """

    name: str
    file: SweepFile
    description: Mapping[str, Any]
    base: Base
    space: Space
    objectives: tuple[Objective, ...]
    conditions: tuple[Condition, ...]

    def with_model(self, model: str, mode: str | None = None) -> Sweep:
        """Give the same sweep with another model."""
        return replace(self, file=replace(self.file, model=model, mode=mode))


@cache
def preset_paths() -> Mapping[str, Path]:
    """Map the name of every shipped sweep to its file."""
    folder = Path(str(files("archmodel.sweep") / "presets"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_sweep(given: str | Path | Mapping[str, Any], changes: Mapping[str, Any] | None = None) -> Sweep:
    """Load a sweep.

    Parameters
    ----------
    given
        A shipped sweep, the path of a ``.yaml`` file, or what such a file would hold.
    changes
        Keys of the file that get another value: ``{"model": "analytic", "points": 1000}``.

    Raises
    ------
    UnknownNameError
        When no sweep has that name.
    InputError
        When the file is wrong; lists every fault.
    """
    name, document = _read(given)
    marks = document.marks | {(key,): f"--{key}" for key in changes or {}}
    document = Document(SUBJECT, {**document.tree, **(changes or {})}, marks)
    file = build(SweepFile, document)
    faults: list[Fault] = []
    base = _read_base(file, document, faults)
    _check_model(file, document, faults)
    axes = read_axes(file.axes, base, document, faults) if base else ()
    objectives = _read_objectives(file, base, document, faults) if base else ()
    if base is None or faults:
        raise InputError(SUBJECT, in_reading_order(faults))
    space = Space(axes)
    if space.n_points > 2**62:
        faults.append(Fault(document.where(("axes",)), f"axes: {space.n_points:.2g} points are too many; at most 2^62"))
    conditions = _read_conditions(file, base, space, document, faults)
    if faults:
        raise InputError(SUBJECT, in_reading_order(faults))
    return Sweep(name, file, document.tree, base, space, objectives, conditions)


def _read(given: str | Path | Mapping[str, Any]) -> tuple[str, Document]:
    if isinstance(given, Mapping):
        return str(given.get("name", "sweep")), Document(SUBJECT, {k: v for k, v in given.items() if k != "name"}, {})
    if is_file(given):
        return Path(given).stem, read_yaml(Path(given), SUBJECT)
    if str(given) not in preset_paths():
        raise UnknownNameError("sweep", str(given), preset_paths(), hint="or give the path of a .yaml file")
    return str(given), read_yaml(preset_paths()[str(given)], SUBJECT)


def _read_base(file: SweepFile, document: Document, faults: list[Fault]) -> Base | None:
    """Load the machine and the workloads; ``None`` when one of them is wrong."""
    n_before = len(faults)
    texts = {path: str(value) for path, value in file.set.items()}
    machine = None
    try:
        machine = load_machine(file.machine, texts)
    except InputError as error:
        for fault in error.faults:
            path = ("set", fault.text.partition(":")[0]) if fault.where == "--set" else ("machine",)
            faults.append(Fault(document.where(path), f"{path[0]}: {_plain(fault)}"))
    parts = tuple(
        Part(each.label or _as_label(each.workload), each.workload, dict(each.settings), each.weight)
        for each in file.workloads
    )
    labels = [part.label for part in parts]
    if not parts:
        faults.append(Fault(document.where(("workloads",)), "workloads: give at least one"))
    for idx, part in enumerate(parts):
        here: KeyPath = ("workloads", str(idx))
        if not _WORD.fullmatch(part.label):
            text = f"label: {part.label!r} is no short name; use a-z, 0-9 and _, and begin with a letter"
            faults.append(Fault(document.where((*here, "label")), text))
        if part.label in labels[:idx]:
            text = f"label: {part.label!r} is that of another workload, too; give each a 'label'"
            faults.append(Fault(document.where((*here, "label")), text))
        try:
            build_trace(part.workload, freeze(part.settings))
        except InputError as error:
            faults += [Fault(document.where(here), f"workloads: {fault}") for fault in error.faults]
        except TypeError:
            faults.append(Fault(document.where((*here, "settings")), "settings: a value is not a number or a word"))
    if machine is None or len(faults) > n_before:
        return None
    whole = math.fsum(part.weight for part in parts)
    shares = tuple(Part(part.label, part.workload, part.settings, part.weight / whole) for part in parts)
    return Base(file.machine, texts, machine, shares)


def _plain(fault: Fault) -> str:
    return fault.text if fault.where in ("", "--set") else str(fault)


def _as_label(workload: str) -> str:
    """Name a workload by the last part of its name, in letters that a column may have."""
    return re.sub(r"[^a-z0-9]+", "_", Path(workload).stem.lower() if is_file(workload) else
                  workload.rpartition("/")[2].lower()).strip("_")  # fmt: skip


def _check_model(file: SweepFile, document: Document, faults: list[Fault]) -> None:
    try:
        find_model(file.model, file.mode)
    except InputError as error:
        key = "model" if error.subject == "model" else "mode"
        faults += [Fault(document.where((key,)), f"{key}: {fault}") for fault in error.faults]


def _read_objectives(file: SweepFile, base: Base, document: Document, faults: list[Fault]) -> tuple[Objective, ...]:
    labels = [part.label for part in base.parts]
    items = [build_trace(part.workload, freeze(part.settings)).item for part in base.parts]
    known = figure_units(labels, items)
    if not file.objectives:
        faults.append(Fault(document.where(("objectives",)), "objectives: give at least one"))
    found = []
    for name, goal in file.objectives.items():
        if name not in known:
            text = f"objectives.{name}: there is no such figure; {suggest(name, known)}"
            faults.append(Fault(document.where(("objectives", name)), text))
            continue
        column, _, unit = known[name]
        found.append(Objective(name, column, _goal(goal), unit))
    return tuple(found)


def _goal(text: str) -> Goal:
    return "min" if text == "min" else "max"


def _read_conditions(
    file: SweepFile, base: Base, space: Space, document: Document, faults: list[Fault]
) -> tuple[Condition, ...]:
    names, texts = point_columns(base.parts, space)
    conditions = tuple(Condition(text) for text in file.where)
    for idx, condition in enumerate(conditions):
        try:
            condition.check(names, texts)
        except ValueError as error:
            faults.append(Fault(document.where(("where", str(idx))), f"where: {condition.text}: {error}"))
    return conditions
