"""Tiles and blocks of a matmul under a mapping: how many, and how long each keeps the DMA and the matrix engine busy.

Machines of a sweep that differ in SRAM, DRAM, lanes and clock have all of it in common.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from archmodel.kernels.compile import kernel, kernel_part
from archmodel.kernels.data_movement import reduction_cycles, transfer_cycles
from archmodel.kernels.matmul_program import multiply_cycles
from archmodel.kernels.matmul_search import N_MAPPING_FIELDS, read_mapping
from archmodel.kernels.matmul_shape import OUTPUT, WEIGHT, MatmulMapping, MatmulShape
from archmodel.kernels.matrix_engine import divide_up, dot_product_bytes, partial_sum_cycles, transfer_up
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.window import cut_windows

# Of a PE: blocks of the result along m and n, along k and in all; tiles of a and of b that are loaded.
N_M, N_N, N_K, BLOCKS, N_LOADS_A, N_LOADS_B = range(6)
# Cycles of one multiply, of loads of a tile of a, of b and of what is fused behind a block, of adding up over a chain
# of PEs, and of a store; bytes of a tile of a and of b.
MULTIPLY, LOAD_A, LOAD_B, LOAD_TAIL, ADD_UP, STORE, TILE_A, TILE_B = range(6, 14)
N_TILE_FIELDS = 14


class Candidates(NamedTuple):
    """Mappings to choose from: fields (N, 9), grid and stationarity as one number (N,).

    Those that differ only in how many tiles are buffered, two or three, follow one another and are alike to all bounds:
    ``firsts`` (U + 1,), and what `count_tiles` says of each (U, 14).
    """

    mappings: Any
    places: Any
    firsts: Any
    tiles: Any


@kernel_part
def _load_once(n_rows: int, row_bytes: float, t: PeTiming) -> int:
    """Cycles for which the DMA engine is busy with a tile that is in SRAM, or was prefetched."""
    return transfer_cycles(
        n_rows, row_bytes, t.dma_width, t.request_cycles, t.fragment_bytes, t.outstanding, t.sram_latency,
        t.bucket_bytes, t.bucket_rate,
    )  # fmt: skip


@kernel_part
def _count_multiply(shape: MatmulShape, mapping: MatmulMapping, k: int, n_k: int, t: PeTiming) -> int:
    """Cycles for which the matrix engine multiplies one block, one of so many whose sums are one result."""
    m, cols, holds_b = mapping.block_m, mapping.block_n, mapping.stationary == WEIGHT
    if mapping.stationary == OUTPUT:
        holds_b = multiply_cycles(m, cols, k, t) <= multiply_cycles(cols, m, k, t)
    held, streamed, element_bytes = (cols, m, shape.b_bytes) if holds_b else (m, cols, shape.a_bytes)
    read = dot_product_bytes(streamed, held, k, t.tile_rows, t.tile_depth, element_bytes, element_bytes)
    cycles = max(multiply_cycles(streamed, held, k, t), transfer_up(read, t.local_width))
    if n_k > 1:
        cycles += partial_sum_cycles(m * cols * 4, t.accumulator_bytes, t.partial_width)
    return cycles


@kernel
def count_tiles(shape: MatmulShape, mapping: MatmulMapping, t: PeTiming, out: Any) -> None:
    """Count tiles and blocks, and how long each keeps the DMA and the matrix engine busy.

    Model
    -----
    As `archmodel.kernels.matmul_program.write_matmul` writes them, loaded from SRAM or a cache that prefetches.

    Parameters
    ----------
    shape : MatmulShape
        What; of no matter where operands are.
    mapping : MatmulMapping
        How.
    t : PeTiming
        Where: matrix engine, local memory, DMA engine, latency of the SRAM.
    out : ndarray (14,) float64
        Written to: fields above.

    Sources
    -------
    Follows from `write_matmul`; a test compares bounds that are made of it with the closed form.
    """
    part_b, part_m = divide_up(shape.batch, mapping.grid_b), divide_up(shape.m, mapping.grid_m)
    part_n, part_k = divide_up(shape.n, mapping.grid_n), divide_up(shape.k, mapping.grid_k)
    m, cols = mapping.block_m, mapping.block_n
    is_output, is_weight = mapping.stationary == OUTPUT, mapping.stationary == WEIGHT
    k = mapping.block_k if is_output else part_k
    n_m, n_n, n_k = divide_up(part_m, m), divide_up(part_n, cols), divide_up(part_k, k)
    blocks = part_b * n_m * n_n
    out[N_M], out[N_N], out[N_K], out[BLOCKS] = n_m, n_n, n_k, blocks
    out[N_LOADS_A] = blocks * n_k if is_output else blocks if is_weight else part_b * n_m
    out[N_LOADS_B] = blocks * n_k if is_output else part_b * n_n if is_weight else blocks
    out[MULTIPLY] = _count_multiply(shape, mapping, k, n_k, t)
    rows_a, row_bytes_a = cut_windows(shape.window, m, k, shape.k, shape.a_bytes, t)
    out[TILE_A], out[TILE_B] = rows_a * row_bytes_a, k * (cols * shape.b_bytes)
    out[LOAD_A], out[LOAD_B] = _load_once(rows_a, row_bytes_a, t), _load_once(k, cols * shape.b_bytes, t)
    out[LOAD_TAIL] = _load_once(m, cols * shape.tail_bytes / mapping.grid_k, t) if shape.tail_bytes > 0 else 0
    out[ADD_UP] = reduction_cycles(m * cols * 4.0, mapping.grid_k, t.hop_cycles, t.reduction_width)
    out[STORE] = _load_once(m, cols * shape.c_bytes / mapping.grid_k, t)


@kernel
def tell_apart(shape: MatmulShape, t: PeTiming, mappings: Any, places: Any) -> Candidates:
    """Tell apart the candidates that bounds see, and count what most machines of a sweep have in common of each.

    Parameters
    ----------
    shape : MatmulShape
        What.
    t : PeTiming
        Where: as far as `count_tiles` sees it.
    mappings : ndarray (N, 9) int64
        From `list_candidates`.
    places : ndarray (N,) int64
        Of each.
    """
    n, n_unlike = mappings.shape[0], 0
    firsts, tiles = np.empty(n + 1, dtype=np.int64), np.empty((n, N_TILE_FIELDS))
    for c in range(n):
        n_equal = 0
        for i in range(N_MAPPING_FIELDS - 1):
            n_equal += c > 0 and mappings[c, i] == mappings[c - 1, i]
        if n_equal < N_MAPPING_FIELDS - 1:
            firsts[n_unlike] = c
            count_tiles(shape, read_mapping(mappings, c), t, tiles[n_unlike])
            n_unlike += 1
    firsts[n_unlike] = n
    return Candidates(mappings, places, firsts[: n_unlike + 1].copy(), tiles[:n_unlike].copy())
