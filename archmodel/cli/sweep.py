"""``archmodel sweep``."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

import archmodel as am
from archmodel.cli import EXIT_OK, EXIT_USER_ERROR
from archmodel.cli.options import AsJson, WholeNumber
from archmodel.cli.progress import ended_by_sigterm, show_progress
from archmodel.cli.show import note, print_json, print_table
from archmodel.cli.table import show_number
from archmodel.report.points import SweepPoints
from archmodel.report.wording import query_command

if TYPE_CHECKING:
    from archmodel.sweep.progress import Progress
    from archmodel.sweep.run import SweepResult

HYPERVOLUME, FIDELITY = "hypervolume", "fidelity"  # tables that a search and a series of models leave
_LEAST_S = 1.0  # between two lines of progress


def sweep(
    name: str,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    points: WholeNumber = None,
    seed: WholeNumber = None,
    model: str | None = None,
    mode: str | None = None,
    executor: Literal["threads", "processes", "dask"] = "threads",
    scheduler: str | None = None,
    threads: WholeNumber = None,
    search: Literal["auto", "enumerate", "nsga2", "tpe", "random"] | None = None,
    evaluations: WholeNumber = None,
    fidelity: str | None = None,
    operators: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    json: AsJson = False,
) -> int:
    """Evaluate many machines on a mix of workloads, and print the best; goes on where an earlier run has stopped.

    Exit code 2 when no point has an answer, 130 when it is interrupted; what is finished stays, and the same command
    goes on from there.

    Parameters
    ----------
    name
        A shipped sweep, or the path of a .yaml file.
    output
        Folder for results; results/NAME by default.
    points
        Evaluate so many points, drawn at random or chosen by a search; by default as the sweep says.
    seed
        From which points are drawn.
    model
        Model to use, if not the one of the sweep.
    mode
        Of model cycle: representative or grid.
    executor
        Who evaluates: threads, processes (joblib), or a Dask cluster.
    scheduler
        Address of a Dask scheduler, e.g. tcp://10.0.0.1:8786; by default a cluster is started on this machine.
    threads
        Threads or processes; by default as many as there are processors.
    search
        Choose points by what earlier ones gave; auto: all if they fit the budget, else a search.
    evaluations
        Points that a search may evaluate.
    fidelity
        Models, cheapest first; each evaluates what the one before has left: roofline,analytic,cycle:grid.
    operators
        Keep every operator of the points on the front, too, in table operators.
    json
        Print JSON: counts, and the points of the front.
    """
    folder = output or Path("results") / Path(name).stem
    last_s = 0.0
    try:
        with ended_by_sigterm(), show_progress("sweep") as show:

            def tell(progress: Progress) -> None:
                nonlocal last_s
                if progress.n_done == progress.n_points or time.perf_counter() - last_s > _LEAST_S:
                    last_s = time.perf_counter()
                    show(progress.n_done, progress.n_points, say_progress(progress))

            found = am.sweep(
                name, folder, points=points, seed=seed, model=model, mode=mode, executor=executor,
                scheduler=scheduler, workers=threads, search=search, evaluations=evaluations, fidelity=fidelity,
                has_operators=operators,
                tell=tell, say=lambda text: note(f"note: {text}"),
            )  # fmt: skip
    except KeyboardInterrupt:
        note(f"stopped; what is finished is in {folder}. Go on with: {shlex.join(['archmodel', *sys.argv[1:]])}")
        return 130
    return print_sweep(found, folder, is_json=json)


def say_progress(progress: Progress) -> str:
    """Say how fast it goes, how long it takes, what failed, and what is best so far."""
    parts = [f"{show_number(progress.points_per_s)} points/s"]
    if progress.n_done < progress.n_points:
        parts.append(f"{progress.eta_s:.0f} s left")
    parts += [f"{progress.n_failed} failed"] if progress.n_failed else []
    parts += [f"front {progress.n_front}"]
    parts += [f"best {column} {show_number(value)}" for column, value in progress.best.items()]
    return ", ".join(parts)


def print_sweep(found: SweepResult, folder: Path, is_json: bool) -> int:
    """Print the best point of each objective, and where the others are; returns the exit code, 2 without any answer."""
    run, front = found.run, list(found.front().rows())
    points = SweepPoints(found.store)
    counts, n_assumed = points.counts, points.n_assumed
    code = EXIT_USER_ERROR if counts["n_failed"] == counts["n_points"] else EXIT_OK
    if is_json:
        print_json({"folder": str(folder), **counts, "n_front": len(front), "objectives": run["objectives"],
                    "n_assumed": n_assumed, "front": front, "hypervolume": found.rows_of(HYPERVOLUME),
                    "fidelity": found.rows_of(FIDELITY)})  # fmt: skip
        return code
    if front:
        print_table(f"{run['title']} (the best point by each objective)", *tabulate_best(run, front))
    sql = "select * from front" if front else points.why_empty()[1]
    note(
        f"note: {counts['n_points']} points, {counts['n_failed']} without an answer, {counts['n_infeasible']} outside "
        f"the conditions, {len(front)} on the front; {'all of it' if front else 'see'}: "
        f"{query_command(str(folder), sql)}"
    )
    for text in (*say_search(found.rows_of(HYPERVOLUME)), *say_rungs(found.rows_of(FIDELITY))):
        note(f"note: {text}")
    note(f"note: {n_assumed['machine']} values of the machine and {n_assumed['economy']} of the economy are assumed; "
         f"they are listed in {folder / 'run.json'}")  # fmt: skip
    return code


def say_search(rows: list[dict[str, Any]]) -> list[str]:
    """Say what a search was worth, beside points at random."""
    last = {row["search"]: row for row in rows}
    drawn = last.get("random")
    return [
        f"hypervolume {show_number(row['hypervolume'])} after {row['n_evaluations']} evaluations with {name}, "
        f"{show_number(drawn['hypervolume'])} at random"
        for name, row in last.items()
        if drawn and name != "random"
    ]


def say_rungs(rows: list[dict[str, Any]]) -> list[str]:
    """Say what each model was given and has left, and how often it was right."""
    said = []
    for row in rows[:-1]:
        correlations = {name.removeprefix("rank_correlation_"): value for name, value in row.items() if "rank" in name}
        ranks = ", ".join(f"{name} {show_number(value)}" for name, value in correlations.items() if value is not None)
        share = "no front" if row["final_front_frac"] is None else f"{row['final_front_frac']:.0%} of the final front"
        said.append(
            f"{row['model']}: {row['n_points']} points, {row['n_front']} on its front, {row['n_kept']} stay; "
            f"its front has {share}; of {row['n_controls']} controls, {row['n_controls_on_front']} on the next front; "
            f"correlation of ranks with the next model: {ranks or 'none'}"
        )
    return said


def tabulate_best(run: dict[str, Any], front: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Choose the best point of each objective: its choices on every axis, and its objectives; rows and headings."""
    rows = []
    for name, objective in run["objectives"].items():
        choose = min if objective["goal"] == "min" else max
        point = choose(front, key=lambda row: row[objective["column"]])
        choices = {axis: _label(point, choices) for axis, choices in run["asked"]["axes"].items()}
        values = {f"{key} [{each['unit']}]": point[each["column"]] for key, each in run["objectives"].items()}
        rows.append({"best": name, **choices, **values})
    return rows, {name: name for name in rows[0]}


def _label(point: dict[str, Any], choices: dict[str, dict[str, Any]]) -> str:
    """Say the choice of a point on one axis as the sweep writes it."""
    return next(
        label
        for label, columns in choices.items()
        if all(value is None or point[column] == value for column, value in columns.items())
    )
