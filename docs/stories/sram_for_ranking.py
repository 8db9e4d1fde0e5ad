"""
Should the next ranking chip have 256 MB or 512 MB of SRAM?
===========================================================

MTIA 2i serves ranking models from LPDDR5, which is slow, and makes up for it with 256 MiB of SRAM: room for the
activations of a batch, and a cache of embedding rows. SRAM is a third of its die by the area model already. What would
twice as much be good for, and would the same money do more elsewhere?

**In short.** 512 MiB let the nine ranking models of MTIA 2i run 6 to 23 % faster, each at its best batch. They make an
hour of the chip 13 % dearer, so that a sample costs between 8 % less and 6 % more: about a draw. The models wait for
DRAM, and LPDDR5 of twice the width makes a sample 4 to 29 % cheaper with 256 MiB. A roofline alone would have seen
almost nothing of what SRAM does here.
"""

# %%
# The sweep
# ---------
# The nine models have the size and FLOP per sample that Meta has published (LC: low complexity, HC: high); their layers
# and tables are hypothetical. The machine is MTIA 2i but for the SRAM or the width of the DRAM interface. Batches are
# powers of two: whoever buys a chip chooses the batch that suits it.

from tempfile import TemporaryDirectory

import archmodel as am
from archmodel.report import plot_breakdown, plot_heatmap

NAMES = ["lc1", "lc2", "lc3", "lc4", "lc5", "hc1", "hc2", "hc3", "hc4"]
CHIPS = {
    "256 MiB": ["256 MiB", "204.8 GB/s"],
    "384 MiB": ["384 MiB", "204.8 GB/s"],
    "512 MiB": ["512 MiB", "204.8 GB/s"],
    "256 MiB, wide DRAM": ["256 MiB", "409.6 GB/s"],
}
SWEEP = {
    "title": "Nine ranking models by SRAM, DRAM and batch",
    "machine": "mtia_2i",
    "workloads": [{"workload": f"recommendation/mtia_{name}", "label": name} for name in NAMES],
    "axes": {
        "chip": {"set": ["sram.capacity", "dram.bandwidth"], "values": CHIPS},
        "workload.batch": [512, 1024, 2048, 4096, 8192],
    },
    "objectives": {"throughput": "max", "perf_per_usd": "max"},
}
folder = TemporaryDirectory()
results = {model: am.sweep(SWEEP, f"{folder.name}/{model}", model=model) for model in ("roofline", "analytic")}
points = {model: list(result.query("select * from points").rows()) for model, result in results.items()}

for point in points["roofline"]:
    if point["batch"] == 512:
        print(f"{point['chip']:18}  {point['die_mm2']:3.0f} mm²  {point['tdp_w']:3.0f} W  {point['chip_usd']:,.0f} USD")

# %%
# All models at one batch, weighted equally, by the model ``analytic``: it counts cycles, and simulates which embedding
# rows the cache holds. Speed is relative to MTIA 2i at the usual batch of each model.

figure, axes = plot_heatmap(results["analytic"])

# %%
# Large batches lose: activations outgrow the SRAM, live in DRAM then, and everything waits for them. Each doubling of
# the SRAM moves that cliff by one batch.
#
# What it is worth
# ----------------
# A cliff is easy to avoid, by a smaller batch. So each chip runs each model at the batch that suits it best:


def best(model, chip, column, choose=max):
    """Value of a column at the best batch, for each ranking model."""
    of_chip = [point for point in points[model] if point["chip"] == chip]
    return {name: choose(point[f"{name}_{column}"] for point in of_chip) for name in NAMES}


def ratios(model, chip, column, choose=max):
    """The same, over MTIA 2i as built."""
    built = best(model, "256 MiB", column, choose)
    return {name: value / built[name] for name, value in best(model, chip, column, choose).items()}


for model in points:
    print(f"{model:9}" + "".join(f"{chip:>20}" for chip in list(CHIPS)[1:]))
    changes = {
        chip: (ratios(model, chip, "throughput"), ratios(model, chip, "usd_per_million_items", min)) for chip in CHIPS
    }
    for name in NAMES:
        pairs = [(speed[name] - 1, cost[name] - 1) for speed, cost in list(changes.values())[1:]]
        print(f"{name:11}" + "".join(f"  {speed:+6.1%} cost {cost:+4.0%}" for speed, cost in pairs))

# %%
# First speed, then cost of a sample: chip, its share of host and building, electricity. Two things pay for SRAM:
#
# - **Batches that fit.** HC3 holds 312 MiB of activations at 1,024 samples. Read from DRAM, all of its operators take
#   longer; 384 MiB are enough for it, and for LC5, at a lower price.
# - **Lookups that hit.** LC1 needs 13 MiB at 512 samples; the rest is a cache of its tables. The proof: where half of
#   the lookups hit on either chip, the second 256 MiB bring nothing.


def evaluate(name, batch, model="analytic", **sram):
    """Evaluate a ranking model on MTIA 2i, with values of the SRAM changed."""
    machine = am.machine("mtia_2i", {f"sram.{key}": text for key, text in sram.items()})
    return am.evaluate(machine, am.workload(f"recommendation/mtia_{name}", batch=batch), model=model)


figure, axes = plot_breakdown([evaluate("hc3", 1024, capacity=text) for text in ("256 MiB", "512 MiB")])
simulated, fixed = (
    evaluate("lc1", 512, capacity="512 MiB", **hit).throughput / evaluate("lc1", 512, **hit).throughput
    for hit in ({}, {"embedding_hit": "0.5"})
)
print(f"LC1, 512 over 256 MiB: {simulated:.2f} × as fast; with half of the lookups hitting on both: {fixed:.2f} ×")

by_event = evaluate("lc5", 4096, "cycle", capacity="512 MiB").throughput / evaluate("lc5", 2048, "cycle").throughput
print(f"LC5, counted event by event: {by_event - 1:+.1%}")

# %%
# The answer
# ----------
# **Stay with 256 MiB and widen the DRAM interface.** It takes less than a quarter of the silicon, and helps every
# model. Without more pins, 384 MiB pay for LC4, LC5 and HC3, whose best batch is just beyond 256 MiB, and for no other
# model much. The page is not made unless this holds:

speed, cost = (
    sorted(ratios("analytic", "512 MiB", *of).values()) for of in (("throughput",), ("usd_per_million_items", min))
)
assert (round(speed[0], 2), round(speed[-1], 2)) == (1.06, 1.23)
assert (round(cost[0], 2), round(cost[-1], 2)) == (0.92, 1.06)
wide = ratios("analytic", "256 MiB, wide DRAM", "usd_per_million_items", min).values()
assert (round(min(wide), 2), round(max(wide), 2)) == (0.71, 0.96)
assert sorted(ratios("roofline", "512 MiB", "throughput").values())[-2] < 1.01  # all but HC3
assert 1.12 < ratios("roofline", "512 MiB", "usd_per_million_items", min)["lc1"] < 1.13  # at the same speed: an hour
assert simulated > 1.3
assert round(fixed, 3) == 1
assert abs(by_event / ratios("analytic", "512 MiB", "throughput")["lc5"] - 1) < 0.01
folder.cleanup()

# %%
# Where it may be wrong
# ---------------------
# - **Hits.** How popular rows are is taken from one production data set. MTIA 2i is reported to hit 40 to 60 % of
#   sparse accesses, these models hit 35 to 56 % at their usual batch (:doc:`/methods/operators/embedding`). With
#   better locality across batches, SRAM is worth more.
# - **Cliffs.** Activations are in SRAM as a whole or not at all. That is what Meta's compiler does; where a published
#   model outgrows the SRAM it loses 90 %, ours lose 78 to 86 % (:doc:`/methods/validation`). A compiler that splits a
#   batch has no cliff, and less use for SRAM beyond it. Between powers of two, best batches lie closer than shown.
# - **Prices.** Estimated dies of MTIA are within 20 % of the published ones; most prices are assumed
#   (:doc:`/methods/economy`). Were SRAM free, 512 MiB would still gain less than the wide interface, but for HC3.
# - **Not seen**: a limit on latency, which forbids large batches; balls and board of a wide interface, beyond its area
#   and power; two chips per model, as HC3 has in production, which relieve its host link.
#
# **If the answer is wrong**, 512 MiB that were not needed cost 13 % of every hour of every chip; 256 MiB that were too
# few cost a sample of some models up to 9 %. **Next**: the histogram of lookups of your own tables, and the shipped
# sweep ``sram_vs_dram`` with your models.
