"""``archmodel plot``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

import archmodel as am
from archmodel.cli.show import note

plot = App(name="plot", help="Draw a figure: roofline or breakdown.", help_format="plaintext")
Output = Annotated[Path, Parameter(name=["--output", "-o"])]


@plot.command
def roofline(
    machine: str, workload: str, /, *, output: Output, phase: str | None = None, batch: int | None = None,
    dtype: str | None = None, model: str = "roofline",
) -> None:  # fmt: skip
    """Draw the hierarchical roofline of a machine with the operators of a workload.

    Parameters
    ----------
    machine, workload
        As in 'archmodel run'.
    output
        File to write: .png, .svg or .pdf; the data goes beside it as .csv.
    phase, batch, dtype, model
        As in 'archmodel run'.
    """
    chosen = am.machine(machine)
    result = am.evaluate(chosen, am.workload(workload, phase=phase, batch=batch, dtype=dtype), model=model)
    am.plot_roofline(chosen, result, output)
    note(f"wrote {output} and {output.with_suffix('.csv')}")


@plot.command
def breakdown(
    machine: str, workload: str, /, *machines: str, output: Output, phase: str | None = None, batch: int | None = None,
    dtype: str | None = None, model: str = "roofline",
) -> None:  # fmt: skip
    """Draw where the time of a workload goes, one bar per machine.

    Parameters
    ----------
    machine, workload
        As in 'archmodel run'.
    machines
        Further machines to put beside the first.
    output
        File to write: .png, .svg or .pdf; the data goes beside it as .csv.
    phase, batch, dtype, model
        As in 'archmodel run'.
    """
    trace = am.workload(workload, phase=phase, batch=batch, dtype=dtype)
    am.plot_breakdown([am.evaluate(am.machine(name), trace, model=model) for name in (machine, *machines)], output)
    note(f"wrote {output} and {output.with_suffix('.csv')}")
