"""GEMMs on MTIA 2i: what ISCA 2025 prints of single kernels."""

from __future__ import annotations

import pytest

import archmodel as am
from archmodel.kernels.matmul_shape import MatmulMapping
from archmodel.lowering.operators.matmul import lower_mapped
from archmodel.lowering.phases import find_site
from archmodel.mapping import place
from archmodel.workload.single import operators_trace

IN_SRAM = {"a": "sram", "b": "sram", "c": "sram"}
SQUARE = {"m": 2048, "n": 2048, "k": 2048}
FC = {"m": 512, "n": 26592, "k": 2048}
FC_PLACE = {"a": "sram", "c": "sram"}


def evaluate(machine, kind="matmul", dtype="fp16", placed=IN_SRAM, mode=None, **dims):
    return am.evaluate_operator(machine, kind, dtype=dtype, model="cycle", place=placed, mode=mode, **dims)


@pytest.mark.parametrize("mode", ["representative", "grid"])
def test_a_square_gemm_in_sram_passes_92_percent_of_peak(mode):
    utilisation = evaluate(am.machine("mtia_2i"), mode=mode, **SQUARE)["utilisation"]
    assert 0.92 <= utilisation <= 0.97  # ISCA 2025, section 3.3: > 92 %


def test_dynamic_int8_is_within_10_percent_of_1_6_times_as_fast():
    machine = am.machine("mtia_2i")
    fp16, int8 = evaluate(machine, **SQUARE), evaluate(machine, "linear", "int8", quantise="rows", **SQUARE)
    gain = fp16["cycles"] / int8["cycles"]
    assert gain == pytest.approx(1.7143, rel=0.001)
    assert gain == pytest.approx(1.6, rel=0.10)  # ISCA 2025, section 4.4


def test_a_dram_bound_layer_streams_its_weights_at_the_rate_of_dram():
    """95 % are read as busy pins, ECC traffic among it; the preset's streaming rate is that very figure.

    So what is checked is that latencies, rounding, fill and drain leave almost all of it.
    """
    machine = am.machine("mtia_2i")
    row = evaluate(machine, placed=FC_PLACE, **FC)
    weights_per_s = FC["n"] * FC["k"] * 2 / (row["cycles"] / machine.clock_hz)
    pins_per_s = weights_per_s / (1 - machine.dram.ecc_overhead_frac)
    assert pins_per_s / machine.dram.bandwidth_bytes_per_s == pytest.approx(0.95, rel=0.05)
    assert row["bound"] == "dram"


def test_without_broadcast_and_prefetch_it_takes_1_8_times_as_long_at_the_same_mapping():
    """An 8 x 8 grid, all rows of a PE at once, tiles of 128 columns.

    With latencies of our own: they are assumed, and were chosen with this figure in mind.
    """
    trace = operators_trace("matmul", [FC], "fp16", FC_PLACE)
    mapping = MatmulMapping(0, 1, 8, 8, 1, 64, 128, 128, 2)
    cycles = []
    for settings in ({}, {"timing.memory.broadcast": "false", "timing.memory.prefetch": "false"}):
        machine = am.machine("mtia_2i", settings)
        (phase,) = lower_mapped(find_site(trace, 0, machine, place(trace, machine)), mapping)
        cycles.append(phase.run("representative").cycles)
    assert cycles[1] / cycles[0] == pytest.approx(1 / 0.55, rel=0.15)  # ISCA 2025, section 4.2: latency - 45 %


def test_the_mapper_finds_a_way_around_missing_broadcast_and_prefetch():
    """Read by 64 PEs, each its own columns, the weights stream as fast: the published gain is one of its mapping."""
    off = am.machine("mtia_2i", {"timing.memory.broadcast": "false", "timing.memory.prefetch": "false"})
    cycles = [evaluate(machine, placed=FC_PLACE, **FC)["cycles"] for machine in (am.machine("mtia_2i"), off)]
    assert cycles[1] / cycles[0] == pytest.approx(1, abs=0.1)


def test_small_gemms_are_bound_by_issue_without_auto_increment_and_contexts():
    faster_issue = "core: instructions in half the cycles"
    plain = {"timing.core.blocks_per_instruction": "1", "timing.core.n_contexts": "1"}
    dims = {"m": 512, "n": 1024, "k": 512}
    found = [
        am.explain_operator(am.machine("mtia_2i", settings), "matmul", dtype="fp16", place=IN_SRAM, **dims)
        for settings in (plain, {})
    ]
    gains = [next(row["gain_frac"] for row in one.gains if row["change"] == faster_issue) for one in found]
    assert [one.phases[0]["binds"] == "issue" for one in found] == [True, False]
    assert gains[0] > 0.02 > 0.005 > gains[1]
    assert found[0].cycles > 1.05 * found[1].cycles
