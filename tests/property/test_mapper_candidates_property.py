"""What is listed of a candidate is what its program says, and all that fit are listed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import archmodel as am
from archmodel.kernels.matmul_batch import read_timing
from archmodel.kernels.matmul_candidates import list_candidates
from archmodel.kernels.matmul_program import write_matmul
from archmodel.kernels.matmul_search import read_mapping
from archmodel.kernels.matmul_shape import (
    MAX_COMMANDS,
    N_BUFFERS,
    NEAR_A,
    NEAR_B,
    NEAR_TAIL,
    MatmulMapping,
    MatmulShape,
    fits_local,
)
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.program import LOAD, MATRIX, N_COMMAND_FIELDS, OCCUPANCY, OUT, REDUCE, STORE, UNIT
from archmodel.kernels.window import Window, cut_windows
from archmodel.lowering.timing import lower_timing

GRIDS = np.array([(1, 8, 8, 1), (2, 1, 4, 8), (1, 2, 16, 2), (2, 8, 4, 1)])
N_CHOSEN = 40
SHAPES = {
    "plain": MatmulShape(2, 300, 500, 700, 2.0, 1.0, 2.0, False, False, False, 1, 2.0, False, True, False),
    "powers": MatmulShape(2, 512, 1024, 4096, 2.0, 2.0, 2.0, False, False, False, 1),
    "image": MatmulShape(
        2, 900, 96, 288, 2.0, 2.0, 1.0, False, False, False, 1, window=Window(1, 3, 1, 1, 1, 15, 15, 1, 15, 15, 1, 1)
    ),
}


def divide_up(n, size):
    return -(-n // size)


def say_tiles(shape, mapping, t):
    """Fields of `matmul_tiles` of a candidate, from the commands of its program and how often they run."""
    commands, loops = np.empty((MAX_COMMANDS, N_COMMAND_FIELDS), np.int64), np.empty(5, np.int64)
    n = write_matmul(shape, mapping, t, commands, loops, np.empty(N_BUFFERS, np.int64))
    prologue, body, epilogue, inner, outer = loops.tolist()
    times = np.repeat([outer, outer * inner, outer], [prologue, body, epilogue])

    def find(unit, out=None):
        """How often a unit runs a command, and for how long."""
        found = (commands[:n, UNIT] == unit) & ((commands[:n, OUT] == out) | (out is None))
        return times[found].sum(), set(commands[:n, OCCUPANCY][found].tolist()) or {0}

    grid = dict(zip("bmnk", mapping[1:5], strict=True))
    (n_m, n_n, n_k) = (
        divide_up(divide_up(getattr(shape, axis), grid[axis]), block)
        for axis, block in zip("mnk", mapping[5:8], strict=True)
    )
    (n_stores, store), (n_multiplies, multiply) = find(STORE), find(MATRIX)
    (n_a, load_a), (n_b, load_b), (_, load_tail) = (find(LOAD, out) for out in (NEAR_A, NEAR_B, NEAR_TAIL))
    assert n_multiplies == n_stores * n_k
    rows, row_bytes = cut_windows(shape.window, mapping.block_m, mapping.block_k, shape.k, shape.a_bytes, t)
    lasting = [value for (value,) in (multiply, load_a, load_b, load_tail, find(REDUCE)[1], store)]
    return [
        n_m,
        n_n,
        n_k,
        n_stores,
        n_a,
        n_b,
        *lasting,
        rows * row_bytes,
        mapping.block_k * mapping.block_n * shape.b_bytes,
    ]


@pytest.mark.parametrize("base", ["mtia_2i", "tt_wormhole_n150"])
@pytest.mark.parametrize("name", SHAPES)
def test_listed_tiles_are_those_of_programs(base, name):
    source, machine, shape = np.random.default_rng(3), am.machine(base), SHAPES[name]
    row = np.array([lower_timing(machine, machine.timing, "bf16", 1e6)], np.float64)
    # Larger blocks move their sums, and products wait for what is read.
    row[0, [PeTiming._fields.index(name) for name in ("accumulator_bytes", "local_width")]] /= 4, 16
    t = read_timing(row, 0)
    shape = shape._replace(turns_a=shape.turns_a and t.layout_rows > 0)
    candidates = list_candidates(shape, t, GRIDS)
    for u in source.permutation(len(candidates.tiles))[:N_CHOSEN].tolist():
        mapping = read_mapping(candidates.mappings, candidates.firsts[u + 1] - 1)
        assert candidates.tiles[u].tolist() == say_tiles(shape, mapping, t), (shape, mapping, t)


@pytest.mark.parametrize("name", SHAPES)
def test_all_that_fit_are_listed_grid_by_grid(name):
    machine, shape = am.machine("mtia_2i"), SHAPES[name]
    t = lower_timing(machine, machine.timing, "bf16", 1e6)._replace(local_bytes=131072.0)
    candidates = list_candidates(shape, t, GRIDS)
    expected = []
    for g, (n_b, n_m, n_n, n_k) in enumerate(GRIDS.tolist()):
        parts = (divide_up(shape.m, n_m), divide_up(shape.n, n_n), divide_up(shape.k, n_k))
        heights, widths = (
            sorted({divide_up(part, divide_up(part, t.tile_rows << i)) for i in range(5)}) for part in parts[:2]
        )
        depths = [max(t.tile_depth, divide_up(parts[2], 1 << i)) for i in range(8)]
        depths = sorted({divide_up(parts[2], divide_up(parts[2], depth)) for depth in depths}, reverse=True)
        for stationary in range(3):
            for blocks in (
                (m, n, k) for m in heights for n in widths for k in depths[: None if stationary == 0 else 1]
            ):
                mappings = [MatmulMapping(stationary, n_b, n_m, n_n, n_k, *blocks, held) for held in (2, 3)]
                expected += [(3 * g + stationary, mapping) for mapping in mappings if fits_local(shape, mapping, t)]
    listed = zip(candidates.places.tolist(), map(tuple, candidates.mappings.tolist()), strict=True)
    assert list(listed) == expected
    like = [{mapping[:-1] for _, mapping in expected[first:end]} for first, end in pairwise(candidates.firsts.tolist())]
    assert all(len(some) == 1 for some in like)
    assert len(like) == len({mapping[:-1] for _, mapping in expected})
