"""Products in waves of tiles. `chip` is a `Chip`; equations: ``docs/methods/wave.md``."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from archmodel.kernels.compile import kernel
from archmodel.kernels.wave import DRAM, LATENCY, LOCAL, MATRIX, PARTIAL_BYTES, SRAM, Answer, memory_s

LONGEST_EDGE = 256


class Product(NamedTuple):
    """A matrix product, or ``batch`` equal ones.

    Parameters
    ----------
    batch, m, n, k : float
        Shape [elements].
    a_bytes, b_bytes, c_bytes : float
        Bytes of an element of each operand [B].
    a_read_frac : float
        Elements of a that memory holds, by ``m · k``: below 1 where windows of a convolution share them.
    mac_s : float
        One MAC of one slot [s].
    dram_bytes : float
        Moved from and to DRAM when every operand passes once [B].
    lanes_s : float
        Work behind the product (bias, activation), all slots at work [s].
    """

    batch: float
    m: float
    n: float
    k: float
    a_bytes: float
    b_bytes: float
    c_bytes: float
    a_read_frac: float
    mac_s: float
    dram_bytes: float
    lanes_s: float


@kernel
def is_tile(chip: Any, rows: float, cols: float) -> bool:
    """Whether the matrix instruction makes such tiles, either way round, and a slot holds the sums of one.

    Model
    -----
    ``rows % tile_rows == 0`` and ``cols % tile_cols == 0``, or the other way round; ``rows · cols ≤ accumulators``.

    Sources
    -------
    Two operands can change places: ``cᵀ = bᵀ · aᵀ``.

    Parameters
    ----------
    chip : Chip
        The chip.
    rows, cols : float
        The tile [elements].
    """
    is_upright = rows % chip.tile_rows == 0 and cols % chip.tile_cols == 0
    is_turned = rows % chip.tile_cols == 0 and cols % chip.tile_rows == 0
    return bool((is_upright or is_turned) and rows * cols <= chip.accumulators)


@kernel
def time_product_tiled(chip: Any, op: Any, rows: float, cols: float, split: float) -> Answer:
    """Time a product with given tiles.

    Model
    -----
    Every slot takes ``⌈tiles / slots⌉`` tiles one after another. One step of one tile takes the slowest of MACs,
    local memory, port, and its share of the SRAM; DRAM runs beside. Before the first tile stands one latency, behind
    the last its output. See ``docs/methods/wave.md``.

    Sources
    -------
    Wave quantisation: NVIDIA, Matrix Multiplication Background User's Guide. Tiles, multicast, raster:
    NVIDIA/cutlass, documentation "Efficient GEMM in CUDA".

    Parameters
    ----------
    chip : Chip
        The chip.
    op : Product
        The product.
    rows, cols : float
        The tile [elements].
    split : float
        Parts that k is cut into.
    """
    tiles_m, tiles_n = math.ceil(op.m / rows), math.ceil(op.n / cols)
    n_tiles = op.batch * tiles_m * tiles_n * split
    n_waves = math.ceil(n_tiles / chip.n_slots)
    step = chip.step_bytes / max(op.a_bytes, op.b_bytes)
    depth = math.ceil(op.k / split / step) * step
    matrix_s = rows * cols * op.mac_s
    read_bytes = rows * cols * (op.a_bytes / min(chip.reuse_cols, cols) + op.b_bytes / min(chip.reuse_rows, rows))
    local_s = (read_bytes + rows * op.a_bytes + cols * op.b_bytes) * chip.local_s_per_byte
    port_bytes = rows * op.a_bytes + cols * op.b_bytes
    a_shared_bytes = rows * op.a_bytes if tiles_n > 1 else 0.0
    b_shared_bytes = cols * op.b_bytes if tiles_m > 1 else 0.0
    shared_bytes = port_bytes - max(a_shared_bytes, b_shared_bytes) * (1.0 - 1.0 / chip.n_sharing)
    n_full = n_tiles // chip.n_slots
    n_rest = n_tiles - n_full * chip.n_slots
    own_s = max(max(matrix_s, local_s), port_bytes * chip.port_s_per_byte)
    full_s = max(own_s, chip.n_slots * shared_bytes * chip.sram_s_per_byte)
    rest_s = max(own_s, n_rest * shared_bytes * chip.sram_s_per_byte)
    loop_s = depth * (n_full * full_s + (rest_s if n_rest > 0 else 0.0))
    out_s = rows * cols * op.c_bytes * chip.port_s_per_byte + op.lanes_s / n_waves
    # Without room for the sums of two tiles the next one waits until this one is written.
    gaps_s = (n_waves - 1.0) * out_s if 2.0 * rows * cols > chip.accumulators else 0.0
    loop_s += gaps_s
    out_bytes = op.batch * op.m * op.n * op.c_bytes
    partial_bytes = PARTIAL_BYTES * split * op.batch * op.m * op.n
    written_bytes = partial_bytes if split > 1 else out_bytes
    sram_s = (depth * n_tiles * shared_bytes + written_bytes) * chip.sram_s_per_byte
    dram_s = memory_s(
        op.dram_bytes * reread(chip, op, rows, cols, split),
        chip.dram_s_per_byte,
        chip.dram_latency_s,
        min(n_tiles, chip.n_slots),
        chip.in_flight_bytes,
    )
    fill_s = chip.dram_latency_s if op.dram_bytes > 0 else chip.sram_latency_s
    join_s = (
        chip.launch_s + chip.start_s + 2 * chip.sram_latency_s + (partial_bytes + out_bytes) * chip.sram_s_per_byte
        if split > 1
        else 0.0
    )
    latency_s = chip.start_s + fill_s + chip.sram_latency_s + out_s + join_s
    work_s = max(max(loop_s, sram_s), dram_s)
    limit = MATRIX
    if own_s > matrix_s:
        limit = LOCAL if local_s >= own_s else SRAM
    if (n_full > 0 and full_s > own_s) or sram_s > loop_s:
        limit = SRAM
    if dram_s > max(loop_s, sram_s):
        limit = DRAM
    if latency_s > work_s:
        limit = LATENCY
    other_s = n_waves * depth * port_bytes * chip.port_s_per_byte + gaps_s
    return Answer(
        work_s + latency_s, rows, cols, split, n_tiles, n_waves, limit,
        n_waves * depth * matrix_s, 0.0, n_waves * depth * local_s, sram_s, dram_s, latency_s, other_s,
    )  # fmt: skip


@kernel
def reread(chip: Any, op: Any, rows: float, cols: float, split: float) -> float:
    """How often operands pass DRAM, the output counted in once.

    Model
    -----
    Tiles in work at once form a near-square patch of the output and share rows of a and columns of b through the SRAM.
    If one product fits there, everything passes once; if not, every patch reads its rows and columns anew.

    Sources
    -------
    NVIDIA/cutlass, documentation "Efficient GEMM in CUDA" (threadblock rasterisation).

    Parameters
    ----------
    chip : Chip
        The chip.
    op : Product
        The product.
    rows, cols : float
        The tile [elements].
    split : float
        Parts that k is cut into.
    """
    a_bytes, b_bytes = op.m * op.k * op.a_bytes * op.a_read_frac, op.n * op.k * op.b_bytes
    out_bytes = op.m * op.n * op.c_bytes
    if a_bytes + b_bytes + out_bytes <= chip.sram_bytes:
        return 1.0
    tiles_m, tiles_n = math.ceil(op.m / rows), math.ceil(op.n / cols)
    at_once = max(1.0, min(chip.n_slots / split, tiles_m * tiles_n))
    patch_m = min(max(1.0, math.ceil(math.sqrt(at_once * cols / rows))), tiles_m)
    patch_n = min(max(1.0, math.ceil(at_once / patch_m)), tiles_n)
    read_bytes = a_bytes * math.ceil(tiles_n / patch_n) + b_bytes * math.ceil(tiles_m / patch_m)
    return float((read_bytes + out_bytes) / (a_bytes + b_bytes + out_bytes))


@kernel
def next_edge(edge: float) -> float:
    """Next longer edge of a tile that is tried [elements].

    Model
    -----
    Powers of two up to 32, then multiples of 32.

    Sources
    -------
    Ours: one in 32 is what tiles of libraries differ by.

    Parameters
    ----------
    edge : float
        An edge [elements].
    """
    return edge * 2 if edge < 32 else edge + 32


@kernel
def time_product(chip: Any, op: Any) -> Answer:
    """Time a product with the tile and split that take least.

    Model
    -----
    The least of `time_product_tiled` over tiles with edges of up to 256, and over splits of powers of two as long as
    slots are idle.

    Sources
    -------
    Split of the depth: NVIDIA/cutlass, documentation "Efficient GEMM in CUDA" (parallelised reductions).

    Parameters
    ----------
    chip : Chip
        The chip.
    op : Product
        The product.
    """
    smallest = min(chip.tile_rows, chip.tile_cols)
    best = time_product_tiled(chip, op, chip.tile_rows, chip.tile_cols, 1.0)
    step = chip.step_bytes / max(op.a_bytes, op.b_bytes)
    rows = smallest
    while rows <= LONGEST_EDGE:
        cols = smallest
        while cols <= LONGEST_EDGE:
            split = 1.0
            n_tiles = 0.0
            while is_tile(chip, rows, cols) and n_tiles < chip.n_slots and split <= max(1.0, op.k / step):
                answer = time_product_tiled(chip, op, rows, cols, split)
                n_tiles = answer.n_tiles
                if answer.time_s < best.time_s:
                    best = answer
                split *= 2
            cols = next_edge(cols)
        rows = next_edge(rows)
    return best
