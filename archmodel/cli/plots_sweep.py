"""Figures of the results of a sweep."""

from __future__ import annotations

from pathlib import Path

from archmodel.cli.options import Output, WholeNumber
from archmodel.cli.show import say_written
from archmodel.report.pareto import plot_pareto


def pareto(
    folder: Path, /, *, output: Output, x: str | None = None, y: str | None = None, point: WholeNumber = None
) -> None:
    """Draw two figures of the points of a sweep against each other, and which no other one beats.

    Parameters
    ----------
    folder
        That 'archmodel sweep' has written.
    output
        File to write: .png, .svg or .pdf; the data goes beside it, as NAME.data.csv.
    x
        Objective or column of the points, e.g. throughput or tdp_w; by default the first objective.
    y
        The same, for the other axis; by default the second objective.
    point
        Number of the point to point out, by default the knee of the front.
    """
    plot_pareto(folder, output, x=x, y=y, point=point)
    say_written(output)
