"""Checks of the model against published numbers; the same ones that ``tests/validation`` asserts, as tables."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Sequence
from pathlib import Path

import archmodel as am
from archmodel.machine.types import Machine
from archmodel.units import format_si
from archmodel.workload import read_workload
from generate.pages import peak_rows, published_rows
from generate.tables import Row, percent, share, table


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


def bf16_add(points: Path) -> str:
    """Compare the BF16 add on MTIA 300 with the published curve."""
    machine = am.machine("mtia_300")
    rows: list[Row] = []
    with points.open(newline="", encoding="utf-8") as file:
        for point in csv.DictReader(file):
            n, measured_s = int(point["n_elements"]), float(point["latency_us"]) * 1e-6
            computed = am.evaluate_operator(machine, "elementwise", n=n, function="add", dtype="bf16")
            rows.append(
                {
                    "elements": f"{n:,}",
                    "model": format_si(computed["latency_s"], "s"),
                    "bound by": computed["bound"],
                    "published": format_si(measured_s, "s"),
                    "difference": percent(computed["latency_s"] / measured_s - 1),
                }
            )
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
            "model": share(big["utilisation"]),
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


def _machine_link(name: str) -> str:
    return f"[{name}](../machines/generated/{name}.md)"
