"""Figures of what was measured, on hardware or its RTL."""

from __future__ import annotations

from pathlib import Path

from archmodel.api import follow_kernel
from archmodel.cli.options import Output
from archmodel.cli.show import note, say_written
from archmodel.report import plot_commands, plot_errors
from archmodel.report.errors import read_points


def errors(source: Path, /, *, output: Output) -> None:
    """Draw what a model says over what was measured, point by point.

    Parameters
    ----------
    source
        Folder of 'archmodel verify', or a .csv file: columns series, measured_s and modelled_s, or measured_cycles and
        modelled_cycles.
    output
        File to write: .png, .svg or .pdf; the data goes beside it, as NAME.data.csv.
    """
    plot_errors(read_points(source), output, reference="RTL" if source.is_dir() else "measurement")
    say_written(output)


def commands(unit: str, kernel: str, /, *, output: Output) -> None:
    """Draw the commands of a kernel as the model expects them and as RTL runs them, in a simulator.

    Parameters
    ----------
    unit
        Shipped block that runs kernels, e.g. pe, or the folder of one.
    kernel
        E.g. gemm_output; the longest of the first points that run it.
    output
        File to write: .png, .svg or .pdf; the data goes beside it, as NAME.data.csv.
    """
    note(f"note: the hardware of {unit} is built, and runs {kernel} in a simulator; the first time takes minutes")
    plot_commands(follow_kernel(unit, kernel), output)
    say_written(output)
