"""What figures over time have in common: the axis, its columns, and values averaged over them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from archmodel.results.timeline import Counter, Floats

WIDTH_IN = 9.0
"""Of a chart without its margins [inches]."""


class Scale(NamedTuple):
    """From seconds to the unit of the axis, and the window in that unit."""

    per_s: float
    first: float
    last: float

    @property
    def per_inch(self) -> float:
        """Time that an inch of the chart shows."""
        return (self.last - self.first) / WIDTH_IN


def time_unit(window_s: tuple[float, float]) -> tuple[float, str]:
    """Choose the unit in which a window is read easily: how many of it a second has, and its name.

    Parameters
    ----------
    window_s
        From and until when [s].
    """
    return (1e3, "ms") if window_s[1] >= 2e-3 else (1e6, "µs")


def find_scale(window_s: tuple[float, float]) -> Scale:
    """Choose the scale of the axis of a window.

    Parameters
    ----------
    window_s
        From and until when [s].
    """
    per_s, _ = time_unit(window_s)
    return Scale(per_s, per_s * window_s[0], per_s * window_s[1])


def time_in_columns(starts_s: Floats, ends_s: Floats, edges_s: Floats, shares: Floats | None = None) -> Floats:
    """Add up how much of each column intervals take that do not overlap [s].

    Parameters
    ----------
    starts_s, ends_s : (N,) float64
        Of the intervals [s].
    edges_s : (E,) float64
        Of the columns [s].
    shares : (N,) float64
        Which part of each interval counts; all of it if not given.

    Returns
    -------
    ndarray (E − 1,) float64
    """
    order = np.argsort(starts_s, kind="stable")
    if not order.size:
        return np.zeros(edges_s.size - 1)
    lasts_s = np.cumsum((ends_s - starts_s)[order] * (1.0 if shares is None else shares[order]))
    times = np.stack((starts_s[order], ends_s[order]), axis=1).reshape(-1)
    sums = np.stack((np.append(0.0, lasts_s[:-1]), lasts_s), axis=1).reshape(-1)
    return np.diff(np.interp(edges_s, times, sums))


def average_counter(counter: Counter, edges_s: Floats) -> Floats:
    """Average a counter over columns.

    Parameters
    ----------
    counter
        A value over time.
    edges_s : (E,) float64
        Of the columns [s].

    Returns
    -------
    ndarray (E − 1,) float64
        In the unit of the counter.
    """
    ends_s = np.append(counter.time_s[1:], max(edges_s[-1], counter.time_s[-1]))
    means: Floats = time_in_columns(counter.time_s, ends_s, edges_s, counter.value) / np.diff(edges_s)
    return means
