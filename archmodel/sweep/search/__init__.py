"""Searches: one file each. A search chooses points of a space, batch after batch, by what earlier ones gave.

A point is a row of indices, one per axis: searches know nothing of machines. They are deterministic for a seed, stay
within the space and the number of evaluations, and evaluate no point twice.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from archmodel.errors import ArchmodelError, UnknownNameError
from archmodel.registry import import_plugins

Points = NDArray[np.int64]
"""(N, axes): of each point, which value of each axis."""

Floats = NDArray[np.float64]
Evaluate = Callable[[Points], tuple[Floats, Floats]]
"""Objectives (N, K) to be minimised, NaN where a point failed, and by how much each point breaks the constraints (N,):
0 where it is feasible, infinite where it is not and no one knows by how much."""

CYCLE_MODELS = ("cycle", "detailed")
"""Models that cost seconds per point: `tpe` is chosen for them."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Points that were evaluated together.

    Parameters
    ----------
    points
        (N, axes), which value of each axis.
    objectives
        (N, K), to be minimised; NaN where a point failed.
    violation
        (N,), by how much they break the constraints; 0 where they keep to them.
    """

    points: Points
    objectives: Floats
    violation: Floats

    @property
    def is_feasible(self) -> NDArray[np.bool_]:
        """Which points keep to the constraints (N,)."""
        return np.asarray(self.violation == 0, np.bool_)

    @property
    def has_answer(self) -> NDArray[np.bool_]:
        """Which points did not fail (N,)."""
        return np.asarray(np.isfinite(self.objectives).all(axis=1), np.bool_)

    @property
    def is_usable(self) -> NDArray[np.bool_]:
        """Which points are feasible and have an answer (N,)."""
        return self.is_feasible & self.has_answer

    @property
    def grade(self) -> Floats:
        """How far points are from usable (N,): 0 if they are, up to 1 if they break constraints, 2 if they failed.

        It rises with the violation: where no point is feasible, those that nearly are so are better than the others.
        """
        share = np.ones(len(self.violation))
        np.divide(self.violation, 1 + self.violation, out=share, where=np.isfinite(self.violation))
        return np.where(self.has_answer, share, 2.0)


def join(batches: Sequence[Batch]) -> Batch:
    """Put batches one behind the other."""
    parts = zip(*((batch.points, batch.objectives, batch.violation) for batch in batches), strict=True)
    return Batch(*(np.concatenate(part) for part in parts))


class Search(Protocol):
    """What every search offers."""

    def __call__(
        self, n_values: Sequence[int], evaluate: Evaluate, n_evaluations: int, seed: int, folder: Path | None
    ) -> Iterator[Batch]:
        """Evaluate at most so many points, and give each batch as soon as it is there.

        Parameters
        ----------
        n_values
            Values of each axis.
        evaluate
            What gives objectives of points, and by how much they break constraints.
        n_evaluations
            Points at most.
        seed
            From which it draws.
        folder
            Where it may keep a journal, to go on where it was interrupted.
        """
        ...


S = TypeVar("S", bound=Search)
_SEARCHES: dict[str, Search] = {}


def register_search(name: str) -> Callable[[S], S]:
    """Decorate a function: make a search known under a name."""

    def register(search: S) -> S:
        if name in _SEARCHES:
            raise ValueError(f"search {name!r} registered twice")
        _SEARCHES[name] = search
        return search

    return register


def searches() -> Mapping[str, Search]:
    """Map every known search by name."""
    import_plugins("archmodel.searches")
    return MappingProxyType(dict(sorted(_SEARCHES.items())))


def find_search(name: str) -> Search:
    """Find a search by name.

    Raises
    ------
    UnknownNameError
        When there is none.
    """
    known = searches()
    if name not in known:
        raise UnknownNameError("search", name, known)
    return known[name]


def choose_search(n_points: int, n_evaluations: int, model: str) -> str:
    """Choose a search: all points if they fit the budget, else ``tpe`` for slow models and ``nsga2`` for others.

    Parameters
    ----------
    n_points
        Points of the space.
    n_evaluations
        Points that may be evaluated.
    model
        What evaluates them.
    """
    if n_points <= n_evaluations:
        return "enumerate"
    return "tpe" if model in CYCLE_MODELS else "nsga2"


def count_points(n_values: Sequence[int]) -> int:
    """Count the points of a space."""
    return math.prod(int(n) for n in n_values)


def draw_unseen(generator: np.random.Generator, n_values: Sequence[int], n_wanted: int, seen: set[bytes]) -> Points:
    """Draw points that have not been seen, each as likely as the others; fewer where no more are left.

    Parameters
    ----------
    generator
        What draws.
    n_values
        Values of each axis.
    n_wanted
        Points to draw.
    seen
        Keys of points, see `keys_of`; what is drawn is added.
    """
    n_wanted = min(n_wanted, count_points(n_values) - len(seen))
    most = np.asarray(n_values, np.int64)
    drawn: list[Points] = []
    while len(drawn) < n_wanted:
        # Points are drawn in rows, in the order of the stream: a longer draw begins like a shorter one.
        for point in generator.integers(0, most, size=(max(n_wanted - len(drawn), 64), len(most))):
            key = point.tobytes()
            if key not in seen and len(drawn) < n_wanted:
                seen.add(key)
                drawn.append(point)
    return np.array(drawn, np.int64).reshape(len(drawn), len(n_values))


def keys_of(points: Points) -> list[bytes]:
    """Give a key of each point, for sets."""
    return [point.tobytes() for point in np.ascontiguousarray(points, np.int64)]


def require(package: str, search: str) -> ModuleType:
    """Import a package that a search needs.

    Parameters
    ----------
    package, search
        What is imported, and what for.

    Raises
    ------
    ArchmodelError
        When it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        root = package.partition(".")[0]
        text = f"search {search!r} needs {root}; run: pip install 'archmodel[search]'"
        raise ArchmodelError(text) from error
