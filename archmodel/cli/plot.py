"""``archmodel plot``: a command per kind of figure; those of one source are in one file."""

from __future__ import annotations

from cyclopts import App

plot = App(name="plot", help="Draw a figure, with its data beside it.", help_format="plaintext")

KINDS = {
    "plots_run": {
        "roofline": "Draw the hierarchical roofline of a machine with the operators of a workload.",
        "breakdown": "Draw where the time of a workload goes by operator group, one bar per machine.",
        "stalls": "Draw what matrix engines wait for: by operator group of one machine, or one bar per machine.",
        "ladder": "Draw the time of operators by every model, between the physical bound and no overlap at all.",
        "utilisation": "Draw over time how busy units and memories are.",
        "gantt": "Draw over time what every unit does.",
        "diagram": "Draw the blocks of a machine: PEs and what is in one, memories, network and links.",
    },
    "plots_verify": {
        "errors": "Draw what a model says over what was measured, point by point.",
        "commands": "Draw the commands of a kernel as the model expects them and as RTL runs them, in a simulator.",
    },
    "plots_sweep": {
        "pareto": "Draw two figures of the points of a sweep against each other, and which no other one beats.",
        "pairs": "Draw every objective of a sweep against every other one.",
        "parallel": "Draw points of a sweep as lines over their choices and objectives.",
        "heatmap": "Draw a figure of a sweep over two of its axes.",
        "tornado": "Draw what a step on each axis of a sweep does to one point.",
    },
}
"""By the file that has the command: what each kind draws."""

for file, kinds in KINDS.items():
    for kind, text in kinds.items():
        plot.command(f"archmodel.cli.{file}:{kind}", name=kind, help=text)
