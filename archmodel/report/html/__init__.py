"""Reports to send around: a folder with a page that needs no network, and everything that it shows."""

from archmodel.report.html.sweep import sweep_page
from archmodel.report.html.sweep_data import check_ended, detailed_points, find_best
from archmodel.report.html.write import write_page

__all__ = ["check_ended", "detailed_points", "find_best", "sweep_page", "write_page"]
