"""Windows of images: pixels counted one by one, tiles cut into contiguous rows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archmodel.kernels.window import PLAIN, count_pixels, cut_windows, image_bytes, window_lines
from archmodel.lowering.operators.convolution import find_window
from archmodel.lowering.timing import lower_timing
from archmodel.machine.load import load_machine
from archmodel.workload.operators.conv import Conv2d, Conv3d


def pixels_one_by_one(op, n_rows):
    """Pixels, padding left out, under the first windows of an image without frames, as the law walks over them."""
    seen = set()
    step = op.kernel
    for row in range(n_rows):
        line, col = divmod(row, op.out_width)
        top, left = line * op.stride, col * op.stride
        seen |= {(top + i, left + j) for i in range(step) for j in range(step)}
    return seen


@settings(max_examples=100, deadline=None, derandomize=True)
@given(data=st.data())
def test_whole_lines_count_each_pixel_once(data):
    kernel, stride = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 3))
    op = Conv2d(1, 4, 4, data.draw(st.integers(6, 12)), data.draw(st.integers(6, 12)), kernel, stride, padding=0)
    n_lines = data.draw(st.integers(1, op.out_height - 1)) if op.out_height > 1 else 1
    seen = pixels_one_by_one(op, n_lines * op.out_width)
    inside = {(line, col) for line, col in seen if line < op.height and col < op.width}
    counted = count_pixels(find_window(op), n_lines * op.out_width)
    assert counted == len(inside)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(data=st.data())
def test_more_windows_need_no_fewer_pixels(data):
    dims = {name: data.draw(st.integers(3, 9)) for name in ("frames", "height", "width")}
    kernels = {"kernel": data.draw(st.integers(1, 3)), "kernel_frames": data.draw(st.integers(1, 3))}
    strides = {"stride": data.draw(st.integers(1, 3)), "stride_frames": data.draw(st.integers(1, 2))}
    op = Conv3d(2, 4, 4, **dims, **kernels, **strides)
    window = find_window(op)
    m = op.batch * op.out_frames * op.out_height * op.out_width
    counts = [count_pixels(window, n_rows) for n_rows in range(1, m + 1)]
    x = op.operands()[0]
    assert x.n_touched <= 4 * counts[-1] <= x.n_elements  # padding is not told apart
    # Within a line, windows may need fewer columns than the line has; from line to line they only need more.
    per_line = counts[op.out_width - 1 :: op.out_width]
    assert per_line == sorted(per_line)


def test_rows_that_are_no_windows():
    t = lower_timing(load_machine("mtia_2i"), load_machine("mtia_2i").timing, "fp16", 0.0)
    assert count_pixels(PLAIN, 17) == 17
    assert image_bytes(PLAIN, 17, 30, 2.0) == 17 * 30 * 2
    assert cut_windows(PLAIN, 17, 30, 300, 2.0, t) == (17, 60)


@pytest.fixture(scope="module")
def timing():
    machine = load_machine("mtia_2i")
    return lower_timing(machine, machine.timing, "fp16", 0.0)


def test_with_all_channels_the_pixels_of_a_line_are_contiguous(timing):
    window = find_window(Conv2d(1, 3, 64, 224, 224, 7, 2))
    rows, row_bytes = cut_windows(window, 112, 147, 147, 2.0, timing)
    assert (rows, row_bytes) == (7, 224 * 3 * 2)
    assert rows == window_lines(window, 112)


def test_long_channels_are_fetched_by_channels_and_short_ones_by_positions(timing):
    window = find_window(Conv2d(1, 2304, 64, 64, 64, 3))
    # Three lines of 64 pixels, 128 channels each; 64 windows with 1152 channels of one position are longer.
    assert cut_windows(window, 64, 1152, 9 * 2304, 2.0, timing) == (3 * 64, 256)
    # Pieces of 20 channels would be shorter than a fragment.
    window = find_window(Conv2d(1, 1280, 64, 64, 64, 3))
    assert cut_windows(window, 64, 180, 9 * 1280, 2.0, timing) == (64 * 1, 360)


def test_pixels_of_a_group_are_apart(timing):
    grouped = find_window(Conv2d(1, 64, 64, 28, 28, 3, groups=8))
    rows, row_bytes = cut_windows(grouped, 28, 72, 72, 2.0, timing)
    assert (rows, row_bytes) == (3 * 28, 8 * 2)


@pytest.mark.parametrize("function", [count_pixels, window_lines])
def test_compiled_law_equals_its_python_form(function):
    window = find_window(Conv3d(2, 4, 4, 5, 6, 7, 3, 2, 2, 1))
    plain = getattr(function, "py_func", function)
    assert [function(window, n) for n in range(1, 200)] == [plain(window, n) for n in range(1, 200)]
