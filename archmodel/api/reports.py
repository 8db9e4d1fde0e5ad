"""Results that are kept, and reports on them to send around."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archmodel.errors import Fault, InputError
from archmodel.machine.types import Machine
from archmodel.results import Result, ResultTable

if TYPE_CHECKING:
    from archmodel.report.html.page import Page
    from archmodel.results.store import Store


def report(results: str | Path, output: str | Path | None = None, *, say: Callable[[str], None] | None = None) -> Path:
    """Write a report on results: a folder with a page that needs no network.

    What the page of a sweep says beyond its results is evaluated here and kept in tables beside them: operators and
    blocks of the best machines, what other models say of them, the base machine, every parameter with its source.

    Parameters
    ----------
    results
        Folder that `sweep`, `keep_results` or `verify_blocks` has written.
    output
        Folder for the page; ``report`` inside the results if not given.
    say
        Told what is evaluated for a report on a sweep.

    Returns
    -------
    Path
        Of the page, ``index.html``.

    Raises
    ------
    InputError
        When there are no results, a sweep has not ended, what it was made of has changed, or a folder cannot be
        written.
    ArchmodelError
        When plotly is missing.
    """
    from archmodel.report.html import plotly_script, results_page, verification_page, write_page
    from archmodel.results.keep import SWEEP, VERIFY, kind_of
    from archmodel.results.store import open_store

    plotly_script()  # without it there is no report, and nothing to evaluate for it
    store = open_store(results)
    kind = kind_of(store.run())
    if kind == SWEEP:
        page = _sweep_page(store, say or (lambda _: None))
    else:
        page = verification_page(store) if kind == VERIFY else results_page(store)
    return write_page(page, Path(output) if output is not None else store.folder / "report")


def _sweep_page(store: Store, say: Callable[[str], None]) -> Page:
    from archmodel.report.html import open_front, read_inputs, sweep_page
    from archmodel.sweep.details import keep_details, set_damaged_aside
    from archmodel.sweep.fields import build_trace, freeze
    from archmodel.sweep.reopen import reopen_sweep

    set_damaged_aside(store)
    front = open_front(store)
    best = [] if front.points.run["asked"]["fidelity"] else sorted(set(front.best.values()))
    sweep = reopen_sweep(store)
    keep_details(sweep, store, front.detailed, best, say)
    runs = {part.label: build_trace(part.workload, freeze(part.settings)).run for part in sweep.base.parts}
    return sweep_page(front, runs, read_inputs([sweep.base.name, *(part.workload for part in sweep.base.parts)]))


def keep_results(
    folder: str | Path,
    kind: str,
    command: Sequence[str],
    machines: Sequence[Machine],
    results: Sequence[Result],
    missing: Mapping[str, str] | None = None,
    *,
    files: Sequence[str] = (),
) -> None:
    """Keep what a model says of a step, for `report` and for queries.

    Parameters
    ----------
    folder
        For results: ``run.json`` and tables ``total``, ``operators``, ``parameters``, ``ceilings`` and ``blocks``.
    kind
        ``run`` or ``compare``.
    command
        That gives these results again.
    machines, results
        Machines with an answer, and what it is.
    missing
        Why there is none, by the name of the machine.
    files
        Machines and workloads as the command names them; of what is not shipped, results keep a copy for their report.

    Raises
    ------
    InputError
        When there are no results, two machines have the same name, or the folder cannot be written or holds results of
        another command.
    """
    from importlib.metadata import version

    from archmodel.report.html.inputs import read_inputs
    from archmodel.results.keep import keep_tables

    if not results:
        raise InputError("results", [Fault("", "none given; give at least one")])
    names = [machine.name for machine in machines]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:  # tables know a machine by its name
        text = "machines of this name: {}; give each once, or another name in its file"
        raise InputError("results", [Fault(name, text.format(names.count(name))) for name in twice])
    asked = results[0]
    run = {
        "workload": asked.workload, "phase": asked.phase, "model": asked.model, "command": list(command),
        "settings": {name: value for name, value in asked.run.items() if value is not None},
        "warnings": list(dict.fromkeys(text for result in results for text in result.warnings)),
        "versions": {name: version(name) for name in ("archmodel", "duckdb", "numba", "numpy")},
        "inputs": asdict(read_inputs(files)),
    }  # fmt: skip
    keep_tables(folder, kind, run, _list_tables(machines, results, missing or {}))


def _list_tables(
    machines: Sequence[Machine], results: Sequence[Result], missing: Mapping[str, str]
) -> dict[str, ResultTable]:
    """List what is kept of some machines, each in a row or more of every table."""
    from archmodel.report.machine_boxes import list_blocks
    from archmodel.report.roofline import list_ceilings

    totals = [_total(result) for result in results]
    totals += [{"machine": name, "status": "unsupported", "message": why} for name, why in missing.items()]
    tables = {
        "total": totals,
        "operators": [{"machine": result.machine, **row} for result in results for row in result.operators.rows()],
        "parameters": [
            {"machine": machine.name, "path": path, "value": note.text, "kind": note.kind, "source": note.source}
            for machine in machines
            for path, note in sorted(machine.provenance.items())
        ],
        "ceilings": [
            {"machine": machine.name, "flop_per_s": None, "bytes_per_s": None, **row}
            for machine, result in zip(machines, results, strict=True)
            for row in list_ceilings(machine, [result])
        ],
    }
    blocks = list_blocks("machine", ((machine.name, machine) for machine in machines))
    return {name: ResultTable.from_rows(rows) for name, rows in tables.items()} | {"blocks": blocks}


def _total(result: Result) -> dict[str, Any]:
    names = ("machine", "workload", "phase", "dtype", "model")
    return {**{name: getattr(result, name) for name in names}, **result.total(), "status": "ok", "message": ""}
