"""What to play on the layout unit, and what the model says happens (no simulator here)."""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.layout_unit import transpose_cycles, transpose_events
from archmodel.verify.stimulus import draw_gaps, draw_words


def draw(rng: np.random.Generator, parameters: dict[str, int]) -> dict[str, Any]:
    """Draw a stimulus: up to 12 tiles of random elements; a third of the points without stalls."""
    size, width = parameters["SIZE"], parameters["WIDTH"]
    n_tiles = int(rng.integers(1, 13))
    is_busy = rng.random() < 1 / 3
    n_rows = n_tiles * size
    gaps = [[0], [0]] if is_busy else [draw_gaps(rng, n_rows), draw_gaps(rng, n_rows)]
    return {
        "sources": {"in": {"data": draw_words(rng, n_rows, size * width + 1), "gap": gaps[0]}},
        "sinks": {"out": {"n": n_rows, "gap": gaps[1]}},
    }


def expect(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, Any]:
    """Cycles in all and the cycles of both events; the closed form where nothing stalls."""
    source, sink = stimulus["sources"]["in"], stimulus["sinks"]["out"]
    n, size = len(source["data"]), parameters["SIZE"]
    taken, given = np.zeros(n, np.int64), np.zeros(n, np.int64)
    transpose_events(size, np.array(source["gap"]), np.array(sink["gap"]), taken, given)
    cycles = int(given[-1]) + 1
    if source["gap"] == sink["gap"] == [0]:
        cycles = transpose_cycles(n // size, size)
    return {"cycles": cycles, "events": {"in": taken.tolist(), "out": given.tolist()}}
