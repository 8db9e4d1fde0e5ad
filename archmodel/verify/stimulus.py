"""Helpers with which ``law.py`` draws stimuli."""

from __future__ import annotations

import numpy as np


def draw_gaps(rng: np.random.Generator, n: int, *, longest: int = 4) -> list[int]:
    """Draw the waits in front of ``n`` words: often none, between 1 and ``longest`` [cycles] otherwise.

    How often is drawn, too, so that some streams hardly stall and others hardly move.
    """
    is_waiting = rng.random(n) < rng.random()
    waits = rng.integers(1, longest + 1, n)
    return [int(gap) for gap in np.where(is_waiting, waits, 0)]


def draw_words(rng: np.random.Generator, n: int, width: int) -> list[int]:
    """Draw ``n`` words of ``width`` random bits."""
    return [int.from_bytes(rng.bytes((width + 7) // 8), "little") % (1 << width) for _ in range(n)]
