"""Figures of many points: the command from the start of its process to the file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
from startup import run
from timing import Figure

import archmodel as am

N_POINTS, N_RUNS = 100_000, 5


def measure() -> list[Figure]:
    """Draw the front of a large sweep several times; medians."""
    with tempfile.TemporaryDirectory() as folder:
        results, path = str(Path(folder) / "results"), str(Path(folder) / "pareto.png")
        am.sweep("mtia_next", results, points=N_POINTS)
        cache_dir = os.environ.get("NUMBA_CACHE_DIR", folder)
        taken_s = [run(("plot", "pareto", results, "-o", path), cache_dir) for _ in range(N_RUNS)]
    cpu_s, wall_s = np.median(np.array(taken_s), axis=0)
    return [
        Figure("figure_pareto_100k_cpu", float(cpu_s), "s", at_most=3.0),
        Figure("figure_pareto_100k", float(wall_s), "s", at_most=3.0),
    ]
