"""Find workload files and build their traces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from archmodel.errors import Fault, InputError, UnknownNameError, suggest
from archmodel.inputs import SCHEMA, Document, KeyPath, build, in_reading_order, is_file, read_yaml
from archmodel.units import FRACTION, POSITIVE
from archmodel.workload.build import TraceBuilder
from archmodel.workload.builders import Builder, find_builder
from archmodel.workload.plan import Plan, make_plan
from archmodel.workload.settings import RunSettings
from archmodel.workload.types import Trace

SUBJECT = "workload description"
RUN = "run settings"


@dataclass(frozen=True, slots=True)
class PublishedFigure:
    """A published number that the trace is held against.

    Parameters
    ----------
    what
        Property of the trace: parameters (weights), table_elements, matrix_flop or flop.
    value, high
        As published; the lower and the upper end where a range is printed.
    source
        Where it is printed.
    settings
        Run settings at which it holds, over the workload's defaults.
    tolerance
        Allowed relative difference.
    note
        Why the tolerance is wider than 0.5 %, where it is: the known difference.
    """

    __pydantic_config__: ClassVar = SCHEMA
    what: Literal["parameters", "table_elements", "matrix_flop", "flop"]
    value: Annotated[float, POSITIVE]
    source: str
    high: Annotated[float, POSITIVE] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    tolerance: Annotated[float, FRACTION] = 0.005
    note: str = ""

    def measure(self, trace: Trace) -> float:
        """Read the property off a trace."""
        return float(
            {
                "parameters": trace.n_parameters,
                "table_elements": trace.n_table_elements,
                "matrix_flop": trace.matrix_flop,
                "flop": trace.flop,
            }[self.what]
        )

    def deviation(self, measured: float) -> float:
        """Relative difference of a measured value from the published one; 0 inside a range."""
        nearest = min(max(measured, self.value), self.high or self.value)
        return measured / nearest - 1


@dataclass(frozen=True, slots=True)
class WorkloadFile:
    """A workload as its file describes it.

    Parameters
    ----------
    title, source
        What it is, and where its hyper-parameters are from.
    builder
        Name of the builder; it checks ``model``.
    defaults
        Run settings that the builder's phases use, with their defaults.
    model
        Hyper-parameters.
    published
        Figures the trace is held against.
    notes
        Sentences that belong beside every result.
    """

    __pydantic_config__: ClassVar = SCHEMA
    title: str
    source: str
    builder: str
    defaults: Mapping[str, Any]
    model: Mapping[str, Any]
    published: Sequence[PublishedFigure] = ()
    notes: Sequence[str] = ()


@cache
def workload_paths() -> Mapping[str, Path]:
    """Map the name of every shipped workload (``family/name``) to its file."""
    installed = Path(str(files("archmodel"))) / "_data" / "workloads"
    folder = installed if installed.is_dir() else Path(str(files("archmodel"))).parent / "workloads"
    return {path.relative_to(folder).as_posix().removesuffix(".yaml"): path for path in sorted(folder.glob("*/*.yaml"))}


def workload_names() -> tuple[str, ...]:
    """Names of the shipped workloads, sorted."""
    return tuple(workload_paths())


def load_workload(name: str | Path, **settings: Any) -> Trace:
    """Build the trace of one step.

    Parameters
    ----------
    name
        A shipped workload (`workload_names`) or the path of a ``.yaml`` file.
    **settings
        ``phase`` (the builder's first if not given), the run settings that it uses (`RunSettings`), and how chips share
        the work: ``chips``, and those of ``tp``, ``ep``, ``pp`` and ``skew`` that the builder knows.

    Raises
    ------
    UnknownNameError
        When no workload, phase or dtype has that name.
    InputError
        When the file or a setting is wrong; lists every fault.
    """
    label, file, document = read_workload(name)
    builder = find_builder(file.builder)
    model: Any = build(builder.model, Document(SUBJECT, {}, _below(document, "model")), file.model)
    given = {key: value for key, value in settings.items() if value is not None}
    phase = str(given.pop("phase", next(iter(builder.phases))))
    if phase not in builder.phases:
        raise UnknownNameError("phase", phase, builder.phases, hint=f"these are the phases of {label}")
    used = builder.phases[phase]
    allowed = (*used, "chips", *builder.splits)
    unused = [key for key in given if key not in allowed]
    if unused:
        texts = [f"{label} {phase} has no setting {key!r}; {suggest(key, allowed)}" for key in unused]
        raise InputError(RUN, [Fault("", text) for text in texts])
    marks: dict[KeyPath, str] = {(): label}
    marks |= {(key,): document.where(("defaults", key)) for key in file.defaults if key not in given}
    asked = Document(RUN, {**file.defaults, **given, "phase": phase}, marks)
    run = build(RunSettings, asked)
    try:
        plan = make_plan(run, builder.splits)
        b = TraceBuilder(
            dtype=run.dtype,
            weight_dtype=run.weight_dtype,
            kv_dtype=run.kv_dtype,
            table_dtype=run.table_dtype,
            plan=plan,
        )
        result = builder.build(b, model, replace(run, batch=run.batch // (plan.dp * plan.n_micro)))
    except InputError as error:
        raise _located(error, document, asked) from None
    return b.finish(
        name=label,
        title=file.title,
        phase=phase,
        run={key: getattr(run, key) for key in used} | _say_plan(plan, run, builder.splits),
        items=result.items,
        item=result.item,
        notes=tuple(file.notes),
    )


def _say_plan(plan: Plan, run: RunSettings, splits: tuple[str, ...]) -> dict[str, Any]:
    """Say how chips share the work; nothing for one chip."""
    if plan.n_chips == 1:
        return {}
    degrees = {"tp": plan.tp, "ep": plan.ep, "pp": plan.pp, "skew": run.skew}
    return {"chips": plan.n_chips} | {key: value for key, value in degrees.items() if key in splits and value != 1}


def read_workload(name: str | Path) -> tuple[str, WorkloadFile, Document]:
    """Read and check a workload file; returns its name, content and document."""
    if is_file(name):
        path, label = Path(name), Path(name).stem
    else:
        paths = workload_paths()
        if str(name) not in paths:
            raise UnknownNameError("workload", str(name), paths, hint="or give the path of a .yaml file")
        path, label = paths[str(name)], str(name)
    document = read_yaml(path, SUBJECT)
    file = build(WorkloadFile, document)
    try:
        builder = find_builder(file.builder)
    except UnknownNameError as error:
        raise InputError(SUBJECT, [Fault(document.where(("builder",)), f"builder: {error.faults[0].text}")]) from None
    faults = list(_wrong_defaults(file, builder, document))
    if faults:
        raise InputError(SUBJECT, faults)
    return label, file, document


def _wrong_defaults(file: WorkloadFile, builder: Builder, document: Document) -> Iterator[Fault]:
    """Find defaults that no phase of the builder uses, and the one that every workload needs."""
    used = {key for settings in builder.phases.values() for key in settings} | {"chips", *builder.splits}
    if "dtype" not in file.defaults:
        yield Fault(document.where(("defaults",)), "defaults.dtype: missing; say what the arithmetic is in, e.g. bf16")
    for key in file.defaults:
        if key not in used:
            why = f"builder {builder.name!r} has no such setting; {suggest(key, used)}"
            yield Fault(document.where(("defaults", key)), f"defaults.{key}: {why}")


def _located(error: InputError, document: Document, asked: Document) -> InputError:
    """Say where in the file the fault stands that a builder or an operator found.

    Builders name the key (``model.n_heads``) or the setting; operators name a dim, which follows from the whole model.
    """
    faults = []
    for fault in error.faults:
        path = tuple(fault.where.split("."))
        if error.subject == SUBJECT:
            faults.append(Fault(document.where(path), f"{'.'.join(path[1:])}: {fault.text}"))
        elif error.subject == RUN:
            faults.append(Fault(asked.where(path), str(fault)))
        else:
            faults.append(Fault(document.where(("model",)), f"model: gives an impossible {error.subject}: {fault}"))
    return InputError(RUN if error.subject == RUN else SUBJECT, in_reading_order(faults))


def _below(document: Document, key: str) -> dict[tuple[str, ...], str]:
    """Cut the marks of one branch out, as if it were a file of its own."""
    inside = {path[1:]: mark for path, mark in document.marks.items() if path[:1] == (key,)}
    return {(): document.where((key,)), **inside}
