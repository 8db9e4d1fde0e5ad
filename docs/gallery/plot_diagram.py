"""
Block diagram of a machine
==========================

Drawn to the description: every PE of the grid, one of them enlarged with its cores, engines and memory, the network
with its routers, the banks of the SRAM, the channels of the DRAM, host and other chips. A dagger marks what rests on an
assumed value; the data beside the figure names the source of every value.

``archmodel plot diagram mtia_300 -o diagram.svg`` draws the first figure.
"""

import archmodel as am
from archmodel.report import plot_diagram

figure, axes = plot_diagram(am.machine("mtia_300"))

# %%
# What a machine does not describe has no box. A GPU has no cores that issue commands to engines here; what the user set
# has a mark of its own.

gpu, axes = plot_diagram(am.machine("h100_sxm", {"sram.capacity": "100 MiB"}))
