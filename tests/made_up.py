"""Results that nothing was evaluated for: figures of them stay the same whatever the models say, and cost nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from archmodel.results import Result, ResultTable
from archmodel.results.store import Store
from archmodel.results.timeline import Counter, Events, Span, Timeline, Track

Row = dict[str, Any]

AXES: dict[str, dict[str, dict[str, Any]]] = {
    "clock": {f"{ghz} GHz": {"clock_hz": ghz * 1e9} for ghz in (1.0, 1.25, 1.5, 2.0)},
    "sram.capacity": {f"{mib} MiB": {"sram_capacity_bytes": mib * 2.0**20} for mib in (64, 128, 256, 512)},
    "memory": {
        "LPDDR5": {"dram_technology": "LPDDR5", "dram_bandwidth_bytes_per_s": 204.8e9},
        "wide LPDDR5": {"dram_technology": "LPDDR5", "dram_bandwidth_bytes_per_s": 409.6e9},
        "two HBM3E": {"dram_technology": "HBM3E", "dram_bandwidth_bytes_per_s": 2048e9},
    },
    "workload.batch": {"256": {"batch": 256}, "512": {"batch": 512}},
}
OBJECTIVES = {
    "throughput": {"column": "throughput", "goal": "max", "unit": "sample/s"},
    "perf_per_w": {"column": "perf_per_w", "goal": "max", "unit": "sample/s/W"},
    "area": {"column": "silicon_mm2", "goal": "min", "unit": "mm2"},
}
UNITS = {
    "clock_hz": "Hz", "sram_capacity_bytes": "B", "dram_bandwidth_bytes_per_s": "B/s", "batch": "",
    "throughput": "sample/s", "perf_per_w": "sample/s/W", "silicon_mm2": "mm2", "tdp_w": "W",
    "ranking_utilisation": "",
}  # fmt: skip
GOALS = {"throughput": "max", "perf_per_w": "max", "silicon_mm2": "min", "tdp_w": "min"}


def make_row(point: int, choices: Mapping[str, str], axes: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Row:
    """Make up figures of a point: smooth in its values, with a different best one for every objective."""
    row: Row = {"point": point}
    for axis, label in choices.items():
        columns = axes[axis][label]
        name = axis.replace(".", "_")
        is_field = len(columns) == 1 and (next(iter(columns)).startswith(name) or name.endswith(next(iter(columns))))
        row |= dict(columns) if is_field else {name: label, **columns}
    clock_ghz, sram_mib = row.get("clock_hz", 1.3e9) / 1e9, row.get("sram_capacity_bytes", 2.0**28) / 2**20
    bandwidth, batch = row.get("dram_bandwidth_bytes_per_s", 204.8e9) / 1e9, row.get("batch", 256)
    hit_frac = 1 - math.exp(-sram_mib / 200)
    rate = 1 / (1 / (4e5 * clock_ghz) + (1 - hit_frac) * 6 / (5e3 * bandwidth)) * batch / (batch + 40)
    area, watts = 180 + 0.45 * sram_mib + 0.03 * bandwidth, 30 + 22 * clock_ghz**2 + 0.02 * bandwidth + 0.03 * sram_mib
    return row | {
        "throughput": rate, "perf_per_w": rate / watts, "silicon_mm2": area, "tdp_w": watts,
        "ranking_utilisation": rate / (6e5 * clock_ghz), "ranking_bound": "dram", "status": "ok", "message": "",
        "is_feasible": bool(area <= 440),
    }  # fmt: skip


def write_results(
    folder: Path,
    *,
    axes: Mapping[str, Mapping[str, Mapping[str, Any]]] = AXES,
    objectives: Mapping[str, Mapping[str, str]] = OBJECTIVES,
    chosen: Iterable[Sequence[str]] | None = None,
    change: Callable[[list[Row]], list[Row]] = lambda rows: rows,
    title: str = "What memory should the next chip have?",
    has_front: bool = True,
    around: Sequence[int] = (),
) -> Path:
    """Write the results of a sweep.

    Parameters
    ----------
    folder
        Where.
    axes, objectives, title
        As run.json has them.
    chosen
        Choices of each point on every axis; all combinations if not given.
    change
        Makes other points of those that there would be.
    has_front
        Whether the sweep has ended.
    around
        Points whose sensitivities are kept, too.
    """
    store = Store(folder)
    everything = product(*(list(choices) for choices in axes.values()))
    rows = [
        make_row(point, dict(zip(axes, labels, strict=True)), axes) for point, labels in enumerate(chosen or everything)
    ]
    rows = change(rows)
    with store.lock():
        store.begin(_describe(axes, objectives, title))
        store.write_part("points", 0, _columns(rows))
        if has_front:
            store.write_part("front", 0, {name: column[_on_front(rows, objectives)]
                                          for name, column in _columns(rows).items()})  # fmt: skip
            base = make_row(-1, {}, axes)
            store.write_part("base", 0, {name: column for name, column in _columns([base]).items() if name != "point"})
        for point in around:
            store.write_part("sensitivity", point, _columns(_vary(point, rows, axes)))
    return folder


def _describe(axes: Mapping[str, Any], objectives: Mapping[str, Any], title: str) -> dict[str, Any]:
    return {
        "sweep": "memory", "title": title, "notes": [], "n_space": 96, "axes": list(axes),
        "objectives": objectives, "units": UNITS, "goals": GOALS,
        "asked": {
            "archmodel": "1.2.3", "model": "roofline", "fidelity": {}, "axes": axes,
            "machine": {"name": "mtia_2i", "set": {}}, "economy": {"set": {}},
        },
        "assumed": {"machine": ["clock"] * 35, "economy": ["yield"] * 113},
    }  # fmt: skip


def _columns(rows: Sequence[Row]) -> dict[str, np.ndarray[Any, Any]]:
    return {name: np.array([row[name] for row in rows], np.object_ if isinstance(rows[0][name], str) else None)
            for name in rows[0]}  # fmt: skip


def _on_front(rows: Sequence[Row], objectives: Mapping[str, Mapping[str, str]]) -> list[int]:
    signs = [(1 if each["goal"] == "min" else -1, each["column"]) for each in objectives.values()]
    costs = [tuple(sign * row[column] for sign, column in signs) for row in rows]
    counts = [idx for idx, row in enumerate(rows) if row["is_feasible"] and all(map(math.isfinite, costs[idx]))]
    front: list[int] = []
    for idx in sorted(counts, key=lambda idx: (costs[idx], idx)):  # what comes later beats nothing before it
        if not any(costs[other] != costs[idx] and all(a <= b for a, b in zip(costs[other], costs[idx], strict=True))
                   for other in front):  # fmt: skip
            front.append(idx)
    return front


def _vary(point: int, rows: Sequence[Row], axes: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    by_point, sizes = {row["point"]: row for row in rows}, [len(choices) for choices in axes.values()]
    centre = np.unravel_index(point, sizes)
    found = [{"around": point, "axis": "", "change": "none", "choice": "", **by_point[point]}]
    for idx, (axis, choices) in enumerate(axes.items()):
        here, last = int(centre[idx]), sizes[idx] - 1
        for change, to in (("lowest", 0), ("lower", here - 1), ("higher", here + 1), ("highest", last)):
            if 0 <= to <= last and (change in ("lower", "higher") or abs(to - here) > 1):
                there = int(np.ravel_multi_index((*centre[:idx], to, *centre[idx + 1 :]), sizes))
                found.append({"around": point, "axis": axis, "change": change, "choice": list(choices)[to]}
                             | by_point[there])  # fmt: skip
    return found


RUN = {"batch": 8, "sequence": 2048, "dtype": "fp16", "launch": "graph"}


def make_result(machine: str = "mtia_2i", slowness: float = 1.0) -> Result:
    """Make up the result of a step: one operator of each of a few groups."""
    parts = (  # operator, group, FLOP, bytes, time [µs], binds
        ("qkv", "matmul", 4.2e10, 6.1e7, 380.0, "dram"),
        ("scores", "attention", 1.1e10, 8.0e6, 150.0, "matrix"),
        ("norm", "normalisation", 3.0e7, 1.6e7, 40.0, "vector"),
        ("lookup", "embedding", 2.0e6, 2.4e7, 120.0, "dram"),
        ("add", "elementwise", 8.0e6, 4.0e6, 12.0, "simd"),
    )
    rows = [
        {
            "operator": name, "kind": group, "group": group, "dtype": "fp16", "count": 1, "flop": flop,
            "bytes": n_bytes, "latency_s": slowness * time_us * 1e-6, "lower_s": slowness * time_us * 0.9e-6,
            "upper_s": slowness * time_us * 1.5e-6, "launch_s": 1e-6, "bound": bound,
        }
        for name, group, flop, n_bytes, time_us, bound in parts
    ]  # fmt: skip
    latency_s = sum(row["latency_s"] for row in rows) + 1e-6
    return Result(
        machine=machine, workload="made/up", phase="prefill", dtype="fp16", model="roofline", run=RUN,
        latency_s=latency_s, lower_s=0.8 * latency_s, upper_s=1.6 * latency_s, launch_s=6e-6, bound="dram",
        bound_s={"dram": latency_s}, energy_j=None, throughput=1 / latency_s, throughput_unit="token/s",
        utilisation=0.4, operators=ResultTable.from_rows(rows), provenance={"archmodel": "1.2.3", "assumed": ["clock"]},
    )  # fmt: skip


def make_counted(machine: str = "mtia_2i", slowness: float = 1.0) -> Result:
    """Make up the result of a model that counts cycles: what the matrix engine does in each operator."""
    rows = []
    for i, row in enumerate(make_result(machine, slowness).operators.rows()):
        n_cycles = round((row["latency_s"] - row["launch_s"]) * 1e9)
        busy = n_cycles // (2 + i) if row["group"] in ("matmul", "attention") else 0
        stalls = dict(zip(("data", "space", "issue", "arbitration", "dram"), (9, 2, 1, 3, 12), strict=True))
        counted = {cause: part * (n_cycles - busy) // 30 if busy else 0 for cause, part in stalls.items()}
        rows.append(row | {"cycles": n_cycles, "work_cycles": {"matrix": busy}, "stall_cycles": counted})
    return replace(make_result(machine, slowness), model="cycle", operators=ResultTable.from_rows(rows))


def make_ladder() -> ResultTable:
    """Make up what models say of operators; two are alike, and of one no model counts the cycles."""
    rows = [
        {"operator": f"layers.{name}", "kind": kind, "count": 32, "bound_s": bound_us * 1e-6,
         "roofline_s": 1.1 * bound_us * 1e-6, "analytic_s": (1.2 + spread) * bound_us * 1e-6,
         "cycle_s": (1.25 + spread) * bound_us * 1e-6, "upper_s": 3.5 * bound_us * 1e-6, "message": ""}
        for name, kind, bound_us, spread in (
            ("q_proj", "matmul", 40.0, 0.1), ("k_proj", "matmul", 40.0, 0.1), ("attention", "attention", 25.0, 0.9),
            ("norm", "normalisation", 4.0, 0.4),
        )
    ]  # fmt: skip
    unknown = dict.fromkeys(("analytic_s", "cycle_s", "upper_s"))
    return ResultTable.from_rows([*rows, rows[-1] | unknown | {"operator": "sort", "message": "not known"}])


def make_points() -> ResultTable:
    """Make up measured and modelled times: of one series exact, of another up to 30 % off."""
    rows = [
        {"series": series, "measured_s": 1e-6 * 3.0**i, "modelled_s": 1e-6 * 3.0**i * (1 + error * math.sin(i))}
        for series, error in (("add", 0.0), ("matmul, mtia_2i", 0.15), ("attention, h100_sxm", -0.3))
        for i in range(9)
    ]  # fmt: skip
    return ResultTable.from_rows(rows)


def make_timeline() -> Timeline:
    """Make up a timeline: two operators, three units of a PE, the bandwidth of DRAM."""
    tracks = tuple(Track("PE 0", name) for name in ("dma", "matrix", "simd"))
    step, phases, memory = Track("step", "operators"), Track("step", "phases"), Track("memory", "DRAM")
    spans = (
        Span(step, "qkv", 0.0, 30e-6, {"group": "matmul"}),
        Span(step, "norm", 30e-6, 42e-6, {"group": "normalisation"}),
        Span(phases, "qkv", 0.0, 30e-6),
        Span(phases, "norm", 30e-6, 42e-6),
    )
    turns = [(0, 3 * i, 3 * i + 2) for i in range(10)] + [(1, 3 * i + 2, 3 * i + 4) for i in range(9)]
    turns += [(0, 30 + 4 * i, 31 + 4 * i) for i in range(3)] + [(2, 31 + 4 * i, 33 + 4 * i) for i in range(3)]
    track, start_us, end_us = (np.array(column) for column in zip(*turns, strict=True))
    start, end, n = start_us * 1000, end_us * 1000, len(turns)
    events = Events(
        track=track.astype(np.int64), label=track.astype(np.int64), start_s=start_us * 1e-6, end_s=end_us * 1e-6,
        command=np.arange(n), issued_cycle=start, start_cycle=start, granted_cycle=start, end_cycle=end,
        visible_cycle=end + 100, cause=np.full(n, -1), n_turns=np.zeros(n, np.int64), n_commands=np.ones(n, np.int64),
        busy_cycles=end - start,
    )  # fmt: skip
    used = Counter(memory, "GB/s", np.arange(0, 42e-6, 3e-6), np.array([180.0, 60.0] * 7))
    return Timeline(
        machine="mtia_2i", workload="made/up", phase="prefill", mode="representative", run=RUN,
        clock_hz=1e9, latency_s=42e-6, window_s=(0.0, 42e-6), is_folded=False, spans=spans, tracks=tracks,
        labels=("load", "product", "add"), causes=(), events=events, counters=(used,), n_commands=n, remarks=(),
        provenance={"archmodel": "1.2.3", "assumed": ["clock"]},
    )  # fmt: skip
