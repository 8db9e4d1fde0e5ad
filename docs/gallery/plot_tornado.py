"""
What a step does to one machine
===============================

Around one machine of a sweep, each bar changes one axis: to the next choice (dark) or to the outermost one (light). The
axis that matters most is on top. What the results do not hold is evaluated by ``sensitivities``, and kept beside them.

``archmodel plot tornado results/sram_vs_dram -o tornado.png`` does both for results in a folder.
"""

from tempfile import TemporaryDirectory

import archmodel as am
from archmodel.report import plot_tornado

folder = TemporaryDirectory()
found = am.sweep("sram_vs_dram", folder.name, points=120)  # of 360
changes = am.api.sensitivities(found)
figure, axes = plot_tornado(found)

# %%
# The changes are a table, with everything that a sweep says of a machine.

for row in changes.rows():
    print(f"{row['axis']:15} {row['choice']:13} {row['speedup']:5.2f} × base  {row['tdp_w']:4.0f} W")
