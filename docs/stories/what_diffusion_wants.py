"""
What does diffusion want?
=========================

Chips for ranking have much SRAM, chips for language models fast DRAM. A diffusion model runs a large network over a
whole image, dozens of times, with nobody's keys and values to remember. That sounds like products and nothing else. Is
it?

**In short.** A roofline says so: with twice the products, the four large models of five are 1.4 to 1.7 times as fast.
Counted cycles leave 1.02 to 1.4 of that. In three of five something else is in the way: the softmax of attention on the
vector cores, activations that do not fit the SRAM, or weights that are read for a single small image. Diffusion wants
balance; more products alone are the wrong purchase.
"""

# %%
# The sweep
# ---------
# Five denoisers as their authors publish them, one image (or video of 81 frames) at a time, on MTIA 2i with twice as
# much of one thing or of several.

from tempfile import TemporaryDirectory

import archmodel as am
from archmodel.api import sensitivities
from archmodel.report import plot_breakdown, plot_pareto, plot_tornado

MODELS = {"sdxl": "sdxl", "sd3": "sd3-medium", "flux": "flux.1-dev", "wan": "wan2.1-1.3b", "dit": "dit-xl-2"}
LANES = ["vector.lanes.fp16", "vector.lanes.bf16", "vector.lanes.fp32", "timing.vector.n_cores"]
SWEEP = {
    "title": "Five diffusion models on MTIA 2i with twice as much",
    "machine": "mtia_2i",
    "workloads": [{"workload": f"diffusion/{name}", "label": label} for label, name in MODELS.items()],
    "axes": {
        "products": {"set": "matrix.n_tiles", "values": {"as built": 2, "twice": 4}},
        "vector": {"set": LANES, "values": {"as built": [32, 16, 16, 1], "twice": [64, 32, 32, 2]}},
        "sram.capacity": ["256 MiB", "512 MiB"],
        "dram.bandwidth": ["204.8 GB/s", "409.6 GB/s"],
    },
    "objectives": {"throughput": "max", "perf_per_usd": "max"},
}
folder = TemporaryDirectory()
roofline = am.sweep(SWEEP, f"{folder.name}/roofline")
counted = am.sweep(SWEEP, f"{folder.name}/counted", fidelity="roofline,analytic:6")

# %%
# The roofline evaluates all 16 machines; the second sweep lets it choose six, which ``analytic`` counts again.
#
# One thing at a time
# -------------------
# How much faster does each model get? Point 0 is MTIA 2i as built.


def gains(result):
    """Speed of each model with twice as much of one thing, over MTIA 2i as built: by axis, then by model."""
    built, *changed = sensitivities(result, 0).rows()
    return {
        row["axis"]: {label: row[f"{label}_throughput"] / built[f"{label}_throughput"] for label in MODELS}
        for row in changed
    }


by_model = {"roofline": gains(roofline), "analytic": gains(counted)}
print(f"{'twice the':26}" + "".join(f"{label:>7}" for label in MODELS))
for axis in SWEEP["axes"]:
    for model, gain in by_model.items():
        print(f"{axis:15} {model:10}" + "".join(f"{value:7.2f}" for value in gain[axis].values()))

# %%
# Over all five, weighted equally, by counted cycles:

figure, axes = plot_tornado(counted, point=0)

# %%
# Why not products?
# -----------------
# Where the time goes, and which resource binds for how much of it:

results = [
    am.evaluate(am.machine("mtia_2i"), am.workload(f"diffusion/{name}"), model="analytic") for name in MODELS.values()
]
figure, axes = plot_breakdown(results)
for label, result in zip(MODELS, results, strict=True):
    shares = {name: time_s / result.latency_s for name, time_s in result.bound_s.items()}
    largest = sorted(shares, key=shares.get, reverse=True)[:3]
    live_mib = max(am.workload(f"diffusion/{MODELS[label]}").live_bytes) / 2**20
    print(f"{label:5} {live_mib:5.0f} MiB alive; " + ", ".join(f"{name} {shares[name]:.0%}" for name in largest))

# %%
# - **SD3** has heads of 64, half of what FLUX has: twice the exponentials per product. Its vector cores, which take the
#   maxima and sums of softmax, bind for half of the time. **Wan** attends over a whole video. There softmax keeps
#   vector cores, SIMD engines and the matrix engine busy almost equally long, so that no single one helps.
# - **FLUX** holds 351 MiB of activations at its worst. They exceed 256 MiB, so ``analytic`` keeps all of them in DRAM.
# - **DiT** at 256 pixels, alone, is decode in disguise: it reads its weights for one small image.
# - **SDXL** comes closest to products and nothing else. It fits the SRAM by less than 1 MiB.
#
# Several at once
# ---------------

for point in sorted(counted.query("select * from points").rows(), key=lambda point: point["speedup"]):
    twice = [axis for axis in ("products", "vector") if point[axis] == "twice"]
    twice += ["SRAM"] * (point["sram_capacity_bytes"] > 256 * 2**20) + ["DRAM"] * (
        point["dram_bandwidth_bytes_per_s"] > 204.8e9
    )
    print(f"{point['speedup']:.2f} × at {point['chip_usd']:,.0f} USD: twice {', '.join(twice)}")
figure, axes = plot_pareto(counted)
