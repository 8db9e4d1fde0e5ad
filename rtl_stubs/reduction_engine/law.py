"""What to play on a chain of reduction engines, and what the model says happens (no simulator here)."""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.data_movement import reduction_cycles
from archmodel.kernels.reduction_engine import chain_cycles, reduction_events
from archmodel.verify.stimulus import draw_gaps, draw_words

LONGEST = 4  # members for which the bench has events


def draw(rng: np.random.Generator, parameters: dict[str, int]) -> dict[str, Any]:
    """Draw a stimulus: up to 6 blocks of up to 4 steps; a third of the points without stalls, of one block size."""
    lanes, n_blocks = parameters["WIDTH"] // 4, int(rng.integers(1, 7))
    is_smooth = rng.random() < 1 / 3
    n_sums = rng.integers(1, parameters["BEATS"] * lanes + 1, n_blocks)
    n_sums[rng.random(n_blocks) < 0.2] = parameters["BEATS"] * lanes
    if is_smooth:
        n_sums[:] = n_sums[0]
    n_beats = -(-n_sums // lanes)
    n_steps = rng.integers(1, 5, n_blocks)
    rows = np.where(rng.random(n_blocks) < 0.3, 0, rng.integers(1, n_beats + 1))
    blocks = (n_steps + (n_sums << 8) + (rows << 24)).tolist()
    n_in, n_out = int(n_beats @ n_steps), int(n_beats.sum())
    sources: dict[str, Any] = {}
    for member in range(parameters["MEMBERS"]):
        gaps = [[0], [0]] if is_smooth else [_draw_waits(rng, n_blocks), _draw_waits(rng, n_in)]
        sources[f"block[{member}]"] = {"data": blocks, "gap": gaps[0]}
        sources[f"in[{member}]"] = {"data": _draw_sums(rng, n_in, lanes), "gap": gaps[1]}
    n_rows = int(sum(-(-n // row) for n, row in zip(n_beats, rows, strict=True) if row))
    out_gap = [0] if is_smooth else _draw_waits(rng, n_out)
    return {"sources": sources, "sinks": {"out": {"n": n_out, "gap": out_gap}, "range": {"n": n_rows, "gap": [0]}}}


def _draw_waits(rng: np.random.Generator, n: int) -> list[int]:
    """Draw gaps, a few of them long enough to fill hops and banks."""
    gaps = np.array(draw_gaps(rng, n))
    gaps[rng.random(n) < 0.05] = 25
    return gaps.tolist()


def _draw_sums(rng: np.random.Generator, n_beats: int, lanes: int) -> list[int]:
    """Draw beats of sums: most of them small, as those of a matrix engine are, some of any size."""
    words = draw_words(rng, n_beats, 32 * lanes)
    small = rng.integers(-1000, 1000, (n_beats, lanes)).astype("<i4")
    return [
        int.from_bytes(row.tobytes(), "little") if rng.random() < 0.8 else word
        for row, word in zip(small, words, strict=True)
    ]


def expect(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, Any]:
    """Cycles in all and the cycles of all events; the closed form where nothing stalls."""
    n_members, width, hop = parameters["MEMBERS"], parameters["WIDTH"], parameters["HOP"]
    sources, sinks = stimulus["sources"], stimulus["sinks"]
    blocks = np.array(sources["block[0]"]["data"])
    n_steps, n_bytes, rows = blocks & 255, (blocks >> 8 & 0xFFFF) * 4, blocks >> 24
    n_beats = -(-n_bytes // width)
    block_gap, in_gap = (
        np.array([sources[f"{name}[{member}]"]["gap"] for member in range(n_members)]) for name in ("block", "in")
    )
    taken = np.zeros((n_members, n_beats @ n_steps), np.int64)
    full = np.zeros((n_members, blocks.size), np.int64)
    passed = np.zeros((n_members, n_beats.sum()), np.int64)
    out_gap = np.array(sinks["out"]["gap"])
    reduction_events(hop, n_beats, n_steps, block_gap, in_gap, out_gap, taken, full, passed)
    cycles = int(passed[-1, -1]) + 1
    if not (block_gap.any() or in_gap.any() or out_gap.any()) and np.all(n_beats == n_beats[0]):
        reduced = reduction_cycles(float(n_bytes[0]), n_members, hop, float(width))
        cycles = chain_cycles(int(n_steps.sum()), int(n_beats[0]), reduced)
    events = {
        f"{name}{member}": cycles_of[member].tolist() if member < n_members else []
        for name, cycles_of in (("in", taken), ("full", full), ("pass", passed))
        for member in range(LONGEST)
    }
    return {"cycles": cycles, "events": {**events, "range": passed[-1, _row_ends(n_beats, rows)].tolist()}}


def _row_ends(n_beats: np.ndarray, rows: np.ndarray) -> list[int]:
    """Numbers of the beats that end a row, among those of all blocks."""
    firsts = np.cumsum(n_beats) - n_beats
    return [
        int(first + min(n, end) - 1)
        for first, n, row in zip(firsts, n_beats, rows, strict=True)
        if row
        for end in range(row, n + row, row)
    ]
