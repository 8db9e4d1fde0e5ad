"""What a result of one chip's share says of all chips: throughput, energy, and how long stages take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from archmodel.results import Result
from archmodel.workload.types import Trace


def spread_result(result: Result, trace: Trace) -> Result:
    """Extend a result to all chips of the trace's plan; for one chip there is nothing to do.

    Parameters
    ----------
    result
        Of a model: one replica, one micro-batch.
    trace
        What was evaluated.

    Model
    -----
    A micro-batch takes ``latency = Σ stages``. With m micro-batches under way, each stage meets all of them once per
    ``period = max(latency, m · slowest stage)``. All chips together yield ``items · dp · m / period`` and take typical
    power for a period.
    """
    plan = trace.plan
    if plan.n_chips == 1:
        return result
    stage_s = [0.0] * plan.pp
    exchange_s = 0.0
    for row in result.operators.rows():
        stage_s[trace.stage_idx(row["operator"])] += row["latency_s"]
        exchange_s += row["latency_s"] if row["kind"] == "collective" else 0.0
    totals = _spread(result.latency_s, result.energy_j, trace, max(stage_s))
    throughput = totals["throughput"]
    chips = {
        "n_chips": plan.n_chips, "tp": plan.tp, "ep": plan.ep, "pp": plan.pp, "dp": plan.dp, "n_micro": plan.n_micro,
        "throughput_per_chip": throughput / plan.n_chips, "slowest_stage_s": max(stage_s), "exchange_s": exchange_s,
    }  # fmt: skip
    return replace(result, **totals, chips=chips)


def spread_row(row: Mapping[str, Any], trace: Trace, result: Result | None) -> dict[str, Any]:
    """Extend a row of ``evaluate_batch`` to all chips, as `spread_result` does with a result.

    Parameters
    ----------
    row
        Of one machine.
    trace
        What was evaluated.
    result
        Of the same machine, as `spread_result` leaves it: what several stages need; else ``None``.
    """
    if row["status"] != "ok" or trace.plan.n_chips == 1:
        return dict(row)
    if result is not None:
        return {**row, "throughput": result.throughput, "energy_j": result.energy_j}
    return {**row, **_spread(row["latency_s"], row["energy_j"], trace, row["latency_s"])}


def _spread(latency_s: float, energy_j: float | None, trace: Trace, slowest_s: float) -> dict[str, Any]:
    plan = trace.plan
    period_s = max(latency_s, plan.n_micro * slowest_s)
    return {
        "throughput": trace.items * plan.dp * plan.n_micro / period_s,
        "energy_j": None if energy_j is None else energy_j * period_s / latency_s * plan.n_chips,
    }
