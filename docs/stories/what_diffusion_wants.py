"""
What does diffusion want?
=========================

Chips for ranking have much SRAM, chips for language models fast DRAM. Which of these, if either, does making images
want?
"""

# %%
# The sweep
# ---------

import archmodel as am

for name in ("sdxl", "sd3-medium", "flux.1-dev"):
    result = am.evaluate(am.machine("mtia_2i"), am.workload(f"diffusion/{name}"))
    print(f"{name}: {result.latency_s:.2f} s, bound by {result.bound}")
