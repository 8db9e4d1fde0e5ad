"""The functions behind ``import archmodel as am``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archmodel.machine.load import load_machine, machine_names
from archmodel.machine.types import Machine
from archmodel.mapping import LaunchMode
from archmodel.models import find_model
from archmodel.models import models as known_models
from archmodel.results import Result, ResultTable
from archmodel.workload.load import load_workload, workload_names
from archmodel.workload.operators import operator_kinds as known_kinds
from archmodel.workload.single import operators_trace
from archmodel.workload.types import Level, Trace


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
        ``weight_dtype``, ``kv_dtype``, ``table_dtype``; each workload knows those that have a meaning for it.

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


def evaluate(machine: Machine, trace: Trace, *, model: str = "roofline", launch: LaunchMode = "graph") -> Result:
    """Evaluate one trace on one machine.

    Parameters
    ----------
    machine, trace
        From `machine` and `workload`.
    model
        One of `models`.
    launch
        ``graph``: the step is one compiled job; ``eager``: the host launches every operator on its own.

    Raises
    ------
    UnsupportedError
        When there is no answer, with every reason: a dtype the machine lacks, a model that does not fit, …
    """
    return find_model(model).evaluate(trace, machine, launch)


def evaluate_batch(
    machines: Sequence[Machine], trace: Trace, *, model: str = "roofline", launch: LaunchMode = "graph"
) -> ResultTable:
    """Evaluate one trace on many machines, in one kernel call.

    Parameters
    ----------
    machines, trace
        From `machine` and `workload`.
    model, launch
        As in `evaluate`.

    Returns
    -------
    ResultTable
        A row per machine, in their order. What is not supported is a row, too, with ``status`` and ``message``.
    """
    return find_model(model).evaluate_batch(trace, machines, launch)


def evaluate_operator(
    machine: Machine,
    kind: str,
    *,
    dtype: str = "bf16",
    model: str = "roofline",
    place: Mapping[str, Level] | None = None,
    launch: LaunchMode = "eager",
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
    **dims
        As the kind names them: ``m=4096, n=4096, k=4096``.

    Returns
    -------
    dict
        One row: dims, ``latency_s``, ``lower_s``, ``upper_s``, ``bound``, …

    Raises
    ------
    InputError
        When the kind, a dim or a place is wrong.
    UnsupportedError
        When there is no answer, with every reason.
    """
    table = evaluate_operators(machine, kind, [dims], dtype=dtype, model=model, place=place, launch=launch)
    return next(table.rows())


def evaluate_operators(
    machine: Machine,
    kind: str,
    shapes: Sequence[Mapping[str, Any]],
    *,
    dtype: str = "bf16",
    model: str = "roofline",
    place: Mapping[str, Level] | None = None,
    launch: LaunchMode = "eager",
) -> ResultTable:
    """Evaluate many shapes of one operator kind in one batch; parameters as in `evaluate_operator`.

    Parameters
    ----------
    shapes
        Dims of each; a key ``dtype`` overrides ``dtype`` for that shape.
    """
    trace = operators_trace(kind, shapes, dtype, place or {})
    result = find_model(model).evaluate(trace, machine, launch)
    rows = []
    for operator, row in zip(trace.operators, result.operators.rows(), strict=True):
        peak = machine.peak_flop_per_s("matrix", operator.dtype)
        matrix_flop = operator.op.work().matrix_flop
        asked = {"machine": machine.name, "kind": kind, **operator.op.dims(), "dtype": operator.dtype, "model": model}
        said = {key: value for key, value in row.items() if key not in ("operator", "kind", "dtype", "count")}
        rows.append(
            asked | said | {"utilisation": matrix_flop / row["latency_s"] / peak if peak and matrix_flop else None}
        )
    return ResultTable.from_rows(rows)
