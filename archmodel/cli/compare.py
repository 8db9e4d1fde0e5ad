"""``archmodel compare``."""

from __future__ import annotations

from typing import Literal

import archmodel as am
from archmodel.cli.options import AsJson
from archmodel.cli.show import note, print_json, print_table


def compare(
    *machines: str,
    workload: str,
    phase: str | None = None,
    batch: int | None = None,
    sequence: int | None = None,
    context: int | None = None,
    steps: int | None = None,
    dtype: str | None = None,
    model: str = "roofline",
    launch: Literal["graph", "eager"] = "graph",
    json: AsJson = False,
) -> None:
    """Put several machines side by side on one workload.

    Parameters
    ----------
    machines
        Names or .yaml files; all shipped machines if none is given.
    workload
        Name ('archmodel workloads') or path of a .yaml file.
    phase, batch, sequence, context, steps, dtype, model, launch
        As in 'archmodel run'.
    json
        Print JSON: one row per machine.
    """
    trace = am.workload(
        workload, phase=phase, batch=batch, sequence=sequence, context=context, steps=steps, dtype=dtype
    )
    chosen = [am.machine(name) for name in machines or am.machines()]
    rows = list(am.evaluate_batch(chosen, trace, model=model, launch=launch).rows())
    if json:
        print_json(rows)
        return
    print_table(
        f"{trace.name} {trace.phase} ({model})",
        rows,
        {
            "machine": "machine", "latency_s": "latency", "lower_s": "lower bound", "upper_s": "upper bound",
            "throughput": "throughput", "utilisation": "of matrix peak", "bound": "bound by", "energy_j": "energy",
        },
    )  # fmt: skip
    for row in rows:
        if row["message"]:
            note(f"not supported: {row['message']}")
