"""
Where the time goes
===================

A bar per result: shares of the latency by operator group, launching apart. The latency itself is at its end.

``archmodel plot breakdown mtia_2i diffusion/dit-xl-2 mtia_300 h100_sxm -o breakdown.svg`` draws this figure.
"""

import archmodel as am

trace = am.workload("diffusion/dit-xl-2")
results = [am.evaluate(am.machine(name), trace) for name in ("mtia_2i", "mtia_300", "h100_sxm")]
figure, axes = am.plot_breakdown(results)
