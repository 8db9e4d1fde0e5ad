"""
Should the next ranking chip have 256 MB or 512 MB of SRAM?
===========================================================

MTIA 2i keeps the activations of ranking models in 256 MiB of SRAM, because its LPDDR5 is slow. The next chip could have
twice as much. SRAM is the largest part of the die, so it is worth asking what the second half would be for.

**In short**: it pays for complex models at large batches, and for nothing else that the roofline sees. What decides is
whether the activations of a batch fit, not the size of the tables.
"""

# %%
# The sweep
# ---------
# Three ranking models, from simple to complex: DLRM-DCNv2 of MLPerf, and two of the size of models LC3 and HC3 that Meta
# has published (their dims are hypothetical, fitted to the published FLOP per sample). Everything is MTIA 2i but for the
# SRAM and the batch.

from tempfile import TemporaryDirectory

import archmodel as am

MODELS = {"DLRM-DCNv2": "dlrm_dcnv2", "LC3": "mtia_lc3", "HC3": "mtia_hc3"}
BATCHES = [512, 1024, 2048, 4096, 8192]

with TemporaryDirectory() as folder:
    found = am.sweep(
        {
            "title": "SRAM of a ranking chip",
            "machine": "mtia_2i",
            "workloads": [
                {"workload": f"recommendation/{name}", "label": name.removeprefix("mtia_")} for name in MODELS.values()
            ],
            "axes": {"sram.capacity": ["256 MiB", "512 MiB"], "workload.batch": BATCHES},
            "objectives": {"throughput": "max", "perf_per_usd": "max"},
        },
        folder,
    )
    points = found.to_pandas().set_index(["sram_capacity_bytes", "batch"])

small, large = points.loc[256 * 2**20], points.loc[512 * 2**20]

# %%
# What it costs
# -------------
# Area, power and price come from the economy of :doc:`/methods/economy`; most of its parameters are assumed, so that
# ratios are worth more than values.

for name, unit in (("die_mm2", "mm²"), ("tdp_w", "W"), ("chip_usd", "USD")):
    before, after = small[name].iloc[0], large[name].iloc[0]
    print(f"{name.rpartition('_')[0]:>4}: {before:5.0f} → {after:5.0f} {unit:3} ({after / before - 1:+.0%})")

price_ratio = large["chip_usd"].iloc[0] / small["chip_usd"].iloc[0]

# %%
# What it brings
# --------------
# The second half pays where the throughput grows by more than the price.

from archmodel.report.figure import house_style, new_axes  # noqa

