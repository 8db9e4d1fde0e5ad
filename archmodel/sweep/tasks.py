"""What a sweep does with its points: all of them in parts, those that a search asks for, or rung after rung."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archmodel.results.store import Store
from archmodel.sweep.baseline import compare, draw_baseline
from archmodel.sweep.batches import LEAST_PART_POINTS, Batches, Say, is_there
from archmodel.sweep.executors import Executor
from archmodel.sweep.fidelity import Rung, climb, report
from archmodel.sweep.load import Sweep
from archmodel.sweep.progress import Tally, Tell, as_minimised
from archmodel.sweep.search import CYCLE_MODELS, find_search, join

POINTS, FRONT, BASELINE, HYPERVOLUME, FIDELITY = "points", "front", "baseline", "hypervolume", "fidelity"
"""Tables: what was asked for and the best of it; points at random beside a search; what both were worth; rungs."""

_PART_POINTS, _SLOW_PART_POINTS = 5000, 50
_N_PARTS = 24  # of a small sweep, so that its workers have something to share


@dataclass(frozen=True, slots=True)
class Task:
    """A sweep that is run.

    Parameters
    ----------
    sweep, store
        What is asked, and where tables are kept.
    open_workers
        Starts what evaluates a sweep.
    tell
        Told how far it is.
    say
        Told what is out of the ordinary.
    """

    sweep: Sweep
    store: Store
    open_workers: Callable[[Sweep], AbstractContextManager[Executor]]
    tell: Tell
    say: Say

    def run_parts(self, sweep: Sweep, ids: NDArray[np.int64], table: str) -> Tally:
        """Evaluate the parts of a list of points that are not there yet.

        Parameters
        ----------
        sweep
            That of the task, or the same with another model.
        ids
            (N,), numbers of the points.
        table
            Where they are kept, in this order.
        """
        tally, size = Tally(sweep.objectives, len(ids)), part_size(sweep.file.model, len(ids))
        missing = []
        for idx in range(_count_parts(len(ids), size)):
            if is_there(self.store, table, idx, self.say):
                tally.add(self.store.read_part(table, idx), is_new=False)
            else:
                missing.append(idx)
        if tally.n_done:
            self.say(f"{tally.n_done} of {len(ids)} points are there from an earlier run")
        work = ((idx, sweep.space.points(ids[idx * size : (idx + 1) * size])) for idx in missing)
        with self.open_workers(sweep) as workers, closing(workers.map(work)) as done:  # what is under way ends with it
            for idx, part in done:
                self.store.write_part(table, idx, part)
                self.store.log(event="part", table=table, part=idx, n_points=len(part["point"]))
                tally.add(part)
                self.tell(tally.progress())
        return tally

    def search(self, search: str, n_evaluations: int) -> Tally:
        """Let a search choose points, and compare it with as many points at random.

        Parameters
        ----------
        search, n_evaluations
            Which one, and how many points it may evaluate.
        """
        sweep, n_values, seed = self.sweep, self.sweep.space.n_values, self.sweep.file.seed
        tally = Tally(sweep.objectives, n_evaluations)
        with self.open_workers(sweep) as workers:
            evaluate = Batches(sweep, self.store, workers, POINTS, tally, self.tell, self.say)
            batches = []
            for batch in find_search(search)(n_values, evaluate, n_evaluations, seed, self.store.folder):
                evaluate(batch.points)  # a journal may know points whose part is lost
                batches.append(batch)
            found = join(batches)
            others = Tally(sweep.objectives, len(found.points))
            at_random = Batches(sweep, self.store, workers, BASELINE, others, self.tell, self.say)
            baseline = draw_baseline(n_values, at_random, found, seed)
        names = [each.name for each in sweep.objectives]
        self.store.write_part(HYPERVOLUME, 0, compare(search, found, baseline, names))
        return tally

    def climb(self, rungs: Sequence[Rung], ids: NDArray[np.int64]) -> Tally:
        """Let each model evaluate what the one before has left; the last one has the last word.

        Parameters
        ----------
        rungs
            Cheapest first.
        ids
            (N,), numbers of the points that the first one gets.
        """
        tallies = []

        def evaluate(rung: Rung, ids: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
            sweep = self.sweep.with_model(rung.model, rung.mode)
            table = POINTS if rung is rungs[-1] else f"{POINTS}_{rung.name.replace(':', '_')}"
            self.say(f"{len(ids)} points with {rung.name}, table '{table}'")
            tallies.append(self.run_parts(sweep, ids, table))
            return self._read(sweep, table, len(ids))

        climbed = climb(rungs, ids, evaluate, self.sweep.file.seed)
        self.store.write_part(FIDELITY, 0, report(climbed, [each.name for each in self.sweep.objectives]))
        for each in climbed:
            self.store.log(event="rung", model=each.rung.name, n_points=len(each.points), elapsed_s=each.elapsed_s)
        return tallies[-1]

    def _read(self, sweep: Sweep, table: str, n_points: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Read back what was found: objectives, to be minimised, and which points are feasible."""
        n_parts = _count_parts(n_points, part_size(sweep.file.model, n_points))
        parts: list[dict[str, Any]] = [self.store.read_part(table, idx) for idx in range(n_parts)]
        objectives = np.concatenate([as_minimised(sweep.objectives, part) for part in parts])
        return objectives, np.concatenate([part["is_feasible"] for part in parts]).astype(np.bool_)


def part_size(model: str, n_points: int) -> int:
    """Choose how many points a part has: many where a point costs little, few where it costs much.

    Parameters
    ----------
    model, n_points
        What evaluates how many points.
    """
    most = _SLOW_PART_POINTS if model in CYCLE_MODELS else _PART_POINTS
    return max(LEAST_PART_POINTS, min(most, -(-n_points // _N_PARTS)))


def _count_parts(n_points: int, size: int) -> int:
    """Count the parts of a table; without points it has one that is empty, so that it can be read."""
    return max(1, -(-n_points // size))
