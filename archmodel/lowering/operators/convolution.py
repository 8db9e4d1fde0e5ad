"""Lower convolutions: implicit products on the matrix engine or, of grouped channels, passes of the SIMD engine."""

from __future__ import annotations

import math
from dataclasses import replace

from archmodel.errors import UnsupportedError
from archmodel.kernels.lanes import simd_cycles
from archmodel.kernels.matmul_shape import MatmulShape
from archmodel.kernels.window import PLAIN, Window, count_positions, window_lines
from archmodel.lowering.moves import missed_part
from archmodel.lowering.operators.matmul import add_fused, lower_product
from archmodel.lowering.phases import Phase, Site, lowers
from archmodel.lowering.rvv import VectorCores, bag_cycles, loop_cycles
from archmodel.lowering.stream import Flow, Stage, stream
from archmodel.lowering.timing import lower_matmul
from archmodel.workload.operators.conv import Conv2d, Conv3d

_OPERATIONS_PER_PRODUCT = 2  # multiply, add


@lowers(Conv2d.kind, Conv3d.kind)
def lower_convolution(site: Site) -> tuple[Phase, ...]:
    """Lower a convolution as an implicit product; with groups, as that or as passes over lines, whichever is faster.

    Groups are products of their own. With few channels each they leave most of the matrix engine idle, while the SIMD
    engine works on all channels of a pixel alike. The closed form judges.
    """
    product = lower_product(lower_implicit(site), site)
    if _conv(site).groups == 1:
        return (product,)
    try:
        lines = _pass_lines(site)
    except UnsupportedError:  # lines of one group alone do not fit local memory
        return (product,)
    return (min(product, lines, key=lambda phase: phase.count()[0]),)


def lower_implicit(site: Site) -> MatmulShape:
    """Lower the shape of a convolution's product: a row for each element of the output, a column for each channel."""
    op = _conv(site)
    window = find_window(op)
    x, weight, out = (site.place(name) for name in ("x", "weight", "out"))
    m, n = op.batch * window.out_frames * window.out_lines * window.out_cols, op.out_channels // op.groups
    k = count_positions(window) * op.in_channels // op.groups
    dtypes, is_far = (x.dtype, weight.dtype, out.dtype), (x.is_far, weight.is_far, out.is_far)
    shape = lower_matmul(op.groups, m, n, k, dtypes, is_far, 1 + op.has_bias)
    is_pixel = count_positions(window) == 1 and op.stride == 1 and window.stride_frames == 1
    functions = ("bias",) if op.has_bias else ()
    return add_fused(shape._replace(window=PLAIN if is_pixel else window), site, functions)


def find_window(op: Conv2d | Conv3d) -> Window:
    """Find how the kernel of a convolution walks over its input."""
    kernel_frames = stride_frames = out_frames = frames = 1
    if isinstance(op, Conv3d):
        kernel_frames, stride_frames, out_frames, frames = op.kernel_frames, op.stride_frames, op.out_frames, op.frames
    return Window(
        is_image=1,
        kernel=op.kernel,
        kernel_frames=kernel_frames,
        stride=op.stride,
        stride_frames=stride_frames,
        out_cols=op.out_width,
        out_lines=op.out_height,
        out_frames=out_frames,
        cols=op.width,
        lines=op.height,
        frames=frames,
        groups=op.groups,
    )


def _pass_lines(site: Site) -> Phase:
    """Pass over lines of the output: load its lines of the input, multiply and add for each position of the kernel.

    Lines stay in local memory until the last window that needs them; a PE has the filters of its channels once.
    """
    op, window = _conv(site), find_window(_conv(site))
    x, weight, out = (site.place(name) for name in ("x", "weight", "out"))
    n_lines = op.batch * window.out_frames * window.out_lines
    in_line, out_line = op.in_channels * window.cols, op.out_channels * window.out_cols
    depth = op.in_channels // op.groups * count_positions(window)
    # Channels are cut where whole lines would not fit, or are fewer than PEs.
    filters_bytes = op.out_channels * depth * weight.element_bytes
    n_held = window.kernel_frames * window.kernel  # lines of the input under one of the output
    held_bytes = filters_bytes + 2 * n_held * in_line * x.element_bytes + 2 * out_line * out.element_bytes
    n_slices = min(op.groups, max(math.ceil(held_bytes / site.timing.local_bytes), site.n_pes // n_lines, 1))
    per_pe = math.ceil(n_lines * n_slices / site.n_pes)
    n_taken = window_lines(window, per_pe * window.out_cols) / per_pe * in_line / n_slices
    n_results = out_line / n_slices
    n_operations = _OPERATIONS_PER_PRODUCT * depth + op.has_bias

    def stages(n: int) -> tuple[Stage, ...]:
        if site.lone_cores is not None:
            return (Stage("vector", _line_cycles(site, site.lone_cores, n, n_results, depth)),)
        took = simd_cycles(math.ceil(n * n_results), n_operations, site.timing.lanes)
        return (Stage("simd", took, site.timing.simd_latency),)

    n_rows = n_lines * n_slices
    n_distinct = op.batch * window.frames * window.lines * in_line
    missed_frac = missed_part(site.timing, n_distinct, n_taken * n_rows)
    taken = Flow(n_taken, x.element_bytes, x.is_far, missed_frac=missed_frac)
    filters = Flow(op.out_channels * depth, weight.element_bytes, weight.is_far, is_held=True)
    if n_slices > 1:  # PEs have unlike filters, each along with its lines
        n_loaded = filters.n_elements / n_slices * min(n_rows, site.n_pes)
        missed_frac = missed_part(site.timing, filters.n_elements, n_loaded)
        filters = replace(filters, n_elements=n_loaded / n_rows, is_held=False, missed_frac=missed_frac)
    given = Flow(n_results, out.element_bytes, out.is_far)
    return stream(site, "lines", n_rows, [taken, filters], stages, [given])


def _line_cycles(site: Site, cores: VectorCores, n_lines: int, n_results: float, depth: int) -> int:
    """Cycles of vector cores: each has its part of every line, a bag of weighted rows; sums are then converted."""
    dtype, n_each = site.result.dtype, math.ceil(n_results / cores.n_cores)
    n_sums = math.ceil(n_lines * n_results)
    summed = bag_cycles(n_lines * cores.n_cores, depth, n_each, site.place("x").dtype, cores, is_weighted=True)
    converted = loop_cycles("copy", 1, n_sums, "fp32", "fp32", cores, dtype)
    return summed + converted + (loop_cycles("bias", 1, n_sums, dtype, dtype, cores) if _conv(site).has_bias else 0)


def _conv(site: Site) -> Conv2d | Conv3d:
    assert isinstance(site.op, Conv2d | Conv3d)
    return site.op
