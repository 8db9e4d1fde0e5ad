"""Reports to send around: a folder with a page that needs no network, and everything that it shows."""

from archmodel.report.html.front import open_front
from archmodel.report.html.inputs import Inputs, read_inputs
from archmodel.report.html.results import results_page
from archmodel.report.html.sweep import sweep_page
from archmodel.report.html.verification import verification_page
from archmodel.report.html.write import plotly_script, write_page

__all__ = [
    "Inputs",
    "open_front",
    "plotly_script",
    "read_inputs",
    "results_page",
    "sweep_page",
    "verification_page",
    "write_page",
]
