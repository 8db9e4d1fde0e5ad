"""Figures of the results of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from archmodel.api import sensitivities
from archmodel.cli.options import Output, WholeNumber
from archmodel.cli.show import say_written
from archmodel.report import plot_heatmap, plot_pairs, plot_parallel, plot_pareto, plot_tornado


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


def pairs(folder: Path, /, *, output: Output, columns: str = "", point: WholeNumber = None) -> None:
    """Draw every objective of a sweep against every other one.

    Parameters
    ----------
    folder
        That 'archmodel sweep' has written.
    output
        File to write: .png, .svg or .pdf; the data goes beside it, as NAME.data.csv.
    columns
        Objectives or columns of the points to add, e.g. tdp_w,chip_usd.
    point
        Number of the point to point out, by default the knee of the front of the first two objectives.
    """
    plot_pairs(folder, output, columns=_split(columns), point=point)
    say_written(output)


def heatmap(
    folder: Path,
    /,
    *,
    output: Output,
    x: str | None = None,
    y: str | None = None,
    value: str | None = None,
    over: Literal["best", "mean"] = "best",
) -> None:
    """Draw a figure of a sweep over two of its axes.

    Parameters
    ----------
    folder
        That 'archmodel sweep' has written.
    output
        File to write: .png, .svg or .pdf; the data goes beside it, as NAME.data.csv.
    x
        Axis of the sweep; by default the first that has several choices.
    y
        The same, for the other axis; by default the next one.
    value
        Objective or column of the points; by default the first objective.
    over
        Of the points of a cell: the best, or their mean.
    """
    plot_heatmap(folder, output, x=x, y=y, value=value, over=over)
    say_written(output)


def parallel(folder: Path, /, *, output: Output, axes: str = "", point: WholeNumber = None) -> None:
    """Draw points of a sweep as lines over their choices and objectives.

    Parameters
    ----------
    folder
        That 'archmodel sweep' has written.
    output
        File to write: .png, .svg or .pdf; the data goes beside it, as NAME.data.csv.
    axes
        Axes of the sweep, in the order to draw them, e.g. clock,sram.capacity; by default those of several choices.
    point
        Number of the point to point out, by default the knee of the front of the first two objectives.
    """
    plot_parallel(folder, output, axes=_split(axes), point=point)
    say_written(output)


def tornado(folder: Path, /, *, output: Output, point: WholeNumber = None, value: str | None = None) -> None:
    """Draw what a step on each axis of a sweep does to one point; what the results lack is evaluated and kept there.

    Parameters
    ----------
    folder
        That 'archmodel sweep' has written.
    output
        File to write: .png, .svg or .pdf; the data goes beside it, as NAME.data.csv.
    point
        Number of the point, by default the knee of the front of the first two objectives.
    value
        Objective or column of the points that changes; by default the first objective.
    """
    around = sensitivities(folder, point)["around"][0]
    plot_tornado(folder, output, point=around, value=value)
    say_written(output)


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]
