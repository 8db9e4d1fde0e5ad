"""``archmodel ladder``."""

from __future__ import annotations

import archmodel as am
from archmodel.cli.options import ANY_STEP, AsJson, StepOptions
from archmodel.cli.show import note, print_json, print_table
from archmodel.units import format_count

TIMES = ("bound_s", "roofline_s", "analytic_s", "cycle_s")


def ladder(machine: str, workload: str, /, *, options: StepOptions = ANY_STEP, json: AsJson = False) -> None:
    """Time a workload by every model, operator by operator, side by side with the physical bound.

    Launching is left out. Operators that the models which count cycles do not know have no time there, and are not in
    the total.

    Parameters
    ----------
    machine
        Name ('archmodel machines') or path of a .yaml file.
    workload
        Name ('archmodel workloads') or path of a .yaml file.
    options
        Run settings and overrides.
    json
        Print JSON: one row per operator.
    """
    trace = options.workload(workload)
    rows = list(am.ladder(options.machine(machine), trace).rows())
    if json:
        print_json(rows)
        return
    known = [row for row in rows if not row["message"]]
    total = {"operator": f"total of {len(known)}", "kind": "", "count": sum(row["count"] for row in known)}
    total |= {name: sum(row[name] for row in known) for name in TIMES}
    headings = {
        "operator": "operator", "kind": "kind", "count": "count", "bound_s": "bound", "roofline_s": "roofline",
        "analytic_s": "analytic", "cycle_s": "cycle", "utilisation": "of matrix peak",
    }  # fmt: skip
    print_table(f"{trace.name} {trace.phase} on {machine}: time by model, without launching", [*rows, total], headings)
    share = total["roofline_s"] / sum(row["roofline_s"] for row in rows)
    covered = f"{len(known)} of {format_count(len(rows), 'operator')}"
    note(f"note: the total covers {covered}, {share:.0%} of the time by the roofline")
    for message in dict.fromkeys(row["message"] for row in rows if row["message"]):
        note(f"note: {message}")
