"""
Hierarchical roofline
=====================

A slope for each memory, a ceiling for each engine, and a point for each operator, as large as its share of the time.
What a point hangs below is what binds it; a point above the slope of DRAM has operands on chip.

``archmodel plot roofline mtia_2i llm/llama3.1-8b --phase decode -o roofline.svg`` draws the first figure.
"""

import archmodel as am

machine = am.machine("mtia_2i")
decode = am.evaluate(machine, am.workload("llm/llama3.1-8b", phase="decode", batch=1))
figure, axes = am.plot_roofline(machine, decode)

# %%
# Several results of one machine are told apart by their colours: the same weights, read once for a whole prompt.

prefill = am.evaluate(machine, am.workload("llm/llama3.1-8b", phase="prefill", batch=1, sequence=2048))
both, axes = am.plot_roofline(machine, [decode, prefill])
