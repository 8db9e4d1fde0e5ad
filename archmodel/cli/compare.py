"""``archmodel compare``."""

from __future__ import annotations

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
    how: dict[str, Any] = {"model": options.model, "launch": options.launch, "mode": options.mode}
    rows = list(am.evaluate_batch(chosen, trace, **how).rows())
    able = [machine for machine, row in zip(chosen, rows, strict=True) if row["status"] == "ok"]
    if output and able:
        missing = {row["machine"]: row["message"] for row in rows if row["status"] != "ok"}
        command = ["archmodel", "compare", *machines, "--workload", workload, *options.flags()]
        results = [am.evaluate(machine, trace, **how) for machine in able]  # what models have counted they remember
        api.keep_results(output, "compare", command, able, results, missing, files=[*machines, workload])
    elif output:
        note(f"note: nothing is kept in {output}: no machine has an answer")
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
