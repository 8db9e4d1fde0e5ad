"""What a search is worth: its hypervolume over evaluations, beside that of as many points at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archmodel.sweep.pareto import choose_reference, trace_hypervolume
from archmodel.sweep.search import Batch, Evaluate, find_search, join, keys_of

RANDOM = "random"


def draw_baseline(n_values: Sequence[int], evaluate: Evaluate, found: Batch, seed: int) -> Batch:
    """Evaluate as many points at random as a search has evaluated; what the search knows is not evaluated again.

    Parameters
    ----------
    n_values, evaluate, seed
        As the search had them.
    found
        All that it has evaluated.
    """
    known = {key: idx for idx, key in enumerate(keys_of(found.points))}

    def look_up(points: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        idx = np.array([known.get(key, -1) for key in keys_of(points)])
        objectives, violation = found.objectives[idx], found.violation[idx]
        if (idx < 0).any():
            objectives[idx < 0], violation[idx < 0] = evaluate(points[idx < 0])
        return objectives, violation

    return join(list(find_search(RANDOM)(n_values, look_up, len(found.points), seed, None)))


def compare(search: str, found: Batch, baseline: Batch, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Trace the hypervolume of a search and of its baseline.

    Parameters
    ----------
    search
        Its name.
    found, baseline
        What it has evaluated, and what was drawn at random.
    names
        Of the objectives.

    Returns
    -------
    dict
        Columns: ``search``; ``n_evaluations``; ``hypervolume`` after so many, in the product of the units of the
        objectives; ``reference_NAME``, where it ends, as minimised. All hypervolumes are 0 if no point of the baseline
        is usable.
    """
    reference = choose_reference(baseline.objectives, baseline.is_feasible)
    columns: dict[str, list[NDArray[Any]]] = {}

    def add(name: str, batch: Batch) -> None:
        ends, volumes = np.array([len(batch.points)]), np.zeros(1)
        if reference is not None:
            ends, volumes = trace_hypervolume(batch.objectives, batch.is_feasible, reference)
        columns.setdefault("search", []).append(np.full(len(ends), name, np.object_))
        columns.setdefault("n_evaluations", []).append(ends)
        columns.setdefault("hypervolume", []).append(volumes)

    add(search, found)
    if search != RANDOM:
        add(RANDOM, baseline)
    table = {name: np.concatenate(parts) for name, parts in columns.items()}
    ends = reference if reference is not None else np.full(len(names), np.nan)
    return table | {
        f"reference_{name}": np.full(len(table["search"]), end) for name, end in zip(names, ends, strict=True)
    }
