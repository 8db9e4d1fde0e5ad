"""Points per second of a sweep by executor: threads, processes, a Dask cluster on this machine."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from timing import Figure, interleave

from archmodel.sweep.executors import open_executor
from archmodel.sweep.load import load_sweep
from archmodel.sweep.tasks import part_size

SWEEP = "mtia_next"
FAST = {"points": 100_000, "model": "roofline"}
SLOW = {"points": 200, "model": "cycle", "mode": "representative"}  # a minute or more on one thread
N_WORKERS = 2


def run(work: dict[str, Any], executor: str, n_workers: int) -> float:
    """Evaluate the points of a sweep, without writing them down: that is the main thread, beside any executor [s]."""
    sweep = load_sweep(SWEEP, work)
    ids = sweep.space.sample(work["points"], sweep.file.seed)
    size = part_size(sweep.file.model, len(ids))
    parts = enumerate(sweep.space.points(part) for part in np.split(ids, range(size, len(ids), size)))
    start_s = time.perf_counter()
    with open_executor(executor, sweep, n_workers) as workers:
        n_done = sum(len(table["point"]) for _, table in workers.map(parts))
    assert n_done == len(ids)
    return time.perf_counter() - start_s


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
