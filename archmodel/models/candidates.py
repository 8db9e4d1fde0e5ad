"""What the mapper weighs: the best mapping of every grid and choice of what stays in place."""

from __future__ import annotations

import numpy as np

from archmodel.errors import UnsupportedError
from archmodel.lowering.operators.matmul import MAPPED, lower_mapped, lower_shape
from archmodel.lowering.phases import find_site
from archmodel.machine.types import Machine
from archmodel.mapping import place
from archmodel.mapping.matmul import list_mappings, say_mapping
from archmodel.models.analytic import Analytic
from archmodel.models.counted import STATIONS
from archmodel.results import ResultTable
from archmodel.workload.types import Trace


def candidates(trace: Trace, machine: Machine) -> ResultTable:
    """List the mappings of the first operator of a trace, fastest first; `UnsupportedError` when there are none."""
    subject = f"mapping of {trace.name} on {machine.name}"
    reasons = Analytic().supports(trace, machine)
    kind = trace.operators[0].op.kind
    if kind not in MAPPED:
        reasons = (*reasons, f"operators of kind {kind!r} have no list of mappings; those that do: {', '.join(MAPPED)}")
    if machine.array is not None:
        reasons = (*reasons, f"{machine.name}: a systolic array has one mapping, its dataflow")
    if reasons:
        raise UnsupportedError(subject, reasons)
    site = find_site(trace, 0, machine, place(trace, machine))
    found = list_mappings(lower_shape(site), site.timing, site.n_pes)
    rows = []
    for candidate in found:
        _, _, work, _ = lower_mapped(site, candidate.mapping)[-1].count()
        busiest = int(np.argmax(work))
        rows.append(
            {
                **say_mapping(candidate.mapping),
                "analytic_cycles": candidate.cycles,
                "slower_frac": candidate.cycles / found[0].cycles - 1,
                "serial_cycles": candidate.serial_cycles,
                "binds": STATIONS[busiest],
                "binding_cycles": work[busiest],
            }
        )
    return ResultTable.from_rows(rows)
