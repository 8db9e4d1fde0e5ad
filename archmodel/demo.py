"""The main job: five steps of four workloads on five machines, by two models, and a small sweep for the next one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

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
SWEEP_POINTS = 1000


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
        One row per workload and machine: what model ``detailed`` says, and the time by the roofline.

    Raises
    ------
    InputError
        When a file cannot be written.
    """
    say("compiling kernels (the first time only) …")
    machines = {name: api.machine(name) for name in MACHINES}
    flat, counted = [], {}
    for name, phase in WORKLOADS:
        trace = api.workload(name, phase=phase)
        say(f"counting {name} {phase}")
        flat += [api.evaluate(machine, trace) for machine in machines.values()]
        counted[name, phase] = [api.evaluate(each, trace, model="detailed") for each in machines.values()]
    details = [result for of_workload in counted.values() for result in of_workload]
    summary = ResultTable.from_rows([_summary(*pair) for pair in zip(flat, details, strict=True)])
    write_file("demo", folder / "summary.csv", summary.to_csv().encode())
    write_file("demo", folder / "operators.csv", _operators([*flat, *details]).to_csv().encode())
    write_file("demo", folder / "run.json", f"{json.dumps(_run([*flat, *details]), indent=1)}\n".encode())
    for machine in machines.values():
        say(f"drawing the roofline of {machine.name}")
        of_machine = [result for result in flat if result.machine == machine.name]
        for ending in (".png", ".svg"):
            plot_roofline(machine, of_machine, folder / f"roofline_{machine.name}{ending}")
    for (name, phase), of_workload in counted.items():
        say(f"drawing the breakdown of {name} {phase}")
        for ending in (".png", ".svg"):
            plot_breakdown(of_workload, folder / f"breakdown_{name.rpartition('/')[2]}_{phase}{ending}")
    return summary


def run_small_sweep(folder: Path, say: Callable[[str], None]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Evaluate a sample of sweep ``mtia_next``, and write its front.

    Parameters
    ----------
    folder
        Where to write: ``mtia_next.csv``, and the results of the sweep in ``mtia_next``; those of an earlier demo go.
    say
        Told what happens, a line at a time.

    Returns
    -------
    tuple
        What was asked, and the points of the front, a row each.

    Raises
    ------
    InputError
        When the file cannot be written.
    """
    say(f"evaluating {SWEEP_POINTS} machines of sweep mtia_next")
    results = folder / "mtia_next"
    if (results / "run.json").exists():  # whatever has changed since, the demo is about what there is now
        shutil.rmtree(results)
    found = api.sweep("mtia_next", results, points=SWEEP_POINTS)
    write_file("demo", folder / "mtia_next.csv", found.front().to_csv().encode())
    return found.run, list(found.front().rows())


def _summary(result: Result, counted: Result) -> dict[str, object]:
    names = ("workload", "phase", "machine", "dtype")
    beside = {"model": counted.model, "roofline_s": result.latency_s, "roofline_bound": result.bound}
    return {name: getattr(result, name) for name in names} | counted.total() | beside


def _operators(results: list[Result]) -> ResultTable:
    return ResultTable.from_rows(
        [
            {
                "model": result.model,
                "workload": result.workload,
                "phase": result.phase,
                "machine": result.machine,
                **row,
            }
            for result in results
            for row in result.operators.rows()
        ]
    )


def _run(results: list[Result]) -> dict[str, object]:
    return {
        "archmodel": version("archmodel"),
        "runs": [
            {"model": r.model, "workload": r.workload, "phase": r.phase, "machine": r.machine, "run": dict(r.run),
             "warnings": list(r.warnings), "assumed": r.provenance["assumed"]}
            for r in results
        ],
    }  # fmt: skip
