"""Many machines at once: totals of a step, one value per machine, without an object for each of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from archmodel.kernels.roofline import time_traces
from archmodel.lowering.lower import pack_columns, pack_operators, pack_placement
from archmodel.lowering.packs import Floats, MachinePack, OperatorPack, PlacementPack
from archmodel.lowering.remembered import Remembered
from archmodel.lowering.sites import is_under
from archmodel.machine.columns import MachineColumns, distinct
from archmodel.mapping import LaunchMode, Placement, place, reasons_against_launch
from archmodel.mapping.embedding import expect_hits
from archmodel.models import Model, find_model
from archmodel.models.chips import spread_result, spread_row
from archmodel.models.counted import BINDERS as COUNTED_BINDERS
from archmodel.models.counted import MOST_CYCLES, CountedModel, fuse_for
from archmodel.models.counted_columns import sum_steps, threads
from archmodel.models.detailed import Detailed
from archmodel.models.roofline import Roofline
from archmodel.models.traffic import LEVELS, count_traffic
from archmodel.models.wave import Wave, fuse_kernels
from archmodel.results import RESOURCES
from archmodel.workload.types import Trace

BINDERS = (*RESOURCES, "layout", "issue", "latency", "launch")
"""What may bind for most of a step, of any model."""
_PACKS, _MESSAGES = Remembered(64), Remembered(4096)
_OBJECTS = 64  # machines that exist as objects at a time
_BLOCK = 5000  # machines that a thread is given at a time: as many as a part of a sweep has at most
_DECIDING = (
    "sram.capacity_bytes", "sram.partition_bytes", "dram.capacity_bytes", "dram.technology", "scale_up.n_chips",
)  # fmt: skip
"""What decides by its value whether a machine can run a trace, or is named where it cannot."""
_PEAK = ("pe", "matrix", "array")
"""What decides whether it takes too many cycles."""


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

    def take(self, chosen: NDArray[Any]) -> Totals:
        """Choose some of the machines, by index or by mask."""
        columns = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "traffic_bytes"}
        traffic = {level: n_bytes[chosen] for level, n_bytes in self.traffic_bytes.items()}
        return Totals(**{name: column[chosen] for name, column in columns.items()}, traffic_bytes=traffic)


_VALUES = ("latency_s", "lower_s", "upper_s", "launch_s", "utilisation", "throughput")


def evaluate_columns(
    model: str,
    trace: Trace,
    machines: MachineColumns,
    launch: LaunchMode = "graph",
    mode: str | None = None,
    n_threads: int = 1,
) -> Totals:
    """Evaluate one trace on many machines of one structure: the same numbers as one by one, bit for bit.

    Parameters
    ----------
    model
        By name, as in `archmodel.models.find_model`.
    trace, machines, launch
        What, where, and how it is started, as in `Model.evaluate_batch`.
    mode
        Of the model, if it has several.
    n_threads
        Threads that run kernels.

    Raises
    ------
    InputError
        When there is no such model, mode or launch mode.
    """
    found = find_model(model, mode)
    timed = _choose(found, machines)
    if not _is_columnar(timed, trace, machines):
        return _evaluate_each(timed, trace, machines, launch)
    messages = _find_messages(timed, trace, machines, launch)
    able = np.flatnonzero(messages == "")
    totals = {name: np.full(machines.n_machines, math.nan) for name in _VALUES}
    traffic = {level: np.full(machines.n_machines, math.nan) for level in LEVELS}
    bound = np.full(machines.n_machines, -1, np.int8)
    if len(able):
        is_whole = len(able) == machines.n_machines
        rows: Any = slice(None) if is_whole else able  # a slice is filled faster
        fused, ready = prepare(timed, trace, machines if is_whole else machines.take(able), launch)
        placement = place(fused, ready.machine(), launch)
        ops = _PACKS.find((fused,), None, lambda: pack_operators(fused))
        packs = ops, ready.find("pack", lambda: pack_columns(ready)), pack_placement(placement, len(able))
        step, moved_bytes = _time_roofline(packs, n_threads)
        if isinstance(timed, CountedModel):
            step = _count_step(timed, fused, ready, placement, step.lower_s, n_threads)
        messages[rows] = step.messages
        is_timed = step.messages == ""
        for name, values in _total(fused, ready, step).items():
            totals[name][rows] = values
        for level, n_bytes in zip(LEVELS, moved_bytes, strict=True):
            traffic[level][rows] = np.where(is_timed, n_bytes, math.nan)
        names = np.array([BINDERS.index(name) for name in step.binders], np.int8)
        bound[rows] = np.where(is_timed, names[np.argmax(step.bound_s, axis=1)], -1)
    return Totals(**totals, bound=bound, traffic_bytes=traffic, messages=messages)


def _choose(model: Model, machines: MachineColumns) -> Model:
    """Give the model that answers for machines of one structure."""
    return cast("Model", model.choose(machines.base)) if isinstance(model, Detailed) else model


def _is_columnar(model: Model, trace: Trace, machines: MachineColumns) -> bool:
    """Whether machines need not be objects: for the roofline, and for counts of chips on their own."""
    if trace.plan.pp > 1 or trace.exchanges:
        return False
    if not isinstance(model, CountedModel):
        return isinstance(model, Roofline)
    is_placed = any(tensor.level is not None for tensor in trace.tensors.values())
    return machines.base.array is None and machines.base.timing is not None and not (trace.is_alternatives or is_placed)


@dataclass(frozen=True)
class _Step:
    """Times of a step on M machines [s]; NaN where there is none, and then a message says why."""

    latency_s: Floats
    lower_s: Floats
    upper_s: Floats
    bound_s: Floats
    binders: tuple[str, ...]
    messages: NDArray[np.object_]


def _count_step(
    model: CountedModel, trace: Trace, machines: MachineColumns, placement: Placement, lower_s: Floats, n_threads: int
) -> _Step:
    """Count the cycles of what `prepare` gave on machines that can run it."""
    sums = sum_steps(model, trace, machines, placement, n_threads)
    is_counted, bound_s = sums.messages == "", sums.bound_s
    bound_s[:, -1] = np.where(is_counted, sums.launch_s + placement.job_s, math.nan)
    latency_s = np.zeros(len(bound_s))
    for column in bound_s.T:
        latency_s += column
    upper_s = np.maximum(latency_s, sums.upper_s + placement.job_s)
    return _Step(latency_s, np.where(is_counted, lower_s, math.nan), upper_s, bound_s, COUNTED_BINDERS, sums.messages)


def _time_roofline(packs: tuple[OperatorPack, MachinePack, PlacementPack], n_threads: int) -> tuple[_Step, Floats]:
    """Time a step with the roofline, and count the bytes that it moves, by `LEVELS` (5, M) [B]."""
    (ops, *columns), binders = packs, (*RESOURCES, "launch")
    n = packs[1].access_bytes.size
    latency_s, lower_s, upper_s, bound_s = np.empty(n), np.empty(n), np.empty(n), np.empty((n, len(binders)))
    moved_bytes = np.empty((len(LEVELS), n))

    def time(first: int) -> None:
        some = slice(first, first + _BLOCK)
        where, places = (_take(pack, some) for pack in columns)
        time_traces(ops, where, places, latency_s[some], lower_s[some], upper_s[some], bound_s[some])
        moved_bytes[:, some] = count_traffic(ops, where, places)

    with threads(n_threads) as run:
        list(run(time, range(0, n, _BLOCK)))
    return _Step(latency_s, lower_s, upper_s, bound_s, binders, np.full(n, "", np.object_)), moved_bytes


def _take(pack: Any, some: slice) -> Any:
    """Take some machines of a pack; where they are all of them, as it is."""
    if some.start == 0 and some.stop >= pack[0].shape[-1]:
        return pack
    return pack._make(np.ascontiguousarray(column[..., some]) for column in pack)


def _total(trace: Trace, machines: MachineColumns, step: _Step) -> dict[str, Floats]:
    """Total up a step of one chip, and the throughput of all chips."""
    n, plan = machines.n_machines, trace.plan
    launch_s = step.bound_s[:, -1]
    peak = np.array(np.broadcast_to(machines.machine().peak_flop_per_s("matrix", trace.dtype), n), np.float64)
    has_matrix = (peak != 0) & bool(trace.matrix_flop)
    with np.errstate(divide="ignore", invalid="ignore"):
        utilisation = np.where(has_matrix, trace.matrix_flop / (step.latency_s - launch_s) / peak, math.nan)
    period_s = np.maximum(step.latency_s, plan.n_micro * step.latency_s)
    return {
        "latency_s": step.latency_s,
        "lower_s": step.lower_s,
        "upper_s": step.upper_s,
        "launch_s": launch_s,
        "utilisation": utilisation,
        "throughput": trace.items * plan.dp * plan.n_micro / period_s,
    }


def _find_messages(model: Model, trace: Trace, machines: MachineColumns, launch: LaunchMode) -> NDArray[np.object_]:
    """Say of each machine why it cannot run a trace; empty where it can, as far as can be said without timing it."""
    deciding: tuple[str, ...] = _DECIDING
    peak_flop = np.min(machines.machine().peak_flop_per_s("matrix", trace.dtype) / machines.machine().clock_hz)
    if not peak_flop or trace.matrix_flop / peak_flop > MOST_CYCLES / 1000:
        deciding = (*_DECIDING, *_PEAK)
    columns = {path: column for path, column in machines.columns.items() if is_under(path, deciding)}

    def tell_apart() -> tuple[list[tuple[int, Any]], NDArray[np.int64]]:
        first, place_of = distinct(list(columns.values()), machines.n_machines)
        rows = zip(*(column[first].tolist() for column in columns.values()), strict=True) if columns else [()]
        return list(zip(first.tolist(), rows, strict=True)), place_of

    unlike, place_of = machines.find(deciding, tell_apart)

    def say(idx: int) -> str:
        machine = machines.at(idx)
        return "; ".join((*model.supports(trace, machine), *reasons_against_launch(machine, launch)))

    known = [
        _MESSAGES.find((trace, machines.base), (model.name, launch, tuple(columns), values), partial(say, idx))
        for idx, values in unlike
    ]
    return np.array(known, np.object_)[place_of]


def _evaluate_each(model: Model, trace: Trace, machines: MachineColumns, launch: LaunchMode) -> Totals:
    """Evaluate machines as objects, some at a time."""
    rows: list[Mapping[str, Any]] = []
    for first in range(0, machines.n_machines, _OBJECTS):
        some = [machines.at(idx) for idx in range(first, min(first + _OBJECTS, machines.n_machines))]
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
    """Count the bytes that machines move, of those that have an answer."""
    found = {level: np.full(machines.n_machines, math.nan) for level in LEVELS}
    if is_able.any():
        fused, able = prepare(model, trace, machines.take(is_able), launch)
        placement = place(fused, able.machine(), launch)
        packs = pack_operators(fused), pack_columns(able), pack_placement(placement, able.n_machines)
        for level, n_bytes in zip(LEVELS, count_traffic(*packs), strict=True):
            found[level][is_able] = n_bytes
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
    if isinstance(model, Wave):
        return fuse_kernels(trace, launch), machines
    if not isinstance(model, CountedModel):
        return trace, machines
    fused = fuse_for(trace, machines.base, launch)
    machine = machines.machine()
    hit_frac = expect_hits(fused, machine, place(fused, machine, launch)).sram.embedding_hit_frac
    hits = np.array(np.broadcast_to(hit_frac, machines.n_machines), np.float64)
    columns = {**machines.columns, ("sram", "embedding_hit_frac"): hits}
    return fused, MachineColumns(machines.base, columns, machines.n_machines)
