"""
Objectives in pairs
===================

Every objective of a sweep against every other one, and on the diagonal how many machines have which value. A front that
is a line in one panel and a cloud in another says which objectives are at odds: those whose blue points are far apart.

``archmodel plot pairs results/sram_vs_dram --columns tdp_w -o pairs.png`` draws the same of results in a folder.
"""

from tempfile import TemporaryDirectory

import archmodel as am
from archmodel.report import plot_pairs

with TemporaryDirectory() as folder:
    found = am.sweep("sram_vs_dram", folder, points=120)  # of 360
    figure, axes = plot_pairs(found, columns=["tdp_w"])
