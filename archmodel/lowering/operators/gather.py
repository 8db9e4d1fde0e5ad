"""Lower reads and writes of rows at given indices."""

from __future__ import annotations

import math

from archmodel.lowering.phases import Site, Way, lowers_ways
from archmodel.lowering.stream import Flow, stream
from archmodel.workload.operators.gather import Gather, Scatter


@lowers_ways(Gather.kind, Scatter.kind, leaves_rates=True)
def lower_indexed(site: Site) -> list[Way]:
    """Lower a gather or scatter: rows pass local memory, one side of it at a list of indices.

    A few rows are cut so that all PEs have a part, none shorter than a fragment of the network.
    """
    op = site.op
    assert isinstance(op, Gather | Scatter)
    source, out = site.place("source"), site.place("out")
    row_bytes = op.dim * max(source.element_bytes, out.element_bytes)
    shortest = row_bytes // site.timing.fragment_bytes
    n_cuts = max(1, math.ceil(4 * row_bytes / site.timing.local_bytes), int(min(site.n_pes // op.n, shortest)))
    is_gather = isinstance(op, Gather)
    taken = Flow(op.dim / n_cuts, source.element_bytes, source.is_far, is_indexed=is_gather)
    given = Flow(op.dim / n_cuts, out.element_bytes, out.is_far, is_indexed=not is_gather)
    return [(stream(site, op.kind, op.n * n_cuts, [taken], lambda n_rows: (), [given]),)]
