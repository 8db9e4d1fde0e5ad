"""Windows of images: which pixels the rows of an implicit matrix product need."""

from __future__ import annotations

from typing import Any, NamedTuple

from archmodel.kernels.compile import kernel, kernel_part
from archmodel.kernels.data_movement import transfer_cycles
from archmodel.kernels.matrix_engine import divide_up


class Window(NamedTuple):
    """How a kernel walks over images, or that rows of a product are just rows (``is_image`` 0).

    ``kernel`` and ``stride`` of lines and columns, and of frames; positions of the kernel in a line of the output,
    lines and frames of the output; columns, lines and frames of the input; groups of channels, each a product.
    """

    is_image: int
    kernel: int
    kernel_frames: int
    stride: int
    stride_frames: int
    out_cols: int
    out_lines: int
    out_frames: int
    cols: int
    lines: int
    frames: int
    groups: int


PLAIN = Window(0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)
"""Rows of a product that are no windows."""


@kernel
def count_positions(window: Window) -> int:
    """Count the positions of a kernel: pixels of one window."""
    return window.kernel_frames * window.kernel * window.kernel


@kernel_part
def reach(n_steps: int, kernel_size: int, stride: int, size: int) -> int:
    """Count what ``n_steps`` windows reach along one axis: ``min(size, min(kernel, stride) · (steps − 1) + kernel)``.

    Parameters
    ----------
    n_steps : int
        Windows in a row.
    kernel_size : int
        Of a window.
    stride : int
        From one window to the next; what it skips is not moved.
    size : int
        Of the input; padding is not moved.
    """
    return min(size, min(kernel_size, stride) * (n_steps - 1) + kernel_size)


@kernel
def window_lines(window: Window, n_rows: int) -> int:
    """Count the lines that ``n_rows`` windows, one after another, need: parts of a line of pixels each.

    Parameters
    ----------
    window : Window
        Of an image.
    n_rows : int
        Windows: rows of the product.
    """
    w = window
    per_frame = w.out_cols * w.out_lines
    lines, n_images, n_frames = divide_up(min(n_rows, per_frame), w.out_cols), 1, 1
    if n_rows > per_frame:
        n_frames = min(w.out_frames, divide_up(n_rows, per_frame))
        n_images = divide_up(n_rows, per_frame * w.out_frames)
    of_frame = reach(lines, w.kernel, w.stride, w.lines)
    return of_frame * reach(n_frames, w.kernel_frames, w.stride_frames, w.frames) * n_images


@kernel
def count_pixels(window: Window, n_rows: int) -> Any:
    """Count the pixels that ``n_rows`` windows, one after another, need together.

    Model
    -----
    Windows follow each other along a line of the output, then line by line, frame by frame, image by image, from the
    start of whatever they fill: a rectangle of lines (`window_lines`) and columns, in which each pixel counts once.
    Rows that are no windows are a pixel each.

    Parameters
    ----------
    window : Window
        Of an image, or `PLAIN`.
    n_rows : int
        Rows of the product.

    Sources
    -------
    Follows from the structure. Implicit GEMM: Chetlur et al., cuDNN, arXiv:1410.0759.
    """
    if window.is_image == 0:
        return n_rows
    cols = reach(min(n_rows, window.out_cols), window.kernel, window.stride, window.cols)
    return window_lines(window, n_rows) * cols


@kernel
def image_bytes(window: Window, m: int, k: int, element_bytes: float) -> Any:
    """Bytes of the left operand of a product, each pixel once [B].

    Parameters
    ----------
    window : Window
        Of an image, or `PLAIN`: then no element occurs twice.
    m : int
        Rows of the product.
    k : int
        Elements in each.
    element_bytes : float
        Bytes of an element [B].
    """
    return count_pixels(window, m) * k * element_bytes / count_positions(window)


@kernel
def cut_windows(window: Window, n_rows: int, depth: int, k: int, element_bytes: float, t: Any) -> Any:
    """Cut a tile of the left operand into contiguous rows, for the DMA engine.

    Model
    -----
    A tile of ``n_rows`` windows and a ``depth`` below ``k`` is fetched in one of two ways, whichever keeps the DMA
    engine busy for less. By channels: each pixel once, ``depth / positions`` channels of it in a row; with all channels
    the pixels of a line are one row, unless a stride skips some. By positions: for each window, as many positions of
    the kernel as have ``depth``, those in a line a row; neighbouring windows then fetch the same pixels again. With
    groups, pixels are apart.

    Parameters
    ----------
    window : Window
        Of an image, or `PLAIN`: then a row of the tile is a row.
    n_rows : int
        Rows of the tile.
    depth : int
        Elements in each.
    k : int
        Elements in a row of the operand.
    element_bytes : float
        Bytes of an element [B].
    t : PeTiming
        Where.

    Returns
    -------
    (int, float)
        Contiguous rows, and bytes of each [B].
    """
    if window.is_image == 0:
        return n_rows, depth * element_bytes
    positions, pixels = count_positions(window), count_pixels(window, n_rows)
    rows, row_bytes = pixels, depth * element_bytes / positions
    if depth == k and window.groups == 1 and window.kernel >= window.stride:
        rows = window_lines(window, n_rows)
        row_bytes *= pixels // rows
    line = k // positions * (window.kernel if window.groups == 1 else 1)
    windows, piece_bytes = n_rows * divide_up(depth, line), min(depth, line) * element_bytes
    if fetch_cycles(windows, piece_bytes, t) < fetch_cycles(rows, row_bytes, t):
        return windows, piece_bytes
    return rows, row_bytes


@kernel_part
def fetch_cycles(n_rows: int, row_bytes: float, t: Any) -> int:
    """Cycles for which the DMA engine is busy with contiguous rows that are in SRAM, or were prefetched.

    Parameters
    ----------
    n_rows : int
        Rows.
    row_bytes : float
        Of a row [B].
    t : PeTiming
        Where.
    """
    return transfer_cycles(
        n_rows, row_bytes, t.dma_width, t.request_cycles, t.fragment_bytes, t.outstanding, t.sram_latency,
        t.bucket_bytes, t.bucket_rate,
    )  # fmt: skip
