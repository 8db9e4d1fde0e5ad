"""The fidelity ladder: one trace at every level of detail, side by side with the physical bound."""

from __future__ import annotations

from typing import Any

from archmodel.errors import UnsupportedError
from archmodel.lowering.phases import find_site
from archmodel.machine.types import Machine
from archmodel.mapping import place
from archmodel.mapping.embedding import expect_hits
from archmodel.models.analytic import Analytic
from archmodel.models.counted import CountedModel, fuse_for, reason_not_lowered, reason_unknown
from archmodel.models.cycle import Cycle
from archmodel.models.roofline import Roofline
from archmodel.results import ResultTable
from archmodel.workload.types import Trace

RUNGS: tuple[CountedModel, ...] = (Analytic(), Cycle())
"""Models that count cycles, by rising detail."""


def climb(trace: Trace, machine: Machine) -> ResultTable:
    """Time every operator of a trace by every model, launching left out.

    Returns
    -------
    ResultTable
        A row per operator of the fused trace, all its executions together: ``bound_s``, ``roofline_s``, ``analytic_s``,
        ``cycle_s`` [s], ``upper_s`` if nothing overlapped [s], ``utilisation`` of the matrix engine by the last model,
        and under ``message`` why a model has no answer (``None``).

    Raises
    ------
    UnsupportedError
        When not even the roofline has an answer.
    """
    against = RUNGS[0].reasons_against_machine(machine)
    if against:
        raise UnsupportedError(f"ladder on {machine.name}", against)
    trace = fuse_for(trace, machine, "graph")
    placement = place(trace, machine)
    rows = []
    bound = Roofline().evaluate(trace, expect_hits(trace, machine, placement))
    for idx, row in enumerate(bound.operators.rows()):
        operator = trace.operators[idx]
        site = find_site(trace, idx, machine, placement)
        reason = reason_unknown(operator, machine) or reason_not_lowered(site)
        counts = [] if reason else [rung.count(site) for rung in RUNGS]
        times: dict[str, Any] = {f"{rung.name}_s": None for rung in RUNGS}
        for rung, count in zip(RUNGS, counts, strict=False):
            times[f"{rung.name}_s"] = count.cycles / machine.clock_hz * operator.count
        peak, flop = machine.peak_flop_per_s("matrix", operator.dtype), operator.op.work().matrix_flop * operator.count
        slowest = times[f"{RUNGS[-1].name}_s"]
        rows.append(
            {
                "operator": operator.name,
                "kind": operator.op.principal.kind,
                "count": operator.count,
                "bound_s": row["lower_s"],
                "roofline_s": row["latency_s"] - row["launch_s"],
                **times,
                "upper_s": counts[-1].serial_cycles / machine.clock_hz * operator.count if counts else None,
                "utilisation": flop / slowest / peak if slowest and flop else None,
                "message": f"models that count cycles: {reason}" if reason else "",
            }
        )
    return ResultTable.from_rows(rows)
