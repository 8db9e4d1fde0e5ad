"""Points of comparisons with measurements that have a time each; the same that ``tests/validation`` asserts."""

from __future__ import annotations

from collections.abc import Iterator

import archmodel as am
from archmodel.results import ResultTable
from generate.checks import load_test

_Point = tuple[str, float, float]  # series, measured and modelled [s]


def validation_points() -> ResultTable:
    """Collect measured and modelled times, a series per test and machine."""
    points = [*_bf16_add(), *_tenstorrent(), *_h100(), *_nccl()]
    columns = ("series", "measured_s", "modelled_s")
    return ResultTable.from_rows([dict(zip(columns, point, strict=True)) for point in points])


def _bf16_add() -> Iterator[_Point]:
    test = load_test("test_bf16_add")
    for point in test.POINTS:
        measured_s = float(point["latency_us"]) * 1e-6
        yield "BF16 add, mtia_300, cycle", measured_s, test.estimate_s(int(point["n_elements"]), "cycle")


def _tenstorrent() -> Iterator[_Point]:
    test = load_test("test_tenstorrent_gemm")
    for row, point in enumerate(test.POINTS):
        measured, estimate, _ = test.count(row)
        clock_hz = am.machine(point["machine"]).clock_hz
        yield f"matmul, {point['machine'].removeprefix('tt_')}, cycle", measured / clock_hz, estimate / clock_hz


def _h100() -> Iterator[_Point]:
    """Kernels of the sample of measured tables, by model ``wave``."""
    test = load_test("test_wave_h100")
    groups: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in test.read_sample():
        groups.setdefault(tuple(row[name] for name in ("table", "dtype", "kv_cache_dtype")), []).append(row)
    for (kernel, *_), rows in groups.items():
        is_gemm = kernel == "gemm_perf"
        modelled_s = (test.time_gemms if is_gemm else test.time_attention)(rows, "wave")
        for row, time_s in zip(rows, modelled_s.tolist(), strict=True):
            yield f"{'matmul' if is_gemm else 'attention'}, h100_sxm, wave", float(row["latency_ms"]) * 1e-3, time_s


def _nccl() -> Iterator[_Point]:
    test = load_test("test_collectives")
    for row in test.read(test.DATA):
        measured_s = float(row["time_us"]) * 1e-6
        error = test.error("schedule", row["function"], int(row["n_chips"]), float(row["n_bytes"]), measured_s)
        yield "collective, h100_sxm", measured_s, measured_s * (1 + error)
