"""Fronts: which points no other one beats, the volume that they dominate, and how it grows during a search.

Objectives are (N, K) and to be minimised; a row that is not finite throughout has no answer and is never on a front.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

N_REFERENCE_POINTS = 256
"""Feasible points of the random baseline whose worst objectives are the reference of the hypervolume."""

MOST_TRACED_OBJECTIVES = 4
"""With more objectives hypervolume costs seconds for thousands of points: it is computed once, at the end."""


def find_front(objectives: NDArray[np.float64], is_feasible: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """Mark the points that no other one dominates: none is at most as large in every objective and less in one.

    Points of equal objectives do not dominate each other: all of them are on the front, or none.

    Parameters
    ----------
    objectives
        (N, K), to be minimised; NaN or infinite where there is no answer.
    is_feasible
        (N,), which points count; all of them if not given.
    """
    from archmodel.kernels.pareto_front import mark_undominated

    counts = np.isfinite(objectives).all(axis=1)
    if is_feasible is not None:
        counts &= is_feasible
    candidates = np.flatnonzero(counts)
    order = candidates[np.lexsort(objectives[candidates].T[::-1])]
    is_undominated = np.zeros(len(order), np.bool_)
    mark_undominated(np.ascontiguousarray(objectives[order]), is_undominated)
    is_front = np.zeros(len(objectives), np.bool_)
    is_front[order[is_undominated]] = True
    return is_front


def choose_reference(objectives: NDArray[np.float64], is_feasible: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """Choose what bounds the hypervolume: the worst of each objective among the first feasible points (K,).

    Of points drawn at random with the seed of a sweep, the first ones are the same for every search and every number of
    evaluations: hypervolumes of one sweep can be compared. None when no point is feasible.

    Parameters
    ----------
    objectives
        (N, K), to be minimised, in the order in which the points were drawn.
    is_feasible
        (N,), which points count.
    """
    counts = np.flatnonzero(np.isfinite(objectives).all(axis=1) & is_feasible)
    if not len(counts):
        return None
    worst: NDArray[np.float64] = objectives[counts[:N_REFERENCE_POINTS]].max(axis=0)
    return worst


def measure_hypervolume(objectives: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    """Measure the volume that points dominate, up to a reference, in the product of the units of the objectives.

    What is worse than the reference in any objective adds nothing.

    Parameters
    ----------
    objectives
        (N, K), to be minimised.
    reference
        (K,), where the volume ends.
    """
    from archmodel.kernels.pareto_front import dominated_volume

    inside = objectives[(objectives <= reference).all(axis=1)]
    front = inside[find_front(inside)]
    return float(dominated_volume(np.unique(front, axis=0), np.asarray(reference, np.float64)))


def trace_hypervolume(
    objectives: NDArray[np.float64], is_feasible: NDArray[np.bool_], reference: NDArray[np.float64], n_steps: int = 20
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Trace the hypervolume over evaluations: numbers of evaluations (T,), and the volume after each of them (T,).

    Parameters
    ----------
    objectives
        (N, K), to be minimised, in the order of evaluation.
    is_feasible
        (N,), which points count.
    reference
        (K,), where the volume ends.
    n_steps
        Lengths of the trace, evenly spaced; 1 with more than `MOST_TRACED_OBJECTIVES` objectives.
    """
    if objectives.shape[1] > MOST_TRACED_OBJECTIVES:
        n_steps = 1
    n_steps = min(n_steps, len(objectives))
    ends = np.linspace(0, len(objectives), n_steps + 1).round().astype(np.int64)[1:]
    front, volumes, start = objectives[:0], [], 0
    for end in ends:
        joined = np.concatenate([front, objectives[start:end][is_feasible[start:end]]])
        front, start = joined[find_front(joined)], int(end)
        volumes.append(measure_hypervolume(front, reference))
    return ends, np.array(volumes)
