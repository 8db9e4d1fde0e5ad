"""``archmodel plot``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

import archmodel as am
from archmodel.cli.options import DEFAULTS, RunOptions
from archmodel.cli.show import note
from archmodel.report.figure import data_path

plot = App(name="plot", help="Draw a figure: roofline or breakdown.", help_format="plaintext")
Output = Annotated[Path, Parameter(name=["--output", "-o"])]


@plot.command
def roofline(machine: str, workload: str, /, *, output: Output, options: RunOptions = DEFAULTS) -> None:
    """Draw the hierarchical roofline of a machine with the operators of a workload.

    Parameters
    ----------
    machine
        Name ('archmodel machines') or path of a .yaml file.
    workload
        Name ('archmodel workloads') or path of a .yaml file.
    output
        File to write: .png, .svg or .pdf; the data goes beside it, as NAME.data.csv.
    options
        Run settings and overrides.
    """
    chosen = options.machine(machine)
    result = am.evaluate(chosen, options.workload(workload), model=options.model, launch=options.launch)
    am.plot_roofline(chosen, result, output)
    note(f"wrote {output} and {data_path(output)}")


@plot.command
def breakdown(machine: str, workload: str, /, *machines: str, output: Output, options: RunOptions = DEFAULTS) -> None:
    """Draw where the time of a workload goes, one bar per machine.

    Parameters
    ----------
    machine
        Name ('archmodel machines') or path of a .yaml file.
    workload
        Name ('archmodel workloads') or path of a .yaml file.
    machines
        Further machines to put beside the first.
    output
        File to write: .png, .svg or .pdf; the data goes beside it, as NAME.data.csv.
    options
        Run settings and overrides.
    """
    trace = options.workload(workload)
    chosen = [options.machine(name) for name in (machine, *machines)]
    results = [am.evaluate(each, trace, model=options.model, launch=options.launch) for each in chosen]
    am.plot_breakdown(results, output)
    note(f"wrote {output} and {data_path(output)}")
