"""How often rows of embedding tables are looked up again: classes of rows with their shares of the lookups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Reuse:
    """Rows in use, by popularity.

    Parameters
    ----------
    n_rows
        Rows of each class, all looked up equally often.
    access_frac
        Share of the lookups that go to each class; adds up to 1.
    """

    n_rows: tuple[float, ...]
    access_frac: tuple[float, ...]

    def scale(self, factor: float) -> Reuse:
        """Make all classes as many times as large."""
        return Reuse(tuple(n * factor for n in self.n_rows), self.access_frac)

    @property
    def n_used(self) -> float:
        """Rows of all classes."""
        return sum(self.n_rows)


def read_histogram(n_lookups: float, most_lookups: Sequence[float], access_frac: Sequence[float]) -> Reuse:
    """Turn a histogram of lookups per row into classes.

    Parameters
    ----------
    n_lookups
        Lookups in all.
    most_lookups
        Upper end of each bin: a row of it is looked up more often than the end before, and no more often than this.
        The ends grow twofold; the last bin may be open, with the end that it would have.
    access_frac
        Share of the lookups that go to rows of the bin.

    Model
    -----
    Rows of a bin from ``e / 2`` to ``e`` lookups have ``e / √2`` each, those of the first two bins 1 and 2.
    """
    total = sum(access_frac)
    shares = [share / total for share in access_frac]
    each = [most if most <= 2 else most / math.sqrt(2) for most in most_lookups]
    n_rows = tuple(n_lookups * share / n for share, n in zip(shares, each, strict=True))
    return Reuse(n_rows, tuple(shares))


def zipf(n_rows: int, exponent: float) -> Reuse:
    """Give ``n_rows`` rows popularities by rank, ``rank ** −exponent``, in classes of which each has twice the ranks.

    Parameters
    ----------
    n_rows
        Rows.
    exponent
        0 or more; 0 makes all rows alike.
    """
    ends = [0, *(min(2**k - 1, n_rows) for k in range(1, max(1, n_rows.bit_length()) + 1))]
    sizes = [last - first for first, last in pairwise(ends) if last > first]
    weights, first = [], 0
    for size in sizes:
        weights.append(_sum_of_ranks(first + 1, first + size, exponent))
        first += size
    total = sum(weights)
    return Reuse(tuple(float(size) for size in sizes), tuple(weight / total for weight in weights))


def _sum_of_ranks(first: int, last: int, exponent: float) -> float:
    """Sum ``rank ** −exponent`` over ranks; an integral between half ranks where there are many."""
    if last - first < 64:
        return float(sum(rank**-exponent for rank in range(first, last + 1)))
    low, high = first - 0.5, last + 0.5
    if exponent == 1:
        return math.log(high / low)
    return float((high ** (1 - exponent) - low ** (1 - exponent)) / (1 - exponent))


N_PRODUCTION_TABLES = 856
"""Tables of the data set behind `PRODUCTION`."""

# facebookresearch/dlrm_datasets (MIT), embedding_bag/2021, fbgemm_t856_bs65536: 65,536 samples of a production model,
# 887,017,990 lookups; "ratio of index distribution at different column sizes", to three digits, by the upper end.
PRODUCTION = read_histogram(
    887_017_990,
    tuple(2.0**k for k in range(17)),
    (0.069, 0.044, 0.068, 0.101, 0.121, 0.104, 0.073, 0.058, 0.052, 0.050, 0.049, 0.048, 0.048, 0.043, 0.031, 0.023,
     0.019),
)  # fmt: skip
"""Lookups of a production recommendation model: classes of rows that 65,536 samples look up 1, 2, 3-4, … times."""
