"""Lower the backward pass of embedding bags: gather gradients, sum them per row, update rows and momentum in place."""

from __future__ import annotations

import math

from archmodel.errors import UnsupportedError
from archmodel.kernels.lanes import simd_cycles
from archmodel.kernels.pe_timing import MOST_CACHED
from archmodel.lowering.indexed import INDEX_BYTES, gather_rows, scatter_rows
from archmodel.lowering.moves import AHEAD, BEHIND, count_ahead, plain_issue
from archmodel.lowering.phases import Phase, Site, lowers
from archmodel.lowering.pooling import SUM_BYTES, choose_engine
from archmodel.lowering.program import Command, Grid, Input, Program
from archmodel.workload.operators.embedding_backward import EmbeddingBagBackward

UPDATE_PASSES = 4  # square, sum, scale, subtract


@lowers(EmbeddingBagBackward.kind)
def lower_embedding_bag_backward(site: Site) -> tuple[Phase, ...]:
    """Lower the backward pass of embedding bags.

    Model
    -----
    PEs share the rows that were looked up, each with its lookups, which are sorted. A tile has as many lookups as one
    command moves, or those of one row if these are more. Gradients are gathered by bag and added up as in
    `archmodel.lowering.operators.embedding`; rows and momentum are gathered, updated by the SIMD engine and scattered
    back. Each row is touched once, so that none is found in the cache.

    Raises
    ------
    UnsupportedError
        When a row does not fit local memory.
    """
    op, timing, access = site.op, site.timing, site.rows
    assert isinstance(op, EmbeddingBagBackward)
    assert access is not None
    gradient, table, momentum = (site.place(name) for name in ("gradient", "table", "momentum"))
    per_row = op.batch * op.pooling / op.unique
    gradient_bytes, row_bytes = op.dim * gradient.element_bytes, op.dim * table.element_bytes
    # Of a row of the table: itself before and after the update, and the sum; of a lookup: its gradient.
    room = timing.local_bytes / 2
    n_lookups = max(access.rows_per_command, access.pooled_rows)
    n_lookups = min(n_lookups, int(room // (gradient_bytes + (2 * row_bytes + SUM_BYTES * op.dim) / per_row)))
    if n_lookups < 1:
        reason = (
            f"{op.kind}: a row of {row_bytes:.0f} B with its gradients does not fit the {timing.local_bytes:.0f} B of "
            "local memory of a PE; make local memory larger or the rows shorter"
        )
        raise UnsupportedError("lowering", (reason,))
    of_pe = math.ceil(op.unique / site.n_pes)
    n_pes = math.ceil(op.unique / of_pe)
    n_rows = max(1, min(of_pe, int(n_lookups / per_row)))
    n_groups = math.ceil(of_pe / n_rows)
    n_rows = math.ceil(of_pe / n_groups)
    n_tiles = math.ceil(n_rows * per_row / n_lookups)
    n_lookups = math.ceil(n_rows * per_row / n_tiles)
    unit, issue, occupancy = choose_engine(site, n_rows, n_lookups, op.dim, gradient.dtype, is_weighted=False)
    update = simd_cycles(n_rows * op.dim, UPDATE_PASSES, timing.lanes)
    lanes = "simd" if site.has_simd or site.cores is None else "vector"
    gradients = gather_rows(
        site, n_lookups, gradient_bytes, "gradients", is_far=gradient.is_far, beside_bytes=2 * INDEX_BYTES
    )
    rows = gather_rows(site, n_rows, row_bytes, "rows", is_far=table.is_far, is_table=True, beside_bytes=0.0)
    states = gather_rows(site, n_rows, SUM_BYTES, "rows", is_far=momentum.is_far, is_table=True, beside_bytes=0.0)
    program = Program(
        body=(*gradients, Command(unit, issue, occupancy, 0, (Input("gradients"),))),
        epilogue=(
            Command(unit, plain_issue(timing), 1, timing.simd_latency, (), "sums"),
            *rows,
            *states,
            Command(
                lanes, plain_issue(timing), update, timing.simd_latency, (Input("sums"), Input("rows", 2, 2)),
                "updated", 2, 2,
            ),
            *scatter_rows(site, n_rows, row_bytes, "updated", is_far=table.is_far),
            *scatter_rows(site, n_rows, SUM_BYTES, "updated", is_far=momentum.is_far),
        ),
        buffers={
            "gradients": 2, "gradients" + AHEAD: count_ahead(timing, n_pes, n_lookups * gradient_bytes),
            "sums": 2, "rows": 4, "rows" + AHEAD: count_ahead(timing, n_pes, n_rows * row_bytes),
            "updated": 4, "updated" + BEHIND: MOST_CACHED,
        },
        n_inner=n_tiles,
        n_outer=n_groups,
        queue_depth=timing.queue_depth,
        grid=Grid(n_m=n_pes),
    )  # fmt: skip
    return (site.phase("update", program),)
