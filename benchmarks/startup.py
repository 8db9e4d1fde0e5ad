"""What a user waits for at the command line: help, a first evaluation, and one with the kernels compiled already."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from timing import Figure

COMMAND = str(Path(sys.executable).with_name("archmodel"))
EVALUATION = ("run", "mtia_2i", "llm/llama3.1-8b")
N_RUNS = 5


def run(arguments: tuple[str, ...], cache_dir: str) -> tuple[float, float]:
    """Run ``archmodel`` in a process of its own; returns CPU and wall time [s]."""
    before, start_s = _children_cpu_s(), time.perf_counter()
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache_dir}
    subprocess.run([COMMAND, *arguments], env=environment, stdout=subprocess.DEVNULL, check=True)
    return _children_cpu_s() - before, time.perf_counter() - start_s


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure() -> list[Figure]:
    """Take the median of several runs each."""
    cold_s = []
    for _ in range(N_RUNS):
        with tempfile.TemporaryDirectory() as empty:
            cold_s.append(run(EVALUATION, empty)[1])
    with tempfile.TemporaryDirectory() as cache_dir:
        run(EVALUATION, cache_dir)  # fills the cache
        warm_s = [run(EVALUATION, cache_dir)[1] for _ in range(N_RUNS)]
        help_s = [run(("--help",), cache_dir)[0] for _ in range(N_RUNS)]
    return [
        Figure("startup_help_cpu", float(np.median(help_s)), "s", at_most=0.5),
        Figure("startup_run_warm", float(np.median(warm_s)), "s", at_most=3.0),
        Figure("startup_run_cold", float(np.median(cold_s)), "s", at_most=10.0),
    ]
