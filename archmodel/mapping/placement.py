"""Placement of tensors in the memory hierarchy, by role and capacity.

Rules (``docs/methods/roofline.md``, section Placement):

1. Activations live in SRAM. It sets aside ``lls_bytes``, the most that is alive at once, rounded up to the partition
   grain. If that is more than there is, bounds and rooflines spill the excess, operator by operator; models that
   count cycles keep the whole buffer in DRAM, as the compiler of MTIA 2i does.
2. Weights stay in the SRAM that is left if all of them fit; otherwise they stream from DRAM every step, because a
   cyclic sweep over more than a cache holds never hits.
3. KV caches live in DRAM. Embedding tables take the DRAM that is left, smallest first; rows beyond it are behind the
   host link and land in DRAM on their way. A table stays in SRAM, too, if it fits there beside all
   weights and all smaller tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from archmodel.errors import UnknownNameError, UnsupportedError
from archmodel.machine.types import Machine
from archmodel.mapping.capacity import reasons_against_capacity, resident_bytes
from archmodel.units import format_si
from archmodel.workload.types import Trace

LaunchMode = Literal["graph", "replay", "switch", "eager"]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one trace lives on one machine.

    Parameters
    ----------
    lls_bytes
        SRAM set aside for activations [B].
    weight_miss_frac
        Fraction of weight bytes read from DRAM: 0.0 or 1.0.
    table_dram_bytes
        DRAM left for embedding tables [B].
    table_sram_bytes
        SRAM left for embedding tables; negative when not even the weights fit [B].
    launch_s, job_s
        Launch cost per operator and per step [s].
    exchange_s
        Time of each of ``Trace.exchanges`` on the scale-up link [s].
    """

    lls_bytes: float
    weight_miss_frac: float
    table_dram_bytes: float
    table_sram_bytes: float
    launch_s: float
    job_s: float
    exchange_s: tuple[float, ...] = ()


def place(trace: Trace, machine: Machine, launch: LaunchMode = "graph") -> Placement:
    """Place a trace on a machine.

    Parameters
    ----------
    trace, machine
        What and where.
    launch
        ``graph``: the step is one compiled job that the chip starts; ``replay``: the host starts it, as before;
        ``switch``: the host starts it behind another job; ``eager``: the host launches every operator on its own.
    """
    sram, dram = machine.sram, machine.dram
    peak_live_bytes = max(trace.live_bytes, default=0.0)
    grains = np.ceil(peak_live_bytes / sram.partition_bytes)
    lls_bytes = np.minimum(grains * sram.partition_bytes, sram.capacity_bytes)
    table_sram_bytes = sram.capacity_bytes - lls_bytes - trace.role_bytes("weight")
    from archmodel.mapping.collectives import time_exchange  # its kernels import numba, which takes seconds

    against = reasons_against_launch(machine, launch)
    if against:
        raise UnsupportedError(f"launch mode {launch!r}", against)
    job_s = {"graph": machine.launch.job_s, "replay": machine.launch.replay_s, "switch": machine.launch.switch_s}
    return Placement(
        lls_bytes=lls_bytes,
        weight_miss_frac=1.0 - (table_sram_bytes >= 0),
        table_dram_bytes=dram.capacity_bytes - resident_bytes(trace, machine),
        table_sram_bytes=table_sram_bytes,
        launch_s=machine.launch.eager_s if launch == "eager" else machine.launch.operator_s,
        job_s=job_s.get(launch) or 0.0,
        exchange_s=tuple(time_exchange(op, dtype, machine.scale_up).time_s for op, dtype in trace.exchanges)
        if machine.scale_up
        else (),
    )


def reasons_against_launch(machine: Machine, launch: LaunchMode) -> tuple[str, ...]:
    """Say why a machine cannot launch in a mode; empty when it can."""
    if launch not in get_args(LaunchMode):
        raise UnknownNameError("launch mode", launch, get_args(LaunchMode))
    known = {"replay": machine.launch.replay_s, "switch": machine.launch.switch_s}
    if known.get(launch, 0.0) is None:
        able = [mode for mode in get_args(LaunchMode) if known.get(mode, 0.0) is not None]
        return (f"{machine.name}: 'launch.{launch}' is not described; set it or launch by {', '.join(able)}",)
    return ()


def _misplaced(trace: Trace, machine: Machine) -> list[str]:
    """Say which operators have operands that exceed the memory their caller put them in."""
    memories = (("sram", machine.sram.capacity_bytes), ("dram", machine.dram.capacity_bytes))
    reasons = []
    for operator in trace.operators:
        tensors = [trace.tensors[name] for name in dict.fromkeys(operator.tensors)]
        for level, capacity_bytes in memories:
            n_bytes = sum(t.n_bytes for t in tensors if t.level == level)
            if n_bytes > capacity_bytes:
                excess = f"{format_si(n_bytes, 'B')} in {level} exceed {format_si(capacity_bytes, 'B')}"
                reasons.append(f"{machine.name}: does not fit: operands of {operator.name!r}, {excess}")
    return reasons


def reasons_against(trace: Trace, machine: Machine) -> tuple[str, ...]:
    """Say why a trace cannot run on a machine; empty when it can."""
    reasons = []
    matrix_dtypes = {o.dtype: o.name for o in reversed(trace.operators) if o.op.work().matrix_flop}
    for dtype, first in sorted(matrix_dtypes.items()):
        if dtype not in machine.matrix.macs_per_cycle:
            allowed = ", ".join(machine.matrix.macs_per_cycle)
            needs = f"the matrix engine has no {dtype}, which operator {first!r} needs; it has {allowed}"
            reasons.append(f"{machine.name}: {needs}")
    for engine in (machine.simd or machine.vector, machine.vector or machine.simd):
        if engine is not None and "fp32" not in engine.lanes:
            missing = sorted({o.dtype for o in trace.operators} - set(engine.lanes))
            reasons.extend(f"{machine.name}: neither {dtype} nor fp32 lanes are described" for dtype in missing)
    if machine.scale_up is None:
        linked = [o.name for o in trace.operators if o.op.link_bytes(o.dtype)]
        if linked:
            reasons.append(f"{machine.name}: no scale_up link is described; operator {linked[0]!r} needs one")
    else:
        reach, plan = machine.scale_up.n_chips, trace.plan
        if plan.n_linked > reach:
            reasons.append(f"{machine.name}: its scale-up link joins {reach} chips; {plan.say()} links {plan.n_linked}")
        far = [o for o in trace.operators if o.op.n_chips_spanned() > reach]
        reasons.extend(
            f"{machine.name}: its scale-up link joins {reach} chips; {o.name!r} spans {o.op.n_chips_spanned()}"
            for o in far
            if plan.n_linked <= reach
        )
    reasons.extend(_misplaced(trace, machine))
    reasons.extend(reasons_against_capacity(trace, machine))
    return tuple(dict.fromkeys(reasons))
