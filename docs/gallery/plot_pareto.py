"""
Pareto front of a sweep
=======================

Two figures of every machine of a sweep against each other. Nothing was found beyond the steps: who wants more of one
figure pays with the other. Light points are on the front because of a third objective, grey ones are beaten in all of
them; where these are very many, a sample is drawn. The star is the machine that the text describes: the knee of the
front, unless another one is asked for.

``archmodel plot pareto results/sram_vs_dram -o pareto.png`` draws the same of results in a folder.
"""

from tempfile import TemporaryDirectory

import archmodel as am
from archmodel.report import plot_pareto

folder = TemporaryDirectory()
found = am.sweep("sram_vs_dram", folder.name, points=120)  # of 360
figure, axes = plot_pareto(found)

# %%
# Any column of the points can be on an axis, and any point can be pointed out. Steps are drawn where it is known which
# way of both columns is better.

smallest = found.query("select point from front order by silicon_mm2, point limit 1")["point"][0]
by_area, axes = plot_pareto(found, x="silicon_mm2", y="throughput", point=smallest)
