"""
A figure over two axes
======================

Each cell is the best machine with these two choices, over all choices of the other axes; the best cell has a frame.
Where a row does not change along the columns, that axis buys nothing there.

``archmodel plot heatmap results/sram_vs_dram --x sram.capacity --y dram.bandwidth -o heatmap.png`` draws the same of
results in a folder.
"""

from tempfile import TemporaryDirectory

import archmodel as am
from archmodel.report import plot_heatmap

folder = TemporaryDirectory()
found = am.sweep("sram_vs_dram", folder.name)
figure, axes = plot_heatmap(found, x="sram.capacity", y="dram.bandwidth")

# %%
# The best over all batches hides what a batch that was not chosen for the machine would get: the mean over the others
# shows that. A cell without machines that meet the conditions of the sweep stays empty.

mean, axes = plot_heatmap(found, x="sram.capacity", y="workload.batch", value="perf_per_usd", over="mean")
