"""
What matrix engines wait for
============================

Model ``cycle`` keeps a ledger of each unit: every cycle it is at work or waits for something. This is the ledger of the
matrix engine that waits longest, for the step and for each group of operators. Operators without products, as
normalisations, leave the engine idle; they are a part of their own.

``archmodel plot stalls mtia_2i diffusion/dit-xl-2 -o stalls.svg`` draws the first figure.
"""

import archmodel as am
from archmodel.report import plot_stalls

trace = am.workload("diffusion/dit-xl-2")
result = am.evaluate(am.machine("mtia_2i"), trace, model="cycle")
figure, axes = plot_stalls(result)

# %%
# Machines side by side: more bandwidth to DRAM moves the wait elsewhere, and the time that remains shrinks.

others = [am.evaluate(am.machine(name), trace, model="cycle") for name in ("mtia_300", "rivos_like")]
three, axes = plot_stalls([result, *others])
