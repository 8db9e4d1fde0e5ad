"""The space of a sweep: axes with a finite list of choices each; a point is one choice of every axis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archmodel.machine.columns import LeafPath

Points = NDArray[np.int64]
"""(N, n_axes): of each point, the index of its choice on every axis."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of an axis.

    Parameters
    ----------
    label
        What people read: the value as written, or its name.
    texts
        Values of a machine, by path, as a machine file writes them.
    leaves
        The same values, as a machine holds them.
    settings
        Run settings of workloads: by label of the workload, then by setting.
    launch
        How steps are started, if the axis says so.
    columns
        What the table of points says of it, by column.
    """

    label: str
    texts: Mapping[str, str]
    leaves: Mapping[LeafPath, Any]
    settings: Mapping[str, Mapping[str, Any]]
    launch: str | None
    columns: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Axis:
    """A named list of choices; each sets one field, or several that belong together.

    Parameters
    ----------
    name
        Of the axis.
    choices
        In the order of the file.
    is_structural
        Whether machines differ in more than numbers along it (a memory technology, a part that is absent): they are
        evaluated group by group.
    """

    name: str
    choices: tuple[Choice, ...]
    is_structural: bool

    def __len__(self) -> int:
        return len(self.choices)


@dataclass(frozen=True, slots=True)
class Space:
    """All combinations of the choices of some axes.

    Parameters
    ----------
    axes
        The first one varies slowest.
    """

    axes: tuple[Axis, ...]

    @property
    def n_values(self) -> tuple[int, ...]:
        """Number of choices per axis."""
        return tuple(len(axis) for axis in self.axes)

    @property
    def n_points(self) -> int:
        """Number of points."""
        return math.prod(self.n_values)

    def points(self, ids: NDArray[np.int64]) -> Points:
        """Give points by their numbers.

        Parameters
        ----------
        ids
            Numbers from 0 to ``n_points`` − 1, in mixed radix with the last axis as the lowest digit.
        """
        if not self.axes:
            return np.zeros((len(ids), 0), np.int64)
        return np.stack(np.unravel_index(ids, self.n_values), axis=1).astype(np.int64)

    def ids(self, points: Points) -> NDArray[np.int64]:
        """Give the numbers of points, see `points`."""
        return self.codes(points, range(len(self.axes)))

    def codes(self, points: Points, axes: Sequence[int]) -> NDArray[np.int64]:
        """Give a number for what points choose on some axes: the same one where all these choices are the same.

        Parameters
        ----------
        points
            (N, axes), which choice of every axis.
        axes
            Which of the axes count, the last one as the lowest digit.
        """
        codes = np.zeros(len(points), np.int64)
        for idx in axes:
            codes = codes * len(self.axes[idx]) + points[:, idx]
        return codes

    def split(self, points: Points, axes: Sequence[int]) -> Iterator[NDArray[np.int64]]:
        """Split points by their choices on some axes: gives the rows of those that choose the same there.

        Parameters
        ----------
        points
            (N, axes), which choice of every axis.
        axes
            Which of the axes count.
        """
        if not axes:
            yield np.arange(len(points))
            return
        codes, place = np.unique(self.codes(points, axes), return_inverse=True)
        for number in range(len(codes)):
            yield np.flatnonzero(place == number)

    def sample(self, n: int, seed: int) -> NDArray[np.int64]:
        """Draw points without repetition; all of them if there are no more than that.

        Parameters
        ----------
        n
            How many.
        seed
            The same one draws the same points.

        Returns
        -------
        ndarray
            Their numbers, rising: neighbours in it share the choices of the first axes.
        """
        if n >= self.n_points:
            return np.arange(self.n_points, dtype=np.int64)
        drawn = np.random.default_rng(seed).choice(self.n_points, n, replace=False, shuffle=False)
        return np.sort(drawn).astype(np.int64)
