"""What a matmul is, how it is spread and cut, and what that takes of memories."""

from __future__ import annotations

from typing import Any, NamedTuple

from archmodel.kernels.compile import kernel, kernel_part
from archmodel.kernels.matrix_engine import transfer_up
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.window import PLAIN, Window, cut_windows, image_bytes

# Circular buffers: tiles of the operands in the cache (LLC) and in local memory, sums in the accumulators, added up
# over the chain, results in local memory and in the cache; of what is fused behind, tiles in the cache and in local
# memory; transposed tiles of a, and results that are not transposed yet.
FAR_A, FAR_B, NEAR_A, NEAR_B, ACCUMULATED, REDUCED, RESULT, FAR_RESULT = range(8)
FAR_TAIL, NEAR_TAIL, TURNED_A, WORKED = range(8, 12)
N_BUFFERS = 12
MAX_COMMANDS = 32
# What stays in place while the inner loop runs.
OUTPUT, WEIGHT, INPUT = range(3)
N_MAPPING_FIELDS = 9


class MatmulShape(NamedTuple):
    """``batch`` products of m × k and k × n: bytes per element, what is in DRAM, SIMD operations per result.

    ``tail_bytes`` are loaded for each result besides, as ``is_tail_far`` says where from; ``turns_a`` and ``turns_c``
    say whether the layout unit transposes tiles of a, and results. Where ``window`` is of an image, rows of a are its
    windows and ``k`` is channels times the positions of the kernel.
    """

    batch: int
    m: int
    n: int
    k: int
    a_bytes: float
    b_bytes: float
    c_bytes: float
    is_a_far: bool
    is_b_far: bool
    is_c_far: bool
    operations: int
    tail_bytes: float = 0.0
    is_tail_far: bool = False
    turns_a: bool = False
    turns_c: bool = False
    window: Window = PLAIN


class MatmulMapping(NamedTuple):
    """How a matmul is spread: what stays in place, parts of batch, m, n and k, block sizes, tiles buffered."""

    stationary: int
    grid_b: int
    grid_m: int
    grid_n: int
    grid_k: int
    block_m: int
    block_n: int
    block_k: int
    n_buffered: int


@kernel_part
def count_local_bytes(
    shape: MatmulShape, stationary: int, m: int, cols: int, n_buffered: int, tile_a: float, tile_b: float,
    accumulator_bytes: float,
) -> float:  # fmt: skip
    """Count the bytes of local memory that the buffers of a mapping take [B].

    Parameters
    ----------
    shape : MatmulShape
        What.
    stationary : int
        What stays in place.
    m : int
        Rows of a block.
    cols : int
        Columns of a block.
    n_buffered : int
        Tiles buffered.
    tile_a : float
        Of a tile of a [B].
    tile_b : float
        Of a tile of b [B].
    accumulator_bytes : float
        Of the accumulators of a PE [B].
    """
    result = m * cols * shape.c_bytes
    kept = 2 * tile_b + n_buffered * tile_a
    if stationary == INPUT:
        kept = 2 * tile_a + n_buffered * tile_b
    elif stationary == OUTPUT:
        kept = n_buffered * (tile_a + tile_b)
    spilled = m * cols * 4
    if spilled <= accumulator_bytes:
        spilled = 0
    fused = 2 * m * cols * shape.tail_bytes
    if shape.turns_a:
        fused += 2 * tile_a
    if shape.turns_c:
        fused += 2 * result
    return kept + 2 * result + spilled + fused


@kernel
def fits_local(shape: MatmulShape, mapping: MatmulMapping, t: PeTiming) -> bool:
    """Whether the buffers of a mapping fit local memory.

    Model
    -----
    ``2 · held + n_buffered · swept + 2 · result + sums ≤ local``, output-stationary ``n_buffered · (a + b)`` in place
    of the first two: bytes of the tiles, and of the sums (4 B each) where the accumulators do not hold a block. What
    is fused behind has two tiles more, and what is transposed two of a or of the result.

    Parameters
    ----------
    shape : MatmulShape
        What.
    mapping : MatmulMapping
        How.
    t : PeTiming
        Where.
    """
    depth, cols = mapping.block_k, mapping.block_n
    rows, row_bytes = cut_windows(shape.window, mapping.block_m, depth, shape.k, shape.a_bytes, t)
    tile_a, tile_b = rows * row_bytes, depth * (cols * shape.b_bytes)
    taken = count_local_bytes(
        shape, mapping.stationary, mapping.block_m, cols, mapping.n_buffered, tile_a, tile_b, t.accumulator_bytes
    )
    return bool(taken <= t.local_bytes)


@kernel
def count_dram_bytes(shape: MatmulShape, mapping: MatmulMapping, n_m: int, n_n: int, cache_bytes: float) -> Any:
    """Bytes of a and b that come from DRAM, 0 for what is not there [B].

    Model
    -----
    With one operand in place, the one that is swept again and again is read once if one product's fits half of the
    cache (at least a byte), else at each sweep. Output-stationary, one of the two is swept, the one for which less is
    read: once for each part of the other that fits half of the cache, but no more often than it is swept. Windows of an
    image share its pixels, each of which is read once in a sweep.

    Parameters
    ----------
    shape : MatmulShape
        What.
    mapping : MatmulMapping
        How; only what stays in place counts.
    n_m : int
        Blocks of a PE along m: sweeps of b.
    n_n : int
        Blocks of a PE along n: sweeps of a.
    cache_bytes : float
        Capacity of the cache, 0 without one [B].

    Returns
    -------
    (float, float)
        Of a and of b, for all products [B].
    """
    half = max(1.0, cache_bytes / 2)
    one_a = image_bytes(shape.window, shape.m, shape.k, shape.a_bytes)
    one_b = shape.k * shape.n * shape.b_bytes
    far_a = shape.batch * one_a if shape.is_a_far else 0.0
    far_b = shape.batch * one_b if shape.is_b_far else 0.0
    if mapping.stationary == WEIGHT:
        return far_a * (1 if one_a <= half else n_n), far_b
    if mapping.stationary == INPUT:
        return far_a, far_b * (1 if one_b <= half else n_m)
    sweeps_a, sweeps_b = min(n_n, transfer_up(one_b, half)), min(n_m, transfer_up(one_a, half))
    if far_b + far_a * sweeps_a <= far_a + far_b * sweeps_b:
        return far_a * sweeps_a, far_b
    return far_a, far_b * sweeps_b
