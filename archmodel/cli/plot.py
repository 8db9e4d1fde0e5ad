"""``archmodel plot``: a command per kind of figure; those of one source are in one file."""

from __future__ import annotations

from cyclopts import App

plot = App(name="plot", help="Draw a figure, with its data beside it.", help_format="plaintext")

for file, kinds in {
    "plots_run": {
        "roofline": "Draw the hierarchical roofline of a machine with the operators of a workload.",
        "breakdown": "Draw where the time of a workload goes by operator group, one bar per machine.",
        "diagram": "Draw the blocks of a machine: PEs and what is in one, memories, network and links.",
    },
    "plots_sweep": {
        "pareto": "Draw two figures of the points of a sweep, and which points no other one beats.",
    },
}.items():
    for kind, text in kinds.items():
        plot.command(f"archmodel.cli.{file}:{kind}", name=kind, help=text)
