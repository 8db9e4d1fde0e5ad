"""Products that a grid of PEs can play: sizes that fit its memories, and how they are spread and cut."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from archmodel.kernels.matmul_shape import INPUT, OUTPUT, WEIGHT

SWEPT, B_FAR, C_FAR = "matmul_b_swept", "matmul_b_in_dram", "matmul_c_in_dram"
TINY = 1 << 10  # bytes of a memory up to which points are kept short: they are for a slow simulator


class Drawn(NamedTuple):
    """A product: m, n and k, what stays in place, m, n and k of a block, whether b and c are in DRAM, sweeps of b."""

    size: tuple[int, int, int]
    stationary: int
    block: tuple[int, int, int]
    is_b_far: bool
    is_c_far: bool
    n_sweeps: int


def draw_sizes(rng: np.random.Generator, parameters: Mapping[str, int], kernel: str, cache_bytes: int) -> Drawn:
    """Draw what stays in place, blocks and sizes; all sizes are whole blocks, m is spread over rows, k over columns.

    Parameters
    ----------
    rng
        Where random numbers come from.
    parameters
        Of the grid.
    kernel
        What is played; where it names DRAM, or sweeps, the matrix lies there, or exceeds the cache.
    cache_bytes
        Capacity of the cache [B].

    Raises
    ------
    ValueError
        When no product of the kernel fits.
    """
    rows, cols, most = parameters["GRID_ROWS"], parameters["GRID_COLS"], 1 << parameters["ADDRESS"] - 1
    unit_m = math.lcm(parameters["ROWS"], parameters["FRAGMENT"])
    unit_k = math.lcm(parameters["N_TILES"] * parameters["DEPTH"], parameters["FRAGMENT"])
    unit_n = unit_m * cols
    sums = parameters["BEATS"] * parameters["ROWS"]  # of a block
    blocks = [(m * unit_m, n * unit_n) for m in (1, 2, 4) for n in (1, 2) if m * n * unit_m * unit_n <= sums]
    is_swept, is_c_far, is_b_far = kernel == SWEPT, kernel == C_FAR, kernel in (SWEPT, B_FAR)
    stationary = INPUT if is_swept else int(rng.choice([OUTPUT, WEIGHT, INPUT]))
    if is_b_far:  # tiles of whole lines
        unit_k = math.lcm(unit_k, parameters["LINE"] * parameters["WIDTH"])
    least = cache_bytes * (1 + 1 / parameters["WAYS"])  # of what exceeds it: all sets have a line too many
    for _ in range(100_000):
        block_m, block_n = blocks[int(rng.integers(len(blocks)))]
        block_k = unit_k * (int(rng.integers(1 if is_b_far or is_c_far else 2, 5)) if most > TINY else 1)
        n_m, n_n, n_k = (int(n) for n in rng.integers(1, 5 if most > TINY else 3, 3))
        if is_b_far:
            n_n = 2 if most <= TINY else 4
            n_m = 1 if stationary != WEIGHT else n_m
        if is_swept:
            n_m, n_n = int(rng.integers(2, 4)), int(rng.integers(2, 9))
        if is_c_far:
            n_m, n_n = (int(n) for n in rng.integers(1, 9, 2))
        n_k = n_k if stationary == OUTPUT else 1
        size = (rows * n_m * block_m, n_n * block_n, cols * n_k * block_k)
        bytes_a, bytes_b, bytes_c = (size[i] * size[j] for i, j in ((0, 2), (1, 2), (0, 1)))
        is_cached = not is_b_far or 2 * cols * block_n * block_k <= cache_bytes // 2  # two tiles of each column
        exceeds = bytes_b if is_swept else bytes_c if is_c_far else least
        near = bytes_a + (0 if is_b_far else bytes_b) + (0 if is_c_far else bytes_c)
        if max(near, bytes_b, bytes_c) <= most and is_cached and least <= exceeds <= 1.25 * least:
            block = block_m, block_n, block_k
            return Drawn(size, stationary, block, is_b_far, is_c_far, n_m if is_swept else 1)
    raise ValueError(f"no {kernel} fits the memories of this build")
