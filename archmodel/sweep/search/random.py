"""Points at random: the baseline that every other search is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from archmodel.sweep.search import Batch, Evaluate, draw_unseen, register_search

BATCH = 4096


@register_search("random")
def draw_points(
    n_values: Sequence[int], evaluate: Evaluate, n_evaluations: int, seed: int, folder: Path | None
) -> Iterator[Batch]:
    """Evaluate points drawn without repetition, each as likely as the others.

    Parameters
    ----------
    n_values, evaluate, n_evaluations, seed, folder
        As `Search` says; no journal is kept. A longer search begins like a shorter one of the same seed.
    """
    generator, seen = np.random.default_rng(seed), set[bytes]()
    n_left = n_evaluations
    while n_left > 0 and len(points := draw_unseen(generator, n_values, min(BATCH, n_left), seen)):
        yield Batch(points, *evaluate(points))
        n_left -= len(points)
