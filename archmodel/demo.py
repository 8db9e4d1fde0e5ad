"""The main job: five steps of four workloads on five machines; a table, rooflines and breakdowns."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from archmodel import api
from archmodel.report import plot_breakdown, plot_roofline
from archmodel.report.figure import write_file
from archmodel.results import Result, ResultTable

MACHINES = ("mtia_v1", "mtia_2i", "mtia_300", "h100_sxm", "mi300x")
WORKLOADS = (
    ("recommendation/dlrm_dcnv2", "inference"),
    ("recommendation/dlrm_v3_hstu", "inference"),
    ("llm/llama3.1-8b", "prefill"),
    ("llm/llama3.1-8b", "decode"),
    ("diffusion/sdxl", "denoise"),
)


def run_demo(folder: Path, say: Callable[[str], None]) -> ResultTable:
    """Evaluate the main job and write tables and figures.

    Parameters
    ----------
    folder
        Where to write: ``summary.csv``, ``operators.csv``, ``run.json``, figures as PNG and SVG with their data as CSV.
    say
        Told what happens, a line at a time.

    Returns
    -------
    ResultTable
        One row per workload and machine.

    Raises
    ------
    InputError
        When a file cannot be written.
    """
    say("compiling kernels (the first time only) …")
    machines = {name: api.machine(name) for name in MACHINES}
    results = {
        (name, phase): [api.evaluate(machine, api.workload(name, phase=phase)) for machine in machines.values()]
        for name, phase in WORKLOADS
    }
    flat = [result for of_workload in results.values() for result in of_workload]
    summary = ResultTable.from_rows([_summary(result) for result in flat])
    write_file("demo", folder / "summary.csv", summary.to_csv().encode())
    write_file("demo", folder / "operators.csv", _operators(flat).to_csv().encode())
    write_file("demo", folder / "run.json", f"{json.dumps(_run(flat), indent=1)}\n".encode())
    for machine in machines.values():
        say(f"drawing the roofline of {machine.name}")
        of_machine = [result for result in flat if result.machine == machine.name]
        for ending in (".png", ".svg"):
            plot_roofline(machine, of_machine, folder / f"roofline_{machine.name}{ending}")
    for (name, phase), of_workload in results.items():
        say(f"drawing the breakdown of {name} {phase}")
        for ending in (".png", ".svg"):
            plot_breakdown(of_workload, folder / f"breakdown_{name.rpartition('/')[2]}_{phase}{ending}")
    return summary


def _summary(result: Result) -> dict[str, object]:
    names = ("workload", "phase", "machine", "dtype")
    return {name: getattr(result, name) for name in names} | result.total()


def _operators(results: list[Result]) -> ResultTable:
    return ResultTable.from_rows(
        [
            {"workload": result.workload, "phase": result.phase, "machine": result.machine, **row}
            for result in results
            for row in result.operators.rows()
        ]
    )


def _run(results: list[Result]) -> dict[str, object]:
    return {
        "archmodel": version("archmodel"),
        "model": results[0].model,
        "runs": [
            {"workload": r.workload, "phase": r.phase, "machine": r.machine, "run": dict(r.run),
             "warnings": list(r.warnings), "assumed": r.provenance["assumed"]}
            for r in results
        ],
    }  # fmt: skip
