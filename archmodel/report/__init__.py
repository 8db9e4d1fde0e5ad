"""Reports: figures of results. They read results, never models."""

from archmodel.report.breakdown import plot_breakdown
from archmodel.report.diagram import plot_diagram
from archmodel.report.pareto import plot_pareto
from archmodel.report.roofline import plot_roofline

__all__ = ["plot_breakdown", "plot_diagram", "plot_pareto", "plot_roofline"]
