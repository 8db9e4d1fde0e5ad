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
from archmodel.kernels.matmul_shape import INPUT, OUTPUT, WEIGHT, MatmulMapping, MatmulShape
from archmodel.kernels.matrix_engine import divide_up, dot_product_bytes, partial_sum_cycles, transfer_up
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.window import cut_windows

# Of a PE: blocks of the result along m and n, along k and in all; tiles of a and of b that are loaded.
N_M, N_N, N_K, BLOCKS, N_LOADS_A, N_LOADS_B = range(6)
# Cycles of one multiply, of loads of a tile of a, of b and of what is fused behind a block, of adding up over a chain
# of PEs, and of a store; bytes of a tile of a and of b.
MULTIPLY, LOAD_A, LOAD_B, LOAD_TAIL, ADD_UP, STORE, TILE_A, TILE_B = range(6, 14)
N_TILE_FIELDS = 14
# Of a candidate, on all machines that have its tiles, at least: cycles; cycles if nothing overlapped, and from the last
# load to the end; bytes of a and b that SRAM serves for several PEs at once, and for each on its own.
LEAST, LEAST_SERIAL, LEAST_BEHIND, SHARED_A, OWN_A, SHARED_B, OWN_B = range(7)
# Results of a block and of all blocks of a PE, PEs; how often a and b are swept, and what stays in place.
BLOCK_RESULTS, RESULTS, N_PES, SWEEPS_A, SWEEPS_B, STATIONARY = range(7, 13)
N_FACTS = 13
N_SEEDS = 64


class Candidates(NamedTuple):
    """Mappings to choose from: fields (N, 9), grid and stationarity as one number (N,).

    Those that differ only in how many tiles are buffered, two or three, follow one another and are alike to all bounds:
    ``firsts`` (U + 1,), what `count_tiles` says of each (U, 14), and what refutes most of them at a glance (13, U).
    ``seeds`` is where a search begins, by unlike DRAM (64,), or −1. It leaves there what was best; no result depends
    on it.
    """

    mappings: Any
    places: Any
    firsts: Any
    tiles: Any
    facts: Any
    seeds: Any


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


@kernel_part
def read_tiles(rows: Any, u: int) -> Any:
    """Read what `count_tiles` says of a candidate as a tuple, which is passed on at no cost, as arrays are not.

    Parameters
    ----------
    rows : ndarray (U, 14) float64
        Of all candidates.
    u : int
        The candidate.
    """
    return (
        rows[u, 0], rows[u, 1], rows[u, 2], rows[u, 3], rows[u, 4], rows[u, 5], rows[u, 6], rows[u, 7], rows[u, 8],
        rows[u, 9], rows[u, 10], rows[u, 11], rows[u, 12], rows[u, 13],
    )  # fmt: skip


@kernel_part
def wait_for_panels(
    shape: MatmulShape, mapping: MatmulMapping, tiles: Any, load_a: float, load_b: float, load_tail: float, t: PeTiming
) -> float:  # fmt: skip
    """Count for how long the matrix engine waits for what stays in place, as `count_cycles` does [cycles].

    Parameters
    ----------
    shape : MatmulShape
        What.
    mapping : MatmulMapping
        How.
    tiles : tuple of 14 float
        From `count_tiles`.
    load_a : float
        Cycles of a load of a, of all PEs.
    load_b : float
        Cycles of a load of b, of all PEs.
    load_tail : float
        Cycles of a load of what is fused behind, of all PEs.
    t : PeTiming
        Where.
    """
    if mapping.stationary == OUTPUT:
        return 0.0
    is_weight, has_tail = mapping.stationary == WEIGHT, shape.tail_bytes > 0
    ahead, step, turns = (load_b, load_a, tiles[N_M]) if is_weight else (load_a, load_b, tiles[N_N])
    held = 2 if has_tail or (is_weight and shape.turns_a) else mapping.n_buffered
    wait = ahead + 2 * (step + load_tail) + t.sram_latency - min(held, turns) * tiles[MULTIPLY]
    return float((tiles[BLOCKS] / turns - 1) * max(0.0, wait))


@kernel_part
def fill_buffers(
    shape: MatmulShape, mapping: MatmulMapping, tiles: Any, load_a: float, load_b: float, t: PeTiming
) -> float:  # fmt: skip
    """Count what local memory allows that holds few tiles, as `count_cycles` does, up to the last product [cycles].

    Parameters
    ----------
    shape : MatmulShape
        What.
    mapping : MatmulMapping
        How.
    tiles : tuple of 14 float
        From `count_tiles`.
    load_a : float
        Cycles of a load of a, until the PE that is followed has its tile.
    load_b : float
        Cycles of a load of b, until it has.
    t : PeTiming
        Where.
    """
    is_weight, is_input = mapping.stationary == WEIGHT, mapping.stationary == INPUT
    held_a, held_b = 2 if is_input else mapping.n_buffered, 2 if is_weight else mapping.n_buffered
    consumed, cycles = tiles[BLOCKS] * tiles[N_K] * tiles[MULTIPLY], 0.0
    if tiles[N_LOADS_A] > held_a and not shape.turns_a:  # turned tiles are elsewhere
        filled = np.floor((tiles[N_LOADS_A] * (load_a + t.sram_latency) + consumed) / held_a)
        cycles = filled + (tiles[LOAD_B] if is_weight else 0.0)
    if tiles[N_LOADS_B] > held_b:
        filled = np.floor((tiles[N_LOADS_B] * (load_b + t.sram_latency) + consumed) / held_b)
        cycles = max(cycles, filled + (0.0 if is_weight else tiles[LOAD_A]))
    return cycles


@kernel_part
def _sum_up(shape: MatmulShape, mapping: MatmulMapping, tiles: Any, t: PeTiming, out: Any) -> None:
    """Sum up what a mapping takes at least of matrix engine, DMA engine and memories; parts of `bound_matmul`."""
    n_pes = mapping.grid_b * mapping.grid_m * mapping.grid_n * mapping.grid_k
    blocks, multiply, before = tiles[BLOCKS], tiles[MULTIPLY], tiles[LOAD_A] + tiles[LOAD_B]
    loads = tiles[N_LOADS_A] * tiles[LOAD_A] + tiles[N_LOADS_B] * tiles[LOAD_B] + blocks * tiles[LOAD_TAIL]
    multiplied, added, stored = blocks * tiles[N_K] * multiply, blocks * tiles[ADD_UP], blocks * tiles[STORE]
    waited = wait_for_panels(shape, mapping, tiles, tiles[LOAD_A], tiles[LOAD_B], tiles[LOAD_TAIL], t)
    filled = fill_buffers(shape, mapping, tiles, tiles[LOAD_A], tiles[LOAD_B], t)
    in_turn = max(multiplied + waited, multiply + max(tiles[ADD_UP] + stored, added))
    n_transfers = tiles[N_LOADS_A] + tiles[N_LOADS_B] + blocks  # each is there a latency later
    serial = loads + multiplied + added + stored + n_transfers * t.sram_latency
    out[LEAST] = min(max(filled, t.sram_latency + max(loads, before + in_turn)), serial)
    out[LEAST_SERIAL] = serial
    out[LEAST_BEHIND] = min(tiles[LOAD_A], tiles[LOAD_B]) + multiply + tiles[ADD_UP] + tiles[STORE] + t.sram_latency
    bytes_a, bytes_b = tiles[N_LOADS_A] * n_pes * tiles[TILE_A], tiles[N_LOADS_B] * n_pes * tiles[TILE_B]
    out[SHARED_A], out[OWN_A] = (bytes_a / mapping.grid_n, 0.0) if mapping.grid_n > 1 else (0.0, bytes_a)
    out[SHARED_B], out[OWN_B] = (bytes_b / mapping.grid_m, 0.0) if mapping.grid_m > 1 else (0.0, bytes_b)
    out[BLOCK_RESULTS] = mapping.block_m * mapping.block_n / mapping.grid_k
    out[RESULTS] = blocks * out[BLOCK_RESULTS]
    out[N_PES], out[SWEEPS_A], out[SWEEPS_B], out[STATIONARY] = n_pes, tiles[N_N], tiles[N_M], mapping.stationary


@kernel
def tell_apart(shape: MatmulShape, t: PeTiming, mappings: Any, places: Any) -> Candidates:
    """Tell apart the candidates that bounds see, and count what most machines of a sweep have in common of each.

    Model
    -----
    Candidates that follow one another and differ only in how many tiles are buffered are one; with most tiles buffered,
    `count_tiles` and sums of it say of it what holds of all.

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

    Sources
    -------
    As `count_tiles`.
    """
    n, n_unlike = mappings.shape[0], 0
    firsts = np.empty(n + 1, dtype=np.int64)
    for c in range(n):
        n_equal = 0
        for i in range(N_MAPPING_FIELDS - 1):
            n_equal += c > 0 and mappings[c, i] == mappings[c - 1, i]
        if n_equal < N_MAPPING_FIELDS - 1:
            firsts[n_unlike] = c
            n_unlike += 1
    firsts[n_unlike] = n
    tiles, facts, its_facts = np.empty((n_unlike, N_TILE_FIELDS)), np.empty((N_FACTS, n_unlike)), np.empty(N_FACTS)
    for u in range(n_unlike):
        mapping = read_mapping(mappings, firsts[u + 1] - 1)
        count_tiles(shape, mapping, t, tiles[u])
        _sum_up(shape, mapping, read_tiles(tiles, u), t, its_facts)
        for i in range(N_FACTS):
            facts[i, u] = its_facts[i]
    seeds = np.full(N_SEEDS, -1, dtype=np.int64)
    return Candidates(mappings, places, firsts[: n_unlike + 1].copy(), tiles, facts, seeds)
