"""All points of a space, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from archmodel.errors import Fault, InputError
from archmodel.sweep.search import Batch, Evaluate, count_points, register_search

BATCH = 16_384


@register_search("enumerate")
def enumerate_points(
    n_values: Sequence[int], evaluate: Evaluate, n_evaluations: int, seed: int, folder: Path | None
) -> Iterator[Batch]:
    """Evaluate every point, the last axis running fastest.

    Parameters
    ----------
    n_values, evaluate, n_evaluations, seed, folder
        As `Search` says; nothing is drawn, and no journal is kept.

    Raises
    ------
    InputError
        When there are more points than evaluations: a part of an enumeration is a corner of the space.
    """
    n_points = count_points(n_values)
    if n_points > n_evaluations:
        text = (
            f"{n_points} points do not fit {n_evaluations} evaluations; allow {n_points}, or use nsga2, tpe or random"
        )
        raise InputError("search 'enumerate'", [Fault("", text)])
    for start in range(0, n_points, BATCH):
        ids = np.arange(start, min(start + BATCH, n_points))
        points = np.stack(np.unravel_index(ids, tuple(n_values)), axis=1).astype(np.int64)
        yield Batch(points, *evaluate(points))
