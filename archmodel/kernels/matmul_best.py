"""The best candidates so far for a matmul, on each of several machines, and which of them is chosen."""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.compile import kernel_part

NO_CANDIDATE = -1
"""Returned by a search whose bounds have refuted all candidates, the fastest one too."""
# Of a machine: cycles of the best so far, how many places have it; then of each of these the place, its first
# candidate, and cycles if nothing overlapped.
CYCLES, N_BEST = range(2)
PLACE, CANDIDATE, SERIAL = range(2, 5)
_N_FIELDS = 3


@kernel_part
def begin_best(n_machines: int, n_places: int) -> Any:
    """Begin with no candidate.

    Parameters
    ----------
    n_machines : int
        Machines.
    n_places : int
        Places: grids times what may stay in place.

    Returns
    -------
    ndarray (V, 2 + 3 · places) int64
        The best so far on each machine: columns above.
    """
    best = np.empty((n_machines, PLACE + _N_FIELDS * n_places), dtype=np.int64)
    best[:, CYCLES], best[:, N_BEST] = np.iinfo(np.int64).max, 0
    return best


@kernel_part
def is_settled(best: Any, v: int, c: int, place: int, bound: float) -> bool:
    """Whether a candidate cannot be chosen: too slow, or at best as fast as an earlier one of its place.

    Parameters
    ----------
    best : ndarray (V, 2 + 3 · places) int64
        From `begin_best`.
    v : int
        Machine.
    c : int
        Candidate.
    place : int
        Its place.
    bound : float
        What it takes at least [cycles].
    """
    if bound < best[v, CYCLES]:
        return False
    if bound > best[v, CYCLES]:
        return True
    for at in range(0, _N_FIELDS * best[v, N_BEST], _N_FIELDS):
        if best[v, PLACE + at] == place:
            return bool(best[v, CANDIDATE + at] <= c)
    return False


@kernel_part
def keep(best: Any, v: int, c: int, place: int, cycles: int, serial: int) -> None:
    """Keep a candidate if it is better than those so far, or as good and the first of its place.

    Parameters
    ----------
    best : ndarray (V, 2 + 3 · places) int64
        From `begin_best`; written to.
    v : int
        Machine.
    c : int
        Candidate.
    place : int
        Its place.
    cycles : int
        That it takes [cycles].
    serial : int
        That it would take if nothing overlapped [cycles].
    """
    if cycles > best[v, CYCLES]:
        return
    if cycles < best[v, CYCLES]:
        best[v, CYCLES], best[v, N_BEST] = cycles, 0
    end = _N_FIELDS * best[v, N_BEST]
    at = 0
    while at < end and best[v, PLACE + at] != place:
        at += _N_FIELDS
    if at == end:
        best[v, N_BEST] += 1
    elif best[v, CANDIDATE + at] < c:
        return
    best[v, PLACE + at], best[v, CANDIDATE + at], best[v, SERIAL + at] = place, c, serial


@kernel_part
def choose(best: Any, v: int) -> Any:
    """Choose the least serial of the best candidates of all places on a machine, of equal ones that of the first.

    Returns it, and its cycles if nothing overlapped.

    Parameters
    ----------
    best : ndarray (V, 2 + 3 · places) int64
        From `begin_best`.
    v : int
        Machine.
    """
    chosen = -1
    for at in range(0, _N_FIELDS * best[v, N_BEST], _N_FIELDS):
        less = chosen < 0 or best[v, SERIAL + at] < best[v, SERIAL + chosen]
        is_equal = chosen >= 0 and best[v, SERIAL + at] == best[v, SERIAL + chosen]
        if less or (is_equal and best[v, PLACE + at] < best[v, PLACE + chosen]):
            chosen = at
    return best[v, CANDIDATE + chosen], best[v, SERIAL + chosen]
