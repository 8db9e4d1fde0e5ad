"""The fastest mappings of a matmul on machines that differ in lanes and widths, too: the same candidates for all."""

from __future__ import annotations

from typing import Any

from archmodel.kernels.compile import kernel
from archmodel.kernels.matmul_best import NO_CANDIDATE
from archmodel.kernels.matmul_shape import MatmulShape
from archmodel.kernels.matmul_tiles import Candidates
from archmodel.kernels.matmul_variants import search_variants


@kernel
def search_groups(
    shape: MatmulShape, rows: Any, bounds: Any, candidates: Candidates, out_mappings: Any, out_cycles: Any,
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
    rows : ndarray (V, 39) float64
        Fields of `PeTiming` of each machine. Those of a group differ in what `search_variants` allows.
    bounds : ndarray (G + 1,) int64
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
    for g in range(bounds.size - 1):
        first, last = bounds[g], bounds[g + 1]
        n_counted = search_variants(
            shape, rows[first:last], candidates, out_mappings[first:last], out_cycles[first:last], out_work[first:last]
        )
        if n_counted == NO_CANDIDATE:
            return g
    return int(bounds.size - 1)
