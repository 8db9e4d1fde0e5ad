"""Points that a search asks for: evaluated once, kept as parts of a table, known again when the search goes on."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archmodel.results.store import Store
from archmodel.sweep.conditions import sum_violations
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
        self.known: dict[int, tuple[NDArray[np.float64], float]] = {}
        # A search that goes on asks for the same points in the same order as before. The first of them that are not
        # known are those of the first part that is lost, and get its number.
        n_parts = store.count_parts(table)
        kept = [idx for idx in range(n_parts) if is_there(store, table, idx, say)]
        self.missing = itertools.chain(sorted({*range(n_parts)} - {*kept}), itertools.count(n_parts))
        for idx in kept:
            self._add(store.read_part(table, idx), is_new=False)
        if self.known:
            say(f"{len(self.known)} points of '{table}' are there from an earlier run")

    def __call__(self, points: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give the objectives of points, to be minimised, and by how much they break the conditions."""
        ids = self.sweep.space.ids(points)
        is_new = np.array([int(each) not in self.known for each in ids], np.bool_)
        if is_new.any():
            part, idx = self._evaluate(points[is_new]), next(self.missing)
            self.store.write_part(self.table, idx, part)
            self.store.log(event="part", table=self.table, part=idx, n_points=len(part["point"]))
            self._add(part, is_new=True)
            self.tell(self.tally.progress())
        found = [self.known[int(each)] for each in ids]
        return np.array([values for values, _ in found]), np.array([violation for _, violation in found])

    def _evaluate(self, points: Points) -> dict[str, NDArray[Any]]:
        """Evaluate points together, spread over the workers."""
        least = _LEAST_ROOFLINE_POINTS if self.sweep.file.model == "roofline" else LEAST_PART_POINTS
        pieces = np.array_split(points, min(_MOST_PIECES, -(-len(points) // least)))
        tables = [table for _, table in sorted(self.workers.map(enumerate(pieces)), key=lambda done: done[0])]
        return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}

    def _add(self, part: dict[str, NDArray[Any]], is_new: bool) -> None:
        self.tally.add(part, is_new=is_new)
        objectives = as_minimised(self.sweep.objectives, part)
        violation = sum_violations(self.sweep.conditions, part)
        for point, values, broken in zip(part["point"].tolist(), objectives, violation.tolist(), strict=True):
            self.known[point] = values, broken


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
