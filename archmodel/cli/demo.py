"""``archmodel demo``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from archmodel import api
from archmodel.cli.options import AsJson, Output
from archmodel.cli.show import note, print_json, print_table
from archmodel.cli.sweep import tabulate_best
from archmodel.demo import SWEEP_POINTS, run_demo, run_small_sweep


def demo(
    *,
    output: Output = Path("results/demo"),
    json: AsJson = False,
) -> None:
    """Run the main job: recommendation, LLM and diffusion on MTIA chips and GPUs, and a small sweep for the next chip.

    Parameters
    ----------
    output
        Folder for tables and figures.
    json
        Print JSON: one row per workload and machine.
    """
    rows = list(run_demo(output, note).rows())
    if json:
        print_json(rows)
    else:
        headings = {
            "workload": "workload", "phase": "phase", "machine": "machine", "lower_s": "lower bound",
            "roofline_s": "roofline", "latency_s": "counted", "model": "by", "bound": "bound by",
            "throughput": "throughput", "utilisation": "of matrix peak", "energy_j": "energy",
        }  # fmt: skip
        title = "One step of each workload: by the roofline, and counted (energy where typical power is published)"
        print_table(title, rows, headings, n_keys=3)
    run, front = run_small_sweep(output, note)
    if not json:
        print()
        print_table(
            f"{run['title']} (the best of {SWEEP_POINTS} machines by each objective)", *tabulate_best(run, front)
        )
    note(f"wrote tables and figures to {output}/")
    if find_spec("plotly") is None:
        note("note: a report on the sweep needs plotly; run: pip install 'archmodel[html]'")
    else:
        note(f"report on the sweep: {api.report(output / 'mtia_next', say=note)}")
