"""Lower embedding bags: gather rows, pool them, store the sums."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from archmodel.errors import UnsupportedError
from archmodel.kernels.data_movement import service_cycles
from archmodel.kernels.lanes import simd_cycles
from archmodel.kernels.matrix_engine import transfer_up
from archmodel.kernels.pe_timing import MOST_CACHED
from archmodel.lowering.far import Far, Varying, serve
from archmodel.lowering.indexed import INDEX_BYTES, gather_rows
from archmodel.lowering.moves import AHEAD, BEHIND, count_ahead, plain_issue, store_rows
from archmodel.lowering.phases import Phase, Site, Way, lowers_ways
from archmodel.lowering.placed import Place
from archmodel.lowering.pooling import SUM_BYTES, choose_engine
from archmodel.lowering.program import Command, Grid, Input, Program
from archmodel.lowering.row_access import RowAccess
from archmodel.lowering.rvv import bag_cycles
from archmodel.lowering.stream import Flow, Stage, stream
from archmodel.workload.operators.embedding_bag import EmbeddingBag

BagKernel = Literal["tuned", "straightforward"]
MOST_BUFFERED = 8  # tiles in local memory
PART_ROWS = 8
"""Rows that a PE has at least, where several share a bag."""


@dataclass(frozen=True, slots=True)
class _Tiles:
    """What a PE does: bags of a tile, their rows, tiles of a group of bags, groups; tiles in local memory, in cache."""

    n_bags: int
    n_rows: int
    n_tiles: int
    n_groups: int
    n_buffered: int
    n_ahead: int


@lowers_ways(EmbeddingBag.kind)
def lower_embedding_bag(site: Site) -> list[Way]:
    """Lower an embedding bag with the kernel that models assume, the tuned one."""
    return [lower_bags(site, "tuned")]


def lower_bags(site: Site, kernel: BagKernel) -> tuple[Phase, ...]:
    """Lower an embedding bag.

    Parameters
    ----------
    site
        The operator and where it runs.
    kernel
        ``tuned``: a tile is what one command pools, and further tiles are under way meanwhile, as many as fit half of
        local memory, up to `MOST_BUFFERED`. ``straightforward``: a tile is what one command loads, and the next one
        waits until it is pooled.

    Model
    -----
    PEs share the samples of one table, then those of the next. A tile has rows of one bag or of several; its rows are
    gathered, added up by the SIMD engine or the vector core, whichever is faster, and the sums of whole bags converted
    and stored. Where there are fewer bags than PEs, several PEs share one, each with `PART_ROWS` rows at least, and a
    second phase adds their sums up.

    Raises
    ------
    UnsupportedError
        When a row does not fit local memory.
    """
    op = site.op
    assert isinstance(op, EmbeddingBag)
    n_bags, per_bag = op.batch * op.n_tables, op.pooling / op.n_tables
    n_parts = max(1, min(site.n_pes // n_bags, int(per_bag // PART_ROWS)))
    out = site.place("out")
    if n_parts == 1:
        return (_pool(site, kernel, n_bags, per_bag, out),)
    sums = Place("fp32", "activation", is_far=False)
    partial = Flow(n_parts * op.dim, SUM_BYTES, is_far=False)

    def add_up(n_rows: int) -> list[Stage]:
        if site.lone_cores is not None:
            return [Stage("vector", bag_cycles(n_rows, n_parts, op.dim, "fp32", site.lone_cores, is_weighted=False))]
        cycles = simd_cycles(n_rows * op.dim, n_parts, site.timing.lanes)
        return [Stage("simd", cycles, site.timing.simd_latency)]

    whole = stream(site, "add up", n_bags, [partial], add_up, [Flow(op.dim, out.element_bytes, out.is_far)])
    return _pool(site, kernel, n_bags * n_parts, per_bag / n_parts, sums), whole


def _pool(site: Site, kernel: BagKernel, n_bags: int, per_bag: float, out: Place) -> Phase:
    """Pool so many bags of so many rows each on average."""
    op, timing = site.op, site.timing
    assert isinstance(op, EmbeddingBag)
    table = site.place("table")
    row_bytes = op.dim * table.element_bytes
    bags_of_pe = math.ceil(n_bags / site.n_pes)
    n_pes = math.ceil(n_bags / bags_of_pe)
    tiles = _cut(site, kernel, bags_of_pe, per_bag, row_bytes)
    beside_bytes = INDEX_BYTES + (site.place("weights").element_bytes if op.weighted else 0.0)
    remote, inputs = _fetch_remote(site, tiles.n_rows, row_bytes, is_far=table.is_far)
    gather = gather_rows(
        site, tiles.n_rows, row_bytes, "rows", is_far=table.is_far, is_table=True, inputs=inputs,
        beside_bytes=beside_bytes,
    )  # fmt: skip
    unit, issue, occupancy = choose_engine(
        site, tiles.n_bags, tiles.n_rows, op.dim, table.dtype, is_weighted=op.weighted
    )
    pool = Command(unit, issue, occupancy, 0, (Input("rows"),))
    n_sums = tiles.n_bags * op.dim
    convert = simd_cycles(n_sums, 1, timing.lanes)
    if unit == "vector" and site.cores is not None:
        convert = transfer_up(float(n_sums * SUM_BYTES), site.cores.n_cores * site.cores.core.dlen / 8)
    finish = Command(unit, plain_issue(timing), convert, timing.simd_latency, (), "sums")
    program = Program(
        body=(*remote, *gather, pool),
        epilogue=(
            finish,
            *store_rows(timing, tiles.n_bags, op.dim * out.element_bytes, "sums", is_far=out.is_far),
        ),
        buffers={
            "rows": tiles.n_buffered, "rows" + AHEAD: tiles.n_ahead, "sums": min(2, tiles.n_buffered),
            "sums" + BEHIND: MOST_CACHED, "remote": MOST_CACHED,
        },
        n_inner=tiles.n_tiles,
        n_outer=tiles.n_groups,
        queue_depth=timing.queue_depth,
        grid=Grid(n_m=n_pes),
    )  # fmt: skip
    return site.phase("pool", program)


def _cut(site: Site, kernel: BagKernel, bags_of_pe: int, per_bag: float, row_bytes: float) -> _Tiles:
    """Cut what a PE has into tiles: rows are buffered in one half of local memory, sums in the other."""
    op, access, half = site.op, site.rows, site.timing.local_bytes / 2
    assert isinstance(op, EmbeddingBag)
    assert access is not None
    fit, n_sums = int(half // (2 * row_bytes)), int(half // (2 * SUM_BYTES * op.dim))
    if min(fit, n_sums) < 1:
        reason = (
            f"{op.kind}: two rows of {row_bytes:.0f} B and their sums do not fit the {2 * half:.0f} B of local memory "
            "of a PE; make local memory larger or the rows shorter"
        )
        raise UnsupportedError("lowering", (reason,))
    is_tuned = kernel == "tuned"
    n_rows = min(fit, max(access.rows_per_command, access.pooled_rows) if is_tuned else access.rows_per_command)
    if per_bag > n_rows:
        n_bags, n_tiles, n_groups = 1, math.ceil(per_bag / n_rows), bags_of_pe
        n_rows = math.ceil(per_bag / n_tiles)
    else:
        # A command has rows of one table.
        of_table = math.ceil(op.batch / site.n_pes)
        n_bags = max(1, min(int(n_rows / per_bag), of_table, n_sums, bags_of_pe))
        n_tiles, n_groups = 1, math.ceil(bags_of_pe / n_bags)
        n_bags = math.ceil(bags_of_pe / n_groups)
        n_rows = math.ceil(n_bags * per_bag)
    if not is_tuned:
        return _Tiles(n_bags, n_rows, n_tiles, n_groups, n_buffered=1, n_ahead=1)
    tile_bytes = n_rows * row_bytes
    n_buffered = max(2, min(MOST_BUFFERED, int(half // tile_bytes)))
    return _Tiles(n_bags, n_rows, n_tiles, n_groups, n_buffered, count_ahead(site.timing, site.n_pes, tile_bytes))


def _fetch_remote(
    site: Site, n_rows: int, row_bytes: float, *, is_far: bool
) -> tuple[tuple[Command, ...], tuple[Input, ...]]:
    """Bring the rows of a tile that are behind the host link into DRAM ahead of it; nothing where there are none.

    The latency of the link is not described; that of DRAM stands in for it.
    """
    access = site.rows
    assert access is not None

    def count_bytes(rows: RowAccess) -> Any:
        return n_rows * (1 - rows.hit_frac) * rows.remote_frac * row_bytes

    def serve_remote(far: Far) -> Any:
        assert far.rows is not None  # as here
        return serve(count_bytes(far.rows), far.rows.host_width)

    n_bytes = count_bytes(access) if is_far else 0.0
    if n_bytes <= 0:
        return (), ()
    timing, service = site.timing, Varying.of(service_cycles(n_bytes, access.host_width), serve_remote)
    fetch = Command("prefetch", plain_issue(timing), 1, timing.dram_latency, (), "remote", 1, 1, "host", service)
    return (fetch,), (Input("remote"),)
