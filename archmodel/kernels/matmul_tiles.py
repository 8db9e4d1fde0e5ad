"""Tiles and blocks of a matmul under a mapping: how many, and how long each keeps the DMA and the matrix engine busy.

Machines of a sweep that differ in lanes, DRAM, clock, and capacity and width of the SRAM have all of it in common.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from archmodel.kernels.compile import kernel_part
from archmodel.kernels.matmul_shape import INPUT, OUTPUT, WEIGHT, MatmulMapping, MatmulShape
from archmodel.kernels.pe_timing import PeTiming

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
    ``firsts`` (U + 1,), what `list_candidates` says of each (U, 14), and what refutes most of them at a glance (13, U).
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
def read_tiles(rows: Any, u: int) -> Any:
    """Read what `list_candidates` says of a candidate as a tuple, which is passed on at no cost, as arrays are not.

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
        From `list_candidates`.
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
        From `list_candidates`.
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
def sum_up(shape: MatmulShape, mapping: MatmulMapping, tiles: Any, t: PeTiming, out: Any, u: int) -> None:
    """Sum up what a mapping takes at least of matrix engine, DMA engine and memories; parts of `bound_matmul`.

    Parameters
    ----------
    shape : MatmulShape
        What.
    mapping : MatmulMapping
        How, with most tiles buffered.
    tiles : tuple of 14 float
        From `list_candidates`.
    t : PeTiming
        Where.
    out : ndarray (13, U) float64
        Written to: fields above.
    u : int
        The candidate.
    """
    n_pes = mapping.grid_b * mapping.grid_m * mapping.grid_n * mapping.grid_k
    blocks, multiply, before = tiles[BLOCKS], tiles[MULTIPLY], tiles[LOAD_A] + tiles[LOAD_B]
    loads = tiles[N_LOADS_A] * tiles[LOAD_A] + tiles[N_LOADS_B] * tiles[LOAD_B] + blocks * tiles[LOAD_TAIL]
    multiplied, added, stored = blocks * tiles[N_K] * multiply, blocks * tiles[ADD_UP], blocks * tiles[STORE]
    waited = wait_for_panels(shape, mapping, tiles, tiles[LOAD_A], tiles[LOAD_B], tiles[LOAD_TAIL], t)
    filled = fill_buffers(shape, mapping, tiles, tiles[LOAD_A], tiles[LOAD_B], t)
    in_turn = max(multiplied + waited, multiply + max(tiles[ADD_UP] + stored, added))
    n_transfers = tiles[N_LOADS_A] + tiles[N_LOADS_B] + blocks  # each is there a latency later
    serial = loads + multiplied + added + stored + n_transfers * t.sram_latency
    out[LEAST, u] = min(max(filled, t.sram_latency + max(loads, before + in_turn)), serial)
    out[LEAST_SERIAL, u] = serial
    out[LEAST_BEHIND, u] = min(tiles[LOAD_A], tiles[LOAD_B]) + multiply + tiles[ADD_UP] + tiles[STORE] + t.sram_latency
    bytes_a, bytes_b = tiles[N_LOADS_A] * n_pes * tiles[TILE_A], tiles[N_LOADS_B] * n_pes * tiles[TILE_B]
    out[SHARED_A, u], out[OWN_A, u] = (bytes_a / mapping.grid_n, 0.0) if mapping.grid_n > 1 else (0.0, bytes_a)
    out[SHARED_B, u], out[OWN_B, u] = (bytes_b / mapping.grid_m, 0.0) if mapping.grid_m > 1 else (0.0, bytes_b)
    out[BLOCK_RESULTS, u] = mapping.block_m * mapping.block_n / mapping.grid_k
    out[RESULTS, u] = blocks * out[BLOCK_RESULTS, u]
    out[N_PES, u], out[STATIONARY, u] = n_pes, mapping.stationary
    out[SWEEPS_A, u], out[SWEEPS_B, u] = tiles[N_N], tiles[N_M]
