"""The timing laws: worked examples, published cycles of systolic arrays, compiled against Python form, monotone."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archmodel.kernels import data_movement, lanes, matrix_engine, systolic_array


def law(name):
    modules = (matrix_engine, systolic_array, data_movement, lanes)
    return next(getattr(module, name) for module in modules if hasattr(module, name))


def python_form(function):
    """What numba compiles; with NUMBA_DISABLE_JIT=1 a kernel is that already."""
    return getattr(function, "py_func", function)


# Law, arguments in the order of its signature, result.
BY_HAND = [
    ("divide_up", (6, 3), 2),
    ("divide_up", (7, 3), 3),
    ("divide_up", (0, 3), 0),
    ("count_held_blocks", (40, 100, 32, 32), 2 * 4),
    # 64 × 128 held in blocks of 32 × 32: 8 blocks, 4 passes of 2 tiles, 100 columns each; 16 columns hide no load.
    ("dot_product_cycles", (100, 64, 128, 32, 32, 32, 32, 2, 32, 0), 432),
    ("dot_product_cycles", (16, 64, 128, 32, 32, 32, 32, 2, 32, 0), 32 + 3 * 32 + 16),
    # 3 blocks on 2 tiles: the second pass is half empty.
    ("dot_product_cycles", (100, 96, 32, 32, 32, 32, 32, 2, 32, 0), 232),
    # 100 columns are four steps of up to 32, set up for 3 cycles each, in every pass; twice, if steps are half as deep;
    # in every second pass, if they are twice as deep; it hides behind a load that lasts longer than 16 columns.
    ("dot_product_cycles", (100, 64, 128, 32, 32, 32, 32, 2, 32, 3), 432 + 4 * 12),
    ("dot_product_cycles", (100, 64, 128, 32, 32, 32, 16, 2, 32, 3), 432 + 4 * 24),
    ("dot_product_cycles", (100, 64, 128, 32, 32, 32, 64, 2, 32, 3), 432 + 2 * 12),
    ("dot_product_cycles", (16, 64, 128, 32, 32, 32, 32, 2, 32, 3), 32 + 3 * 32 + 19),
    # 8 blocks of 32 rows and 100 columns each, 32 deep, of 2 B; 3 blocks; 4 sparse blocks, 64 deep.
    ("dot_product_bytes", (100, 64, 128, 32, 32, 2.0, 2.0), 8 * 132 * 64.0),
    ("dot_product_bytes", (10, 96, 32, 32, 32, 1.0, 1.0), 3 * 42 * 32.0),
    ("dot_product_bytes", (100, 64, 128, 32, 64, 0.625, 1.0), 4 * (32 * 40 + 100 * 64.0)),
    ("partial_sum_cycles", (1000, 1000, 64.0), 0),
    ("partial_sum_cycles", (1001, 1000, 64.0), 32),  # 2002 B
    ("transfer_up", (128.0, 64.0), 2),
    ("transfer_up", (129.0, 64.0), 3),
    ("transfer_up", (0.0, 64.0), 0),
    ("transfer_up", (1.0, 0.3), 4),
    ("systolic_fill_cycles", (128, 128, True), 382),
    ("systolic_fill_cycles", (128, 128, False), 254),
    ("count_row_beats", (0.0, 128.0, 256), 0),
    ("count_row_beats", (257.0, 128.0, 256), 3),
    ("count_row_beats", (600.0, 100.0, 256), 3 + 3 + 1),
    ("count_row_beats", (600.0, 512.0, 256), 3),
    ("spread_cycles", (4, 32, 200), 26),
    # The width binds; a beat per short row; 4 or 8 fragments, 32 in 201 cycles.
    ("transfer_cycles", (4, 256.0, 128.0, 16, 256, 32, 0, 1e30, 1.0), 16 + 8),
    ("transfer_cycles", (100, 16.0, 128.0, 16, 256, 32, 0, 1e30, 1.0), 16 + 100),
    ("transfer_cycles", (4, 256.0, 128.0, 16, 256, 32, 200, 1e30, 1.0), 16 + 26),
    ("transfer_cycles", (4, 257.0, 128.0, 16, 256, 32, 200, 1e30, 1.0), 16 + 51),  # a byte too many for one fragment
    # The bucket binds; short rows count in full.
    ("transfer_cycles", (4, 256.0, 128.0, 16, 256, 32, 200, 512.0, 16.0), 16 + 32),
    ("transfer_cycles", (100, 16.0, 128.0, 16, 256, 32, 0, 0.0, 64.0), 16 + 200),
    ("shaped_cycles", (1000.0, 200.0, 16.0), 50),
    ("shaped_cycles", (200.0, 200.0, 16.0), 0),
    ("shaped_cycles", (100.0, 200.0, 16.0), 0),
    ("service_cycles", (0.0, 30.0), 1),
    ("service_cycles", (100.0, 30.0), 4),
    ("reduction_cycles", (1024.0, 1, 16, 64.0), 0),
    ("reduction_cycles", (1024.0, 4, 16, 64.0), 3 * 16 + 16),
    ("simd_cycles", (100, 3, 64.0), 6),  # 2 vectors
    ("simd_cycles", (128, 3, 64.0), 6),
    ("issue_cycles", (100, 32, 20, 2), 40),
    ("issue_cycles", (100, 32, 20, 3), 27),
    ("issue_cycles", (1, 1, 20, 1), 20),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), BY_HAND)
def test_worked_example(name, arguments, expected):
    assert law(name)(*arguments) == expected
    assert python_form(law(name))(*arguments) == expected


@pytest.mark.parametrize(
    ("size", "n", "weight_stationary", "output_stationary"),
    [(128, 512, 14303, 12255), (128, 1024, 89983, 81791), (32, 512, 155135, 146943)],
)
def test_systolic_array_takes_what_scale_sim_prints(size, n, weight_stationary, output_stationary):
    assert systolic_array.systolic_cycles(n, n, n, size, size, True, False) == weight_stationary
    assert systolic_array.systolic_cycles(n, n, n, size, size, False, False) == output_stationary


@pytest.mark.parametrize("size", [32, 64, 128])
@pytest.mark.parametrize(
    "shape", [(1, 1024, 1024), (7, 100, 1000), (128, 128, 128), (129, 127, 2048), (512, 512, 512), (4096, 4096, 4096)]
)
def test_systolic_cycles_are_the_closed_forms(shape, size):
    m, n, k = shape
    rows, cols, depths = (math.ceil(dim / size) for dim in shape)
    assert systolic_array.systolic_cycles(m, n, k, size, size, True, False) == depths * cols * (m + 3 * size - 2) - 1
    assert systolic_array.systolic_cycles(m, n, k, size, size, False, False) == rows * cols * (k + 2 * size - 2) - 1


dims = st.integers(1, 5000)
tiles = st.sampled_from([4, 8, 16, 32, 64])
small = st.integers(1, 64)
cycles = st.integers(0, 2000)
sizes = st.integers(0, 10**6).map(lambda quarters: quarters / 4)
widths = st.integers(1, 4096).map(lambda quarters: quarters / 4)
flags = st.booleans()

# Arguments of each law, with the sign in which its result moves when they grow: 0 where it need not be monotone.
ARGUMENTS = {
    "divide_up": [(dims, 1), (small, -1)],
    "count_held_blocks": [(dims, 1), (dims, 1), (tiles, -1), (tiles, -1)],
    # A deeper block takes fewer passes, but more steps: 0.
    "dot_product_cycles": [
        (dims, 1), (dims, 1), (dims, 1), (tiles, -1), (tiles, -1), (tiles, 0), (tiles, -1), (small, -1), (cycles, 1),
        (cycles, 1),
    ],
    # Larger tiles pad more: 0.
    "dot_product_bytes": [(dims, 1), (dims, 1), (dims, 1), (tiles, 0), (tiles, 0), (widths, 1), (widths, 1)],
    "partial_sum_cycles": [(dims, 1), (dims, -1), (widths, -1)],
    "transfer_up": [(sizes, 1), (widths, -1)],
    "systolic_fill_cycles": [(tiles, 1), (tiles, 1), (flags, 1)],
    "systolic_interval_cycles": [(dims, 1), (tiles, 1), (tiles, 1), (flags, 1), (flags, -1)],
    "systolic_cycles": [(dims, 1), (dims, 1), (dims, 1), (tiles, 0), (tiles, 0), (flags, 0), (flags, -1)],
    # Fragments that are no multiple of the width pad their last beats, and wider ones count in full for shaping: 0.
    "count_row_beats": [(sizes, 1), (widths, -1), (dims, 0)],
    "spread_cycles": [(dims, 1), (small, -1), (cycles, 1)],
    "transfer_cycles": [
        (small, 1), (sizes, 1), (widths, 0), (cycles, 1), (dims, 0), (small, -1), (cycles, 1), (sizes, -1),
        (widths, -1),
    ],
    "shaped_cycles": [(sizes, 1), (sizes, -1), (widths, -1)],
    "service_cycles": [(sizes, 1), (widths, -1)],
    "reduction_cycles": [(sizes, 1), (small, 1), (cycles, 1), (widths, -1)],
    "simd_cycles": [(dims, 1), (small, 1), (widths, -1)],
    "issue_cycles": [(dims, 1), (small, -1), (cycles, 1), (small, -1)],
}  # fmt: skip


@pytest.mark.parametrize("name", ARGUMENTS)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_compiled_law_equals_its_python_form_and_is_monotone(name, data):
    arguments = [data.draw(values) for values, _ in ARGUMENTS[name]]
    before = law(name)(*arguments)
    assert before == python_form(law(name))(*arguments)
    for idx, (values, sign) in enumerate(ARGUMENTS[name]):
        changed = [*arguments]
        changed[idx] = data.draw(values)
        after = law(name)(*changed)
        assert after == python_form(law(name))(*changed)
        assert sign * (after - before) * (changed[idx] - arguments[idx]) >= 0, changed


@settings(max_examples=100, deadline=None, derandomize=True)
@given(m=dims, n=dims, k=dims, size=tiles, load=cycles, n_tiles=small)
def test_engines_need_a_cycle_for_all_that_they_do_in_one(m, n, k, size, load, n_tiles):
    n_macs = m * n * k
    busy = matrix_engine.dot_product_cycles(m, n, k, size, size, size, size, n_tiles, load, 0)
    assert busy * n_tiles * size * size >= n_macs
    for is_weight_stationary, is_overlapped in itertools.product((True, False), repeat=2):
        cycles = systolic_array.systolic_cycles(m, n, k, size, size, is_weight_stationary, is_overlapped)
        assert cycles * size * size >= n_macs


@settings(max_examples=100, deadline=None, derandomize=True)
@given(n_rows=small, row_bytes=sizes, width=widths, fragment=dims, outstanding=small, latency=cycles)
def test_requests_under_way_never_deliver_more_than_littles_law(
    n_rows, row_bytes, width, fragment, outstanding, latency
):
    took = data_movement.transfer_cycles(n_rows, row_bytes, width, 0, fragment, outstanding, latency, 1e30, 1.0)
    assert took * width >= n_rows * row_bytes
    assert took * outstanding * fragment >= n_rows * row_bytes * latency
