"""
Machines as lines
=================

A line is a machine: its choice on every axis of the sweep, then its objectives, of which the better end is up. What the
blue lines of the front have in common is decided; where they spread, the objectives disagree.

``archmodel plot parallel results/sram_vs_dram -o parallel.png`` draws the same of results in a folder.
"""

from tempfile import TemporaryDirectory

import archmodel as am
from archmodel.report import plot_parallel

with TemporaryDirectory() as folder:
    found = am.sweep("sram_vs_dram", folder, points=120)  # of 360
    figure, axes = plot_parallel(found)
