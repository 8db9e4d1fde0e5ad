"""``archmodel compare``."""

from __future__ import annotations

import archmodel as am
from archmodel.cli.options import DEFAULTS, AsJson, RunOptions
from archmodel.cli.show import print_json, print_notes, print_table, say_run


def compare(*machines: str, workload: str, options: RunOptions = DEFAULTS, json: AsJson = False) -> int:
    """Put several machines side by side on one workload; the exit code is 2 when none has an answer.

    Parameters
    ----------
    machines
        Names or .yaml files; all shipped machines if none is given.
    workload
        Name ('archmodel workloads') or path of a .yaml file.
    options
        Run settings and overrides.
    json
        Print JSON: one row per machine.
    """
    trace = options.workload(workload)
    chosen = [options.machine(name) for name in machines or am.machines()]
    rows = list(am.evaluate_batch(chosen, trace, model=options.model, launch=options.launch, mode=options.mode).rows())
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
