"""Capacity of DRAM: what has to be there, and how many chips hold what one does not."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from archmodel.machine.types import Machine
from archmodel.units import format_si
from archmodel.workload.plan import Plan
from archmodel.workload.types import Trace


def resident_bytes(trace: Trace, machine: Machine) -> float:
    """Bytes that must be in DRAM: weights, KV cache and the activations that SRAM cannot hold."""
    return trace.role_bytes("weight") + trace.role_bytes("kv_cache") + _spilled_bytes(trace, machine)


def reasons_against_capacity(trace: Trace, machine: Machine) -> Iterator[str]:
    """Say what does not fit the DRAM, how many chips would hold it, and with which plan.

    Parameters
    ----------
    trace
        Of one chip of its plan.
    machine
        One chip.

    Model
    -----
    Everything is counted as it was before any plan shared or copied it: n chips hold it if
    ``weights + KV cache ≤ n · DRAM``, and no fewer can. Since one chip does not hold its share, it is at least two.
    """
    capacity_bytes = machine.dram.capacity_bytes
    if resident_bytes(trace, machine) <= capacity_bytes:
        return
    parts = [
        f"{noun} {format_si(n_bytes, 'B')}"
        for noun, n_bytes in (
            ("weights", trace.role_bytes("weight")),
            ("KV cache", trace.role_bytes("kv_cache")),
            ("spilled activations", _spilled_bytes(trace, machine)),
        )
        if n_bytes > 0
    ]
    plan = trace.plan
    whole_bytes = weight_bytes(trace, Plan()) + kv_bytes(trace)
    n_machines = max(2, math.ceil(whole_bytes / capacity_bytes))
    memory = f"{format_si(capacity_bytes, 'B')} of {machine.dram.technology}"
    each = f" on each of {plan.n_chips} chips" if plan.n_chips > 1 else ""
    yield (
        f"{machine.name}: does not fit: {' + '.join(parts)}{each} exceed {memory}; "
        f"at least {n_machines} x {machine.name} hold it{_say_fitting_plan(trace, machine, n_machines)}"
    )


def _spilled_bytes(trace: Trace, machine: Machine) -> float:
    return np.maximum(0.0, max(trace.live_bytes, default=0.0) - machine.sram.capacity_bytes)  # type: ignore[no-any-return]


def weight_bytes(trace: Trace, plan: Plan) -> float:
    """Weights that a chip would have with another plan, all stages together.

    Parameters
    ----------
    trace
        Of one chip of its own plan.
    plan
        The other one; only ``tp`` and ``ep`` matter.
    """
    total = 0.0
    for tensor in trace.tensors.values():
        if tensor.role == "weight" and tensor.level is None:
            operator = tensor.name.rpartition(".")[0].rpartition(".")[2]
            n_sharing = [trace.splits.n_sharing(operator, each) for each in (trace.plan, plan)]
            total += tensor.n_bytes * tensor.count * n_sharing[0] / n_sharing[1]
    return total


def kv_bytes(trace: Trace) -> float:
    """KV cache of all layers, heads and sequences, each once."""
    plan = trace.plan
    of_chip = sum(t.n_bytes * t.count for t in trace.tensors.values() if t.role == "kv_cache" and t.level is None)
    return of_chip * plan.n_micro * plan.dp * min(plan.tp, trace.splits.n_kv)


def _say_fitting_plan(trace: Trace, machine: Machine, n_machines: int) -> str:
    """Say with which plan a trace would fit: fewest chips first, then fewest stages; nothing if it cannot be shared.

    Plans have one replica. A stage is taken as one layer more than its share, since layers are unlike, and activations
    as those of the whole batch, shared by no more chips than now.
    """
    splits, reach = trace.splits, machine.scale_up.n_chips if machine.scale_up else 1
    plans = [Plan(tp * pp, tp, 1, pp) for tp in splits.tp for pp in range(1, splits.pp + 1) if 1 < tp * pp <= reach]
    by_tp = {tp: weight_bytes(trace, Plan(tp, tp)) for tp in {plan.tp for plan in plans}}
    cache_bytes, live_bytes = kv_bytes(trace), max(trace.live_bytes, default=0.0) * trace.plan.dp * trace.plan.n_micro
    for each in sorted(plans, key=lambda plan: (plan.n_chips, plan.pp)):
        of_stage = (math.ceil(splits.pp / each.pp) + 1) / splits.pp if each.pp > 1 else 1.0
        kept = of_stage * (by_tp[each.tp] + cache_bytes / min(each.tp, splits.n_kv))
        live = live_bytes * max(1.0, trace.plan.tp / each.tp)
        if kept + max(0.0, live - machine.sram.capacity_bytes) <= machine.dram.capacity_bytes:
            return f", e.g. with {each.say()}"
    if not plans:
        return ""
    if n_machines > reach:
        return f", more than the {reach} that its scale-up link joins"
    return f", but no plan of the {reach} that its scale-up link joins does"
