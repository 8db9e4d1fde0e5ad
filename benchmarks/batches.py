"""Machines per second of a sweep, by model: five workloads on machines that differ as those of a sweep do."""

from __future__ import annotations

import cProfile
import itertools
import pstats
import resource
import time
from typing import Any

import numpy as np
from timing import Figure

import archmodel as am
from archmodel.machine.columns import LeafPath, MachineColumns
from archmodel.models.columns import evaluate_columns
from archmodel.workload.types import Trace

MACHINE = "mtia_2i"
WORKLOADS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("recommendation/dlrm_dcnv2", {}),
    ("recommendation/dlrm_v3_hstu", {}),
    ("llm/llama3.1-8b", {"phase": "prefill", "batch": 1, "sequence": 2048}),
    ("llm/llama3.1-8b", {"phase": "decode", "batch": 32, "context": 2048}),
    ("diffusion/sdxl", {}),
)
NEAR: dict[tuple[LeafPath, ...], tuple[tuple[float, ...], ...]] = {
    (("pe", "rows"), ("pe", "cols")): ((8, 8), (12, 12)),
    (("local", "capacity_bytes"),): ((393216.0,), (1048576.0,)),
}
"""What all programs see."""
FAR: dict[tuple[LeafPath, ...], tuple[tuple[float, ...], ...]] = {
    (("clock_hz",),): ((1.1e9,), (1.3e9,), (1.5e9,), (1.7e9,), (1.9e9,), (2.1e9,)),
    (("sram", "capacity_bytes"),): ((134217728.0,), (268435456.0,), (402653184.0,), (536870912.0,)),
}
"""What only those see that reach DRAM."""
N_MACHINES = {"roofline": 100_000, "analytic": 96, "cycle": 12}
"""As many as take long enough to be timed."""
AIMED_S = {"roofline": (100_000, 15.0), "analytic": (100_000, 60.0), "cycle": (1_000, 120.0)}
"""Machines, and the time that all workloads on them should take."""


def build_machines(n: int, seed: int) -> MachineColumns:
    """Machines of every combination of values, again and again with other launch costs until there are enough.

    Those of another seed are other machines, of which nothing is remembered.
    """
    axes = {**NEAR, **FAR}
    rows = list(itertools.islice(itertools.cycle(itertools.product(*axes.values())), n))
    paths = [path for group in axes for path in group]
    values = zip(*([value for choice in row for value in choice] for row in rows), strict=True)
    columns = {path: np.array(column) for path, column in zip(paths, values, strict=True)}
    columns["launch", "operator_s"] = np.linspace(1e-7, 1e-6, n)
    columns["local", "capacity_bytes"] += 1024 * seed
    columns["clock_hz",] *= 1 + seed / 1000
    return MachineColumns(am.machine(MACHINE), columns, n)


def evaluate_all(model: str, traces: list[Trace], machines: MachineColumns, n_threads: int) -> float:
    """Evaluate all workloads [s]."""
    start_s = time.perf_counter()
    for trace in traces:
        evaluate_columns(model, trace, machines, n_threads=n_threads)
    return time.perf_counter() - start_s


def find_kernel_share(model: str, traces: list[Trace], machines: MachineColumns) -> float:
    """Share of the time on one thread that is spent in compiled kernels."""
    profile = cProfile.Profile()
    profile.runcall(evaluate_all, model, traces, machines, 1)
    own_s = {place[0]: 0.0 for place in pstats.Stats(profile).stats}  # type: ignore[attr-defined]
    for place, numbers in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        own_s[place[0]] += numbers[2]
    return sum(s for file, s in own_s.items() if "archmodel/kernels" in file) / sum(own_s.values())


def measure() -> list[Figure]:
    traces = [am.workload(name, **settings) for name, settings in WORKLOADS]
    figures = []
    for model, n in N_MACHINES.items():
        evaluate_all(model, traces, build_machines(2, 0), 1)  # compiles
        n_aimed, aimed_s = AIMED_S[model]
        one_s, two_s = (evaluate_all(model, traces, build_machines(n, threads), threads) for threads in (1, 2))
        share = find_kernel_share(model, traces, build_machines(n, 3))
        figures += [
            Figure(f"sweep_{model}_points_per_s", n / one_s, "points/s, one thread"),
            Figure(
                f"sweep_{model}_two_threads_s", two_s / n * n_aimed, f"s for {n_aimed:,} points", one_s / two_s,
                "one thread", at_most=aimed_s, ratio_at_least=1.7,
            ),
            Figure(f"sweep_{model}_in_kernels", share, "of the time, one thread", at_least=0.9),
        ]  # fmt: skip
    rss_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return [*figures, Figure("sweep_memory", rss_bytes / 1e9, "GB, most of the process", at_most=1.0)]
