"""``archmodel compare``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import archmodel as am
from archmodel import api
from archmodel.cli.options import DEFAULTS, AsJson, OptionalOutput, RunOptions
from archmodel.cli.show import note, print_json, print_notes, print_table, say_run


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
    rows = list(am.evaluate_batch(chosen, trace, model=options.model, launch=options.launch, mode=options.mode).rows())
    if output is not None:
        _keep(output, machines, workload, options, trace, chosen, rows)
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


def _keep(
    output: Path, names: Sequence[str], workload: str, options: RunOptions, trace: am.Trace,
    machines: Sequence[am.Machine], rows: Sequence[Mapping[str, Any]],
) -> None:  # fmt: skip
    """Keep what each machine takes, operator by operator; nothing where none has an answer, and say so."""
    able = [machine for machine, row in zip(machines, rows, strict=True) if row["status"] == "ok"]
    missing = {row["machine"]: row["message"] for row in rows if row["status"] != "ok"}
    if not able:
        note(f"note: nothing is kept in {output}: no machine has an answer")
    else:
        results = [
            am.evaluate(machine, trace, model=options.model, launch=options.launch, mode=options.mode)
            for machine in able
        ]
        command = ["archmodel", "compare", *names, "--workload", workload, *options.flags()]
        api.keep_results(output, "compare", command, able, results, missing)
