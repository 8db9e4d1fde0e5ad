"""
Fidelity ladder
===============

The time of each operator by every model, in multiples of the physical bound. Brackets reach from that bound to the time
without any overlap; an estimate outside of them would be wrong whatever the hardware. Where marks lie together, the
quick model is as good as the slow one; where they spread, it pays to count cycles.

``archmodel plot ladder mtia_2i llm/llama3.1-8b --phase prefill -o ladder.svg`` draws this figure.
"""

import archmodel as am
from archmodel.report import plot_ladder

machine, trace = am.machine("mtia_2i"), am.workload("llm/llama3.1-8b", phase="prefill")
figure, axes = plot_ladder(machine, trace, am.ladder(machine, trace))
