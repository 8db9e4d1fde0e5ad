"""Machines, workloads, and what models say of one step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from archmodel.machine.load import load_machine, machine_names
from archmodel.machine.types import SET_BY_USER, Machine
from archmodel.mapping import LaunchMode
from archmodel.models import find_model
from archmodel.models import models as known_models
from archmodel.models.chips import spread_result, spread_row
from archmodel.results import Result, ResultTable
from archmodel.workload.load import load_workload, workload_names
from archmodel.workload.operators import operator_kinds as known_kinds
from archmodel.workload.types import Trace

if TYPE_CHECKING:
    from archmodel.economy.assess import Assessment
    from archmodel.lowering.run import Mode
    from archmodel.results.timeline import Timeline


def machine(name: str | Path, overrides: Mapping[str, str] | None = None) -> Machine:
    """Load a machine by name or file.

    Parameters
    ----------
    name
        One of `machines`, or the path of a ``.yaml`` file.
    overrides
        Values by dotted path, written as in a file: ``{"sram.capacity": "512 MiB"}``.

    Raises
    ------
    InputError
        When the name, the file or an override is wrong; lists every fault.
    """
    return load_machine(name, overrides)


def machines() -> tuple[str, ...]:
    """Names of the shipped machines."""
    return machine_names()


def workload(name: str | Path, **settings: Any) -> Trace:
    """Build the trace of one step of a workload.

    Parameters
    ----------
    name
        One of `workloads`, or the path of a ``.yaml`` file.
    **settings
        ``phase``, ``batch``, ``sequence``, ``context``, ``steps``, ``guidance``, ``resolution``, ``dtype``,
        ``weight_dtype``, ``kv_dtype``, ``table_dtype``; each workload knows those that have a meaning for it. ``chips``
        share the work, in the way that ``tp``, ``ep``, ``pp`` and ``skew`` say.

    Raises
    ------
    InputError
        When the name, the file or a setting is wrong; lists every fault.
    """
    return load_workload(name, **settings)


def workloads() -> tuple[str, ...]:
    """Names of the shipped workloads."""
    return workload_names()


def operator_kinds() -> tuple[str, ...]:
    """Names of the operator kinds, for `evaluate_operator`."""
    return tuple(known_kinds())


def models() -> tuple[str, ...]:
    """Names of the models, for ``model=``."""
    return tuple(known_models())


def evaluate(
    machine: Machine, trace: Trace, *, model: str = "roofline", launch: LaunchMode = "graph", mode: str | None = None
) -> Result:
    """Evaluate one trace on one machine.

    Parameters
    ----------
    machine, trace
        From `machine` and `workload`.
    model
        One of `models`.
    launch
        ``graph``: the step is one compiled job that the chip starts; ``replay``: the host starts it, as before;
        ``switch``: the host starts it behind another job; ``eager``: the host launches every operator on its own.
    mode
        Of model ``cycle``: ``representative`` (default) follows one PE, ``grid`` all of them.

    Raises
    ------
    UnsupportedError
        When there is no answer, with every reason: a dtype the machine lacks, a model that does not fit, …
    """
    result = spread_result(find_model(model, mode).evaluate(trace, machine, launch), trace)
    return replace(result, run={**result.run, **said_set(machine)})


def evaluate_batch(
    machines: Sequence[Machine],
    trace: Trace,
    *,
    model: str = "roofline",
    launch: LaunchMode = "graph",
    mode: str | None = None,
) -> ResultTable:
    """Evaluate one trace on many machines, in one kernel call.

    Parameters
    ----------
    machines, trace
        From `machine` and `workload`.
    model, launch, mode
        As in `evaluate`.

    Returns
    -------
    ResultTable
        A row per machine, in their order. What is not supported is a row, too, with ``status`` and ``message``. Where
        values of a machine were overridden, they are under ``set``.
    """
    chosen = find_model(model, mode)
    rows = []
    for row, each in zip(chosen.evaluate_batch(trace, machines, launch).rows(), machines, strict=True):
        is_staged = trace.plan.pp > 1 and row["status"] == "ok"
        result = spread_result(chosen.evaluate(trace, each, launch), trace) if is_staged else None
        rows.append(spread_row(row, trace, result) | said_set(each))
    return ResultTable.from_rows(rows)


def ladder(machine: Machine, trace: Trace) -> ResultTable:
    """Time every operator of a trace by every model, side by side with the physical bound, launching left out.

    Parameters
    ----------
    machine, trace
        As in `evaluate`; the machine describes its ``timing``.

    Returns
    -------
    ResultTable
        A row per operator: ``bound_s``, ``roofline_s``, ``analytic_s``, ``cycle_s``, and ``upper_s`` if nothing
        overlapped [s]; ``None``, with the reason under ``message``, where a model does not know the operator.

    Raises
    ------
    UnsupportedError
        When there is no answer at all, with every reason.
    """
    from archmodel.models.ladder import climb

    return climb(trace, machine)


def timeline(
    machine: Machine,
    trace: Trace,
    *,
    launch: LaunchMode = "graph",
    mode: str | None = None,
    window_s: tuple[float, float] | None = None,
    max_events: int | None = None,
    operators: str = "*",
    is_folded: bool = False,
) -> Timeline:
    """Follow one step of a workload by model ``cycle`` and record what every unit does and when.

    Parameters
    ----------
    machine, trace, launch, mode
        As in `evaluate`.
    window_s
        Part of the step that is of interest [s]; all of it if ``None``. Within a window, repetitions are followed one
        by one; without, mode ``representative`` skips them, and says how many.
    max_events
        Events of units at most; ``None``: as many as viewers show without delay. If there are more, phases share them:
        each shows as many as any other, from its beginning, unless it needs fewer.
    operators
        Commands of operators whose name matches this pattern; ``*`` and ``?`` stand for any text and any character.
    is_folded
        Leave out all executions of an operator but the first: one pass through the operators.

    Returns
    -------
    Timeline
        For `archmodel.report.timeline.save_timeline` and `archmodel.report.gantt.plot_gantt`.

    Raises
    ------
    InputError
        When the window is empty or beyond the step, no operator matches, or there is no room for an event.
    UnsupportedError
        When model ``cycle`` has no answer, with every reason.
    """
    from archmodel.models.timeline import MAX_EVENTS, record_step

    find_model("cycle", mode)
    followed = record_step(
        trace,
        machine,
        launch,
        cast("Mode", mode or "representative"),
        window_s=window_s,
        max_events=MAX_EVENTS if max_events is None else max_events,
        operators=operators,
        is_folded=is_folded,
    )
    return replace(followed, run={**followed.run, **said_set(machine)})


def cost(
    machine: Machine,
    trace: Trace | None = None,
    *,
    model: str = "roofline",
    launch: LaunchMode = "graph",
    mode: str | None = None,
    parameters: Mapping[str, str] | None = None,
) -> Assessment:
    """Say what a machine takes and costs, and what a workload on it does.

    Parameters
    ----------
    machine
        One chip.
    trace
        The workload, if any.
    model, launch, mode
        As in `evaluate`.
    parameters
        Other values of parameters by dotted path: ``{"fleet.electricity": "0.08 USD/kWh"}``.

    Raises
    ------
    InputError
        When a parameter is wrong; lists every fault.
    UnsupportedError
        When there is no answer, with every reason.
    """
    from archmodel.economy.assess import assess
    from archmodel.economy.load import load_economy

    return assess(machine, load_economy(parameters), trace, model=model, launch=launch, mode=mode)


def said_set(machine: Machine) -> dict[str, dict[str, str]]:
    """Say which values of a machine the user set; nothing if there are none."""
    given = {path: note.text for path, note in machine.provenance.items() if note.source == SET_BY_USER}
    return {"set": given} if given else {}
