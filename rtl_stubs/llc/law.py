"""What to play on the last-level cache, and what the model says happens (no simulator here)."""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.cache import EMPTY, HIT, cache_cycles, cache_events, simulate_cache
from archmodel.verify.stimulus import draw_gaps, draw_words

MOST_REQUESTS = 40
SIDES = {"in": "sources", "fill": "sources", "out": "sinks", "victim": "sinks", "fetch": "sinks"}


def draw(rng: np.random.Generator, parameters: dict[str, int]) -> dict[str, Any]:
    """Draw a stimulus: up to 40 requests, then what they touched is read back; a third of the points without stalls.

    Read back is each word, or in a large memory the first one of each line.
    """
    width, n_words, line = parameters["WIDTH"], 1 << parameters["ADDRESS"], parameters["LINE"]
    is_busy = rng.random() < 1 / 3
    addresses = _draw_addresses(rng, parameters)
    is_write = rng.random(addresses.size) < rng.choice([0.1, 0.5, 0.9])
    checked = np.unique(addresses) if n_words <= 64 else np.unique(addresses // line * line)
    addresses = np.concatenate([addresses, checked])
    is_write = np.concatenate([is_write, np.zeros(checked.size, bool)])
    data = draw_words(rng, addresses.size, width)
    words = [
        (int(write) << parameters["ADDRESS"] | int(address)) << width | word
        for write, address, word in zip(is_write, addresses, data, strict=True)
    ]
    n_moves = addresses.size * line
    gap = {name: [0] if is_busy else draw_gaps(rng, addresses.size, longest=8) for name in SIDES}
    return {
        "config": {"latency": int(rng.integers(1, 21))},
        "sources": {"in": {"data": words, "gap": gap["in"]}, "fill": {"data": [0] * n_moves, "gap": gap["fill"]}},
        "sinks": {
            "out": {"n": len(words), "gap": gap["out"]},
            "victim": {"n": 0, "gap": gap["victim"]},  # takes what comes; the golden model knows how much
            "fetch": {"n": 0, "gap": gap["fetch"]},
        },
        "memories": {"memory": draw_words(rng, n_words, width)},
    }


def expect(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, Any]:
    """Cycles in all and the cycles of all events; the closed form where nothing stalls."""
    line, latency, outstanding = parameters["LINE"], parameters["LATENCY"], parameters["OUTSTANDING"]
    memory_latency = stimulus["config"]["latency"]
    words = [word >> parameters["WIDTH"] for word in stimulus["sources"]["in"]["data"]]
    is_write = np.array([word >> parameters["ADDRESS"] for word in words], bool)
    lines = np.array([word % (1 << parameters["ADDRESS"]) // line for word in words], np.int64)
    outcome = np.zeros(lines.size, np.int64)
    simulate_cache(lines, is_write, np.full((parameters["SETS"], parameters["WAYS"]), EMPTY), outcome)
    n_misses, n_written_back = int((outcome != HIT).sum()), int((outcome >= 0).sum())

    gaps = {name: np.array(stimulus[kind][name]["gap"], np.int64) for name, kind in SIDES.items()}
    entered, served, answered = (np.zeros(lines.size, np.int64) for _ in range(3))
    victim, fetched, filled = (np.zeros(n, np.int64) for n in (n_written_back * line, n_misses, n_misses * line))
    cache_events(
        outcome, line, memory_latency, latency, outstanding, gaps["in"], gaps["out"], gaps["victim"], gaps["fetch"],
        gaps["fill"], entered, served, answered, victim, fetched, filled,
    )  # fmt: skip
    cycles = int(answered[-1]) + 1
    if outstanding > latency and not any(gap.any() for gap in gaps.values()):
        cycles = cache_cycles(lines.size, n_misses, n_written_back, line, memory_latency, latency)
    events = {
        "enter": entered, "miss": entered[outcome != HIT], "victim": victim, "fetch": fetched, "fill": filled,
        "serve": served, "answer": answered,
    }  # fmt: skip
    return {"cycles": cycles, "events": {name: times.tolist() for name, times in events.items()}}


def _draw_addresses(rng: np.random.Generator, parameters: dict[str, int]) -> np.ndarray:
    """Addresses at random, of few lines, of one set, or one after the other."""
    line, sets, n_words = parameters["LINE"], parameters["SETS"], 1 << parameters["ADDRESS"]
    n, n_lines = int(rng.integers(1, MOST_REQUESTS + 1)), n_words // line
    pattern = rng.choice(["random", "few", "one_set", "walk"])
    if pattern == "walk":
        return (rng.integers(0, n_words) + rng.integers(1, line + 1) * np.arange(n)) % n_words
    lines = np.arange(n_lines)
    if pattern == "few":
        lines = rng.choice(n_lines, min(n_lines, 1 + sets * parameters["WAYS"]), replace=False)
    elif pattern == "one_set":
        lines = lines[lines % sets == rng.integers(0, sets)][: 2 * parameters["WAYS"]]
    return rng.choice(lines, n) * line + rng.integers(0, line, n)
