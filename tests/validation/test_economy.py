"""Energy, area and cost against published dies, powers and prices: what is calibrated, and what is predicted.

Calibrated: the logic factor of the area (geometric mean over five dies; each is asserted with that die left out), and
the share of their peaks at which engines work at typical power (MTIA v1; MTIA 2i and MTIA 300 are predicted).
"""

from __future__ import annotations

import functools
import math
from pathlib import Path

import pytest

import archmodel as am
from archmodel.api import cost
from archmodel.economy import (
    estimate_area,
    estimate_fleet,
    estimate_power,
    estimate_serving,
    fleet_for_capex,
    load_economy,
    usd_per_million_items,
)

A100 = str(Path(__file__).parent / "data" / "a100_sxm.yaml")
# Machine → published die [mm²], and error of the estimate with this die left out of the calibration.
DIES = {
    "mtia_v1": (369, -0.197),
    "mtia_2i": (421, -0.111),
    "mtia_300": (804, -0.069),
    "h100_sxm": (814, 0.515),
    A100: (826, 0.137),
}
# The same three dies with the two GPUs alone as calibration: MTIA v1 is then further off than the limit.
BY_GPUS = {"mtia_v1": -0.283, "mtia_2i": -0.202, "mtia_300": -0.212}
AREA_LIMIT = 0.25
# Machine → published typical power [W], and error with the operating point calibrated on each of the three.
TYPICAL = {
    "mtia_v1": (25, {"mtia_v1": 0.0, "mtia_2i": -0.027, "mtia_300": 0.168}),
    "mtia_2i": (65, {"mtia_v1": 0.045, "mtia_2i": 0.0, "mtia_300": 0.330}),
    "mtia_300": (667, {"mtia_v1": -0.109, "mtia_2i": -0.126, "mtia_300": 0.0}),
}
POWER_LIMIT = 0.20
# Machine → published design limit [W], and error of typical power over the share that the three MTIA have.
TDP = {
    "mtia_v1": (35, -0.031),
    "mtia_2i": (85, 0.085),
    "mtia_300": (912, -0.116),
    "h100_sxm": (700, -0.269),
    "h200_sxm": (700, -0.126),
    "mi300x": (750, 0.092),
    "tt_wormhole_n150": (160, -0.054),
    "tt_blackhole_p150": (300, -0.051),
}
H200_SHARE = 0.63  # of the chips in the power of their server (MTIA Team, ISCA 2026, table 3)
PRODUCTION = [f"recommendation/mtia_{name}" for name in ("lc1", "lc2", "lc3", "lc4", "lc5", "hc1", "hc2", "hc3", "hc4")]
# Cost without margin and card in USD (Silicon Analysts, Cost Bridge Chart, February 2026; estimates), and our error.
BILLS = {"h100_sxm": (3320, -0.034), "h200_sxm": (4800, -0.041), "mi300x": (5300, 0.296)}
# $/h of a GPU to a hyperscaler that owns it (InferenceX-app, constants.ts, 4 years), and error with NVIDIA's margin.
HOURS = {"h100_sxm": (1.30, -0.070), "h200_sxm": (1.41, 0.093)}
# kW of the site per GPU (the same file), by design limit in W; and error.
SITE_KW = {"h100_sxm": (700, 1.73, -0.277), "b200": (1000, 2.17, -0.177), "gb200": (1200, 2.10, 0.021)}
SITE_KW |= {"mi300x": (750, 1.79, -0.251), "mi355x": (1400, 2.65, -0.056)}


def parts_of(machine: str) -> tuple[float, float]:
    """Area of the logic of PEs over the factor, and of the rest [mm²]."""
    parts = estimate_area(am.machine(machine), load_economy({"area.logic_factor": "1"})).parts_mm2
    others = sum(area for name, area in parts.items() if name not in ("pe_logic", "die_to_die"))
    return parts["pe_logic"], others


@functools.cache
def logic_factor(machine: str) -> float:
    """What the die of a machine leaves for logic."""
    logic, others = parts_of(machine)
    return (DIES[machine][0] - others) / logic


def mean_factor(machines: tuple[str, ...]) -> float:
    """Geometric mean of the factors of some dies."""
    return math.exp(sum(math.log(logic_factor(name)) for name in machines) / len(machines))


def die_mm2(machine: str, calibration: tuple[str, ...]) -> float:
    """All compute silicon of a machine, with the factor of some dies [mm²]."""
    logic, others = parts_of(machine)
    return others + mean_factor(calibration) * logic


def without(machine: str) -> tuple[str, ...]:
    return tuple(name for name in DIES if name != machine)


def test_the_logic_factor_is_the_mean_of_five_dies():
    assert load_economy().area.logic_factor == pytest.approx(mean_factor(tuple(DIES)), abs=0.05)


@pytest.mark.parametrize("machine", DIES)
def test_die_that_is_left_out(machine):
    published, error = DIES[machine]
    found = die_mm2(machine, without(machine))
    print(f"{machine}: {found:.0f} of {published} mm2 ({found / published - 1:+.1%})")
    assert found / published - 1 == pytest.approx(error, abs=0.005)
    assert not machine.startswith("mtia") or abs(found / published - 1) < AREA_LIMIT


@pytest.mark.parametrize("machine", BY_GPUS)
def test_dies_of_mtia_by_those_of_gpus(machine):
    found = die_mm2(machine, ("h100_sxm", A100))
    assert found / DIES[machine][0] - 1 == pytest.approx(BY_GPUS[machine], abs=0.005)
    assert (abs(BY_GPUS[machine]) < AREA_LIMIT) == (machine != "mtia_v1")


def typical_w(machine: str, compute: float, **parameters: str) -> float:
    economy = load_economy({"operating_point.compute": f"{compute:.6f}", **parameters})
    return float(estimate_power(am.machine(machine), economy).typical_w)


def calibrate(machine: str, **parameters: str) -> float:
    """Share of their peaks at which engines take the published typical power; power is linear in it."""
    idle, busy = (typical_w(machine, compute, **parameters) for compute in (0.0, 1.0))
    return (TYPICAL[machine][0] - idle) / (busy - idle)


def test_the_operating_point_is_that_of_mtia_v1():
    assert load_economy().operating_point.compute_frac == pytest.approx(calibrate("mtia_v1"), abs=0.0005)


@pytest.mark.parametrize("calibration", TYPICAL)
@pytest.mark.parametrize("machine", TYPICAL)
def test_typical_power(machine, calibration):
    published, errors = TYPICAL[machine]
    found = typical_w(machine, calibrate(calibration))
    print(f"{machine} by {calibration}: {found:.1f} of {published} W ({found / published - 1:+.1%})")
    assert found / published - 1 == pytest.approx(errors[calibration], abs=0.005)
    assert calibration != "mtia_v1" or abs(found / published - 1) < POWER_LIMIT


# What is assumed → low and high value, and errors of MTIA 2i and MTIA 300 with each, calibrated anew on MTIA v1.
ASSUMED = {
    "operating_point.traffic": {"0.7": (0.135, -0.169), "1": (0.000, -0.079)},
    "energy.dram.LPDDR5": {"4 pJ/b": (0.115, -0.073), "6 pJ/b": (-0.025, -0.145)},
    "energy.dram.HBM3E": {"4 pJ/b": (0.045, -0.146), "7 pJ/b": (0.045, 0.074)},
    "energy.wire": {"0.06 pJ/b/mm": (0.047, -0.145), "0.1 pJ/b/mm": (0.043, -0.074)},
    "energy.leakage": {"10 mW/mm2": (0.147, -0.065), "30 mW/mm2": (-0.056, -0.153)},
    "energy.clock": {"10 mW/mm2/GHz": (0.080, -0.103), "30 mW/mm2/GHz": (0.011, -0.115)},
    "energy.link": {"5 pJ/b": (0.024, -0.161), "15 pJ/b": (0.067, -0.057)},
    "energy.conversion": {"0.85": (0.007, -0.095), "1": (0.110, -0.133)},
    "energy.below_7nm.5 nm": {"0.65": (0.029, -0.114), "0.8": (0.078, -0.099)},
    "energy.supply": {"0.7 V": (0.000, -0.108), "0.8 V": (0.083, -0.110)},
}


def errors_with(path: str, value: str) -> tuple[float, float]:
    """Errors of the predictions of typical power, MTIA 2i and MTIA 300, with another value of one parameter."""
    compute = calibrate("mtia_v1", **{path: value})
    found = {machine: typical_w(machine, compute, **{path: value}) for machine in ("mtia_2i", "mtia_300")}
    return tuple(power / TYPICAL[machine][0] - 1 for machine, power in found.items())


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, values in ASSUMED.items() for value in values])
def test_what_predictions_of_power_rest_on(path, value):
    errors = errors_with(path, value)
    assert errors == pytest.approx(ASSUMED[path][value], abs=0.01)
    assert max(map(abs, errors)) < POWER_LIMIT


def production_w(machine: str) -> float:
    """Mean power in the nine recommendation models whose size is published, by the roofline [W]."""
    chip = am.machine(machine)
    powers = [cost(chip, am.workload(name)).run.energy.power_w for name in PRODUCTION]
    return float(sum(powers) / len(powers))


def test_production_models_on_mtia_2i_take_its_typical_power():
    """A second operating point that nothing was calibrated for: the models that the paper runs."""
    found = production_w("mtia_2i")
    print(f"mtia_2i: {found:.1f} W")
    assert found == pytest.approx(65, rel=POWER_LIMIT)


def test_typical_power_over_the_design_limit_is_the_mean_of_three_chips():
    shares = [TYPICAL[machine][0] / TDP[machine][0] for machine in TYPICAL]
    assert load_economy().operating_point.typical_over_tdp_frac == pytest.approx(sum(shares) / 3, abs=0.0005)


def tdp_w(machine: str) -> float:
    return float(estimate_power(am.machine(machine), load_economy()).tdp_w)


@pytest.mark.parametrize("machine", TDP)
def test_design_limit(machine):
    published, error = TDP[machine]
    found = tdp_w(machine)
    print(f"{machine}: {found:.0f} of {published} W ({found / published - 1:+.1%})")
    assert found / published - 1 == pytest.approx(error, abs=0.01)


def h200_token() -> tuple[float, float]:
    """Llama-2 70B in FP8 on one H200, a prompt of 290 tokens for every 290 generated: power of the chip [W] and energy
    at the wall per token [J], by the roofline.
    """
    chip, formats = am.machine("h200_sxm"), dict.fromkeys(("dtype", "weight_dtype", "kv_dtype"), "fp8")
    decode_trace = am.workload("llm/llama2-70b", phase="decode", batch=256, context=435, **formats)
    prefill_trace = am.workload("llm/llama2-70b", phase="prefill", batch=8, sequence=290, **formats)
    decode, prefill = (cost(chip, trace).run for trace in (decode_trace, prefill_trace))
    prefill_s = prefill.latency_s / (8 * 290)
    token_s = 1 / decode.items_per_s + prefill_s
    token_j = float(decode.energy.power_w / decode.items_per_s + prefill.energy.power_w * prefill_s)
    return token_j / token_s, token_j / H200_SHARE


def test_energy_of_a_token_at_the_wall():
    """MLPerf Inference 4.1, 8 x H200 MaxQ, Offline: 6,153 W and 25,262 token/s, so 0.244 J/token."""
    chip_w, token_j = h200_token()
    print(f"chip {chip_w:.0f} W, {token_j:.3f} J/token")
    assert chip_w / (6153 * H200_SHARE / 8) - 1 == pytest.approx(0.181, abs=0.01)
    assert token_j / 0.244 - 1 == pytest.approx(-0.216, abs=0.01)


def bill_usd(machine: str) -> float:
    """Dies, memory, package and test [$]."""
    parts = cost(am.machine(machine)).cost.parts_usd
    return float(sum(value for name, value in parts.items() if name not in ("margin", "board")))


@pytest.mark.parametrize("machine", BILLS)
def test_bill_of_materials(machine):
    printed, error = BILLS[machine]
    found = bill_usd(machine)
    print(f"{machine}: {found:.0f} of {printed} USD ({found / printed - 1:+.1%})")
    assert found / printed - 1 == pytest.approx(error, abs=0.01)


def usd_per_hour(machine: str) -> float:
    """With the margin of 88 % that NVIDIA has on H100 (Silicon Analysts), over four years [$/h]."""
    economy = {"cost.vendor_margin": "0.88", "fleet.server_life": "4 years", "fleet.utilisation": "1"}
    found = cost(am.machine(machine), parameters=economy)
    tdp_w = found.machine.power.tdp_w
    return float(estimate_serving(1.0, tdp_w, tdp_w, found.cost.chip_usd, found.economy).usd_per_hour)


@pytest.mark.parametrize("machine", HOURS)
def test_cost_of_an_hour(machine):
    printed, error = HOURS[machine]
    found = usd_per_hour(machine)
    print(f"{machine}: {found:.2f} of {printed} $/h ({found / printed - 1:+.1%})")
    assert found / printed - 1 == pytest.approx(error, abs=0.01)


def site_kw(tdp_w: float) -> float:
    return float(estimate_fleet(tdp_w, 1.0, load_economy()).site_w_per_chip) / 1000


@pytest.mark.parametrize("chip", SITE_KW)
def test_power_of_the_site_per_chip(chip):
    tdp_w, printed, error = SITE_KW[chip]
    assert site_kw(tdp_w) / printed - 1 == pytest.approx(error, abs=0.005)


@pytest.mark.parametrize(
    ("usd_per_hour", "token_per_s", "printed"), [(1.41, 90, 4.35), (2.652, 6000, 0.123)], ids=["H200", "GB300"]
)
def test_cost_of_a_million_tokens(usd_per_hour, token_per_s, printed):
    assert usd_per_million_items(usd_per_hour, token_per_s) == pytest.approx(
        printed, abs=0.5 * 10 ** -(3 if printed < 1 else 2)
    )


def test_a_gigawatt_of_racks():
    """Bernstein: 35 B$ for 1 GW at 5.9 M$ per rack of 72 GPUs are 5,932 racks, 427 k GPUs, 168.6 kW per rack."""
    economy = load_economy({"fleet.chips_per_rack": "72"})
    fleet = fleet_for_capex(35e9, 5.9e6, economy)
    assert fleet.n_racks == pytest.approx(5932, abs=0.5)
    assert fleet.n_chips == pytest.approx(427e3, abs=500)
    assert fleet.site_w_per_chip * 72 == pytest.approx(168.6e3, abs=50)
    assert fleet.capex_usd == pytest.approx(35e9)
    # The same site by way of power: a chip whose share of the site is that of these GPUs.
    chip_w = fleet.site_w_per_chip * economy.fleet.chip_power_frac / economy.fleet.pue
    assert estimate_fleet(chip_w, 1.0, economy).n_racks == pytest.approx(fleet.n_racks)
