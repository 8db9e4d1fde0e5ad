"""Run a sweep: hand parts out, write them down, go on where an earlier run has stopped."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archmodel.economy import load_economy
from archmodel.errors import Fault, InputError
from archmodel.machine.columns import list_leaves
from archmodel.machine.types import list_assumed
from archmodel.results.store import Store
from archmodel.results.types import ResultTable
from archmodel.sweep.batches import Say, is_there
from archmodel.sweep.details import BASE, OPERATORS, evaluate_base
from archmodel.sweep.executors import Executor, open_executor
from archmodel.sweep.fidelity import Rung
from archmodel.sweep.fields import build_trace, freeze
from archmodel.sweep.load import Sweep
from archmodel.sweep.objectives import describe_columns
from archmodel.sweep.operators import list_operators
from archmodel.sweep.progress import Tally, Tell
from archmodel.sweep.search import choose_search, find_search
from archmodel.sweep.tasks import FRONT, POINTS, Task
from archmodel.workload.load import read_workload

if TYPE_CHECKING:
    import pandas as pd

_N_EVALUATIONS = 2000  # of a search that says nothing else


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What a sweep has found; also of an earlier one, by its folder.

    Parameters
    ----------
    store
        Where it is.
    """

    store: Store

    @property
    def run(self) -> dict[str, Any]:
        """What was asked, with what, and what of it is assumed."""
        return self.store.run()

    def front(self) -> ResultTable:
        """Give the points that no other one beats in every objective, best of the first objective first."""
        return self.store.query(f"SELECT * FROM {FRONT}")

    def rows_of(self, table: str) -> list[dict[str, Any]]:
        """Give the rows of a table; none if the sweep has not left it."""
        return list(self.query(f'SELECT * FROM "{table}"').rows()) if (self.store.folder / table).exists() else []

    def query(self, sql: str) -> ResultTable:
        """Answer a query in SQL; tables are ``points`` and ``front``, and what else the sweep has kept."""
        return self.store.query(sql)

    def to_pandas(self) -> pd.DataFrame:
        """Convert all points to a pandas DataFrame."""
        return self.store.query(f"SELECT * FROM {POINTS}").to_pandas()


def run_sweep(
    sweep: Sweep,
    folder: Path,
    *,
    executor: str = "threads",
    n_workers: int | None = None,
    scheduler: str | None = None,
    search: str | None = None,
    n_evaluations: int | None = None,
    budget_option: str = "--evaluations",
    rungs: Sequence[Rung] = (),
    has_operators: bool = False,
    tell: Tell = lambda _: None,
    say: Say = lambda _: None,
) -> SweepResult:
    """Run a sweep, or the rest of it.

    Parameters
    ----------
    sweep
        What is asked.
    folder
        For results; if it has some of the same sweep, only what is missing is evaluated.
    executor, n_workers, scheduler
        Who evaluates, see `open_executor`; tables do not depend on it.
    search
        How points are chosen. ``None``: all of them, or a random sample if the sweep says how many; ``enumerate``: all;
        ``auto``: all if they fit ``n_evaluations``, else a search; or a search by its name.
    n_evaluations
        Points that a search may evaluate.
    budget_option
        What ``n_evaluations`` were given by, for messages.
    rungs
        Models that evaluate what the one before has left, in place of the model of the sweep; not with a search.
    has_operators
        Whether every operator of the points on the front is kept, too.
    tell
        Told how far it is, whenever a part is done.
    say
        Told what is out of the ordinary.

    Raises
    ------
    InputError
        When the folder cannot be written, or has results of something else.
    UnsupportedError
        When the base machine has no answer.
    """
    if search == "auto":
        search = choose_search(sweep.space.n_points, n_evaluations or _N_EVALUATIONS, sweep.file.model)
    if rungs and search:
        raise InputError("sweep", [Fault("--search", "goes not with --fidelity; leave one of them out")])
    if n_evaluations is not None and search is None:
        text = "are those of a search; give --search, or --points for a random sample"
        raise InputError("sweep", [Fault(budget_option, text)])
    n_space = sweep.space.n_points
    if search == "enumerate" and n_evaluations is not None and n_evaluations < n_space:
        text = f"{n_evaluations} of {n_space} points are no enumeration; leave it out, or take another search"
        raise InputError("sweep", [Fault(budget_option, text)])
    n_points = _count_points(sweep, search, n_evaluations, rungs)
    ids = sweep.space.sample(n_points, sweep.file.seed)

    def open_workers(sweep: Sweep) -> AbstractContextManager[Executor]:
        return open_executor(executor, sweep, n_workers, scheduler)

    task = Task(sweep, Store(folder), open_workers, tell, say)
    with task.store.lock():
        task.store.begin(_describe(sweep, search, n_points, rungs))
        start_s = time.perf_counter()
        if rungs:
            tally = task.climb(rungs, ids)
        elif search is None:
            tally = task.run_parts(sweep, ids, POINTS)
        else:
            tally = task.search(search, n_points)
        front = tally.sorted_front()
        task.store.write_part(FRONT, 0, front)
        last = sweep.with_model(rungs[-1].model, rungs[-1].mode) if rungs else sweep
        if not is_there(task.store, BASE, 0, say):
            task.store.write_part(BASE, 0, evaluate_base(last))
        if has_operators:
            task.store.write_part(OPERATORS, 0, list_operators(last, front["point"]))
        task.store.log(
            event="finished", executor=executor, n_points=tally.n_done, n_failed=tally.n_failed,
            elapsed_s=time.perf_counter() - start_s,
        )  # fmt: skip
    _say_missing(tally, say)
    return SweepResult(task.store)


def _count_points(sweep: Sweep, search: str | None, n_evaluations: int | None, rungs: Sequence[Rung]) -> int:
    n_space = sweep.space.n_points
    if search is None:
        return min(sweep.file.points or n_space, n_space, rungs[0].most_points if rungs else n_space)
    if search == "enumerate":
        return n_space
    find_search(search)
    return min(n_evaluations or _N_EVALUATIONS, n_space)


def _say_missing(tally: Tally, say: Say) -> None:
    """Say why there may be less than was hoped for."""
    if tally.n_failed:
        say(f"{tally.n_failed} of {tally.n_done} points have no answer; why is in column 'message'")
    if not len(tally.front["point"]):
        n_able = tally.n_done - tally.n_failed
        why = "no point has an answer" if not n_able else (
            f"none of the {n_able} points with an answer meets every condition" if tally.n_infeasible == n_able
            else "an objective has no value at any point that meets the conditions"
        )  # fmt: skip
        say(f"the front is empty: {why}")


def describe_inputs(sweep: Sweep) -> dict[str, Any]:
    """Say what figures of points follow from, whichever points these are; files by a hash of what they hold."""
    file, base = sweep.file, sweep.base
    workloads = {
        part.label: {
            "workload": part.workload, "settings": dict(part.settings), "share": part.weight,
            "sha256": _hash(repr(read_workload(part.workload)[1])),
        }
        for part in base.parts
    }  # fmt: skip
    economy = load_economy({path: str(value) for path, value in file.economy.items()})
    return {
        "archmodel": version("archmodel"),
        "model": file.model, "mode": file.mode, "launch": file.launch,
        "machine": {"name": base.name, "set": dict(base.texts), "sha256": _hash(repr(list(list_leaves(base.machine))))},
        "workloads": workloads,
        "axes": {axis.name: {each.label: _json(each.columns) for each in axis.choices} for axis in sweep.space.axes},
        "objectives": dict(file.objectives),
        "where": list(file.where),
        "economy": {"set": dict(file.economy), "sha256": _hash(repr(economy))},
    }  # fmt: skip


def _describe(sweep: Sweep, search: str | None, n_points: int, rungs: Sequence[Rung]) -> dict[str, Any]:
    """Say what is asked, and with what; results of the same go together."""
    file, base = sweep.file, sweep.base
    economy = load_economy({path: str(value) for path, value in file.economy.items()})
    asked = describe_inputs(sweep) | {
        "search": search, "n_points": n_points, "seed": file.seed,
        "fidelity": {each.name: each.most_points for each in rungs},
    }  # fmt: skip
    items = [build_trace(part.workload, freeze(part.settings)).item for part in base.parts]
    units, goals = describe_columns([part.label for part in base.parts], items, sweep.space)
    return {
        "sweep": sweep.name,
        "title": file.title,
        "notes": list(file.notes),
        "n_space": sweep.space.n_points,
        "axes": [axis.name for axis in sweep.space.axes],
        "objectives": {
            each.name: {"column": each.column, "goal": each.goal, "unit": each.unit} for each in sweep.objectives
        },
        "units": units,
        "goals": goals,
        "description": json.loads(json.dumps(sweep.description, default=str)),
        "versions": {name: version(name) for name in ("archmodel", "duckdb", "numba", "numpy")},
        "sha256": _hash(json.dumps(asked)),
        "asked": asked,
        "assumed": {"machine": list_assumed(base.machine.provenance), "economy": list_assumed(economy.provenance)},
    }


def _json(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, str | int | float) or value is None else str(value)
            for name, value in columns.items()}  # fmt: skip


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
