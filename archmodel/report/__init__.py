"""Reports: figures of results. They read results, never models."""

from archmodel.report.breakdown import plot_breakdown
from archmodel.report.commands import plot_commands
from archmodel.report.diagram import plot_diagram
from archmodel.report.errors import plot_errors
from archmodel.report.gantt import plot_gantt
from archmodel.report.heatmap import plot_heatmap
from archmodel.report.ladder import plot_ladder
from archmodel.report.pairs import plot_pairs
from archmodel.report.parallel import plot_parallel
from archmodel.report.pareto import plot_pareto
from archmodel.report.roofline import plot_roofline
from archmodel.report.stalls import plot_stalls
from archmodel.report.tornado import plot_tornado
from archmodel.report.utilisation import plot_utilisation

__all__ = [
    "plot_breakdown",
    "plot_commands",
    "plot_diagram",
    "plot_errors",
    "plot_gantt",
    "plot_heatmap",
    "plot_ladder",
    "plot_pairs",
    "plot_parallel",
    "plot_pareto",
    "plot_roofline",
    "plot_stalls",
    "plot_tornado",
    "plot_utilisation",
]
