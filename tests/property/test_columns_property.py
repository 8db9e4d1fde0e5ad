"""Machines as columns have the same totals as one by one, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

import archmodel as am
from archmodel.kernels.matmul_batch import read_timing
from archmodel.kernels.matmul_shape import MatmulShape
from archmodel.lowering.phases import MachineSites
from archmodel.lowering.sites import GIVING_RATES, ONLY_PRODUCTS, is_under
from archmodel.lowering.timing import lower_timing, without_matrix
from archmodel.machine.columns import MachineColumns, list_leaves, put_leaves
from archmodel.mapping.matmul import find_mappings, list_mappings
from archmodel.models import find_model
from archmodel.models.columns import BINDERS, evaluate_columns

WORKLOADS = {
    "dlrm": ("recommendation/dlrm_dcnv2", {"batch": 256}),
    "hstu": ("recommendation/dlrm_v3_hstu", {}),
    "prefill": ("llm/llama3.1-8b", {"phase": "prefill", "sequence": 512}),
    "decode": ("llm/llama3.1-8b", {"phase": "decode", "batch": 8, "context": 512}),
    "sdxl": ("diffusion/sdxl", {}),
}
VALUES = ("latency_s", "lower_s", "upper_s", "launch_s", "utilisation", "throughput")
CACHE_BYTES, DRAM_WIDTH, DRAM_LATENCY = 28, 29, 30  # fields of PeTiming


def draw_machines(base, n, seed):
    """Machines with values that differ as those of sweeps: few of each, some too small for some workloads."""
    source = np.random.default_rng(seed)
    rows, cols = np.array([(6, 8), (8, 8), (12, 12)])[source.integers(0, 3, n)].T
    bandwidth, capacity = np.array([(1e11, 8e9), (2e11, 64e9), (8e11, 128e9)])[source.integers(0, 3, n)].T
    columns = {
        ("clock_hz",): source.choice([0.9e9, 1.35e9], n),
        ("pe", "rows"): rows,
        ("pe", "cols"): cols,
        ("matrix", "n_tiles"): source.choice([1, 2], n),
        ("local", "capacity_bytes"): source.choice([131072.0, 393216.0], n),
        ("sram", "capacity_bytes"): source.choice([16e6, 64e6, 512e6], n),
        ("sram", "width_bytes_per_cycle"): source.choice([2048.0, 8192.0], n),
        ("dram", "bandwidth_bytes_per_s"): bandwidth,
        ("dram", "capacity_bytes"): capacity,
        ("launch", "operator_s"): source.choice([1e-7, 1e-6], n),
        ("timing", "dma", "width_bytes_per_cycle"): source.choice([128.0, 256.0], n),
    }
    machine = am.machine(base)
    if machine.simd is not None:
        n_lanes = source.choice([32.0, 64.0], n)
        columns |= {("simd", "lanes", dtype): n_lanes for dtype in machine.simd.lanes}
    elif machine.vector is not None:  # with vector cores alone, lanes say how many passes a result takes
        n_lanes = source.choice([128.0, 192.0], n)
        columns |= {("vector", "lanes", dtype): n_lanes for dtype in machine.vector.lanes}
    return MachineColumns(machine, columns, n)


def compare(model, trace, machines, n_threads=1):
    totals = evaluate_columns(model, trace, machines, n_threads=n_threads)
    one_by_one = [machines.at(idx) for idx in range(machines.n_machines)]
    rows = list(find_model(model).evaluate_batch(trace, one_by_one).rows())
    assert totals.messages.tolist() == [row["message"] for row in rows]
    for name in VALUES:
        expected = [np.nan if row[name] is None else row[name] for row in rows]
        np.testing.assert_array_equal(getattr(totals, name), expected, err_msg=name)
    assert totals.bound.tolist() == [BINDERS.index(row["bound"]) if row["bound"] else -1 for row in rows]
    is_able = totals.messages == ""
    assert all(np.isfinite(n_bytes[is_able]).all() for n_bytes in totals.traffic_bytes.values())
    assert all(np.isnan(n_bytes[~is_able]).all() for n_bytes in totals.traffic_bytes.values())
    return totals


def test_what_only_products_see_is_left_out_for_all_others():
    machine = am.machine("mtia_2i")
    seen = {path: value for path, value in list_leaves(machine) if is_under(path, ONLY_PRODUCTS) and value is not None}
    assert len(seen) > len(ONLY_PRODUCTS)
    for path, value in seen.items():
        other = put_leaves(machine, {path: 2 * value})
        plain, with_products = (
            [lower(lower_timing(each, each.timing, "fp16", 1e6)) for each in (machine, other)]
            for lower in (without_matrix, tuple)
        )
        assert plain[0] == plain[1], path
        assert with_products[0] != with_products[1] or path[:2] in (
            ("matrix", "efficiency_frac"),
            ("matrix", "macs_per_cycle"),
        )


@pytest.mark.parametrize("base", ["mtia_2i", "rivos_like", "tt_wormhole_n150"])
def test_what_gives_rates_decides_nothing_else(base):
    machine = am.machine(base)
    seen = {path: value for path, value in list_leaves(machine) if is_under(path, GIVING_RATES) and value is not None}
    assert seen
    for path, value in seen.items():
        sites = [MachineSites(each) for each in (machine, put_leaves(machine, {path: 2 * value}))]
        alike = [(each.timing("fp16", has_products=False, is_open=True), each.cores) for each in sites]
        assert alike[0] == alike[1], path


@pytest.mark.parametrize("label", WORKLOADS)
def test_roofline_of_columns(label):
    name, settings = WORKLOADS[label]
    trace, machines = am.workload(name, **settings), draw_machines("mtia_2i", 40, seed=1)
    totals = compare("roofline", trace, machines, n_threads=2)
    able = np.flatnonzero(totals.messages == "")
    assert len(able)
    for idx in able[::5]:
        alone = evaluate_columns("roofline", trace, MachineColumns(machines.at(int(idx)), {}, 1)).traffic_bytes
        assert {level: n_bytes[0] for level, n_bytes in alone.items()} == {
            level: n_bytes[idx] for level, n_bytes in totals.traffic_bytes.items()
        }


@pytest.mark.parametrize(("label", "base"), [("hstu", "mtia_2i"), ("prefill", "mtia_2i"), ("decode", "rivos_like")])
def test_closed_form_of_columns(label, base):
    name, settings = WORKLOADS[label]
    compare("analytic", am.workload(name, **settings), draw_machines(base, 12, seed=2), n_threads=2)


def test_cycles_of_columns():
    name, settings = WORKLOADS["dlrm"]
    compare("cycle", am.workload(name, **settings), draw_machines("mtia_2i", 4, seed=3))


def test_machines_too_small_for_an_operator_say_which():
    machines = MachineColumns(am.machine("mtia_2i"), {("local", "capacity_bytes"): np.array([512.0, 393216.0])}, 2)
    name, settings = WORKLOADS["decode"]
    totals = compare("analytic", am.workload(name, **settings), machines)
    assert "local memory" in totals.messages[0]
    assert totals.messages[1] == ""


def test_weights_that_stay_in_sram_are_not_read_from_dram():
    machines = MachineColumns(am.machine("mtia_2i"), {("sram", "capacity_bytes"): np.array([64e6, 512e6])}, 2)
    small, large = evaluate_columns("roofline", am.workload("recommendation/dlrm_dcnv2"), machines).traffic_bytes[
        "dram"
    ]
    assert large < small


@pytest.mark.parametrize("base", ["mtia_2i", "mtia_v1", "tt_wormhole_n150"])
def test_mapper_finds_what_the_search_of_all_mappings_has_first(base):
    source, machine = np.random.default_rng(4), am.machine(base)
    for _ in range(8):
        timing = lower_timing(machine, machine.timing, "bf16", float(source.choice([0.0, 1e6, 2e8])))
        m, n, k = (int(size) for size in 2 ** source.uniform(0, 11, 3))
        is_far = source.random(4) < 0.5
        tail_bytes = float(source.choice([0.0, 2.0]))
        shape = MatmulShape(1, m, n, k, 2.0, 2.0, 2.0, *is_far[:3].tolist(), 2, tail_bytes, bool(is_far[3]))
        n_variants = 3 if timing.has_prefetch and timing.cache_bytes > 0 else 1
        timings = np.array([timing] * n_variants, np.float64)
        timings[1:, DRAM_WIDTH] *= source.choice([0.2, 5.0], n_variants - 1)
        timings[1:, DRAM_LATENCY] += source.integers(0, 500, n_variants - 1)
        timings[1:, CACHE_BYTES] *= source.choice([0.01, 0.3], n_variants - 1)
        found = find_mappings(shape, timings, machine.pe.n_pes)
        for v in range(n_variants):
            first = list_mappings(shape, read_timing(timings, v), machine.pe.n_pes)[0]
            assert found.mappings[v].tolist() == [int(value) for value in first.mapping]
            assert found.cycles[v].tolist() == [first.cycles, first.serial_cycles]
