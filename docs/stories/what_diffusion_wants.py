"""
What does diffusion want?
=========================

Chips for ranking have much SRAM, chips for language models fast DRAM. A diffusion model runs a large network over a
whole image, dozens of times, with nobody's keys and values to remember. That sounds like products and nothing else. Is
it?

**In short.** A roofline says so: with twice the products, the four large models of five are 1.4 to 1.7 times as fast.
Counted cycles leave 1.02 to 1.4 of that. In four of the five something else is in the way: softmax on the vector cores,
activations that do not fit the SRAM, or weights that are read for a single small image. Diffusion wants balance; more
products alone are the wrong purchase.
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
    """Speed of each model, and of all, with twice as much of one thing, over MTIA 2i as built; by axis."""
    built, *changed = sensitivities(result, 0).rows()
    columns = {label: f"{label}_throughput" for label in MODELS} | {"all": "speedup"}
    return {row["axis"]: {label: row[column] / built[column] for label, column in columns.items()} for row in changed}


by_model = {"roofline": gains(roofline), "analytic": gains(counted)}
print(f"{'twice the':24}" + "".join(f"{label:>6}" for label in (*MODELS, "all")))
for axis in SWEEP["axes"]:
    for model, gain in by_model.items():
        print(f"{axis:14} {model:9}" + "".join(f"{value:6.2f}" for value in gain[axis].values()))

# %%
# All are weighted equally by their time on MTIA 2i. The same as a figure, by counted cycles:

figure, axes = plot_tornado(counted, point=0)

# %%
# Why not products?
# -----------------
# Where the time goes, and which resource binds for how much of it. What is alive, and how far
# ``cycle`` is from ``analytic``:

mtia_2i = am.machine("mtia_2i")
traces = {label: am.workload(f"diffusion/{name}") for label, name in MODELS.items()}
results = {label: am.evaluate(mtia_2i, trace, model="analytic") for label, trace in traces.items()}
figure, axes = plot_breakdown(list(results.values()))
for label, result in results.items():
    shares = {name: time_s / result.latency_s for name, time_s in result.bound_s.items()}
    largest = ", ".join(f"{name} {shares[name]:.0%}" for name in sorted(shares, key=shares.get, reverse=True)[:3])
    by_event = am.evaluate(mtia_2i, traces[label], model="cycle").latency_s / result.latency_s
    print(f"{label:5} {largest:32} {max(traces[label].live_bytes) / 2**20:6.1f} MiB alive; cycle {by_event - 1:+.1%}")
    assert abs(by_event - 1) < 0.015

sd3_fp16 = am.evaluate(mtia_2i, am.workload("diffusion/sd3-medium", dtype="fp16"), model="analytic")
fp16_gain = results["sd3"].latency_s / sd3_fp16.latency_s
print(f"sd3 in FP16: {fp16_gain:.2f} × as fast as in BF16")

# %%
# - **SD3** takes maxima and sums of softmax on the vector cores, which bind nearly half of the time. Its heads of 64
#   have twice as many of these per product as the heads of 128 of FLUX and Wan. And it computes in BF16, for which the
#   vector cores of MTIA 2i have half of the lanes of FP16. SDXL, also with heads of 64, computes in FP16. So most of
#   what twice the vector cores bring can be had for nothing, if images in FP16 are good enough.
# - **Wan** attends over a whole video, 32,760 positions. Vector cores and matrix engine are busy there for nearly the
#   same time, SIMD engines for three quarters of it, in one pipeline, so that no single one helps.
# - **FLUX** has 351 MiB of activations alive. They exceed 256 MiB, and ``analytic`` then keeps them in DRAM.
# - **DiT** at 256 pixels is decode in disguise: it reads all weights for one small image. A larger batch mends that.
# - **SDXL** comes closest to products and nothing else. It fits the SRAM by less than 1 MiB.
#
# Several at once
# ---------------

recounted = sorted(counted.query("select * from points").rows(), key=lambda point: point["speedup"])
for point in recounted:
    twice = [axis for axis in ("products", "vector") if point[axis] == "twice"]
    twice += ["SRAM"] if point["sram_capacity_bytes"] > 256 * 2**20 else []
    twice += ["DRAM"] if point["dram_bandwidth_bytes_per_s"] > 204.8e9 else []
    print(f"{point['speedup']:.2f} × at {point['chip_usd']:,.0f} USD: twice {', '.join(twice)}")
figure, axes = plot_pareto(counted)

# %%
# The answer
# ----------
# **Products, vector cores and DRAM bandwidth together**: 1.6 times as fast for 20 % more money. SRAM comes last: it
# is dear, and FLUX alone wants it. The page is not made unless this holds:

products = by_model["analytic"]["products"]
large = [label for label in MODELS if label != "dit"]
assert [round(by_model["roofline"]["products"][label], 1) for label in large] == [1.7, 1.4, 1.7, 1.5]
assert [round(products[label], 2) for label in large] == [1.38, 1.17, 1.15, 1.02]
assert round(by_model["analytic"]["sram.capacity"]["flux"], 1) == 1.4
assert all(by_model["analytic"]["sram.capacity"][label] < 1.01 for label in MODELS if label != "flux")
assert 0.7 * (by_model["analytic"]["vector"]["sd3"] - 1) < fp16_gain - 1 < by_model["analytic"]["vector"]["sd3"] - 1
assert [round(gain["products"]["all"], 2) for gain in by_model.values()] == [1.41, 1.13]
usd = {row["axis"]: row["chip_usd"] for row in sensitivities(counted, 0).rows()}  # of MTIA 2i, and with more of an axis
best_per_usd = max(recounted, key=lambda point: point["perf_per_usd"])
assert (round(best_per_usd["speedup"], 1), round(best_per_usd["chip_usd"] / usd[""], 2)) == (1.6, 1.2)
assert (round(usd["products"] / usd[""], 2), round(best_per_usd["chip_usd"] / usd["products"], 2)) == (1.16, 1.04)
folder.cleanup()

# %%
# Where it may be wrong
# ---------------------
# - **No time of diffusion on MTIA was found.** What is published: a large GEMM on MTIA 2i reaches more than 92 % of the
#   peak, and 92.8 % by ``cycle``; GEMMs on MTIA 300 reach 61 % on average, 64 % by ``cycle``
#   (:doc:`/methods/validation`). Attention is compared with no MTIA; its pipeline, and that vector cores take the sums,
#   are assumed (:doc:`/methods/operators/attention`).
# - **Activations** are in SRAM as a whole or not at all. A compiler that works on parts of an image may give FLUX some
#   of its 1.4 without SRAM; two images at a time push SD3 and SDXL over the same cliff.
# - **All** is not your traffic: without DiT, bandwidth is worth less.
# - **Not seen**: text encoders, decoding of the latent image, limits of power. Most prices are assumed.
#
# **If the answer is wrong.** Whoever trusts the roofline buys products for 16 % more money, expects 41 % and gets 13 %:
# a dollar makes 2 % fewer images. If ``analytic`` is wrong, vector cores and DRAM bandwidth are bought for nothing, at
# 4 %. **Next**: images in FP16, and ``archmodel explain`` on your attention.
