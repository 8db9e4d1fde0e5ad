"""
LPDDR or HBM for decode?
========================

Decoding a language model reads all of its weights for every step. LPDDR is cheap and large, HBM is fast and dear. Which
of them gives the cheaper token, and which of them an acceptable one?
"""

# %%
# The sweep
# ---------

import archmodel as am

trace = am.workload("llm/llama3.1-8b", phase="decode", batch=16, context=4096)
result = am.evaluate(am.machine("mtia_2i"), trace)
print(f"{result.latency_s * 1e3:.0f} ms per step, bound by {result.bound}")
