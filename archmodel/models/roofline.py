"""Hierarchical roofline: the slowest of eight resources binds, operator by operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np

from archmodel.errors import UnsupportedError
from archmodel.kernels.roofline import N_RESOURCES, time_operators, time_traces
from archmodel.lowering import OperatorPack, pack_machines, pack_operators, pack_placements
from archmodel.machine.types import SET_BY_USER, Machine, list_assumed
from archmodel.mapping import LaunchMode, Placement, place, reasons_against, reasons_against_launch
from archmodel.models import register
from archmodel.results import RESOURCES, TOTALS, Result, ResultTable
from archmodel.workload.fused import Fused
from archmodel.workload.types import Trace

_BINDERS = (*RESOURCES, "launch")


@register
class Roofline:
    """Bound and estimate from peaks, placement and launch cost.

    Model
    -----
    Per operator, with busy time ``t_r`` of resource r at achievable rates and launch cost ``t_0``:
    estimate ``max_r t_r + t_0``; lower bound ``max_r t_r`` at peak rates with every operand moved once; upper bound
    ``Σ_r t_r + t_0``. A step is the sum of its operators; its lower bound overlaps them: ``max_r Σ t_r``.

    Sources
    -------
    S. Williams, A. Waterman, D. Patterson, Roofline, CACM 52(4), 2009; hierarchical form: C. Yang et al.,
    Hierarchical Roofline Analysis, CCPE 2020.
    """

    name: ClassVar[str] = "roofline"

    def supports(self, trace: Trace, machine: Machine) -> tuple[str, ...]:
        """Say why there would be no answer: a dtype without engine, a missing link, too little memory."""
        return reasons_against(trace, machine)

    def evaluate(self, trace: Trace, machine: Machine, launch: LaunchMode = "graph") -> Result:
        """Evaluate one trace on one machine.

        Raises
        ------
        UnsupportedError
            With every reason.
        """
        reasons = (*self.supports(trace, machine), *reasons_against_launch(machine, launch))
        if reasons:
            raise UnsupportedError(f"{trace.name} ({trace.phase}) on {machine.name}", reasons)
        placement = place(trace, machine, launch)
        ops, machines, placements = pack_operators(trace), pack_machines([machine]), pack_placements([placement])
        shape = (1, len(trace.operators))
        latency_s, lower_s, upper_s = np.empty(shape), np.empty(shape), np.empty(shape)
        busy_s = np.empty((*shape, N_RESOURCES))
        time_operators(ops, machines, placements, latency_s, lower_s, upper_s, busy_s)
        total = _time_traces(ops, machines, placements, 1)
        return Result(
            machine=machine.name,
            workload=trace.name,
            phase=trace.phase,
            dtype=trace.dtype,
            model=self.name,
            run={**trace.run, "launch": launch},
            operators=_operator_table(trace, machine, placement, latency_s[0], lower_s[0], upper_s[0], busy_s[0]),
            warnings=say_warnings(trace, machine, placement),
            provenance={"archmodel": version("archmodel"), "assumed": list_assumed(machine.provenance)},
            bound_s=_bound_s(total, 0),
            **_summarise(trace, machine, total, 0),
        )

    def evaluate_batch(self, trace: Trace, machines: Sequence[Machine], launch: LaunchMode = "graph") -> ResultTable:
        """Evaluate one trace on many machines in one kernel call: a row each, with ``status`` and ``message``."""
        reasons = [(*self.supports(trace, each), *reasons_against_launch(each, launch)) for each in machines]
        able = [machine for machine, against in zip(machines, reasons, strict=True) if not against]
        placements = [place(trace, machine, launch) for machine in able]
        packs = (pack_operators(trace), pack_machines(able), pack_placements(placements)) if able else None
        total = _time_traces(*packs, len(able)) if packs else {}
        rows, idx = [], 0
        for machine, against in zip(machines, reasons, strict=True):
            row: dict[str, Any] = {
                "machine": machine.name,
                "workload": trace.name,
                "phase": trace.phase,
                "dtype": trace.dtype,
                "model": self.name,
                "launch": launch,
                "status": "unsupported" if against else "ok",
                "message": "; ".join(against),
                **dict.fromkeys(TOTALS),
                "warnings": [],
            }
            if not against:
                row |= _summarise(trace, machine, total, idx)
                row["warnings"] = list(say_warnings(trace, machine, placements[idx]))
                idx += 1
            rows.append(row)
        return ResultTable.from_rows(rows)


def _time_traces(ops: OperatorPack, machines: Any, placements: Any, n: int) -> dict[str, Any]:
    out = {
        "latency_s": np.empty(n),
        "lower_s": np.empty(n),
        "upper_s": np.empty(n),
        "bound_s": np.empty((n, len(_BINDERS))),
    }
    time_traces(ops, machines, placements, *out.values())
    return out


def _bound_s(total: Mapping[str, Any], idx: int) -> dict[str, float]:
    return dict(zip(_BINDERS, total["bound_s"][idx].tolist(), strict=True))


def _summarise(trace: Trace, machine: Machine, total: Mapping[str, Any], idx: int) -> dict[str, Any]:
    latency_s, bound_s = float(total["latency_s"][idx]), _bound_s(total, idx)
    peak = machine.peak_flop_per_s("matrix", trace.dtype)
    return {
        "latency_s": latency_s,
        "lower_s": float(total["lower_s"][idx]),
        "upper_s": float(total["upper_s"][idx]),
        "launch_s": bound_s["launch"],
        "bound": max(bound_s, key=bound_s.__getitem__),
        "energy_j": energy_j(machine, latency_s),
        "throughput": trace.items / latency_s,
        "throughput_unit": f"{trace.item}/s",
        "utilisation": trace.matrix_flop / (latency_s - bound_s["launch"]) / peak
        if peak and trace.matrix_flop
        else None,
    }


def energy_j(machine: Machine, latency_s: float) -> float | None:
    """Energy at typical power [J]; ``None`` if that power is not known.

    Typical power belongs to the machine as built: other overrides, without one of the typical power, leave the energy
    unknown.

    Parameters
    ----------
    machine
        The chip.
    latency_s
        For how long [s].
    """
    changed = {path for path, note in machine.provenance.items() if note.source == SET_BY_USER}
    is_other = bool(changed) and "power.typical" not in changed
    return None if machine.power.typical_w is None or is_other else machine.power.typical_w * latency_s


def _operator_table(
    trace: Trace,
    machine: Machine,
    placement: Placement,
    latency_s: Any,
    lower_s: Any,
    upper_s: Any,
    busy_s: Any,
) -> ResultTable:
    rows = []
    for idx, operator in enumerate(trace.operators):
        flop = operator.op.work().flop * operator.count
        n_bytes = moved_bytes(trace, idx) * operator.count
        launch_s = placement.launch_s * operator.count
        slowest = int(np.argmax(busy_s[idx]))
        is_launch = launch_s > busy_s[idx, slowest]
        has_flop = flop > 0
        rows.append(
            {
                "operator": operator.name,
                "kind": operator.op.principal.kind,
                "group": operator.op.principal.group,
                **({"fused": list(operator.op.names)} if isinstance(operator.op, Fused) else {}),
                "dtype": operator.dtype,
                "count": operator.count,
                "flop": flop,
                "bytes": n_bytes,
                "latency_s": float(latency_s[idx]),
                "lower_s": float(lower_s[idx]),
                "upper_s": float(upper_s[idx]),
                "launch_s": launch_s,
                "bound": "launch" if is_launch else RESOURCES[slowest],
                "energy_j": energy_j(machine, float(latency_s[idx])),
                "throughput": (flop if has_flop else n_bytes) / float(latency_s[idx]),
                "throughput_unit": "FLOP/s" if has_flop else "B/s",
                **{f"{name}_busy_s": float(busy_s[idx, r]) for r, name in enumerate(RESOURCES)},
            }
        )
    return ResultTable.from_rows(rows)


def moved_bytes(trace: Trace, idx: int) -> float:
    """Bytes that one execution of an operator moves [B].

    Parameters
    ----------
    trace
        The workload.
    idx
        Which of its operators.
    """
    operator = trace.operators[idx]
    names = zip(operator.op.operands(), operator.tensors, strict=True)
    return sum(operand.n_touched * trace.tensors[name].bytes_per_element for operand, name in names)


def say_warnings(trace: Trace, machine: Machine, placement: Placement) -> tuple[str, ...]:
    """Say what a reader must know before quoting the numbers.

    Parameters
    ----------
    trace
        The workload.
    machine
        The chip.
    placement
        Where tensors live.
    """
    warnings = list(trace.notes)
    if machine.status != "production":
        warnings.append(f"{machine.name} is {machine.status}: most of its values are assumed")
    table_bytes = trace.role_bytes("table")
    if table_bytes > placement.table_dram_bytes and not trace.is_alternatives:
        share = f"{1 - placement.table_dram_bytes / table_bytes:.0%} of their bytes lie behind the host link"
        warnings.append(f"embedding tables exceed the DRAM of {machine.name}: {share}")
    if max(trace.live_bytes, default=0.0) > placement.lls_bytes:
        warnings.append(f"activations exceed the SRAM of {machine.name}: the excess spills to DRAM")
    return tuple(warnings)
