"""Points that a search asks for: evaluated once, kept as parts of a table, known again when the search goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archmodel.results.store import Store
from archmodel.sweep.executors import Executor
from archmodel.sweep.load import Sweep
from archmodel.sweep.progress import Tally, Tell, as_minimised
from archmodel.sweep.space import Points

Say = Callable[[str], None]
LEAST_PART_POINTS = 16
_MOST_PIECES = 8  # of a batch, for the workers to share
_LEAST_ROOFLINE_POINTS = 500  # of a piece: with fewer, most of the time goes into lowering, whatever their number


class Batches:
    """Evaluates batches of points, as searches ask for it; those of an earlier run are not evaluated again.

    Parameters
    ----------
    sweep, store, workers
        What is asked, where tables are kept, and who evaluates.
    table
        Name of the table; a batch is a part of it.
    tally, tell
        Counts points, and who is told.
    say
        Told what is out of the ordinary.
    """

    def __init__(
        self, sweep: Sweep, store: Store, workers: Executor, table: str, tally: Tally, tell: Tell, say: Say
    ) -> None:
        self.sweep, self.store, self.workers, self.table = sweep, store, workers, table
        self.tally, self.tell = tally, tell
        self.known: dict[int, tuple[NDArray[np.float64], bool]] = {}
        self.n_parts = 0
        while is_there(store, table, self.n_parts, say):
            self._add(store.read_part(table, self.n_parts), is_new=False)
        if self.known:
            say(f"{len(self.known)} points of '{table}' are there from an earlier run")

    def __call__(self, points: Points) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Give the objectives of points, to be minimised, and which of them are feasible."""
        ids = self.sweep.space.ids(points)
        is_new = np.array([int(each) not in self.known for each in ids], np.bool_)
        if is_new.any():
            part = self._evaluate(points[is_new])
            self.store.write_part(self.table, self.n_parts, part)
            self.store.log(event="part", table=self.table, part=self.n_parts, n_points=len(part["point"]))
            self._add(part, is_new=True)
            self.tell(self.tally.progress())
        found = [self.known[int(each)] for each in ids]
        return np.array([values for values, _ in found]), np.array([is_feasible for _, is_feasible in found])

    def _evaluate(self, points: Points) -> dict[str, NDArray[Any]]:
        """Evaluate points together, spread over the workers."""
        least = _LEAST_ROOFLINE_POINTS if self.sweep.file.model == "roofline" else LEAST_PART_POINTS
        pieces = np.array_split(points, min(_MOST_PIECES, -(-len(points) // least)))
        tables = [table for _, table in sorted(self.workers.map(enumerate(pieces)), key=lambda done: done[0])]
        return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}

    def _add(self, part: dict[str, NDArray[Any]], is_new: bool) -> None:
        self.n_parts += 1
        self.tally.add(part, is_new=is_new)
        objectives = as_minimised(self.sweep.objectives, part)
        for point, values, is_feasible in zip(part["point"], objectives, part["is_feasible"], strict=True):
            self.known[int(point)] = values, bool(is_feasible)


def is_there(store: Store, table: str, idx: int, say: Say) -> bool:
    """Tell whether a part is there; one that is corrupt is set aside.

    Parameters
    ----------
    store, table, idx
        Which part of which table.
    say
        Told of a corrupt part.
    """
    try:
        return store.is_finished(table, idx)
    except ValueError as error:
        aside = store.set_aside(table, idx)
        say(f"{store.part_path(table, idx)} is corrupt ({error}): kept as {aside.name}, and made again")
        store.log(event="corrupt", table=table, part=idx, why=str(error))
        return False
