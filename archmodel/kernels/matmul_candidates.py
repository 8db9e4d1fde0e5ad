"""Mappings of a matmul to choose from: which fit local memory, and what each takes that machines have in common."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from archmodel.kernels.compile import kernel, kernel_part
from archmodel.kernels.data_movement import reduction_cycles
from archmodel.kernels.matmul_program import multiply_cycles
from archmodel.kernels.matmul_shape import (
    N_MAPPING_FIELDS,
    OUTPUT,
    WEIGHT,
    MatmulMapping,
    MatmulShape,
    count_local_bytes,
)
from archmodel.kernels.matmul_tiles import N_FACTS, N_SEEDS, N_TILE_FIELDS, Candidates, sum_up
from archmodel.kernels.matrix_engine import divide_up, dot_product_bytes, partial_sum_cycles, transfer_up
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.window import cut_windows, fetch_cycles

_N_SIZES, _N_DEPTHS = 5, 8
_MOST_UNLIKE = _N_SIZES * _N_SIZES * (_N_DEPTHS + 2)  # of one grid: all depths only where results stay in place
_UNKNOWN = -1.0


class Cuts(NamedTuple):
    """Cuts along one axis: unlike block sizes (X,), and which of them each grid tries (G, S), the first so many (G,).

    Blocks of a PE at each of these (G, S).
    """

    sizes: Any
    which: Any
    n_tried: Any
    n_blocks: Any


class Costs(NamedTuple):
    """What blocks of a size take, in whichever grids they occur.

    Of a tile of a, by cuts of m and k, and of b, by cuts of n and k: bytes, and cycles of a load. Of results, by PEs in
    a chain and cuts of m and n: cycles of a load of what is fused behind, of adding up, of a store, and of moving sums
    that accumulators do not hold. Of a multiply, by what stays in place and all cuts: its cycles without these.
    """

    tiles_a: Any
    tiles_b: Any
    results: Any
    multiplies: Any


@kernel_part
def _cut(size: int, parts: Any, tile: int, is_depth: bool) -> Cuts:
    """Cut an axis in parts and those in blocks: from a tile upwards, or if it is k, from all there is downwards."""
    n_grids, n_sizes = parts.size, _N_DEPTHS if is_depth else _N_SIZES
    sizes, n_unlike, n_tried = np.empty(n_grids * n_sizes, dtype=np.int64), 0, np.zeros(n_grids, dtype=np.int64)
    which, n_blocks = np.empty((n_grids, n_sizes), dtype=np.int64), np.empty((n_grids, n_sizes))
    for g in range(n_grids):
        part, last = divide_up(size, parts[g]), 0
        for i in range(n_sizes):
            most = max(tile, divide_up(part, 1 << i)) if is_depth else tile << i
            block = divide_up(part, divide_up(part, most))  # as many as are needed, none larger than necessary
            if block == last:
                continue
            last, x = block, 0
            while x < n_unlike and sizes[x] != block:
                x += 1
            sizes[x], n_unlike = block, max(n_unlike, x + 1)
            which[g, n_tried[g]], n_blocks[g, n_tried[g]] = x, divide_up(part, block)
            n_tried[g] += 1
    return Cuts(sizes[:n_unlike].copy(), which, n_tried, n_blocks)


@kernel_part
def _begin_costs(shape: MatmulShape, t: PeTiming, m: Cuts, n: Cuts, k: Cuts, most_chained: int) -> Costs:
    """Count what tiles of operands take. The rest is counted where it is needed, as many blocks do not fit."""
    n_m, n_n, n_k = m.sizes.size, n.sizes.size, k.sizes.size
    tiles_a, tiles_b = np.empty((n_m, n_k, 2)), np.empty((n_n, n_k, 2))
    for z in range(n_k):
        depth = k.sizes[z]
        for x in range(n_m):
            rows, row_bytes = cut_windows(shape.window, m.sizes[x], depth, shape.k, shape.a_bytes, t)
            tiles_a[x, z, 0], tiles_a[x, z, 1] = rows * row_bytes, fetch_cycles(rows, row_bytes, t)
        for y in range(n_n):
            row_bytes = n.sizes[y] * shape.b_bytes
            tiles_b[y, z, 0], tiles_b[y, z, 1] = depth * row_bytes, fetch_cycles(depth, row_bytes, t)
    results, multiplies = np.empty((most_chained + 1, n_m, n_n, 4)), np.empty((3, n_m, n_n, n_k))
    results[:], multiplies[:] = _UNKNOWN, _UNKNOWN
    return Costs(tiles_a, tiles_b, results, multiplies)


@kernel_part
def _count_results(shape: MatmulShape, m: int, cols: int, n_chained: int, t: PeTiming, out: Any) -> None:
    """Count what results of a block take that a chain of PEs adds up."""
    tail_bytes, c_bytes = cols * shape.tail_bytes / n_chained, cols * shape.c_bytes / n_chained
    out[0] = fetch_cycles(m, tail_bytes, t) if shape.tail_bytes > 0 else 0
    out[1] = reduction_cycles(m * cols * 4.0, n_chained, t.hop_cycles, t.reduction_width)
    out[2] = fetch_cycles(m, c_bytes, t)
    out[3] = partial_sum_cycles(m * cols * 4, t.accumulator_bytes, t.partial_width)


@kernel_part
def _count_multiply(n_streamed: int, n_held: int, k: int, element_bytes: float, t: PeTiming) -> Any:
    """Cycles of a multiply, and those for which local memory is read."""
    read = dot_product_bytes(n_streamed, n_held, k, t.tile_rows, t.tile_depth, element_bytes, element_bytes)
    return multiply_cycles(n_streamed, n_held, k, t), transfer_up(read, t.local_width)


@kernel_part
def _count_multiplies(shape: MatmulShape, m: int, cols: int, k: int, t: PeTiming) -> Any:
    """Cycles for which the matrix engine multiplies one block, for `OUTPUT`, `WEIGHT` and `INPUT` in place."""
    with_b, reading_b = _count_multiply(m, cols, k, shape.b_bytes, t)
    with_a, reading_a = _count_multiply(cols, m, k, shape.a_bytes, t)
    by_b, by_a = max(with_b, reading_b), max(with_a, reading_a)
    return by_b if with_b <= with_a else by_a, by_b, by_a


@kernel_part
def _list_unlike(shape: MatmulShape, t: PeTiming, m: Cuts, n: Cuts, k: Cuts, costs: Costs) -> Any:
    """List what fits local memory: grid, what stays in place, cuts of m, n and k, most tiles buffered (U, 6)."""
    n_grids, u, tiles_a, tiles_b = m.n_tried.size, 0, costs.tiles_a, costs.tiles_b
    listed = np.empty((_MOST_UNLIKE * n_grids, 6), dtype=np.int64)
    for g in range(n_grids):
        for stationary in range(3):
            for i in range(m.n_tried[g]):
                x = m.which[g, i]
                for j in range(n.n_tried[g]):
                    y = n.which[g, j]
                    for h in range(k.n_tried[g] if stationary == OUTPUT else 1):
                        z = k.which[g, h]
                        n_buffered = 3
                        while n_buffered > 1 and t.local_bytes < count_local_bytes(
                            shape, stationary, m.sizes[x], n.sizes[y], n_buffered, tiles_a[x, z, 0], tiles_b[y, z, 0],
                            t.accumulator_bytes,
                        ):  # fmt: skip
                            n_buffered -= 1
                        if n_buffered > 1:
                            listed[u, 0], listed[u, 1], listed[u, 2] = g, stationary, i
                            listed[u, 3], listed[u, 4], listed[u, 5] = j, h, n_buffered
                            u += 1
    return listed[:u]


@kernel_part
def _count_loads(stationary: int, part_b: int, n_m: float, n_n: float, n_k: float) -> Any:
    """Count blocks of a PE, and tiles of a and of b that are loaded for them."""
    blocks = part_b * n_m * n_n
    if stationary == OUTPUT:
        return blocks, blocks * n_k, blocks * n_k
    return (blocks, blocks, part_b * n_n) if stationary == WEIGHT else (blocks, part_b * n_m, blocks)


@kernel_part
def _describe(
    shape: MatmulShape, t: PeTiming, grids: Any, m: Cuts, n: Cuts, k: Cuts, costs: Costs, listed: Any
) -> Candidates:  # fmt: skip
    """Write the mappings that are listed, and what is to be known of each."""
    n_unlike, n_all, c = len(listed), (listed[:, 5] - 1).sum(), 0
    mappings, places = np.empty((n_all, N_MAPPING_FIELDS), dtype=np.int64), np.empty(n_all, dtype=np.int64)
    firsts, seeds = np.empty(n_unlike + 1, dtype=np.int64), np.full(N_SEEDS, -1, dtype=np.int64)
    tiles, facts = np.empty((n_unlike, N_TILE_FIELDS)), np.empty((N_FACTS, n_unlike))
    # Arrays are taken out of tuples here: in a loop, each would be counted as in use, and as no more in use.
    sizes_m, which_m, _, blocks_m = m
    sizes_n, which_n, _, blocks_n = n
    sizes_k, which_k, _, blocks_k = k
    tiles_a, tiles_b, results, multiplies = costs
    for u in range(n_unlike):
        g, stationary, i, j, h = listed[u, 0], listed[u, 1], listed[u, 2], listed[u, 3], listed[u, 4]
        x, y, z, chain = which_m[g, i], which_n[g, j], which_k[g, h], grids[g, 3]
        if results[chain, x, y, 0] == _UNKNOWN:
            _count_results(shape, sizes_m[x], sizes_n[y], chain, t, results[chain, x, y])
        if multiplies[stationary, x, y, z] == _UNKNOWN:
            multiplies[0, x, y, z], multiplies[1, x, y, z], multiplies[2, x, y, z] = _count_multiplies(
                shape, sizes_m[x], sizes_n[y], sizes_k[z], t
            )
        n_m, n_n, n_k = blocks_m[g, i], blocks_n[g, j], blocks_k[g, h]
        blocks, loads_a, loads_b = _count_loads(stationary, divide_up(shape.batch, grids[g, 0]), n_m, n_n, n_k)
        its_tiles = (
            n_m, n_n, n_k, blocks, loads_a, loads_b,
            multiplies[stationary, x, y, z] + (results[chain, x, y, 3] if n_k > 1 else 0.0),
            tiles_a[x, z, 1], tiles_b[y, z, 1], results[chain, x, y, 0], results[chain, x, y, 1],
            results[chain, x, y, 2], tiles_a[x, z, 0], tiles_b[y, z, 0],
        )  # fmt: skip
        for field in range(N_TILE_FIELDS):
            tiles[u, field] = its_tiles[field]
        firsts[u] = c
        for n_buffered in range(2, listed[u, 5] + 1):
            mapping = MatmulMapping(
                stationary, grids[g, 0], grids[g, 1], grids[g, 2], chain, sizes_m[x], sizes_n[y], sizes_k[z], n_buffered
            )
            for field in range(N_MAPPING_FIELDS):
                mappings[c, field] = mapping[field]
            places[c] = 3 * g + stationary
            c += 1
        sum_up(shape, mapping, its_tiles, t, facts, u)
    firsts[n_unlike] = c
    return Candidates(mappings, places, firsts, tiles, facts, seeds)


@kernel
def list_candidates(shape: MatmulShape, t: PeTiming, grids: Any) -> Candidates:
    """List the mappings to choose from: grids × what stays in place × block sizes, as far as they fit local memory.

    Model
    -----
    Blocks are 1, 2, 4, 8 and 16 tiles high and wide, or all there is, and as deep as all there is; output-stationary
    also a half, a quarter, … a 128th of that, but no less than a tile. Blocks of a PE are balanced, and tiles buffered
    twice or three times.

    Of each is counted how many blocks and tiles there are, and how long they keep the DMA and the matrix engine busy,
    as `archmodel.kernels.matmul_program.write_matmul` writes them, loaded from SRAM or a cache that prefetches. The
    same blocks occur in many grids: what they take is counted once.

    Parameters
    ----------
    shape : MatmulShape
        What; of no matter where operands are.
    t : PeTiming
        Where: matrix engine, local memory, DMA engine, latency of the SRAM.
    grids : ndarray (G, 4) int64
        Logical grids to try: parts of batch, m, n and k.

    Returns
    -------
    Candidates
        Mappings by grid; the place of each is ``3 · grid + stationarity``.

    Sources
    -------
    Which sizes are tried is a choice of ours. All else follows from `write_matmul`; a test compares it with programs,
    and bounds that are made of it with the closed form.
    """
    m, n = _cut(shape.m, grids[:, 1], t.tile_rows, False), _cut(shape.n, grids[:, 2], t.tile_rows, False)
    k = _cut(shape.k, grids[:, 3], t.tile_depth, True)
    costs = _begin_costs(shape, t, m, n, k, grids[:, 3].max())
    return _describe(shape, t, grids, m, n, k, costs, _list_unlike(shape, t, m, n, k, costs))
