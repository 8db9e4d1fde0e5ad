"""The parts of every shipped machine add up to what its vendor prints."""

from __future__ import annotations

import pytest

from archmodel.dtypes import dtype_bytes
from archmodel.machine import load_machine, machine_names

MACHINES = {name: load_machine(name) for name in machine_names()}

PEAKS = [
    pytest.param(name, engine, dtype, peak, id=f"{name}-{engine}-{dtype}")
    for name, machine in MACHINES.items()
    for engine in ("matrix", "simd", "vector")
    for dtype, peak in getattr(machine.published, f"{engine}_flop_per_s").items()
]
SRAM_BANDWIDTHS = [
    pytest.param(name, machine.published.sram_bandwidth_bytes_per_s, id=name)
    for name, machine in MACHINES.items()
    if machine.published.sram_bandwidth_bytes_per_s
]

# As printed [B/s]. A second copy on purpose: a slip in a preset has nothing else to be held against.
DRAM_BANDWIDTH = {
    "mtia_v1": 176e9,  # Coburn et al., ISCA 2025, table 2
    "mtia_2i": 204.8e9,  # Coburn et al., ISCA 2025, table 2
    "mtia_2i_1.1ghz": 204.8e9,  # same memory
    "mtia_300": 6.1e12,  # MTIA Team, ISCA 2026, table 1
    "mtia_400": 9.2e12,  # Meta AI blog of 2026-03-11, table
    "mtia_450": 18.4e12,  # Meta AI blog of 2026-03-11, table
    "mtia_500": 27.6e12,  # Meta AI blog of 2026-03-11, table
    "h100_sxm": 3.35e12,  # SemiAnalysis InferenceX-app, gpu-specs.ts
    "h100_500w": 2.4e12,  # MTIA Team, ISCA 2026, table 3
    "h200_sxm": 4.8e12,  # MTIA Team, ISCA 2026, table 3
    "mi300x": 5.3e12,  # SemiAnalysis InferenceX-app, gpu-specs.ts
    "tpu_v5e": 810e9,  # jax-ml/scaling-book, tpus.md
    "tt_wormhole_n150": 288e9,  # docs.tenstorrent.com/aibs/wormhole/specifications.html
    "tt_blackhole_p150": 512e9,  # docs.tenstorrent.com/aibs/blackhole/specifications.html
}


@pytest.mark.parametrize(("name", "engine", "dtype", "peak"), PEAKS)
def test_sum_of_the_parts_is_the_published_peak(name, engine, dtype, peak):
    assert MACHINES[name].peak_flop_per_s(engine, dtype) == pytest.approx(peak, rel=0.03)


@pytest.mark.parametrize(("name", "bandwidth"), SRAM_BANDWIDTHS)
def test_sram_width_gives_the_published_bandwidth(name, bandwidth):
    assert MACHINES[name].sram_bandwidth_bytes_per_s == pytest.approx(bandwidth, rel=0.05)


@pytest.mark.parametrize("name", sorted(DRAM_BANDWIDTH))
def test_dram_bandwidth_is_the_published_one(name):
    assert MACHINES[name].dram.bandwidth_bytes_per_s == DRAM_BANDWIDTH[name]


def test_every_machine_that_exists_or_is_announced_is_compared():
    real = {name for name, machine in MACHINES.items() if machine.status != "hypothetical"}
    assert set(DRAM_BANDWIDTH) == real
    assert {name for name in real if not MACHINES[name].published.matrix_flop_per_s} == {"mtia_2i_1.1ghz"}


@pytest.mark.parametrize(
    ("name", "dtype"), [(name, dtype) for name, m in MACHINES.items() for dtype in m.matrix.macs_per_cycle]
)
def test_local_memory_feeds_the_matrix_engine(name, dtype):
    """One MAC reads 1/reuse_rows + 1/reuse_cols elements; the published peak must not be out of reach for that."""
    machine = MACHINES[name]
    macs_per_s = machine.peak_flop_per_s("matrix", dtype) / 2
    elements_per_mac = 1 / machine.matrix.reuse_rows + 1 / machine.matrix.reuse_cols
    read_bytes_per_s = macs_per_s * elements_per_mac * dtype_bytes(dtype)
    assert read_bytes_per_s < machine.local_bandwidth_bytes_per_s


@pytest.mark.parametrize("dtype", ["int8", "fp16", "bf16"])
@pytest.mark.parametrize("engine", ["matrix", "simd", "vector"])
def test_design_clock_of_mtia_2i_scales_every_peak(engine, dtype):
    design, production = MACHINES["mtia_2i_1.1ghz"], MACHINES["mtia_2i"]
    ratio = design.peak_flop_per_s(engine, dtype) / production.peak_flop_per_s(engine, dtype)
    assert ratio == pytest.approx(1.1 / 1.35)


def test_design_clock_of_mtia_2i_scales_memories_on_the_chip_but_not_dram():
    design, production = MACHINES["mtia_2i_1.1ghz"], MACHINES["mtia_2i"]
    assert design.sram_bandwidth_bytes_per_s == pytest.approx(production.sram_bandwidth_bytes_per_s * 1.1 / 1.35)
    assert design.local_bandwidth_bytes_per_s == pytest.approx(production.local_bandwidth_bytes_per_s * 1.1 / 1.35)
    assert design.dram == production.dram
    assert design.host == production.host


# Fit of T = T0 + bytes / bandwidth to figure 13 of MTIA Team, ISCA 2026 (BF16 add; digitised) [B/s, s].
ADD_BYTES = [6 * 2**exponent for exponent in range(20, 31)]
ADD_US = {
    "mtia_300": (5.57e12, [17.27, 18.76, 22.47, 29.96, 42.12, 61.19, 96.79, 167.42, 310.32, 593.2, 1156.58]),
    "h100_500w": (2.26e12, [5.72, 8.74, 15.73, 28.28, 52.16, 96.33, 183.86, 361.12, 715.82, 1425.31, 2850.61]),
    "h200_sxm": (4.40e12, [3.4, 5.03, 8.44, 14.93, 26.7, 49.46, 94.96, 185.55, 367.71, 732.07, 1464.14]),
}


@pytest.mark.parametrize("name", sorted(ADD_US))
def test_eager_launch_is_the_fit_to_the_published_bf16_add(name):
    bandwidth, times_us = ADD_US[name]
    weights = [1 / time**2 for time in times_us]
    rests_us = [time - 1e6 * size / bandwidth for size, time in zip(ADD_BYTES, times_us, strict=True)]
    fitted_us = sum(w * rest for w, rest in zip(weights, rests_us, strict=True)) / sum(weights)
    machine = MACHINES[name]
    assert machine.launch.eager_s * 1e6 == pytest.approx(fitted_us, rel=0.005)
    assert machine.dram.efficiency_frac * machine.dram.bandwidth_bytes_per_s == pytest.approx(bandwidth, rel=0.001)
