"""The fastest mappings of a matmul on machines that differ in lanes and widths, too: the same candidates for all."""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.compile import kernel
from archmodel.kernels.matmul_best import NO_CANDIDATE
from archmodel.kernels.matmul_shape import MatmulShape
from archmodel.kernels.matmul_tiles import Candidates
from archmodel.kernels.matmul_variants import CACHE_BYTES, DRAM_LATENCY, DRAM_WIDTH, search_variants


@kernel
def search_groups(
    shape: MatmulShape, near: Any, far: Any, firsts: Any, candidates: Candidates, out_mappings: Any, out_cycles: Any,
    out_work: Any,
) -> int:  # fmt: skip
    """Find the fastest mapping of a matmul on each of many machines, one group of them after another.

    Model
    -----
    `search_variants` of each group.

    Parameters
    ----------
    shape : MatmulShape
        What.
    near : ndarray (G, 39) float64
        Fields of `PeTiming` of each group, whatever DRAM and cache.
    far : ndarray (V, 3) float64
        Of each machine its cache [B], DRAM [B/cycle] and the latency of that [cycles].
    firsts : ndarray (G + 1,) int64
        The first machine of each group, and V.
    candidates : Candidates
        Mappings that fit all machines, from `list_candidates`.
    out_mappings, out_cycles, out_work : ndarray (V, 9), (V, 2), (V, 15) int64
        As from `search_variants`.

    Returns
    -------
    int
        Groups that were searched: all of them, or those before one for which `search_variants` has no answer.

    Sources
    -------
    As `search_variants`.
    """
    for g in range(firsts.size - 1):
        first, end = firsts[g], firsts[g + 1]
        rows = np.empty((end - first, near.shape[1]))
        rows[:] = near[g]
        rows[:, CACHE_BYTES], rows[:, DRAM_WIDTH] = far[first:end, 0], far[first:end, 1]
        rows[:, DRAM_LATENCY] = far[first:end, 2]
        n_counted = search_variants(
            shape, rows, candidates, out_mappings[first:end], out_cycles[first:end], out_work[first:end]
        )
        if n_counted == NO_CANDIDATE:
            return g
    return int(firsts.size - 1)
