"""Lower operators that only move elements: transposes pass the layout unit, the others are copies."""

from __future__ import annotations

import math

from archmodel.kernels.lanes import simd_cycles
from archmodel.kernels.layout_unit import transpose_cycles
from archmodel.lowering.far import by_rates
from archmodel.lowering.phases import Phase, Site, Way, lowers_ways
from archmodel.lowering.placed import Place
from archmodel.lowering.rvv import loop_cycles
from archmodel.lowering.stream import LEAST_TILES, Flow, Stage, stream
from archmodel.workload.operators.layout import Concat, Permute, Transpose

PIECE_BYTES = 256
"""Contiguous pieces of what is joined or permuted: a head or an embedding vector of 128 two-byte elements."""


@lowers_ways(Transpose.kind, leaves_rates=True)
def lower_transpose(site: Site) -> list[Way]:
    """Lower a transpose: load a block of rows, transpose it tile by tile, store a block of columns."""
    op = site.op
    assert isinstance(op, Transpose)
    x, out = site.place("x"), site.place("out")
    rows, cols = cut_block(site, op.rows, op.cols, max(x.element_bytes, out.element_bytes))
    n_blocks = math.ceil(op.rows / rows) * math.ceil(op.cols / cols)
    # Lines that are whole in the block follow one another in memory.
    taken = Flow(rows * cols, x.element_bytes, x.is_far, 1 if cols == op.cols else rows)
    given = Flow(rows * cols, out.element_bytes, out.is_far, 1 if rows == op.rows else cols)

    def stages(n: int) -> tuple[Stage, ...]:
        return (turn_block(site, n, rows, cols, x.dtype),)

    return [(stream(site, "transpose", n_blocks, [taken], stages, [given]),)]


def cut_block(site: Site, n_rows: int, n_cols: int, element_bytes: float) -> tuple[int, int]:
    """Cut a matrix into blocks to transpose: as square as it allows, as large as two in and two out fit local memory.

    There are at least `LEAST_TILES` blocks for each PE, but a block is no smaller than a tile.

    Parameters
    ----------
    site
        Where.
    n_rows, n_cols
        Of the matrix.
    element_bytes
        Of the wider of input and output.
    """
    tile = max(1, site.timing.layout_rows)
    most = min(site.timing.local_bytes / (4 * element_bytes), n_rows * n_cols / (LEAST_TILES * site.n_pes))
    edge = max(tile, math.isqrt(int(most)) // tile * tile)
    rows, cols = min(n_rows, edge), min(n_cols, edge)
    # What a narrow matrix leaves of one edge goes to the other.
    if cols < edge:
        rows = min(n_rows, max(tile, int(most / cols) // tile * tile))
    elif rows < edge:
        cols = min(n_cols, max(tile, int(most / rows) // tile * tile))
    return math.ceil(n_rows / math.ceil(n_rows / rows)), math.ceil(n_cols / math.ceil(n_cols / cols))


def turn_block(site: Site, n_blocks: int, rows: int, cols: int, dtype: str) -> Stage:
    """Transpose blocks: on the layout unit; without one on the vector cores, column by column.

    Without either, a lane moves an element per cycle.

    Parameters
    ----------
    site
        Where.
    n_blocks, rows, cols
        Blocks, and size of each.
    dtype
        Of the elements.
    """
    timing = site.timing
    if timing.layout_rows:
        n_tiles = n_blocks * math.ceil(rows / timing.layout_rows) * math.ceil(cols / timing.layout_rows)
        return Stage("layout", transpose_cycles(n_tiles, timing.layout_rows))
    if site.cores is not None:
        return Stage("vector", loop_cycles("turn", n_blocks * cols, rows, dtype, dtype, site.cores))
    cycles = by_rates(timing, lambda known: simd_cycles(n_blocks * rows * cols, 1, known.lanes))
    return Stage("simd", cycles, timing.simd_latency)


@lowers_ways(Permute.kind, Concat.kind, leaves_rates=True)
def lower_copy(site: Site) -> list[Way]:
    """Lower a permutation of axes, or the joining of tensors: pieces are loaded and stored where they belong.

    What comes from places alike is one phase. Places of the pieces are in the addresses of the commands.
    """
    operands = [operand for operand in site.op.operands() if not operand.is_output]
    out = site.place("out")
    sizes: dict[Place, int] = {}
    for operand in operands:
        place = site.place(operand.name)
        sizes[place] = sizes.get(place, 0) + operand.n_elements
    return [tuple(_copy(site, n_elements, place, out) for place, n_elements in sizes.items())]


def _copy(site: Site, n_elements: int, x: Place, out: Place) -> Phase:
    widest = max(x.element_bytes, out.element_bytes)
    per_piece = max(1, min(int(PIECE_BYTES / widest), math.ceil(n_elements / site.n_pes)))
    taken, given = (Flow(per_piece, place.element_bytes, place.is_far) for place in (x, out))
    return stream(site, "copy", math.ceil(n_elements / per_piece), [taken], lambda n_rows: (), [given])
