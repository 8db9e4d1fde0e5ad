"""Plain systolic arrays: closed forms of SCALE-Sim, and seven GEMMs beside the bound and another simulator."""

from __future__ import annotations

import pytest

import archmodel as am

IN_SRAM = {"a": "sram", "b": "sram", "c": "sram"}
SHAPES = [(512, 512, 512), (1024, 1024, 1024), (1, 4096, 4096), (128, 8192, 8192), (8192, 1024, 512), (100, 300, 77)]
# m, n, k, cycles of ONNXim (simple DRAM, overlapped prefetch), measured: 128 x 128 cells, 1 GHz, two-byte elements,
# 200 GB/s. arXiv 2406.08051.
GEMMS = [
    (512, 512, 512, 10_446),
    (1024, 1024, 1024, 69_836),
    (2048, 2048, 2048, 532_172),
    (4096, 4096, 4096, 4_209_356),
    (1, 4096, 4096, 168_713),
    (128, 8192, 8192, 833_602),
    (8192, 1024, 512, 264_397),
]


def closed_form(dataflow, m, n, k, s):
    if dataflow == "ws":
        return -(-k // s) * -(-n // s) * (m + 3 * s - 2) - 1
    return -(-m // s) * -(-n // s) * (k + 2 * s - 2) - 1


@pytest.mark.parametrize("size", [32, 64, 128, 256])
@pytest.mark.parametrize("dataflow", ["ws", "os"])
def test_cycles_of_the_array_are_the_closed_form(dataflow, size):
    machine = am.machine(f"systolic_{dataflow}", {"array.size": str(size), "sram.capacity": "1 GB"})
    for m, n, k in SHAPES:
        expected = closed_form(dataflow, m, n, k, size)
        dims = {"m": m, "n": n, "k": k}
        near = am.evaluate_operator(machine, "matmul", dtype="fp16", model="cycle", place=IN_SRAM, **dims)
        far = am.evaluate_operator(machine, "matmul", dtype="fp16", model="cycle", **dims)
        assert (near["cycles"], near["work_cycles"]["matrix"]) == (expected, expected)
        assert far["work_cycles"]["matrix"] == expected
        assert far["cycles"] > expected


@pytest.mark.parametrize("dataflow", ["ws", "os"])
@pytest.mark.parametrize("gemm", GEMMS, ids=lambda gemm: "x".join(map(str, gemm[:3])))
@pytest.mark.parametrize("model", ["analytic", "cycle"])
def test_seven_gemms_lie_between_the_bound_and_another_simulator(model, gemm, dataflow):
    m, n, k, other = gemm
    machine = am.machine(f"systolic_{dataflow}", {"array.overlap": "true"})
    bound = max(m * n * k / 128**2, 2 * (m * k + k * n + m * n) / 200)
    row = am.evaluate_operator(machine, "matmul", dtype="fp16", model=model, m=m, n=n, k=k)
    assert bound <= row["cycles"] <= 1.1 * other
    assert row["utilisation"] <= 1


def test_bandwidths_are_real_limits():
    dims = {"m": 1024, "n": 1024, "k": 1024}
    slow_dram = am.machine("systolic_os", {"dram.bandwidth": "20 GB/s"})
    row = am.evaluate_operator(slow_dram, "matmul", dtype="fp16", model="cycle", **dims)
    assert row["cycles"] >= 3 * 2 * 1024**2 / 20
    slow_sram = am.machine("systolic_os", {"sram.width": "64 B/cycle"})
    row = am.evaluate_operator(slow_sram, "matmul", dtype="fp16", model="cycle", place=IN_SRAM, **dims)
    assert row["cycles"] + 1 >= 2 * 2 * 1024**3 / 128 / 64  # cycles are the last one, counted from 0


@pytest.mark.parametrize("dataflow", ["ws", "os"])
def test_last_cycle_of_a_tile_that_waits_for_the_sram(dataflow):
    machine = am.machine(f"systolic_{dataflow}", {"sram.width": "64 B/cycle"})
    dims = {"m": 128, "n": 128, "k": 128}
    row = am.evaluate_operator(machine, "matmul", dtype="fp16", model="cycle", place=IN_SRAM, **dims)
    assert row["cycles"] == 2 * 128 * 128 * 2 / 64 - 1
