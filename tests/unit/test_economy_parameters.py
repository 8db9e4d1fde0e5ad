"""Parameters of the economy: what is refused, how tables are read, and what single terms come to."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

import archmodel as am
from archmodel.economy import (
    StepWork,
    count_work,
    estimate_area,
    estimate_chip_cost,
    estimate_energy,
    estimate_fleet,
    estimate_power,
    estimate_serving,
    load_economy,
)
from archmodel.economy.cost import count_dies, die_yield
from archmodel.economy.energy import mac_j, operation_j, sram_j_per_byte
from archmodel.economy.types import node_nm
from archmodel.economy.values import at_node
from archmodel.machine.columns import MachineColumns
from archmodel.machine.types import list_assumed

ECONOMY = load_economy()
NOTHING = {"local": 0.0, "sram": 0.0, "dram": 0.0, "host": 0.0, "link": 0.0}


def whole(message):
    return f"^{re.escape(message)}$"


REFUSED = {
    ("fleet.electricty", "0.08 USD/kWh"): "no such value; did you mean 'electricity'?",
    ("fleet", "1"): "is a group of values; give one of them, e.g. fleet.chip_power",
    ("fleet.pue.x", "1"): "no such value; fleet.pue is a single value",
    ("title", "mine"): "no such value; allowed: area, cost, energy, fleet, operating_point",
    ("area.logic_scale.2 nm", "0.3"): "no such value; did you mean '12 nm'?",
    ("cost.dram_price.HBM5", "20 USD/GB"): "no such value; did you mean 'HBM4'?",
    ("area.multiply.fp4", "2 um2"): "no such value; did you mean 'fp8'?",
    ("fleet.electricity", "0.08"): "0.08 needs a unit, e.g. '0.06 USD/kWh'",
    ("fleet.electricity", "8 EUR/kWh"): "'8 EUR/kWh' is not a price per energy; units allowed: USD/MWh, USD/kWh",
    ("fleet.pue", "0.9"): "0.9 is not a ratio; allowed: numbers from 1 to 1000000",
    ("fleet.utilisation", "0"): "0 is not an efficiency; allowed: numbers from 0.001 to 1",
    ("cost.vendor_margin", "1"): "1 is not a margin; allowed: numbers from 0 to 0.99",
    ("cost.defects", "-1 /cm2"): "'-1 /cm2' is not allowed; allowed: 0 to 10000 /mm2",
    ("energy.unstated_node", "2 nm"): (
        "'2 nm' is not a process node; allowed: 45 nm, 16 nm, 12 nm, 7 nm, 6 nm, 5 nm, 4 nm, 3 nm"
    ),
}


@pytest.mark.parametrize(("path", "text"), REFUSED)
def test_wrong_parameter_is_refused_with_what_is_allowed(path, text):
    message = f"1 error in economy parameters\n  --assume: {path}: {REFUSED[path, text]}"
    with pytest.raises(am.InputError, match=whole(message)):
        load_economy({path: text})


def test_all_wrong_parameters_are_named_at_once():
    message = (
        "2 errors in economy parameters\n"
        "  --assume: fleet.x: no such value; allowed: building, building_life, chip_power, chips_per_rack, "
        "chips_per_server, electricity, host, network, pue, server_life, utilisation\n"
        "  --assume: fleet.pue: 0.5 is not a ratio; allowed: numbers from 1 to 1000000"
    )
    with pytest.raises(am.InputError, match=whole(message)):
        load_economy({"fleet.x": "1", "fleet.pue": "0.5"})


def test_every_parameter_has_a_kind_and_a_source_and_overrides_are_the_users():
    changed = load_economy({"fleet.pue": "1.2", "area.logic_scale.5 nm": "0.5"})
    assert all(note.kind in ("published", "derived", "measured", "assumed") for note in ECONOMY.provenance.values())
    assert all(note.source for note in ECONOMY.provenance.values())
    assert not any("not stated in" in note.source for note in ECONOMY.provenance.values())
    assert (changed.fleet.pue, changed.area.logic_scale["5 nm"]) == (1.2, 0.5)
    assert changed.provenance["fleet.pue"].source == "set by the user"
    assert set(list_assumed(ECONOMY.provenance)) - set(list_assumed(changed.provenance)) == {"area.logic_scale.5 nm"}


def test_every_parameter_can_be_set_as_it_is_written():
    again = load_economy({path: note.text for path, note in ECONOMY.provenance.items()})
    for group in ("energy", "operating_point", "area", "cost", "fleet"):
        assert getattr(again, group) == getattr(ECONOMY, group)


def test_every_source_is_cited():
    cited = " ".join(note.source for note in ECONOMY.provenance.values())
    assert [key for key in ECONOMY.sources if key not in cited] == []


NODES = {"TSMC 5 nm": 5, "TSMC 4N": 4, "TSMC N7": 7, "N3E": 3, "TSMC 5 nm, I/O dies 6 nm": 5, "3 nm class": 3,
         "not stated": 0, "none": 0}  # fmt: skip


@pytest.mark.parametrize("process", NODES)
def test_node_of_a_process(process):
    assert node_nm(process) == NODES[process]


@pytest.mark.parametrize(("derived", "origin"), [("TSMC 4N", "5 nm"), ("N6", "TSMC 7 nm"), ("GF 12 nm", "16 nm")])
def test_a_derived_process_has_area_energy_and_price_of_its_origin(derived, origin):
    machine, step = am.machine("h100_sxm"), StepWork({"bf16": 1e12}, {"fp32": 1e9}, {})
    found = [figures(replace(machine, process=process), step, NOTHING, 1.0) for process in (derived, origin)]
    assert found[0] == found[1]
    own = load_economy({"energy.derived_node.4 nm": "4 nm"})
    areas = [estimate_area(replace(machine, process="4 nm"), each).die_mm2 for each in (own, ECONOMY)]
    assert areas[0] < areas[1]


def test_a_process_that_names_no_node_has_no_answer():
    message = (
        "energy, area and cost of mtia_2i is not supported\n"
        "  process 'Intel 18A' names no node; write its size, e.g. '5 nm', or 'not stated'"
    )
    with pytest.raises(am.UnsupportedError, match=whole(message)):
        estimate_area(replace(am.machine("mtia_2i"), process="Intel 18A"), ECONOMY)


def test_between_two_nodes_logarithms_go_straight():
    table = {"16 nm": 4.0, "4 nm": 1.0}
    assert at_node(table, 16, "x") == pytest.approx(4)
    assert at_node(table, 8, "x") == pytest.approx(2)


def test_a_node_outside_of_a_table_has_no_answer():
    message = "energy of logic at 90 nm is not supported\n  its parameter is known from 7 to 45 nm"
    with pytest.raises(am.UnsupportedError, match=whole(message)):
        at_node({"7 nm": 1.0, "45 nm": 3.0}, 90, "energy of logic")


def test_operations_at_the_two_tables_are_those_of_the_tables():
    p = ECONOMY.energy
    for dtype in p.multiply_45nm_j:
        assert operation_j(dtype, 45, p.multiply_45nm_j, p.multiply_7nm_j, p) == pytest.approx(p.multiply_45nm_j[dtype])
        assert operation_j(dtype, 7, p.multiply_45nm_j, p.multiply_7nm_j, p) == p.multiply_7nm_j[dtype]
    assert mac_j("bf16", 7, p) == pytest.approx(0.59e-12)
    assert mac_j("int8", 7, p) == pytest.approx(0.1e-12)
    assert mac_j("bf16", 5, p) == pytest.approx(0.7 * 0.59e-12)


def test_memories_of_the_three_sizes_are_those_of_the_table():
    p = ECONOMY.energy
    found = sram_j_per_byte(np.array([4e3, 8192, 32768, 2**20, 1e9]), p)
    table = [p.sram_8kib_j_per_byte, p.sram_8kib_j_per_byte, p.sram_32kib_j_per_byte, *[p.sram_1mib_j_per_byte] * 2]
    assert found == pytest.approx(table)


def test_a_multiply_accumulate_costs_what_its_parts_say():
    """By hand: 10¹² MACs of BF16 at 5 nm and 0.85 V, 28 % of control on top, a regulator of 90 %."""
    machine, n = am.machine("mtia_2i"), 1e12
    idle = estimate_energy(machine, StepWork({}, {}, {}), NOTHING, 1.0, ECONOMY)
    busy = estimate_energy(machine, StepWork({"bf16": n}, {}, {}), NOTHING, 1.0, ECONOMY)
    by_hand = n * (0.21 + 0.38) * 1e-12 * 0.7 * 1.28 * (0.85 / 0.75) ** 2 / 0.9
    assert busy.energy_j - idle.energy_j == pytest.approx(by_hand)
    assert busy.parts_j["matrix"] == pytest.approx(0.9 * by_hand)
    assert sum(busy.parts_j.values()) == pytest.approx(busy.energy_j)


def test_a_byte_of_dram_costs_its_interface_and_the_way_across_the_die():
    machine, n = am.machine("mtia_v1"), 1e9
    idle = estimate_energy(machine, StepWork({}, {}, {}), NOTHING, 1.0, ECONOMY)
    busy = estimate_energy(machine, StepWork({}, {}, {}), NOTHING | {"dram": n}, 1.0, ECONOMY)
    way_mm = 2 / 3 * estimate_area(machine, ECONOMY).die_mm2 ** 0.5
    by_hand = n * 8 * (5 + 0.08 * way_mm * (0.67 / 0.75) ** 2) * 1e-12 / 0.9
    assert busy.energy_j - idle.energy_j == pytest.approx(by_hand)


def test_work_is_what_the_trace_counts():
    trace = am.workload("recommendation/dlrm_dcnv2")
    work = count_work(trace)
    lanes = sum(work.simd_ops.values()) + sum(work.vector_ops.values())
    assert 2 * sum(work.macs.values()) == pytest.approx(trace.matrix_flop)
    assert 2 * sum(work.macs.values()) + lanes == pytest.approx(trace.flop)


def test_a_wafer_holds_that_many_dies_and_that_many_work():
    """By hand: 294 mm that yield, 100 mm2: 678.9 - 65.3; 0.1 defects per cm2: (1 + 0.1 / 2)⁻²."""
    assert count_dies(100.0, ECONOMY.cost) == 613
    assert die_yield(100.0, ECONOMY.cost) == pytest.approx(1.05**-2)
    assert die_yield(0.0, ECONOMY.cost) == 1


def test_what_exceeds_the_reticle_is_cut():
    machine = am.machine("mtia_2i", {"sram.capacity": "2 GiB"})
    area, whole_area = estimate_area(machine, ECONOMY), estimate_area(am.machine("mtia_2i"), ECONOMY)
    assert ECONOMY.area.reticle_mm2 == 858
    assert (whole_area.n_dies, whole_area.parts_mm2["die_to_die"]) == (1, 0)
    assert area.n_dies == 2
    assert area.die_mm2 <= 858
    others = sum(value for name, value in area.parts_mm2.items() if name != "die_to_die")
    assert area.die_mm2 * 2 == pytest.approx(1.05 * others)


def test_links_on_dies_of_their_own_are_not_on_the_compute_die():
    area = estimate_area(am.machine("mtia_300"), ECONOMY)
    assert (area.parts_mm2["link_phy"], area.n_io_dies, area.io_dies_mm2) == (0, 2, 476)
    assert area.silicon_mm2 == pytest.approx(area.die_mm2 + 476)


def test_spare_pes_raise_the_yield():
    machine, spare = am.machine("mtia_2i"), am.machine("mtia_2i", {"pe.n_spare": "1"})
    found = [cost_of(each).yield_frac for each in (machine, spare)]
    assert found[1] > found[0]


def cost_of(machine):
    tdp_w = estimate_power(machine, ECONOMY).tdp_w
    return estimate_chip_cost(machine, estimate_area(machine, ECONOMY), tdp_w, ECONOMY)


def test_a_memory_that_is_not_priced_has_no_answer():
    message = (
        "area of the DRAM interface of systolic_ws is not supported\n"
        "  dram.technology is 'any'; known: LPDDR5, DDR5, GDDR6, HBM2E, HBM3, HBM3E, HBM4"
    )
    with pytest.raises(am.UnsupportedError, match=whole(message)):
        estimate_area(am.machine("systolic_ws"), ECONOMY)


def test_columns_are_the_machines_one_by_one():
    base, rng, n = am.machine("mtia_300"), np.random.default_rng(7), 40
    columns = {
        ("clock_hz",): rng.uniform(1e9, 2e9, n),
        ("pe", "rows"): rng.integers(4, 24, n),
        ("pe", "n_spare"): rng.integers(0, 3, n),
        ("sram", "capacity_bytes"): rng.uniform(5e7, 1e9, n),
        ("local", "capacity_bytes"): rng.uniform(1e5, 2e6, n),
        ("matrix", "macs_per_cycle", "bf16"): rng.choice([256.0, 1024.0, 2048.0], n),
        ("simd", "lanes", "fp32"): rng.choice([32.0, 128.0], n),
        ("dram", "bandwidth_bytes_per_s"): rng.uniform(1e12, 8e12, n),
        ("dram", "capacity_bytes"): rng.uniform(5e10, 3e11, n),
        ("power", "supply_v"): rng.uniform(0.6, 0.9, n),
    }
    machines, work = MachineColumns(base, columns, n), StepWork({"bf16": 1e12}, {"fp32": 1e9}, {"bf16": 1e9})
    traffic = {level: rng.uniform(1e9, 1e11, n) for level in NOTHING}
    latency_s = rng.uniform(1e-3, 1e-2, n)
    together = figures(machines.machine(), work, traffic, latency_s)
    for idx in range(n):
        one = figures(machines.at(idx), work, {key: value[idx] for key, value in traffic.items()}, latency_s[idx])
        assert {key: float(value) for key, value in one.items()} == {key: value[idx] for key, value in together.items()}
    assert set(together["n_dies"]) > {1.0}


def figures(machine, work, traffic, latency_s):
    area, power, cost = estimate_area(machine, ECONOMY), estimate_power(machine, ECONOMY), cost_of(machine)
    energy = estimate_energy(machine, work, traffic, latency_s, ECONOMY)
    serving = estimate_serving(1 / latency_s, energy.power_w, power.tdp_w, cost.chip_usd, ECONOMY)
    fleet = estimate_fleet(power.tdp_w, cost.chip_usd, ECONOMY)
    return {
        "die_mm2": area.die_mm2, "n_dies": area.n_dies, "typical_w": power.typical_w, "chip_usd": cost.chip_usd,
        "energy_j": energy.energy_j, "item_usd": serving.usd_per_million_items, "capex_usd": fleet.capex_usd,
    }  # fmt: skip
