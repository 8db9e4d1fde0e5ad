"""Points per second of a sweep by executor: threads, processes, a Dask cluster on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import numpy as np
from timing import Figure, interleave

from archmodel.models import columns, traffic
from archmodel.sweep.evaluate import Evaluator
from archmodel.sweep.executors import open_executor
from archmodel.sweep.load import Sweep, load_sweep
from archmodel.sweep.space import Points
from archmodel.sweep.tasks import part_size

SWEEP = "mtia_next"
FAST = {"points": 100_000, "model": "roofline"}
SLOW = {"points": 1000, "model": "cycle", "mode": "representative"}  # a minute or more on one thread
N_WORKERS = 2


def split(work: dict[str, Any]) -> tuple[Sweep, list[Points]]:
    """Load a sweep, and give the points of its parts."""
    sweep = load_sweep(SWEEP, work)
    ids = sweep.space.sample(work["points"], sweep.file.seed)
    size = part_size(sweep.file.model, len(ids))
    return sweep, [sweep.space.points(part) for part in np.split(ids, range(size, len(ids), size))]


def run(work: dict[str, Any], executor: str, n_workers: int) -> float:
    """Evaluate the points of a sweep, without writing them down: that is the main thread, beside any executor [s]."""
    sweep, parts = split(work)
    start_s = time.perf_counter()
    with open_executor(executor, sweep, n_workers) as workers:
        n_done = sum(len(table["point"]) for _, table in workers.map(enumerate(parts)))
    assert n_done == work["points"]
    return time.perf_counter() - start_s


def find_kernel_share() -> Figure:
    """Find the share of the processor time of points, with energy, area and cost, that is spent in compiled kernels.

    Each call of a kernel is timed; a profiler would count its own work as that of Python.
    """
    sweep, parts = split(FAST)
    evaluator = Evaluator(sweep)
    kernel_s = 0.0

    def timed(kernel: Callable[..., None]) -> Callable[..., None]:
        def call(*given: Any) -> None:
            nonlocal kernel_s
            start_s = time.thread_time()
            kernel(*given)
            kernel_s += time.thread_time() - start_s

        return call

    with (
        patch.object(columns, "time_traces", timed(columns.time_traces)),
        patch.object(traffic, "sum_traffic", timed(traffic.sum_traffic)),
    ):
        evaluator.evaluate(parts[0])  # the first part makes what all share
        kernel_s = 0.0
        start_s = time.thread_time()
        for points in parts[1:]:
            evaluator.evaluate(points)
        taken_s = time.thread_time() - start_s
    print(f"roofline, {FAST['points']:,} points: {taken_s:.2f} s of one thread, {kernel_s:.2f} s of it in kernels")
    return Figure("sweep_roofline_points_in_kernels", kernel_s / taken_s, "of the time, one thread", at_least=0.9)


def measure() -> list[Figure]:
    """Time roofline on threads and processes, and the cycle model on a thread and on a cluster."""
    alternatives = {"1 thread": ("threads", 1), "2 threads": ("threads", 2), "2 processes": ("processes", 2)}
    fast = interleave({name: lambda given=given: run(FAST, *given) for name, given in alternatives.items()}, n_rounds=3)
    slow = {name: run(SLOW, *given) for name, given in (("1 thread", ("threads", 1)), ("dask", ("dask", N_WORKERS)))}
    figures = []
    for name, seconds in fast.items():
        ratio = float(np.median(fast["1 thread"] / seconds))
        figures.append(
            Figure(
                f"sweep_roofline_{name.replace(' ', '_')}",
                FAST["points"] / float(np.median(seconds)),
                "points/s",
                None if name == "1 thread" else ratio,
                None if name == "1 thread" else "1 thread",
                ratio_at_least=1.7 if name == "2 threads" else None,
            )
        )
    return [
        *figures,
        find_kernel_share(),
        Figure("sweep_cycle_1_thread", slow["1 thread"], "s", at_least=60.0),
        Figure(
            "sweep_cycle_dask_2_workers", slow["dask"], "s", slow["1 thread"] / slow["dask"], "1 thread",
            ratio_at_least=1.3,
        ),
    ]  # fmt: skip


if __name__ == "__main__":  # worker processes import this file
    for figure in measure():
        ratio = f"{figure.ratio:.2f} x {figure.against}" if figure.ratio is not None else ""
        print(f"{figure.name:30}{figure.value:>10.3g} {figure.unit:24}{ratio:20}{figure.target}")
