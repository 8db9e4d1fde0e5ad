"""Bounds of the mapper are never more than the closed form says, and spare it most of what it would count."""

from __future__ import annotations

import numpy as np
import pytest

import archmodel as am
from archmodel.kernels.closed_form import N_STATIONS, N_WORK_ROWS
from archmodel.kernels.matmul_batch import read_timing
from archmodel.kernels.matmul_bounds import N_BOUNDS, bound_cycles, bound_matmul, count_requests, glance
from archmodel.kernels.matmul_candidates import list_candidates
from archmodel.kernels.matmul_likely import begin_bounds, count_bounds, look_at
from archmodel.kernels.matmul_search import read_mapping, time_matmul
from archmodel.kernels.matmul_shape import MAX_COMMANDS, N_BUFFERS, MatmulShape, count_dram_bytes
from archmodel.kernels.matmul_tiles import N_M, N_N, read_tiles
from archmodel.kernels.matmul_variants import CACHE_BYTES, DRAM_LATENCY, DRAM_WIDTH, search_variants
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.program import N_COMMAND_FIELDS
from archmodel.kernels.window import PLAIN, Window
from archmodel.lowering.timing import lower_timing
from archmodel.mapping.matmul import find_mappings, list_mappings

N_CHOSEN = 60
# Fields of `PeTiming` that decide what a candidate waits for.
VARIED = [PeTiming._fields.index(name) for name in ("lanes", "dma_width", "own_width", "row_width", "dram_width")]
GRIDS = np.array([(1, 8, 8, 1), (1, 1, 16, 4), (1, 64, 1, 1), (1, 2, 4, 8)])


def draw_shape(source, *, is_image):
    """A product, or a convolution of 3 × 3 over a square image, whose operands are in SRAM and DRAM at random."""
    far = [bool(value) for value in source.random(4) < 0.5]
    tail_bytes = float(source.choice([0.0, 2.0]))
    operations = int(source.integers(1, 4))
    if not is_image:
        m, n, k = (int(size) for size in 2 ** source.uniform(0, 11, 3))
        return MatmulShape(1, m, n, k, 2.0, 2.0, 2.0, *far[:3], operations, tail_bytes, far[3])
    side, channels, stride = (
        int(source.choice([8, 14, 32])),
        int(source.choice([4, 32, 320])),
        int(source.integers(1, 3)),
    )
    out = -(-side // stride)
    window = Window(1, 3, 1, stride, 1, out, out, 1, side, side, 1, 1)
    n = int(source.choice([4, 64, 640]))
    shape = MatmulShape(1, 2 * out * out, n, 9 * channels, 2.0, 2.0, 2.0, *far[:3], operations, tail_bytes, far[3])
    return shape._replace(window=window)


def draw_turned(source, shape, t):
    """The same with a or the result transposed at random, where there is what does so."""
    turns_a, turns_c = ((source.random(2) < 0.5) & (t.layout_rows > 0)).tolist()
    return shape._replace(turns_a=turns_a, turns_c=turns_c)


def draw_timings(source, machine, n):
    """Timings of machines that differ in DRAM and cache, if there is a cache that is prefetched to."""
    timing = lower_timing(machine, machine.timing, "bf16", float(source.choice([0.0, 1e6, 2e8])))
    rows = np.array([timing] * (n if timing.has_prefetch and timing.cache_bytes > 0 else 1), np.float64)
    rows[1:, DRAM_WIDTH] *= source.choice([0.1, 0.9, 1.1, 10.0], len(rows) - 1)
    rows[1:, DRAM_LATENCY] += source.integers(0, 500, len(rows) - 1)
    rows[1:, CACHE_BYTES] *= source.choice([0.01, 0.3], len(rows) - 1)
    return rows


@pytest.mark.parametrize("base", ["mtia_2i", "mtia_v1", "tt_wormhole_n150", "rivos_like"])
@pytest.mark.parametrize("is_image", [False, True])
def test_bounds_are_no_more_than_the_closed_form(base, is_image):
    source, machine = np.random.default_rng(5), am.machine(base)
    commands, loops = np.empty((MAX_COMMANDS, N_COMMAND_FIELDS), np.int64), np.empty(5, np.int64)
    capacity, work = np.empty(N_BUFFERS, np.int64), np.empty((N_WORK_ROWS, N_STATIONS), np.int64)
    bounds, bound = np.empty(N_BOUNDS), np.empty(1)
    for _ in range(6):
        shape, rows = draw_shape(source, is_image=is_image), draw_timings(source, machine, 2)
        rows[:, VARIED] *= source.choice([0.1, 1.0, 4.0], len(VARIED))
        shape = draw_turned(source, shape, read_timing(rows, 0))
        candidates = list_candidates(shape, read_timing(rows, 0), GRIDS)
        for c in source.permutation(len(candidates.mappings))[:N_CHOSEN].tolist():
            mapping = read_mapping(candidates.mappings, c)
            tiles = read_tiles(candidates.tiles, np.searchsorted(candidates.firsts, c, side="right") - 1)
            count_requests(shape, mapping, tiles, read_timing(rows, 0), bounds)
            bound_matmul(shape, mapping, tiles, read_timing(rows, 0), bounds)
            for v in range(len(rows)):
                t = read_timing(rows, v)
                from_dram = count_dram_bytes(shape, mapping, int(tiles[N_M]), int(tiles[N_N]), t.cache_bytes)
                dram = np.array([t.dram_width]), np.array([float(t.dram_latency)])
                bound_cycles(bounds, *map(float, from_dram), *dram, bound)
                cycles, _ = time_matmul(shape, mapping, t, commands, loops, capacity, work)
                assert bound[0] <= cycles, (shape, mapping, t)


@pytest.mark.parametrize("base", ["mtia_2i", "mtia_v1", "rivos_like"])
def test_no_candidate_is_refuted_by_its_own_cycles(base):
    source, machine = np.random.default_rng(8), am.machine(base)
    commands, loops = np.empty((MAX_COMMANDS, N_COMMAND_FIELDS), np.int64), np.empty(5, np.int64)
    capacity, work = np.empty(N_BUFFERS, np.int64), np.empty((N_WORK_ROWS, N_STATIONS), np.int64)
    for _ in range(24):
        shape, rows = draw_shape(source, is_image=bool(source.random() < 0.5)), draw_timings(source, machine, 1)
        rows[:, VARIED] *= source.choice([0.1, 1.0, 4.0], len(VARIED))
        t = read_timing(rows, 0)
        shape = draw_turned(source, shape, t)
        candidates = list_candidates(shape, t, GRIDS)
        seen, apart = glance(shape, candidates.facts, t), float(t.has_prefetch and t.cache_bytes > 0)
        for u in source.permutation(len(candidates.tiles))[:N_CHOSEN].tolist():
            mapping = read_mapping(candidates.mappings, candidates.firsts[u + 1] - 1)
            cycles, _ = time_matmul(shape, mapping, t, commands, loops, capacity, work)
            some, widths, latencies = np.array([u]), np.array([t.dram_width]), np.array([float(t.dram_latency)])
            left = look_at(some, seen, apart, widths, np.array([float(cycles)]))
            assert left.tolist() == [u], (shape, mapping, t)
            # Where less is allowed, what refutes it first is its bound: no more than it takes, either.
            for most in (1.0, cycles / 2, cycles - 1.0, float(cycles)):
                known = begin_bounds(len(candidates.tiles), 1)
                count_bounds(shape, candidates, some, t, widths, latencies, 0, np.array([most]), known)
                assert known.least[u, 0] <= cycles, (shape, mapping, t)


@pytest.mark.parametrize("base", ["mtia_2i", "tt_wormhole_n150"])
def test_mapper_finds_the_first_of_all_mappings_of_a_convolution(base):
    source, machine = np.random.default_rng(6), am.machine(base)
    for _ in range(4):
        shape, rows = draw_shape(source, is_image=True), draw_timings(source, machine, 8)
        assert shape.window != PLAIN
        found = find_mappings(shape, rows, machine.pe.n_pes)
        for v in range(len(rows)):
            first = list_mappings(shape, read_timing(rows, v), machine.pe.n_pes)[0]
            assert found.mappings[v].tolist() == [int(value) for value in first.mapping]
            assert found.cycles[v].tolist() == [first.cycles, first.serial_cycles]
        # A search begins where the last one has ended; what it finds does not depend on that.
        again = find_mappings(shape, rows[::-1].copy(), machine.pe.n_pes)
        assert [column[::-1].tolist() for column in again] == [column.tolist() for column in found]


@pytest.mark.parametrize("is_far", [False, True])
def test_few_closed_forms_are_counted(is_far):
    machine = am.machine("mtia_2i")
    timing = lower_timing(machine, machine.timing, "bf16", 1e8)
    rows = np.array([timing] * 12, np.float64)
    rows[:, DRAM_WIDTH] *= np.linspace(1, 20, 12)
    shape = MatmulShape(1, 8192, 640, 640, 2.0, 2.0, 2.0, is_far, True, is_far, 2)
    candidates = list_candidates(shape, timing, GRIDS)
    out = (np.empty((len(rows), width), np.int64) for width in (9, 2, N_STATIONS))
    n = len(candidates.mappings)
    assert n > 400
    assert 0 < search_variants(shape, rows, candidates, *out) < 0.05 * n * len(rows)
