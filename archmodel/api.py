"""The functions behind ``import archmodel as am``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from archmodel.errors import Fault, InputError, UnsupportedError
from archmodel.machine.load import load_machine, machine_names
from archmodel.machine.types import SET_BY_USER, Machine
from archmodel.mapping import LaunchMode
from archmodel.models import find_model
from archmodel.models import models as known_models
from archmodel.models.chips import spread_result, spread_row
from archmodel.results import Result, ResultTable
from archmodel.sweep.load import load_sweep
from archmodel.workload.load import load_workload, workload_names
from archmodel.workload.operators import operator_kinds as known_kinds
from archmodel.workload.single import operators_trace, select
from archmodel.workload.types import Level, Operator, Trace

if TYPE_CHECKING:
    from archmodel.economy.assess import Assessment
    from archmodel.lowering.run import Mode
    from archmodel.models.explain import Explanation
    from archmodel.results.timeline import Timeline
    from archmodel.sweep.progress import Progress
    from archmodel.sweep.run import SweepResult
    from archmodel.verify.run import Verification


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
    return replace(result, run={**result.run, **_said_set(machine)})


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
        rows.append(spread_row(row, trace, result) | _said_set(each))
    return ResultTable.from_rows(rows)


def evaluate_operator(
    machine: Machine,
    kind: str,
    *,
    dtype: str = "bf16",
    model: str = "roofline",
    place: Mapping[str, Level] | None = None,
    launch: LaunchMode = "eager",
    mode: str | None = None,
    **dims: Any,
) -> dict[str, Any]:
    """Evaluate one operator by its dims.

    Parameters
    ----------
    machine
        From `machine`.
    kind
        One of `operator_kinds`.
    dtype
        Number format of the arithmetic and of the operands.
    model
        One of `models`.
    place
        Memory of operands by name, ``{"a": "sram"}``; the others are in DRAM.
    launch
        As in `evaluate`; an operator on its own is launched by the host (``eager``) unless said otherwise.
    mode
        As in `evaluate`.
    **dims
        As the kind names them: ``m=4096, n=4096, k=4096``.

    Returns
    -------
    dict
        One row: dims, ``status``, ``latency_s``, ``lower_s``, ``upper_s``, ``bound``, …

    Raises
    ------
    InputError
        When the kind, a dim or a place is wrong.
    UnsupportedError
        When there is no answer, with every reason.
    """
    trace = operators_trace(kind, [dims], dtype, place or {})
    return _operator_rows(trace, machine, model, launch, mode)[0]


def evaluate_operators(
    machine: Machine,
    kind: str,
    shapes: Sequence[Mapping[str, Any]],
    *,
    dtype: str = "bf16",
    model: str = "roofline",
    place: Mapping[str, Level] | None = None,
    launch: LaunchMode = "eager",
    mode: str | None = None,
) -> ResultTable:
    """Evaluate many shapes of one operator kind in one batch; parameters as in `evaluate_operator`.

    Parameters
    ----------
    shapes
        Dims of each; a key ``dtype`` overrides ``dtype`` for that shape.

    Returns
    -------
    ResultTable
        A row per shape, in their order. What is not supported is a row, too, with ``status`` and ``message``.
    """
    trace = operators_trace(kind, shapes, dtype, place or {})
    return ResultTable.from_rows(_rows_or_reasons(trace, machine, model, launch, mode))


def ladder(machine: Machine, trace: Trace) -> ResultTable:
    """Time every operator of a trace by every model, side by side with the physical bound, launching left out.

    Parameters
    ----------
    machine, trace
        As in `evaluate`; the machine describes its ``timing``.

    Returns
    -------
    ResultTable
        A row per operator: ``bound_s``, ``roofline_s``, ``analytic_s``, ``cycle_s`` [s]; ``None``, with the reason
        under ``message``, where a model does not know the operator.

    Raises
    ------
    UnsupportedError
        When there is no answer at all, with every reason.
    """
    from archmodel.models.ladder import climb

    return climb(trace, machine)


def explain_operator(
    machine: Machine, kind: str, *, dtype: str = "bf16", place: Mapping[str, Level] | None = None, **dims: Any
) -> Explanation:
    """Explain the cycles of one operator: laws, critical path, stall ledger, and what would help.

    Parameters
    ----------
    machine, kind, dtype, place
        As in `evaluate_operator`.
    **dims
        As the kind names them: ``m=4096, n=4096, k=4096``.

    Raises
    ------
    InputError, UnsupportedError
        As in `evaluate_operator`.
    """
    from archmodel.models.explain import explain

    return explain(operators_trace(kind, [dims], dtype, place or {}), machine)


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
    return replace(followed, run={**followed.run, **_said_set(machine)})


def map_operator(
    machine: Machine, kind: str, *, dtype: str = "bf16", place: Mapping[str, Level] | None = None, **dims: Any
) -> ResultTable:
    """List the mappings that the mapper weighs for one operator, the chosen one first.

    Parameters
    ----------
    machine, kind, dtype, place
        As in `evaluate_operator`.
    **dims
        As the kind names them: ``m=4096, n=4096, k=4096``.

    Returns
    -------
    ResultTable
        The best mapping of every logical grid and choice of what stays in place: its fields, ``analytic_cycles``, what
        ``binds`` and for how many cycles that is at work, ``slower_frac`` against the chosen one.

    Raises
    ------
    InputError, UnsupportedError
        As in `evaluate_operator`.
    """
    from archmodel.models.candidates import candidates

    return candidates(operators_trace(kind, [dims], dtype, place or {}), machine)


def verify_blocks(
    units: Sequence[str] = (),
    *,
    simulators: Sequence[str] = (),
    n_points: int | None = None,
    seed: int = 1,
    is_waves: bool = False,
    is_fitted: bool = False,
    output: str | Path = "results/verify",
    tell: Callable[[int, int, str], None] | None = None,
) -> Verification:
    """Hold the timing laws against hardware blocks, cycle by cycle, in a simulator.

    Parameters
    ----------
    units
        Shipped blocks by name, others by folder; all shipped ones if empty.
    simulators
        ``"verilator"``, ``"icarus"``; all that can be used if empty.
    n_points
        Points per block and simulator; ``None``: as the contracts say.
    seed
        From which stimuli and stalls are drawn.
    is_waves
        Whether all signals are traced.
    is_fitted
        Whether latency, interval and depth are estimated, of blocks whose contract has ``fit``; ``fit.yaml`` then has
        those that a machine has.
    output
        Folder for ``points.csv``, ``report.md``, ``junit.xml``, ``cycles.svg``, and a folder per simulation.
    tell
        Told how many simulations are over, how many there are, and the name of the last one.

    Returns
    -------
    Verification
        A row per point, a row per simulation, and every difference; a row per parameter that was estimated.

    Raises
    ------
    UnknownNameError, InputError
        When a block is unknown, its contract wrong, or there is nothing of it to estimate.
    UnsupportedError
        When a simulator that was named, or every one, is missing; says how to get it.
    """
    from archmodel.report.figure import make_folder
    from archmodel.verify.contract import find_unit, unit_names
    from archmodel.verify.files import write_files
    from archmodel.verify.fit import FIT_PATIENCE, fit_units
    from archmodel.verify.fragment import FILE, check_fits
    from archmodel.verify.run import choose_simulators, plan_simulations, verify

    chosen, found = choose_simulators(simulators), [find_unit(name) for name in units or unit_names()]
    if is_fitted:
        found = found if units else [unit for unit in found if unit.contract.fit]
        check_fits(found)
    plans = plan_simulations(found, chosen, n_points)
    if is_fitted:  # the law need not know how long the hardware takes
        plans = [replace(plan, patience=FIT_PATIENCE) for plan in plans]
    if seed < 0:
        raise InputError("seed", [Fault("", f"{seed} is not allowed; allowed: whole numbers from 0")])
    folder = make_folder("verification", Path(output).resolve())
    if is_fitted:  # what an earlier run has told is not what this one does
        (folder / FILE).unlink(missing_ok=True)
    verification = verify(plans, folder, seed=seed, is_waves=is_waves, tell=tell)
    if is_fitted:
        verification = replace(verification, fits=fit_units(verification.played))
    write_files(verification, folder)
    return verification


def sweep(
    given: str | Path | Mapping[str, Any],
    output: str | Path,
    *,
    points: int | None = None,
    seed: int | None = None,
    model: str | None = None,
    mode: str | None = None,
    executor: str = "threads",
    workers: int | None = None,
    scheduler: str | None = None,
    search: str | None = None,
    evaluations: int | None = None,
    fidelity: str | None = None,
    has_operators: bool = False,
    tell: Callable[[Progress], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> SweepResult:
    """Evaluate many machines on a mix of workloads, and go on where an earlier run of the same sweep has stopped.

    Parameters
    ----------
    given
        Name of a shipped sweep, path of a ``.yaml`` file, or what such a file would hold.
    output
        Folder for results.
    points, seed, model, mode
        As the sweep has them, if not given.
    executor, workers, scheduler
        ``threads``, ``processes`` or ``dask``; how many; the address of a Dask scheduler. Tables do not depend on them.
    search, evaluations
        ``enumerate``, ``auto`` or a search by name, and how many points it may evaluate. Without, a sweep evaluates all
        points, or a random sample of as many as it says.
    fidelity
        Models, cheapest first, each of which evaluates what the one before has left, e.g.
        ``roofline,analytic:500,cycle:grid:24`` (points at most); in place of a model and of a search.
    has_operators
        Whether every operator of the points on the front is kept, too, in table ``operators``.
    tell
        Told how far it is.
    say
        Told what is out of the ordinary: parts that were corrupt, points without an answer, an empty front.

    Raises
    ------
    InputError
        When the sweep is wrong (lists every fault), or the folder cannot be written or holds something else.
    UnsupportedError
        When the base machine has no answer.
    """
    from archmodel.sweep.fidelity import read_rungs
    from archmodel.sweep.run import run_sweep

    asked = {"points": points, "seed": seed, "model": model, "mode": mode}
    changes = {key: value for key, value in asked.items() if value is not None}
    return run_sweep(
        load_sweep(given, changes), Path(output), executor=executor, n_workers=workers, scheduler=scheduler,
        search=search, n_evaluations=evaluations, rungs=read_rungs(fidelity) if fidelity else (),
        has_operators=has_operators,
        tell=tell or _tell_nobody, say=say or _tell_nobody,
    )  # fmt: skip


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


def open_sweep(folder: str | Path) -> SweepResult:
    """Open what an earlier sweep has found.

    Parameters
    ----------
    folder
        Its results.

    Raises
    ------
    InputError
        When there are none, or they are of a newer archmodel.
    """
    from archmodel.results.store import open_store
    from archmodel.sweep.run import SweepResult

    return SweepResult(open_store(folder))


def _tell_nobody(_: object) -> None:
    """Ignore what is told."""


def _operator_rows(
    trace: Trace, machine: Machine, model: str, launch: LaunchMode, mode: str | None
) -> list[dict[str, Any]]:
    """Evaluate a trace of independent operators; a row each."""
    result = find_model(model, mode).evaluate(trace, machine, launch)
    rows = []
    for operator, row in zip(trace.operators, result.operators.rows(), strict=True):
        peak = machine.peak_flop_per_s("matrix", operator.dtype)
        flop = operator.op.work().matrix_flop
        said = {key: value for key, value in row.items() if key not in ("operator", "kind", "dtype", "count")}
        said["utilisation"] = flop / (row["latency_s"] - row["launch_s"]) / peak if peak and flop else None
        rows.append(_asked(operator, machine, model) | {"status": "ok", "message": ""} | said)
    return rows


def _rows_or_reasons(
    trace: Trace, machine: Machine, model: str, launch: LaunchMode, mode: str | None
) -> list[dict[str, Any]]:
    """As `_operator_rows`, with a row that says why where there is no answer; halves tell which operators these are."""
    idxs = range(len(trace.operators))
    try:
        return _operator_rows(trace, machine, model, launch, mode)
    except UnsupportedError as error:
        if len(idxs) == 1:
            said = {"status": "unsupported", "message": "; ".join(error.reasons)}
            return [_asked(trace.operators[0], machine, model) | said]
    halves = idxs[: len(idxs) // 2], idxs[len(idxs) // 2 :]
    return [row for half in halves for row in _rows_or_reasons(select(trace, half), machine, model, launch, mode)]


def _asked(operator: Operator, machine: Machine, model: str) -> dict[str, Any]:
    question = {"machine": machine.name, "kind": operator.op.kind, **operator.op.dims(), "dtype": operator.dtype}
    return question | {"model": model} | _said_set(machine)


def _said_set(machine: Machine) -> dict[str, dict[str, str]]:
    """Say which values of a machine the user set; nothing if there are none."""
    given = {path: note.text for path, note in machine.provenance.items() if note.source == SET_BY_USER}
    return {"set": given} if given else {}
