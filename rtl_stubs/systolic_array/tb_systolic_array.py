"""Bench of the systolic array: golden model, coverage, and the test that cocotb runs."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from tb_common import play


def golden(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, list[int]]:
    """Multiply the matrices of each command, which the streams hold tile by tile."""
    rows, cols = parameters["ROWS"], parameters["COLS"]
    a, b = (_to_lanes(stimulus["sources"][name]["data"], n) for name, n in (("a", rows), ("b", cols)))
    words: list[int] = []
    for weights_stay, _, length, n_tiles, n_added in _read_commands(stimulus):
        n_rows = rows if weights_stay else length
        left, a = a[: n_tiles * length].reshape(n_tiles, length, rows), a[n_tiles * length :]
        right, b = b[: n_tiles * n_rows].reshape(n_tiles, n_rows, cols), b[n_tiles * n_rows :]
        products = left @ right if weights_stay else left.transpose(0, 2, 1) @ right
        results = products.reshape(-1, n_added, *products.shape[1:]).sum(axis=1)
        words += [int.from_bytes(row.tobytes(), "little") for row in results.reshape(-1, cols).astype(np.int32)]
    return {"out": words}


def bins(parameters: dict[str, int], stimulus: dict[str, Any], measured: dict[str, Any]) -> set[str]:
    """Say what happened: modes, sizes against the array and its accumulators, who waited, what met."""
    rows, depth = parameters["ROWS"], parameters["DEPTH"]
    events, hit = measured["events"], set()
    commands = _read_commands(stimulus)
    for weights_stay, overlaps, length, n_tiles, n_added in commands:
        stays = "weights" if weights_stay else "sums"
        hit.add(f"{stays}_stay_{'overlapped' if overlaps and n_tiles > 1 else 'in_turn'}")
        hit.add(f"{stays}_stay_{'short' if length < rows else 'long'}_stream")
        if length == 1:
            hit.add(f"{stays}_stay_one_word")
        if n_added > 1:
            hit.add("accumulators_full" if length == depth else "accumulators_used")
        if weights_stay and length > depth:
            hit.add("longer_than_accumulators")
    if len({command[0] for command in commands}) == 2:
        hit.add("mode_changes")
    if any(later - sooner > 1 for sooner, later in zip(events["done"], events["command"][1:], strict=False)):
        hit.add("command_late")
    hit |= _find_late(rows, stimulus, events)
    times = {name: set(cycles) for name, cycles in events.items()}
    pairs = (("a", "b"), ("a", "out"), ("b", "out"))
    hit |= {f"{one}_and_{other}" for one, other in pairs if times[one] & times[other]}
    hit |= {"sums_kept"} if times["sums"] - times["out"] else set()
    hit |= {"loaded_while_sums_leave"} if times["loaded"] & times["sums"] else set()
    if int.from_bytes(b"\x80" * rows, "little") in stimulus["sources"]["a"]["data"]:
        hit.add("largest_products")
    return hit


def _find_late(rows: int, stimulus: dict[str, Any], events: dict[str, list[int]]) -> set[str]:
    """Name the sides that a step waited for: between two words of a tile, which enter or leave in steps that follow."""
    n_words: dict[str, list[int]] = {"a": [], "b": [], "out": []}
    for weights_stay, _, length, n_tiles, n_added in _read_commands(stimulus):
        n_words["a"] += [length] * n_tiles
        n_words["b"] += [rows if weights_stay else length] * n_tiles
        n_words["out"] += [length if weights_stay else rows] * (n_tiles // n_added)
    sides, late = {**stimulus["sources"], **stimulus["sinks"]}, set()
    for name, words in n_words.items():
        moved, gap = events[name], sides[name]["gap"]
        within = set(range(1, len(moved))) - set(np.cumsum(words).tolist())  # not the first word of a tile
        if any(gap[i % len(gap)] > 0 and moved[i] == moved[i - 1] + 1 + gap[i % len(gap)] for i in within):
            late.add(f"{name}_late")
    is_smooth = not any(any(side["gap"]) for side in sides.values())
    return late | ({"nothing_late"} if is_smooth else set())


def _read_commands(stimulus: dict[str, Any]) -> list[tuple[int, int, int, int, int]]:
    """Weights stay, tiles overlap, length, tiles, tiles that are added up, of each command."""
    words = stimulus["sources"]["command"]["data"]
    return [(w & 1, w >> 1 & 1, w >> 2 & 0xFFFF, w >> 18 & 0xFFFF, w >> 34) for w in words]


def _to_lanes(words: list[int], n: int) -> np.ndarray:
    raw = b"".join(word.to_bytes(n, "little") for word in words)
    return np.frombuffer(raw, np.int8).reshape(-1, n).astype(np.int64)


@cocotb.test()
async def rtl_equals_model(dut: Any) -> None:
    """Cycles, events and words of every point are those of the model."""
    await play(dut, golden, bins)
