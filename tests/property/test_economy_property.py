"""What must hold of energy, area and cost whatever the machine."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

import archmodel as am
from archmodel.economy import (
    StepWork,
    estimate_area,
    estimate_chip_cost,
    estimate_energy,
    estimate_fleet,
    estimate_power,
    estimate_serving,
    load_economy,
)
from archmodel.economy.cost import die_yield
from archmodel.machine.columns import put_leaves

ECONOMY = load_economy()
MACHINES = {name: am.machine(name) for name in ("mtia_v1", "mtia_2i", "mtia_300", "h200_sxm", "tt_wormhole_n150")}
names = st.sampled_from(sorted(MACHINES))
# What more of makes a chip larger, and what it takes more power for.
PARTS = [
    ("sram", "capacity_bytes"), ("local", "capacity_bytes"), ("pe", "rows"), ("matrix", "n_tiles"),
    ("dram", "bandwidth_bytes_per_s"), ("host", "bandwidth_bytes_per_s"),
]  # fmt: skip
factors = st.integers(2, 5)


def silicon_mm2(machine):
    area = estimate_area(machine, ECONOMY)
    return sum(value for name, value in area.parts_mm2.items() if name != "die_to_die")


def more_of(machine, path, factor):
    group = getattr(machine, path[0])
    return put_leaves(machine, {path: getattr(group, path[1]) * factor})


def chip_usd(machine):
    area, power = estimate_area(machine, ECONOMY), estimate_power(machine, ECONOMY)
    return estimate_chip_cost(machine, area, power.tdp_w, ECONOMY).chip_usd


@given(name=names, path=st.sampled_from(PARTS), factor=factors)
def test_more_of_anything_takes_more_area_and_more_power(name, path, factor):
    machine = MACHINES[name]
    more = more_of(machine, path, factor)
    assert silicon_mm2(more) > silicon_mm2(machine)
    assert estimate_power(more, ECONOMY).typical_w > estimate_power(machine, ECONOMY).typical_w


@given(name=names, path=st.sampled_from(PARTS), factor=factors)
def test_a_larger_chip_of_as_many_dies_costs_more(name, path, factor):
    machine = MACHINES[name]
    more = more_of(machine, path, factor)
    if estimate_area(more, ECONOMY).n_dies == estimate_area(machine, ECONOMY).n_dies:
        assert chip_usd(more) > chip_usd(machine)


@given(small=st.floats(1, 800), factor=st.floats(1.01, 3))
def test_a_larger_die_yields_less(small, factor):
    assert 0 < die_yield(small * factor, ECONOMY.cost) < die_yield(small, ECONOMY.cost) <= 1


@given(name=names, path=st.sampled_from(PARTS), factor=st.integers(1, 20))
def test_no_die_exceeds_the_reticle(name, path, factor):
    machine = MACHINES[name]
    assert estimate_area(more_of(machine, path, factor), ECONOMY).die_mm2 <= ECONOMY.area.reticle_mm2


amounts = st.floats(0, 1e15)
LEVELS = ("local", "sram", "dram", "host", "link")


@given(name=names, macs=amounts, n_bytes=amounts, level=st.sampled_from(LEVELS), latency_s=st.floats(1e-6, 10))
def test_energy_is_the_sum_of_its_parts_and_grows_with_each(name, macs, n_bytes, level, latency_s):
    machine = MACHINES[name]

    def energy(macs, n_bytes, latency_s):
        traffic = {each: n_bytes if each == level else 0.0 for each in LEVELS}
        return estimate_energy(machine, StepWork({"bf16": macs}, {}, {}), traffic, latency_s, ECONOMY)

    found = energy(macs, n_bytes, latency_s)
    assert abs(sum(found.parts_j.values()) - found.energy_j) <= 1e-9 * found.energy_j
    assert all(part >= 0 for part in found.parts_j.values())
    for more in ((2 * macs, n_bytes, latency_s), (macs, 2 * n_bytes, latency_s), (macs, n_bytes, 2 * latency_s)):
        assert energy(*more).energy_j >= found.energy_j


@given(tdp_w=st.floats(10, 2000), usd=st.floats(100, 1e5), rate=st.floats(1e-3, 1e6), factor=st.floats(1.1, 10))
def test_a_dearer_or_hotter_chip_serves_dearer(tdp_w, usd, rate, factor):
    def serve(rate, tdp_w, usd):
        return estimate_serving(rate, 0.7 * tdp_w, tdp_w, usd, ECONOMY)

    found = serve(rate, tdp_w, usd)
    assert serve(rate, tdp_w * factor, usd).usd_per_million_items > found.usd_per_million_items
    assert serve(rate, tdp_w, usd * factor).usd_per_million_items > found.usd_per_million_items
    assert serve(rate * factor, tdp_w, usd).usd_per_million_items < found.usd_per_million_items
    assert estimate_fleet(tdp_w * factor, usd, ECONOMY).n_chips < estimate_fleet(tdp_w, usd, ECONOMY).n_chips
