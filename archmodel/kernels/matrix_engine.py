"""Laws of the matrix engine: dot-product tiles. Contract: ``docs/methods/timing.md``."""

from __future__ import annotations

from archmodel.kernels.compile import kernel


@kernel
def divide_up(n: int, size: int) -> int:
    """Divide and round up: how many parts of ``size`` hold ``n``."""
    return (n + size - 1) // size


@kernel
def count_held_blocks(n_held: int, k: int, tile_rows: int, tile_depth: int) -> int:
    """Count the blocks of ``tile_rows`` × ``tile_depth`` elements in a held operand of ``n_held`` × ``k``.

    Parameters
    ----------
    n_held : int
        Rows that are held.
    k : int
        Depth of the sums.
    tile_rows : int
        Rows of a block.
    tile_depth : int
        Elements per row of a block.
    """
    return divide_up(n_held, tile_rows) * divide_up(k, tile_depth)


@kernel
def dot_product_cycles(
    n_streamed: int, n_held: int, k: int, tile_rows: int, tile_cols: int, tile_depth: int, step_depth: int,
    n_tiles: int, load_cycles: int, gap: int,
) -> int:  # fmt: skip
    """Cycles for which an engine of dot-product tiles is busy with one multiply.

    Model
    -----
    A tile holds one block while one column per cycle streams by; ``passes = ⌈blocks / n_tiles⌉``. The first blocks are
    loaded before anything streams, those of the next pass meanwhile, and the last pass loads nothing:
    ``load + Σ max(stream, load) + stream of the last pass``, the sum over all passes but the last.

    A step of ``tile_rows × tile_cols × step_depth`` is what one instruction works on; it is set up for ``gap`` cycles
    before its columns stream. A pass that sets steps up has ``stream = n_streamed + ⌈n_streamed / tile_cols⌉ ·
    ⌈tile_depth / step_depth⌉ · gap``; a step that is deeper than a block is set up in the first of the
    ``⌈step_depth / tile_depth⌉`` passes that it takes, in the others ``stream = n_streamed``. Steps follow one another
    through all passes: such a step runs on into the next held rows where ``k`` ends within it, which is optimistic.

    2:4 sparsity doubles ``tile_depth``.

    Parameters
    ----------
    n_streamed, n_held, k : int
        Columns that stream by, rows that are held, depth of the sums.
    tile_rows, tile_cols, tile_depth : int
        Rows of the block that a tile holds, columns of a step, elements per row of the block.
    step_depth : int
        Elements per row of a step.
    n_tiles : int
        Tiles, which hold different blocks.
    load_cycles : int
        To load a block [cycles].
    gap : int
        To set up a step [cycles].

    Sources
    -------
    ISCA 2025 (MTIA 2i), section 3.2: two 32 × 32 B × 32 tiles, one operand cached, one streamed. Double buffering of
    the held block is assumed. Gap: Tenstorrent, tt-metal, tt_llk_blackhole/llk_lib/llk_math_matmul.h, between tiles of
    32 × 32 × 32; MTIA: assumed. The hardware block ``rtl_stubs/dpe`` keeps this law to the cycle.
    """
    before_last = divide_up(count_held_blocks(n_held, k, tile_rows, tile_depth), n_tiles) - 1
    passes_per_step = divide_up(step_depth, tile_depth)
    set_up = n_streamed + divide_up(n_streamed, tile_cols) * divide_up(tile_depth, step_depth) * gap
    n_set_up = divide_up(before_last, passes_per_step)
    last = set_up if before_last % passes_per_step == 0 else n_streamed
    n_others = before_last - n_set_up
    return load_cycles + n_set_up * max(set_up, load_cycles) + n_others * max(n_streamed, load_cycles) + last


@kernel
def dot_product_bytes(
    n_streamed: int, n_held: int, k: int, tile_rows: int, tile_depth: int, held_bytes: float, streamed_bytes: float
) -> float:
    """Bytes that `dot_product_cycles` reads from local memory: each block once, and the columns once for each [B].

    Parameters
    ----------
    n_streamed : int
        Columns that stream by.
    n_held : int
        Rows that are held.
    k : int
        Depth of the sums.
    tile_rows : int
        Rows of a block.
    tile_depth : int
        Elements per row of a block.
    held_bytes : float
        Bytes per element of the held operand; with 2:4 sparsity, half of those of a value and an eighth of a byte for
        positions [B].
    streamed_bytes : float
        Bytes per element of the other operand [B].
    """
    blocks = count_held_blocks(n_held, k, tile_rows, tile_depth)
    return blocks * (tile_rows * held_bytes + n_streamed * streamed_bytes) * tile_depth


@kernel
def partial_sum_cycles(n_bytes: int, capacity_bytes: int, width: float) -> int:
    """Cycles to move partial sums out and back when the accumulators do not hold them; 0 when they do.

    Parameters
    ----------
    n_bytes : int
        Partial sums of one block [B].
    capacity_bytes : int
        Accumulators of one PE [B].
    width : float
        To and from local memory [B/cycle].
    """
    if n_bytes <= capacity_bytes:
        return 0
    return transfer_up(2.0 * n_bytes, width)


@kernel
def transfer_up(n_bytes: float, width: float) -> int:
    """Whole cycles that ``n_bytes`` take at ``width`` bytes per cycle."""
    cycles = n_bytes / width
    whole = int(cycles)
    return whole + 1 if whole < cycles else whole
