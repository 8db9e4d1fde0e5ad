"""Many machines at once: totals of a step, one value per machine, without an object for each of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archmodel.lowering.packs import Floats
from archmodel.machine.columns import MachineColumns
from archmodel.mapping import LaunchMode, place
from archmodel.mapping.embedding import expect_hits
from archmodel.models import Model, find_model
from archmodel.models.chips import spread_result, spread_row
from archmodel.models.counted import CountedModel, fuse_for
from archmodel.models.detailed import Detailed
from archmodel.models.traffic import LEVELS, count_traffic
from archmodel.models.wave import Wave, fuse_kernels
from archmodel.results import RESOURCES
from archmodel.workload.types import Trace

BINDERS = (*RESOURCES, "layout", "issue", "latency", "launch")
"""What may bind for most of a step, of any model."""
_CHUNK = 64  # machines that exist as objects at a time


@dataclass(frozen=True)
class Totals:
    """What a model says of a step on M machines; NaN, and −1 in ``bound``, where there is no answer.

    Parameters
    ----------
    latency_s, lower_s, upper_s, launch_s : (M,)
        Estimate, its bounds, and the part of it that is launching [s].
    utilisation : (M,)
        Matrix FLOP per second over the matrix peak; NaN without matrix work.
    throughput : (M,)
        Items per second, of all chips of the plan [1/s].
    bound : (M,)
        What binds for most of the time: index into `BINDERS`.
    traffic_bytes
        By level (`archmodel.models.traffic.LEVELS`): bytes that the step moves there on one chip (M,) [B].
    messages : (M,)
        Why there is no answer; empty where there is one.
    """

    latency_s: Floats
    lower_s: Floats
    upper_s: Floats
    launch_s: Floats
    utilisation: Floats
    throughput: Floats
    bound: NDArray[np.int8]
    traffic_bytes: Mapping[str, Floats]
    messages: NDArray[np.object_]


_VALUES = ("latency_s", "lower_s", "upper_s", "launch_s", "utilisation", "throughput")


def evaluate_columns(
    model: str, trace: Trace, machines: MachineColumns, launch: LaunchMode = "graph", mode: str | None = None
) -> Totals:
    """Evaluate one trace on many machines of one structure: the same numbers as one by one, bit for bit.

    Parameters
    ----------
    model, mode
        As in `archmodel.models.find_model`.
    trace, machines, launch
        What, where, and how it is started, as in `Model.evaluate_batch`.

    Raises
    ------
    InputError
        When there is no such model, mode or launch mode.
    """
    return _evaluate_each(find_model(model, mode), trace, machines, launch)


def _evaluate_each(model: Model, trace: Trace, machines: MachineColumns, launch: LaunchMode) -> Totals:
    """Evaluate machines as objects, some at a time."""
    rows: list[Mapping[str, Any]] = []
    for first in range(0, machines.n_machines, _CHUNK):
        some = [machines.at(idx) for idx in range(first, min(first + _CHUNK, machines.n_machines))]
        for machine, row in zip(some, model.evaluate_batch(trace, some, launch).rows(), strict=True):
            is_staged = trace.plan.pp > 1 and row["status"] == "ok"
            result = spread_result(model.evaluate(trace, machine, launch), trace) if is_staged else None
            rows.append(spread_row(row, trace, result))
    values = {name: np.array([math.nan if row[name] is None else row[name] for row in rows]) for name in _VALUES}
    return Totals(
        **values,
        bound=np.array([BINDERS.index(row["bound"]) if row["bound"] else -1 for row in rows], np.int8),
        traffic_bytes=_count_traffic(model, trace, machines, launch, ~np.isnan(values["latency_s"])),
        messages=np.array([row["message"] for row in rows], np.object_),
    )


def _count_traffic(
    model: Model, trace: Trace, machines: MachineColumns, launch: LaunchMode, is_able: NDArray[np.bool_]
) -> dict[str, Floats]:
    """Count the bytes of the trace that a model times, on the machines that it has an answer for."""
    found = {level: np.full(machines.n_machines, math.nan) for level in LEVELS}
    if is_able.any():
        fused, able = prepare(model, trace, machines.take(is_able), launch)
        for level, moved_bytes in count_traffic(fused, able, launch).items():
            found[level][is_able] = moved_bytes
    return found


def prepare(model: Model, trace: Trace, machines: MachineColumns, launch: LaunchMode) -> tuple[Trace, MachineColumns]:
    """Give the trace and the machines that a model times: operators that are fused, hits in the cache as expected.

    Parameters
    ----------
    model
        By `archmodel.models.find_model`.
    trace, machines, launch
        As in `evaluate_columns`.
    """
    timed = model.choose(machines.base) if isinstance(model, Detailed) else model
    if isinstance(timed, Wave):
        return fuse_kernels(trace, launch), machines
    if not isinstance(timed, CountedModel):
        return trace, machines
    fused = fuse_for(trace, machines.base, launch)
    machine = machines.machine()
    hit_frac = expect_hits(fused, machine, place(fused, machine, launch)).sram.embedding_hit_frac
    hits = np.array(np.broadcast_to(hit_frac, machines.n_machines), np.float64)
    columns = {**machines.columns, ("sram", "embedding_hit_frac"): hits}
    return fused, MachineColumns(machines.base, columns, machines.n_machines)
