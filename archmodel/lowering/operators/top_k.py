"""Lower the choice of the largest elements of rows."""

from __future__ import annotations

import math
from dataclasses import replace

from archmodel.dtypes import dtype_bytes
from archmodel.kernels.lanes import simd_cycles
from archmodel.lowering.phases import Phase, Site, lowers
from archmodel.lowering.placed import Place
from archmodel.lowering.rvv import loop_cycles, placing_cycles
from archmodel.lowering.stream import Flow, Stage, stream
from archmodel.workload.operators.routing import TopK

_SELECT_OPERATIONS = 3  # compare, keep the larger, keep its place
_INDEX = "int32"


@lowers(TopK.kind)
def lower_top_k(site: Site) -> tuple[Phase, ...]:
    """Lower a top-k: of whole rows, or first of parts of them, then of what these leave.

    Model
    -----
    A row is searched ``k`` times for its largest element, which is then taken out; or each element is placed among the
    best so far (`archmodel.lowering.rvv.placing_cycles`), whichever is faster. SIMD engines search. Rows are cut so
    that there is a part for every PE, if that is faster, and in further turns until what is left fits a PE.
    """
    op = site.op
    assert isinstance(op, TopK)
    spread = min(site.n_pes // op.rows, op.cols // (2 * op.k))
    ways = [_tournament(site, op, 1)]
    if spread > 1:
        ways.append(_tournament(site, op, spread))
    return ways[0] if len(ways) == 1 else min(ways, key=lambda phases: sum(phase.count()[0] for phase in phases))


def _tournament(site: Site, op: TopK, n_parts: int) -> tuple[Phase, ...]:
    """Write the phases: parts of rows, at first so many if not more, leave ``k`` elements each, until rows fit."""
    x, values, indices = site.places
    candidate_bytes = [x.element_bytes, dtype_bytes(_INDEX)]
    fit = max(1, int(site.timing.local_bytes / 2 / sum(candidate_bytes)) - op.k)
    n_cols, phases = op.cols, list[Phase]()
    flows = [Flow(n_cols, x.element_bytes, x.is_far, is_joined=True)]
    while (n_parts := min(max(n_parts, math.ceil(n_cols / fit)), n_cols // (2 * op.k))) > 1:
        n_each = math.ceil(n_cols / n_parts)
        n_parts = math.ceil(n_cols / n_each)
        parts = [replace(flow, n_elements=n_each) for flow in flows]
        found = [Flow(op.k, n_bytes, is_far=False, is_joined=True) for n_bytes in candidate_bytes]
        phases.append(_choose(site, "top_k: parts", (op.rows * n_parts, n_each, op.k), x, parts, found))
        n_cols, n_parts = n_parts * op.k, 1
        flows = [Flow(n_cols, n_bytes, is_far=False, is_joined=True) for n_bytes in candidate_bytes]
    outs = [Flow(op.k, place.element_bytes, place.is_far, is_joined=True) for place in (values, indices)]
    return (*phases, _choose(site, "top_k", (op.rows, n_cols, op.k), x, flows, outs))


def _choose(site: Site, name: str, dims: tuple[int, int, int], x: Place, flows: list[Flow], outs: list[Flow]) -> Phase:
    """Write a phase that chooses from rows."""
    n_rows, n_cols, k = dims

    def stages(n: int) -> list[Stage]:
        if site.cores is None:
            return [Stage("simd", n * k * _select_cycles(site, n_cols), site.timing.simd_latency)]
        rows_of_core = math.ceil(n / site.cores.n_cores)
        select = k * loop_cycles("largest", 1, n_cols, x.dtype, site.dtype, site.cores)
        placing = placing_cycles(n_cols, k, x.dtype, site.dtype, site.cores)
        return [Stage("vector", rows_of_core * min(select, placing))]

    return stream(site, name, n_rows, flows, stages, outs)


def _select_cycles(site: Site, n_cols: int) -> int:
    """Cycles in which a SIMD engine finds the largest element of a row."""
    lanes = site.timing.lanes
    n_halvings = math.ceil(math.log2(max(1.0, min(lanes, n_cols))))
    return simd_cycles(n_cols, _SELECT_OPERATIONS, lanes) + n_halvings * _SELECT_OPERATIONS
