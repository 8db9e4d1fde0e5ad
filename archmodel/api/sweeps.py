"""Many machines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archmodel.sweep.load import load_sweep

if TYPE_CHECKING:
    from archmodel.results.types import ResultTable
    from archmodel.sweep.progress import Progress
    from archmodel.sweep.run import SweepResult


def sweep(
    given: str | Path | Mapping[str, Any],
    output: str | Path,
    *,
    points: int | None = None,
    seed: int | None = None,
    model: str | None = None,
    mode: str | None = None,
    executor: str = "threads",
    workers: int | None = None,
    scheduler: str | None = None,
    search: str | None = None,
    evaluations: int | None = None,
    fidelity: str | None = None,
    has_operators: bool = False,
    tell: Callable[[Progress], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> SweepResult:
    """Evaluate many machines on a mix of workloads, and go on where an earlier run of the same sweep has stopped.

    Parameters
    ----------
    given
        Name of a shipped sweep, path of a ``.yaml`` file, or what such a file would hold.
    output
        Folder for results.
    points, seed, model, mode
        As the sweep has them, if not given; ``points`` with a search are its evaluations.
    executor, workers, scheduler
        ``threads``, ``processes`` or ``dask``; how many; the address of a Dask scheduler. Tables do not depend on them.
    search, evaluations
        ``enumerate``, ``auto`` or a search by name, and how many points it may evaluate. Without, a sweep evaluates all
        points, or a random sample of as many as it says.
    fidelity
        Models, cheapest first, each of which evaluates what the one before has left, e.g.
        ``roofline,analytic:500,cycle:grid:24`` (points at most); in place of a model and of a search.
    has_operators
        Whether every operator of the points on the front is kept, too, in table ``operators``.
    tell
        Told how far it is.
    say
        Told what is out of the ordinary: parts that were corrupt, points without an answer, an empty front.

    Raises
    ------
    InputError
        When the sweep is wrong (lists every fault), or the folder cannot be written or holds something else.
    UnsupportedError
        When the base machine has no answer.
    """
    from archmodel.sweep.fidelity import read_rungs
    from archmodel.sweep.run import run_sweep

    asked = {"points": points, "seed": seed, "model": model, "mode": mode}
    changes = {key: value for key, value in asked.items() if value is not None}
    budget_option = "--evaluations"
    if search is not None and evaluations is None:
        evaluations, budget_option = points, "--points"
    return run_sweep(
        load_sweep(given, changes), Path(output), executor=executor, n_workers=workers, scheduler=scheduler,
        search=search, n_evaluations=evaluations, budget_option=budget_option,
        rungs=read_rungs(fidelity) if fidelity else (),
        has_operators=has_operators,
        tell=tell or _tell_nobody, say=say or _tell_nobody,
    )  # fmt: skip


def open_sweep(folder: str | Path) -> SweepResult:
    """Open what an earlier sweep has found.

    Parameters
    ----------
    folder
        Its results.

    Raises
    ------
    InputError
        When there are none, they are not of a sweep, or of a newer archmodel.
    """
    from archmodel.results.keep import check_sweep
    from archmodel.results.store import open_store
    from archmodel.sweep.run import SweepResult

    store = open_store(folder)
    check_sweep(store)
    return SweepResult(store)


def sensitivities(results: str | Path | SweepResult, point: int | None = None) -> ResultTable:
    """Say what the next and the outermost choices of every axis do to a point of a sweep.

    What the results do not have is evaluated, by the model of table ``points``; the answer is kept beside them, in
    table ``sensitivity``.

    Parameters
    ----------
    results
        Of a sweep: the folder, or what `sweep` returns.
    point
        Number of the point; if not given, the knee of the front of the first two objectives, as in a Pareto figure.

    Returns
    -------
    ResultTable
        A row for the point itself, then one per change: ``around`` (the point), ``axis``, ``change`` (``lowest``,
        ``lower``, ``higher``, ``highest``, in the order of the sweep), ``choice``, then the columns of points.

    Raises
    ------
    InputError
        When there are no results, what they were made of has changed, there is no such point, or the folder cannot be
        written.
    """
    from archmodel.report.points import open_points
    from archmodel.report.sample import choose_point
    from archmodel.sweep.reopen import reopen_sweep
    from archmodel.sweep.sensitivity import keep_sensitivities

    points = open_points(results)
    around = choose_point(points)[0] if point is None else point
    return keep_sensitivities(reopen_sweep(points.store), points.store, around)


def _tell_nobody(_: object) -> None:
    """Ignore what is told."""
