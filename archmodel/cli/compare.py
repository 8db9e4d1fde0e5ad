"""``archmodel compare``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import archmodel as am
from archmodel import api
from archmodel.cli.options import DEFAULTS, AsJson, OptionalOutput, RunOptions
from archmodel.cli.show import note, print_json, print_notes, print_table, say_run
from archmodel.errors import UnsupportedError


def compare(
    *machines: str,
    workload: str,
    output: OptionalOutput = None,
    options: RunOptions = DEFAULTS,
    json: AsJson = False,
) -> int:
    """Put several machines side by side on one workload; the exit code is 2 when none has an answer.

    Parameters
    ----------
    machines
        Names or .yaml files; all shipped machines if none is given.
    workload
        Name ('archmodel workloads') or path of a .yaml file.
    output
        Folder in which results are kept, for 'archmodel report' and 'archmodel query'.
    options
        Run settings and overrides.
    json
        Print JSON: one row per machine.
    """
    trace = options.workload(workload)
    chosen = [options.machine(name) for name in machines or am.machines()]
    if output is None:
        rows = list(_evaluate_batch(chosen, trace, options).rows())
    else:
        results = [_try(machine, trace, options) for machine in chosen]
        rows = _rows(chosen, results, trace, options)
        command = ["archmodel", "compare", *machines, "--workload", workload, *options.flags()]
        _keep(output, command, [*machines, workload], chosen, results, rows)
    if json:
        print_json(rows)
    else:
        headings = {
            "machine": "machine", "latency_s": "latency", "lower_s": "lower bound", "upper_s": "upper bound",
            "throughput": "throughput", "utilisation": "of matrix peak", "bound": "bound by", "energy_j": "energy",
        }  # fmt: skip
        run = {**trace.run, "launch": options.launch, "set": rows[0].get("set")}
        print_table(f"{trace.name} {trace.phase} ({say_run(options.model, run)})", rows, headings)
    return print_notes(rows, json)


def _evaluate_batch(machines: Sequence[am.Machine], trace: am.Trace, options: RunOptions) -> am.ResultTable:
    return am.evaluate_batch(machines, trace, model=options.model, launch=options.launch, mode=options.mode)


def _try(machine: am.Machine, trace: am.Trace, options: RunOptions) -> am.Result | None:
    """Evaluate a machine operator by operator, if it has an answer."""
    try:
        return am.evaluate(machine, trace, model=options.model, launch=options.launch, mode=options.mode)
    except UnsupportedError:
        return None


def _rows(
    machines: Sequence[am.Machine], results: Sequence[am.Result | None], trace: am.Trace, options: RunOptions
) -> list[dict[str, Any]]:
    """Give the rows of `archmodel.evaluate_batch` without evaluating what has a result again."""
    rows: list[dict[str, Any]] = []
    for machine, result in zip(machines, results, strict=True):
        if result is None:
            rows += _evaluate_batch([machine], trace, options).rows()
        else:
            names = ("machine", "workload", "phase", "dtype", "model")
            said = {"launch": options.launch, "status": "ok", "message": "", **result.total()}
            given = {"set": result.run["set"]} if "set" in result.run else {}
            rows.append(
                {name: getattr(result, name) for name in names} | said | {"warnings": list(result.warnings)} | given
            )
    return list(am.ResultTable.from_rows(rows).rows())


def _keep(
    output: Path, command: Sequence[str], files: Sequence[str], machines: Sequence[am.Machine],
    results: Sequence[am.Result | None], rows: Sequence[Mapping[str, Any]],
) -> None:  # fmt: skip
    """Keep what each machine takes, operator by operator; nothing where none has an answer, and say so."""
    missing = {row["machine"]: row["message"] for row in rows if row["status"] != "ok"}
    able = [machine for machine, result in zip(machines, results, strict=True) if result]
    if able:
        found = [result for result in results if result]
        api.keep_results(output, "compare", command, able, found, missing, files=files)
    else:
        note(f"note: nothing is kept in {output}: no machine has an answer")
