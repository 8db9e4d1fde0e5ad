"""Single operators: how long they take, why, and which mappings were weighed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from archmodel.api.steps import said_set
from archmodel.errors import UnsupportedError
from archmodel.machine.types import Machine
from archmodel.mapping import LaunchMode
from archmodel.models import find_model
from archmodel.results import ResultTable
from archmodel.workload.single import operators_trace, select
from archmodel.workload.types import Level, Operator, Trace

if TYPE_CHECKING:
    from archmodel.models.explain import Explanation


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
    return question | {"model": model} | said_set(machine)
