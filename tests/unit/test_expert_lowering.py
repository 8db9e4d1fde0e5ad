"""Programs of experts: the load of the busiest, rows that move to and from them, on all machines."""

from __future__ import annotations

import numpy as np
import pytest

import archmodel as am
from archmodel.kernels.program import OUT, RESOURCE, SERVICE, SRAM
from archmodel.kernels.program import UNIT as UNIT_COLUMN
from archmodel.lowering.operators.grouped import busiest_rows
from archmodel.lowering.operators.routing import cut_columns
from archmodel.lowering.phases import find_site, lower_site
from archmodel.lowering.program import UNITS
from archmodel.mapping import place
from archmodel.workload.builders.decoder_ffn import expected_experts
from archmodel.workload.operators import operator_kind
from archmodel.workload.operators.matmul import GroupedMatmul
from archmodel.workload.single import operators_trace

MACHINES = ["mtia_v1", "mtia_2i", "mtia_300", "rivos_like", "tt_wormhole_n150", "systolic_ws"]
GROUPED = {"m_total": 4096, "n": 768, "k": 2048, "experts": 128, "active": 128.0}
OPERATORS = {
    "dispatch of a prompt": ("moe_dispatch", {"tokens": 512, "dim": 2048, "topk": 8}),
    "dispatch of a token": ("moe_dispatch", {"tokens": 1, "dim": 7168, "topk": 8}),
    "combine of a prompt": ("moe_combine", {"tokens": 512, "dim": 2048, "topk": 8}),
    "combine of a token": ("moe_combine", {"tokens": 1, "dim": 7168, "topk": 8}),
    "experts of a prompt": ("grouped_matmul", GROUPED),
    "experts of a token": ("grouped_matmul", {**GROUPED, "m_total": 8, "active": 8.0}),
    "experts of four tokens": ("grouped_matmul", {**GROUPED, "m_total": 8, "experts": 8, "active": 5.47}),
}


def trace_of(kind, dims, level="sram"):
    operands = operator_kind(kind)(**dims).operands()
    placed = {operand.name: "dram" if operand.role == "weight" else level for operand in operands}
    return operators_trace(kind, [dims], "bf16", placed)


def site_of(machine, kind, dims, level="sram"):
    chip, trace = am.machine(machine), trace_of(kind, dims, level)
    return find_site(trace, 0, chip, place(trace, chip))


def served_bytes(site, phase, unit, width):
    """Bytes that the SRAM serves to one unit of all PEs."""
    table, loops = phase.table.commands, phase.table.loops
    times = np.repeat([1, loops[3], 1], loops[:3])
    is_asked = (table[:, UNIT_COLUMN] == UNITS.index(unit)) & (table[:, RESOURCE] == SRAM)
    return int((times * table[:, SERVICE])[is_asked].sum()) * width * phase.grid.n_pes


# The busiest expert.


def test_an_expert_alone_has_the_mean():
    assert busiest_rows(GroupedMatmul(**GROUPED), 128, 1) == 4096
    assert busiest_rows(GroupedMatmul(**{**GROUPED, "m_total": 8, "active": 8.0}), 8, 1) == 8


def test_the_busiest_expert_by_hand():
    """128 experts with 32 rows each: √(2 · 32 · ln 128) = 17.6 more."""
    assert busiest_rows(GroupedMatmul(**GROUPED), 1, 128) == 50


@pytest.mark.parametrize(("n_tokens", "top_k", "n_experts"), [(2048, 8, 256), (2048, 2, 8), (512, 8, 128), (1, 8, 256)])
def test_the_busiest_expert_is_that_of_random_routing(n_tokens, top_k, n_experts):
    rng = np.random.default_rng(1)
    loads = [
        np.bincount(
            np.argsort(rng.random((n_tokens, n_experts)), axis=1)[:, :top_k].ravel(), minlength=n_experts
        ).max()
        for _ in range(20)
    ]  # fmt: skip
    active = expected_experts(n_experts, top_k, n_tokens)
    op = GroupedMatmul(m_total=n_tokens * top_k, n=1, k=1, experts=n_experts, active=active)
    assert busiest_rows(op, 1, round(active)) == pytest.approx(np.mean(loads), rel=0.08)


def test_load_is_uneven_only_between_groups_of_pes():
    """One product at a time on all PEs takes the mean load; experts spread over groups take the busiest."""
    site = site_of("mtia_2i", "grouped_matmul", GROUPED)
    (phase,) = lower_site(site)
    batched = {"batch": 128, "m": 32, "n": 768, "k": 2048}
    even = am.evaluate_operator(am.machine("mtia_2i"), "batched_matmul", model="cycle", **batched)
    skewed = am.evaluate_operator(am.machine("mtia_2i"), "grouped_matmul", model="cycle", **GROUPED)
    assert phase.mapping is not None
    assert phase.mapping.grid_b > 1
    assert even["latency_s"] <= skewed["latency_s"] <= 2 * even["latency_s"]


def test_weights_of_active_experts_move_once():
    dims = {**GROUPED, "m_total": 64, "active": 50.6}
    site = site_of("mtia_2i", "grouped_matmul", dims, "dram")
    (phase,) = lower_site(site)
    cycles = phase.run("representative").cycles
    assert cycles * site.timing.dram_width == pytest.approx(50.6 * 768 * 2048 * 2, rel=0.06)


# Rows that move.


def test_a_token_is_loaded_once_and_stored_for_every_expert():
    site = site_of("mtia_2i", *OPERATORS["dispatch of a prompt"])
    (phase,) = lower_site(site)
    n_bytes = 512 * 2048 * 2
    assert served_bytes(site, phase, "load", site.timing.own_width) == pytest.approx(n_bytes, rel=0.04)
    assert served_bytes(site, phase, "store", site.timing.store_width) == pytest.approx(8 * n_bytes, rel=0.04)


def test_a_token_is_gathered_from_every_expert_and_stored_once():
    site = site_of("mtia_2i", *OPERATORS["combine of a prompt"])
    (phase,) = lower_site(site)
    n_bytes = 512 * 2048 * 2
    assert served_bytes(site, phase, "load", site.timing.own_width) == pytest.approx(8 * n_bytes, rel=0.04)
    assert served_bytes(site, phase, "store", site.timing.store_width) == pytest.approx(n_bytes, rel=0.04)
    assert "vector" in {UNITS[unit] for unit in phase.table.commands[:, UNIT_COLUMN]}


def test_one_token_is_spread_over_pes():
    site = site_of("mtia_2i", *OPERATORS["combine of a token"])
    (phase,) = lower_site(site)
    assert phase.grid.n_pes == 56  # fragments of 256 B of a row of 14,336
    assert cut_columns(site, 1, 8, 7168, 2.0) == 56
    assert cut_columns(site, 512, 8, 2048, 2.0) == 1


def test_long_tokens_are_cut_until_they_fit():
    tiny = am.machine("mtia_2i", {"local.capacity": "32 KiB"})
    dims = {"tokens": 512, "dim": 16384, "topk": 8}
    assert am.evaluate_operator(tiny, "moe_dispatch", model="cycle", **dims)["latency_s"] > 0


def test_stores_need_no_result_of_another_unit():
    (phase,) = lower_site(site_of("mtia_2i", *OPERATORS["dispatch of a prompt"]))
    assert {UNITS[row[UNIT_COLUMN]] for row in phase.table.commands if row[OUT] >= 0} == {"load"}


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", OPERATORS)
def test_times_are_bracketed(machine, name):
    chip, trace = am.machine(machine), trace_of(*OPERATORS[name])
    for model in ("analytic", "cycle"):
        row = next(am.evaluate(chip, trace, model=model).operators.rows())
        assert row["lower_s"] <= row["latency_s"] <= row["upper_s"]
