"""Totals of a step, as every model that times operators one after another adds them up."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

from archmodel.machine.types import Machine
from archmodel.mapping import Placement
from archmodel.models.roofline import energy_j
from archmodel.workload.types import Trace


def add_up(
    trace: Trace,
    machine: Machine,
    placement: Placement,
    rows: Sequence[Mapping[str, Any]],
    lower_s: float,
    binders: Sequence[str],
    column: str,
) -> dict[str, Any]:
    """Add operators up to the step.

    Parameters
    ----------
    trace, machine, placement
        What and where.
    rows
        Of the operators: ``latency_s``, ``upper_s``, ``launch_s`` [s].
    lower_s
        Physical bound of the step [s].
    binders, column
        What may bind, and the column of ``rows`` that says what does.
    """
    bound_s = dict.fromkeys(binders, 0.0)
    for row in rows:
        bound_s[row[column]] += row["latency_s"] - row["launch_s"]
    bound_s["launch"] = _sum(row["launch_s"] for row in rows) + placement.job_s
    latency_s = _sum(bound_s.values())
    peak = machine.peak_flop_per_s("matrix", trace.dtype)
    running_s = latency_s - bound_s["launch"]
    return {
        "latency_s": latency_s,
        "lower_s": lower_s,
        "upper_s": max(latency_s, _sum(row["upper_s"] for row in rows) + placement.job_s),
        "launch_s": bound_s["launch"],
        "bound": max(bound_s, key=bound_s.__getitem__),
        "bound_s": bound_s,
        "energy_j": energy_j(machine, latency_s),
        "throughput": trace.items / latency_s,
        "throughput_unit": f"{trace.item}/s",
        "utilisation": trace.matrix_flop / running_s / peak if peak and trace.matrix_flop else None,
    }


def _sum(values: Iterable[float]) -> float:
    """Add in order, as kernels do; the sum of Python 3.12 and later corrects rounding."""
    return reduce(operator.add, values, 0.0)
