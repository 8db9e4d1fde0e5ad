"""The roofline kernels against their Python form, against NumPy, and against numbers worked out by hand."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archmodel as am
from archmodel.dtypes import DTYPES
from archmodel.kernels import roofline
from archmodel.lowering import (
    MachinePack,
    OperatorPack,
    PlacementPack,
    pack_machines,
    pack_operators,
    pack_placements,
)
from archmodel.mapping import place
from archmodel.results import RESOURCES
from archmodel.workload.single import operators_trace

N_DTYPES = len(DTYPES)
N_EXCHANGES = 4  # rows of times of exchanges, that of none among them
SEEDS = range(3)


def logs(rng: np.random.Generator, low: float, high: float, size: Any, zeros: float = 0.0) -> Any:
    """Draw uniformly in the exponent; a fraction ``zeros`` of the values is 0."""
    values = 10 ** rng.uniform(np.log10(low), np.log10(high), size)
    return np.where(rng.random(size) < zeros, 0.0, values)


def random_operators(rng: np.random.Generator, n: int) -> OperatorPack:
    """Operators of every sort: without arithmetic, without activations, gathers of weights and of tables, links."""
    columns = {name: logs(rng, 1e3, 1e10, n, zeros=0.4) for name in OperatorPack._fields}
    columns["dtype_idx"] = rng.integers(N_DTYPES, size=n)
    columns["exchange_idx"] = np.where(columns["link_bytes"] > 0, rng.integers(1, N_EXCHANGES, n), 0)
    columns["activation_bytes"] = logs(rng, 1e3, 1e9, n, zeros=0.1)
    columns["live_bytes"] = columns["activation_bytes"] * rng.uniform(1, 4, n)
    columns["gather_row_bytes"] = np.where(columns["gather_rows"] > 0, rng.integers(1, 2000, n), 0.0)
    columns["is_table"] = rng.integers(2, size=n).astype(float)
    columns["is_weight"] = 1.0 - columns["is_table"]
    columns["table_bytes"] = columns["is_table"] * logs(rng, 1e5, 1e12, n)
    columns["table_first_byte"] = columns["is_table"] * logs(rng, 1e8, 1e12, n, zeros=0.3)
    columns["reuse_sqrt"] = logs(rng, 1e8, 1e16, n, zeros=0.5)
    columns["reuse_linear"] = logs(rng, 1e12, 1e20, n, zeros=0.5)
    columns["element_bytes"] = rng.choice([1.0, 2.0, 4.0], n)
    columns["executions"] = rng.integers(1, 100, n).astype(float)
    return OperatorPack(**columns)


RATES = (
    "matrix_s_per_flop", "simd_s_per_flop", "vector_s_per_flop", "simd_s_per_vector_flop", "vector_s_per_simd_flop",
)  # fmt: skip


def random_machines(rng: np.random.Generator, n: int) -> MachinePack:
    columns = {name: logs(rng, 1e-13, 1e-9, n) for name in MachinePack._fields}
    for name in RATES:
        columns[name] = logs(rng, 1e-15, 1e-10, (N_DTYPES, n))
    for name in ("dram_s_per_byte", "gather_s_per_byte"):
        columns[name] = columns["dram_peak_s_per_byte"] * rng.uniform(1, 3, n)
    for memory, low, high in (("local", 1e6, 1e8), ("sram", 1e7, 1e9)):
        capacity_bytes = logs(rng, low, high, n)
        columns[f"{memory}_inv_bytes"] = 1 / capacity_bytes
        columns[f"{memory}_inv_sqrt_bytes"] = capacity_bytes**-0.5
    columns["operand_reads_per_mac"] = rng.uniform(0.01, 1, n)
    columns["access_bytes"] = rng.choice([32.0, 64.0, 512.0], n)
    columns["embedding_hit_frac"] = rng.uniform(0, 1, n)
    columns["matrix_efficiency"] = rng.uniform(0.5, 1, n)
    columns["link_s_per_byte"] = logs(rng, 1e-16, 1e-15, n)  # times of exchanges are drawn on their own, above it
    return MachinePack(**columns)


def random_placements(rng: np.random.Generator, n: int) -> PlacementPack:
    return PlacementPack(
        lls_bytes=logs(rng, 1e6, 1e9, n, zeros=0.1),
        weight_miss_frac=rng.integers(2, size=n).astype(float),
        table_dram_bytes=logs(rng, 1e9, 1e12, n, zeros=0.1),
        table_sram_bytes=rng.uniform(-1e9, 1e9, n),
        launch_s=logs(rng, 1e-7, 1e-5, n, zeros=0.2),
        job_s=logs(rng, 1e-6, 1e-5, n, zeros=0.2),
        exchange_s=np.concatenate([np.zeros((1, n)), logs(rng, 1e-5, 1e-2, (N_EXCHANGES - 1, n))]),
    )


@pytest.fixture(params=SEEDS)
def packs(request):
    """Draw 30 operators and 70 machines: more than one block, and not a multiple of the SIMD width."""
    rng = np.random.default_rng(request.param)
    return random_operators(rng, 30), random_machines(rng, 70), random_placements(rng, 70)


def time_operators(ops, machines, placement, kernel=roofline.time_operators):
    shape = (len(placement.job_s), len(ops.executions))
    out = (np.empty(shape), np.empty(shape), np.empty(shape), np.empty((*shape, 8)))
    kernel(ops, machines, placement, *out)
    return out


def time_traces(ops, machines, placement, kernel=roofline.time_traces):
    n = len(placement.job_s)
    out = (np.empty(n), np.empty(n), np.empty(n), np.empty((n, 9)))
    kernel(ops, machines, placement, *out)
    return out


def python_form(function):
    """What numba compiles; with NUMBA_DISABLE_JIT=1 a kernel is that already."""
    return getattr(function, "py_func", function)


@pytest.mark.parametrize("timed", [time_operators, time_traces], ids=lambda timed: timed.__name__)
def test_compiled_kernel_equals_its_python_form(packs, timed, monkeypatch):
    compiled = timed(*packs)
    for name in ("operator_busy", "slowest_at_peak"):
        monkeypatch.setattr(roofline, name, python_form(getattr(roofline, name)))
    interpreted = timed(*packs, kernel=python_form(getattr(roofline, timed.__name__)))
    for given, expected in zip(compiled, interpreted, strict=True):
        np.testing.assert_array_equal(given, expected)


def test_numpy_reference_agrees(packs, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    reference = importlib.import_module("roofline")
    for given, expected in zip(time_traces(*packs), reference.totals_numpy(reference.Problem(*packs)), strict=True):
        np.testing.assert_allclose(given, expected, rtol=1e-12)


def test_step_is_the_sum_of_its_operators_and_the_job(packs):
    latency_s, lower_s, upper_s, busy_s = time_operators(*packs)
    step_latency_s, step_lower_s, step_upper_s, bound_s = time_traces(*packs)
    job_s = packs[2].job_s
    np.testing.assert_allclose(step_latency_s, latency_s.sum(axis=1) + job_s, rtol=1e-12)
    np.testing.assert_allclose(step_upper_s, upper_s.sum(axis=1) + job_s, rtol=1e-12)
    np.testing.assert_allclose(bound_s.sum(axis=1), step_latency_s, rtol=1e-12)
    assert (step_lower_s <= lower_s.sum(axis=1) * (1 + 1e-12)).all()
    for machine_idx, of_machine in enumerate(busy_s):
        expected = np.zeros(8)
        np.add.at(expected, of_machine.argmax(axis=1), of_machine.max(axis=1))
        np.testing.assert_allclose(bound_s[machine_idx, :8], expected, rtol=1e-12)


@pytest.mark.parametrize("timed", [time_operators, time_traces], ids=lambda timed: timed.__name__)
def test_estimate_is_bracketed(packs, timed):
    latency_s, lower_s, upper_s, _ = timed(*packs)
    assert (lower_s > 0).all()
    assert (lower_s <= latency_s * (1 + 1e-12)).all()
    assert (latency_s <= upper_s * (1 + 1e-12)).all()


# Round numbers: 10 TB/s local, 1 TB/s SRAM, 10 GB/s DRAM (12.5 at the pins, 5 for gathers), 1 GB/s links.
MACHINE = {
    "matrix_s_per_flop": 1e-12, "simd_s_per_flop": 1e-10, "vector_s_per_flop": 2e-10, "local_s_per_byte": 1e-13,
    "simd_s_per_vector_flop": 0.0, "vector_s_per_simd_flop": 0.0,
    "sram_s_per_byte": 1e-12, "dram_s_per_byte": 1e-10, "dram_peak_s_per_byte": 0.8e-10, "gather_s_per_byte": 2e-10,
    "host_s_per_byte": 1e-9, "link_s_per_byte": 1e-9, "local_inv_bytes": 1e-6, "local_inv_sqrt_bytes": 1e-3,
    "sram_inv_bytes": 1e-8, "sram_inv_sqrt_bytes": 1e-4, "operand_reads_per_mac": 0.125, "access_bytes": 64.0,
    "embedding_hit_frac": 0.5, "matrix_efficiency": 0.8,
}  # fmt: skip
PLACEMENT = {"lls_bytes": 1e9, "weight_miss_frac": 1.0, "table_dram_bytes": 7e9, "table_sram_bytes": 1e8,
             "launch_s": 0.001, "job_s": 0.01, "exchange_s": 0.0}  # fmt: skip

# What binds, the operator, busy times [s], lower bound [s].
BY_HAND = {
    # 10^12 MACs of 2 B read 1/8 element each: 2.5e11 B of local memory.
    "matrix": ({"matrix_flop": 2e12, "element_bytes": 2.0}, {"matrix": 2.0, "local": 0.025}, 1.6),
    "simd": (
        {"simd_flop": 3e10, "activation_bytes": 1e9, "live_bytes": 1e9},
        {"simd": 3.0, "local": 1e-4, "sram": 1e-3},
        3.0,
    ),
    "vector": ({"vector_flop": 1e10, "simd_flop": 1e10}, {"vector": 2.0, "simd": 1.0}, 2.0),
    # The same MACs with 256 B elements: 3.2e13 B.
    "local": ({"matrix_flop": 2e12, "element_bytes": 256.0}, {"matrix": 2.0, "local": 3.2}, 3.2),
    # 1e15 / sqrt(1e6) + 1e18 / 1e6 = 2e12 B into the local memories instead of the 1e9 B that the lower bound counts.
    "sram": (
        {"sram_bytes": 1e9, "reuse_sqrt": 1e15, "reuse_linear": 1e18},
        {"local": 1e-4, "sram": 2.0},
        1e-3,
    ),
    # Weights miss: 1e10 B. Into the SRAM go 1e14 / 1e4 + 1e18 / 1e8 = 2e10 B, so all of it is streamed twice.
    "dram": (
        {"weight_bytes": 1e10, "reuse_sqrt": 1e14, "reuse_linear": 1e18},
        {"local": 1e-3, "sram": 1.1, "dram": 2.0},
        0.8,
    ),
    # Half of 1e7 rows of 96 B miss and move 2 units of 64 B. The table ends at byte 8e9 of 7e9: half of it is remote.
    "host": (
        {"gather_rows": 1e7, "gather_row_bytes": 96.0, "is_table": 1.0, "table_first_byte": 6e9, "table_bytes": 2e9},
        {"local": 9.6e-5, "sram": 9.6e-4, "dram": 0.128, "host": 0.24},
        0.24,
    ),
    # A table that fits in SRAM is never missed.
    "sram, whole table": (
        {"gather_rows": 1e7, "gather_row_bytes": 96.0, "is_table": 1.0, "table_bytes": 1e8},
        {"local": 9.6e-5, "sram": 9.6e-4},
        9.6e-4,
    ),
    # Steps and launch besides the bytes: 1.2 s.
    "link": ({"link_bytes": 1e9}, {"link": 1.2}, 1.0),
    # 4 GB alive, 1 GB set aside for them: three quarters of the 2 GB that the operator moves spill.
    "dram, spilled": (
        {"activation_bytes": 2e9, "live_bytes": 4e9},
        {"local": 2e-4, "sram": 2e-3, "dram": 0.15},
        2e-3,  # smaller batches might not spill: no bound
    ),
    # Rows of weights neither hit in SRAM nor live behind the host link: 1e7 rows of one unit.
    "dram, gathered weights": (
        {"gather_rows": 1e7, "gather_row_bytes": 64.0, "is_weight": 1.0},
        {"local": 6.4e-5, "sram": 6.4e-4, "dram": 0.128},
        0.0512,
    ),
}


def packs_by_hand(**fields):
    """One operator of dtype 2, three times, on the machine above; the rates of other dtypes are NaN."""
    zeros = dict.fromkeys(OperatorPack._fields, 0.0) | {"executions": 3.0}
    ops = OperatorPack(**{name: np.array([value]) for name, value in (zeros | fields).items()})
    machines = MachinePack(**{name: np.array([value]) for name, value in MACHINE.items()})
    tables = {name: np.full((N_DTYPES, 1), np.nan) for name in RATES}
    for name, table in tables.items():
        table[2] = MACHINE[name]
    placement = PlacementPack(**{name: np.array([value]) for name, value in PLACEMENT.items()})
    placement = placement._replace(exchange_s=np.array([[0.0], [1.2]]))
    exchange_idx = np.array([int(ops.link_bytes[0] > 0)])
    return ops._replace(dtype_idx=np.array([2]), exchange_idx=exchange_idx), machines._replace(**tables), placement


@pytest.mark.parametrize("case", BY_HAND)
def test_worked_example(case):
    fields, expected_s, expected_lower_s = BY_HAND[case]
    packs = packs_by_hand(**fields)
    busy_s = np.array([expected_s.get(name, 0.0) for name in RESOURCES])
    binds = RESOURCES.index(case.partition(",")[0])
    assert busy_s.argmax() == binds
    expected = (3 * (busy_s.max() + 0.001), 3 * expected_lower_s, 3 * (busy_s.sum() + 0.001))

    *times_s, given_busy_s = time_operators(*packs)
    np.testing.assert_allclose(given_busy_s[0, 0], 3 * busy_s, rtol=1e-12)
    np.testing.assert_allclose(np.ravel(times_s), expected, rtol=1e-12)

    *times_s, bound_s = time_traces(*packs)
    np.testing.assert_allclose(np.ravel(times_s), np.add(expected, (0.01, 0.0, 0.01)), rtol=1e-12)
    np.testing.assert_allclose(bound_s[0, [binds, 8]], (3 * busy_s.max(), 3 * 0.001 + 0.01), rtol=1e-12)
    assert np.count_nonzero(bound_s) == 2


def test_first_of_equals_binds():
    *_, bound_s = time_traces(*packs_by_hand(simd_flop=1.2e10, vector_flop=6e9, link_bytes=1e9))  # 1.2 s each
    np.testing.assert_allclose(bound_s[0, :8], [0, 3.6, 0, 0, 0, 0, 0, 0], rtol=1e-12)


def test_unlike_dtypes_take_their_own_rates():
    rng = np.random.default_rng(0)
    ops, machines = random_operators(rng, N_DTYPES), random_machines(rng, 3)
    ops = ops._replace(dtype_idx=np.arange(N_DTYPES))
    *_, busy_s = time_operators(ops, machines, random_placements(rng, 3))
    matrix, simd, vector = (work * ops.executions for work in (ops.matrix_flop, ops.simd_flop, ops.vector_flop))
    expected_s = (
        machines.matrix_s_per_flop.T * matrix,
        machines.simd_s_per_flop.T * simd + machines.simd_s_per_vector_flop.T * vector,
        machines.vector_s_per_flop.T * vector + machines.vector_s_per_simd_flop.T * simd,
    )
    for resource_idx, time_s in enumerate(expected_s):
        np.testing.assert_allclose(busy_s[..., resource_idx], time_s)


def test_one_engine_does_the_work_of_both_one_after_the_other():
    both, alone = am.machine("mtia_2i"), replace(am.machine("mtia_2i"), simd=None)
    trace = operators_trace("softmax", [{"rows": 4096, "cols": 1024}], "fp16", {})
    rows = [
        time_operators(pack_operators(trace), pack_machines([machine]), pack_placements([place(trace, machine)]))
        for machine in (both, alone)
    ]
    (simd_s, vector_s), (none_s, all_s) = (busy_s[0, 0, 1:3] for *_, busy_s in rows)
    assert none_s == 0
    assert all_s == pytest.approx(vector_s + simd_s * both.simd.lanes["fp16"] / both.vector.lanes["fp16"])
