"""Lookups drawn from classes of rows, each row as popular as the others of its class, and what a cache hits of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.cache import HIT, access_line
from archmodel.kernels.compile import kernel

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST_MIX, _SECOND_MIX = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_HALF, _SIGN_AND_FLAG = np.uint64(32), np.uint64(2)


@kernel
def scramble(word: Any) -> Any:
    """Give every 64-bit word another one, such that successive words look random."""
    word = (word ^ (word >> np.uint64(30))) * _FIRST_MIX
    word = (word ^ (word >> np.uint64(27))) * _SECOND_MIX
    return word ^ (word >> np.uint64(31))


@kernel
def count_hits(
    threshold: Any, other: Any, first_row: Any, n_rows: Any, n_lookups: Any, n_warm: int, n_counted: int, seed: int,
    state: Any,
) -> int:  # fmt: skip
    """Count the lookups that hit a cache, when batch after batch takes one group of rows after the other.

    Parameters
    ----------
    threshold : ndarray (G, K) float64
        Alias tables of G groups: of each column, the share that is a class of its own number; K is a power of 2.
    other : ndarray (G, K) int64
        Class of the rest of the column.
    first_row, n_rows : ndarray (G, K) int64
        Rows of a class in a group: the number of the first, and how many, below 2³².
    n_lookups : ndarray (G,) int64
        Lookups of a batch in each group.
    n_warm, n_counted : int
        Batches before lookups are counted, and batches that are.
    seed : int
        From which lookups are drawn.
    state : ndarray (S, W) int64
        Sets × ways, as `archmodel.kernels.cache.access_line` takes it; written to.

    Model
    -----
    Within a group lookups are independent of one another: each takes a class by its share, then a row of that class,
    all with equal chances. A row is a line; where it is stored is as good as random, so that its set is, too.

    Sources
    -------
    A. J. Walker, An efficient method for generating discrete random variables with general distributions, ACM TOMS
    3(3), 1977 (alias table); G. L. Steele et al., Fast splittable pseudorandom number generators, OOPSLA 2014
    (SplitMix64).
    """
    n_hits, counter, last = 0, scramble(np.uint64(seed)), np.uint64(threshold.shape[1] - 1)
    for batch in range(n_warm + n_counted):
        for group in range(n_lookups.size):
            for _ in range(n_lookups[group]):
                counter += _STEP
                word = scramble(counter)
                column = np.int64(word & last)
                if (word >> _HALF) * 2.0**-32 >= threshold[group, column]:
                    column = other[group, column]
                place = (scramble(word) >> _HALF) * np.uint64(n_rows[group, column]) >> _HALF
                line: Any = np.int64(scramble(np.uint64(first_row[group, column]) + place) >> _SIGN_AND_FLAG)
                if access_line(line, False, state) == HIT and batch >= n_warm:
                    n_hits += 1
    return n_hits
