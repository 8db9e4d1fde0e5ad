"""Helpers with which ``law.py`` draws stimuli, and reads what was measured of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


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


def ready_cycles(gap: Sequence[int], moved: Sequence[int]) -> NDArray[np.int64]:
    """First cycle in which a side offers, or is ready to take, each word: ``1 + gap`` after the one before moved.

    Parameters
    ----------
    gap
        Waits in front of each word [cycles]; used in turn.
    moved
        Cycles in which the words moved, as measured.
    """
    before = np.array([-1, *moved], np.int64)[: len(moved)]
    return before + 1 + np.resize(np.array(gap, np.int64), len(moved))
