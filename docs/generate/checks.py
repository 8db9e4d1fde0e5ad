"""Checks of the model against published numbers; the same ones that ``tests/validation`` asserts, as tables."""

from __future__ import annotations

import runpy
import statistics
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import archmodel as am
from archmodel.kernels.matmul_shape import MatmulMapping
from archmodel.lowering.operators.matmul import lower_mapped
from archmodel.lowering.phases import find_site
from archmodel.machine.types import Machine
from archmodel.mapping import place
from archmodel.units import format_si
from archmodel.workload import read_workload
from archmodel.workload.single import operators_trace
from generate.pages import peak_rows, published_rows
from generate.tables import Row, percent, share, table

VALIDATION = Path(__file__).parents[2] / "tests" / "validation"


def peaks(machines: Sequence[Machine]) -> str:
    """Compare the peaks of all machines with the published ones."""
    rows = [
        {"machine": _machine_link(machine.name), **row}
        for machine in machines
        for row in peak_rows(machine)
        if row["published"] is not None
    ]
    return table(rows)


def published_workloads() -> str:
    """Compare all workloads with what their authors published."""
    rows = [
        {"workload": f"[{name}](../workloads/generated/{name}.md)"}
        | {key: row[key] for key in ("figure", "at", "computed", "published", "difference", "source")}
        for name in am.workloads()
        for row in published_rows(name, read_workload(name)[1].published)
    ]
    return table(rows)


def bf16_add() -> str:
    """Compare the BF16 add on MTIA 300 with the published curve, by both models."""
    test = load_test("test_bf16_add")
    rows: list[Row] = []
    for point in test.POINTS:
        n, measured_s = int(point["n_elements"]), float(point["latency_us"]) * 1e-6
        times = {f"`{model}`": format_si(test.estimate_s(n, model), "s") for model in test.ERRORS}
        errors = {f"error of `{model}`": percent(test.error_at(point, model)) for model in test.ERRORS}
        rows.append({"elements": f"{n:,}", "published": format_si(measured_s, "s")} | times | errors)
    return table(rows)


def efficiency() -> str:
    """Compare the share of a peak that kernels reach with what is published."""
    chip, large = am.machine("mtia_2i"), am.machine("mtia_300")
    on_chip = {"a": "sram", "b": "sram", "c": "sram"}
    square = am.evaluate_operator(chip, "matmul", m=2048, n=2048, k=2048, dtype="fp16", place=on_chip, launch="graph")
    streamed = {"a": "sram", "c": "sram"}
    layer = am.evaluate_operator(chip, "matmul", m=512, n=26592, k=2048, dtype="fp16", place=streamed, launch="graph")
    weights_per_s = 26592 * 2048 * 2 / layer["latency_s"]
    big = am.evaluate_operator(large, "matmul", m=4096, n=4096, k=4096, dtype="bf16")
    rows: list[Row] = [
        {
            "what": "matmul 2048 x 2048 x 2048 in FP16, operands on chip",
            "of": "matrix peak of `mtia_2i`",
            "model": share(square["utilisation"]),
            "published": "above 92 %",
            "source": "MTIA 2i, ISCA 2025, section 3.3",
        },
        {
            "what": "layer 512 x 26592 x 2048 in FP16, weights from DRAM",
            "of": "DRAM bandwidth of `mtia_2i`",
            "model": share(weights_per_s / chip.dram.bandwidth_bytes_per_s),
            "published": "above 95 %",
            "source": "MTIA 2i, ISCA 2025, section 4.2",
        },
        {
            "what": "matmuls above 400 FLOP/B in BF16 (the model: 4096 x 4096 x 4096)",
            "of": "matrix peak of `mtia_300`",
            "model": share(big["flop"] / big["latency_s"] / large.peak_flop_per_s("matrix", "bf16")),
            "published": "59 % on average",
            "source": "MTIA 300, ISCA 2026, figure 14",
        },
    ]
    return table(rows)


def language_models() -> str:
    """Compare language models on MTIA 2i with the limits that Meta reports as met or missed."""
    machine = am.machine("mtia_2i")
    rows: list[Row] = []
    for name, phase, limit_s, is_met in (
        ("llm/llama2-7b", "prefill", 600e-3, True),
        ("llm/llama2-7b", "decode", 60e-3, False),
        ("llm/llama3.1-8b", "decode", 60e-3, False),
    ):
        sizes = {"sequence": 2048} if phase == "prefill" else {"context": 1024}
        result = am.evaluate(machine, am.workload(name, phase=phase, batch=1, dtype="fp16", **sizes))
        verdict = {True: "met", False: "missed"}
        rows.append(
            {
                "workload": f"{name} {phase}",
                "limit": format_si(limit_s, "s"),
                "published": verdict[is_met],
                "model": verdict[result.latency_s <= limit_s],
                "time": format_si(result.latency_s, "s"),
                "lower bound": format_si(result.lower_s, "s"),
                "upper bound": format_si(result.upper_s, "s"),
                "bound by": result.bound,
            }
        )
    return table(rows)


def clock() -> str:
    """Compare what the higher clock of MTIA 2i gains with the range that Meta reports."""
    slow, fast = am.machine("mtia_2i_1.1ghz"), am.machine("mtia_2i")
    gains = {}
    for name in (name for name in am.workloads() if name.startswith("recommendation/mtia_")):
        trace = am.workload(name)
        gains[name] = am.evaluate(slow, trace).latency_s / am.evaluate(fast, trace).latency_s - 1
    rows: list[Row] = [{"workload": name, "gain": percent(gain)} for name, gain in gains.items()]
    return table([*rows, {"workload": "mean", "gain": percent(statistics.mean(gains.values()))}])


def mtia_2i_gemm() -> str:
    """Hold the cycles of GEMMs on MTIA 2i against what is printed of single kernels."""
    test = load_test("test_mtia_2i_gemm")
    plain = {"timing.memory.broadcast": "false", "timing.memory.prefetch": "false"}
    machine, without = am.machine("mtia_2i"), am.machine("mtia_2i", plain)
    square = test.evaluate(machine, **test.SQUARE)
    int8 = test.evaluate(machine, "linear", "int8", quantise="rows", **test.SQUARE)
    layer, remapped = (test.evaluate(chip, placed=test.FC_PLACE, **test.FC)["cycles"] for chip in (machine, without))
    weights_per_s = test.FC["n"] * test.FC["k"] * 2 * machine.clock_hz / layer
    pins = machine.dram.bandwidth_bytes_per_s * (1 - machine.dram.ecc_overhead_frac)
    trace = operators_trace("matmul", [test.FC], "fp16", test.FC_PLACE)
    mapping = MatmulMapping(0, 1, 8, 8, 1, 64, 128, 128, 2)
    same = [
        lower_mapped(find_site(trace, 0, chip, place(trace, chip)), mapping)[0].run("representative").cycles
        for chip in (machine, without)
    ]
    return table(
        {"what": what, "cycle": found, "published": published, "ISCA 2025, section": section}
        for what, found, published, section in (
            ("2048 x 2048 x 2048 in FP16, operands in SRAM", share(square["utilisation"]), "above 92 % of peak", "3.3"),
            ("the same in dynamic INT8", f"{square['cycles'] / int8['cycles']:.2f} x", "1.6 x as fast", "4.4"),
            ("512 x 26592 x 2048, weights in DRAM", share(weights_per_s / pins), "above 95 % of DRAM", "4.2"),
            ("that layer without broadcast and prefetch", f"{same[1] / same[0]:.2f} x", "1.8 x as long", "4.2"),
            ("the same, mapped anew", f"{remapped / layer:.2f} x", None, "4.2"),
        )
    )


def systolic_arrays() -> str:
    """Put the cycles of seven GEMMs beside the bound and another simulator."""
    gemms = load_test("test_systolic_arrays").GEMMS
    chips = [am.machine(name, {"array.overlap": "true"}) for name in ("systolic_ws", "systolic_os")]
    rows: list[Row] = []
    for m, n, k, other in gemms:
        ws, os = (
            am.evaluate_operator(chip, "matmul", dtype="fp16", model="cycle", m=m, n=n, k=k)["cycles"] for chip in chips
        )
        bound = max(m * n * k / 128**2, 2 * (m * k + k * n + m * n) / 200)
        rows.append(
            {
                "m x n x k": f"{m} x {n} x {k}",
                "bound": f"{bound:,.0f}",
                "weight-stationary": f"{ws:,}",
                "output-stationary": f"{os:,}",
                "ONNXim": f"{other:,}",
                "ws to ONNXim": percent(ws / other - 1),
                "os to ONNXim": percent(os / other - 1),
            }
        )
    return table(rows)


def mtia_300_gemm() -> str:
    """Compare the shares of the peak that GEMMs on MTIA 300 reach, by intensity."""
    test = load_test("test_mtia_300_gemm")
    intensities = [float(point["intensity_flop_per_byte"]) for point in test.POINTS]
    points = [
        (intensity, measured, statistics.mean(row["flop"] / row["latency_s"] / test.PEAK for row in rows))
        for intensity, (measured, rows) in zip(
            [intensity for intensity in intensities if intensity > 400], test.compute_bound(), strict=True
        )
    ]
    edges = ((400, 600), (600, 1000), (1000, max(intensities)))
    rows: list[Row] = []
    for low, high in (*edges, (400, max(intensities))):
        some = [point for point in points if low < point[0] <= high]
        rows.append(
            {
                "FLOP/B": f"{low} to {high:.0f}",
                "points": len(some),
                "cycle": share(statistics.mean(point[2] for point in some)),
                "published": share(statistics.mean(point[1] for point in some)),
                "mean distance of a point": share(statistics.mean(abs(p[2] - p[1]) for p in some)),
            }
        )
    return table(rows)


def tenstorrent_gemm() -> str:
    """Compare matmuls on Tenstorrent cards with the published cycles and host times, in all and one by one."""
    test = load_test("test_tenstorrent_gemm")
    total: list[Row] = []
    for name in test.MACHINES:
        cycles, host = abs(test.deviations(name))
        total.append(
            {
                "machine": _machine_link(name),
                "matmuls": len(cycles),
                "mean deviation of cycles": share(cycles.mean()),
                "largest": share(cycles.max()),
                "mean deviation of host times": share(host.mean()),
                "largest of these": share(host.max()),
            }
        )
    rows: list[Row] = []
    for idx, point in enumerate(test.POINTS):
        measured, estimate, host_us = test.count(idx)
        rows.append(
            {
                "machine": _machine_link(point["machine"]),
                "m x n x k": f"{point['m']} x {point['n']} x {point['k']}",
                "dtype": f"{point['dtype']} {point['fidelity']}",
                "model": f"{estimate:,.0f}",
                "published": f"{measured:,.0f}",
                "difference": percent(estimate / measured - 1),
                "of host times": percent(host_us / float(point["host_us"]) - 1),
            }
        )
    return f"{table(total)}\n\n{table(rows)}"


def serving() -> str:
    """Compare the steady state of serving DeepSeek-R1 with what was measured."""
    test = load_test("test_deepseek_serving")
    rows: list[Row] = []
    for machine, model in test.CASES:
        answers = test.serve(machine, model)
        errors = {str(requests): percent(found / measured - 1) for requests, (found, measured) in answers.items()}
        rows.append({"8 chips": _machine_link(machine), "model": f"`{model}`", **errors})
    return table(rows)


def serving_by_host() -> str:
    """Show how the errors of serving depend on the assumed time of the host between steps."""
    test = load_test("test_deepseek_serving")
    rows: list[Row] = []
    for host_step_s in next(iter(test.BY_HOST.values())):
        row: dict[str, str] = {"host between steps": f"{1e3 * host_step_s:g} ms"}
        for machine, model in test.BY_HOST:
            errors = [found / measured - 1 for found, measured in test.serve(machine, model, host_step_s).values()]
            row[f"`{model}`, {machine}"] = f"{percent(min(errors))} … {percent(max(errors))}"
        rows.append(row)
    return table(rows)


@cache
def load_test(test: str) -> SimpleNamespace:
    """Load a test, so that a table shows what the test asserts."""
    return SimpleNamespace(**runpy.run_path(str(VALIDATION / f"{test}.py")))


def _machine_link(name: str) -> str:
    return f"[{name}](../machines/generated/{name}.md)"
