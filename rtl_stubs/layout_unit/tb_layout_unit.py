"""Bench of the layout unit: golden model, coverage, and the test that cocotb runs."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from tb_common import offered_cycles, play


def golden(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, list[int]]:
    """Transpose tile by tile the tiles whose last row says so."""
    size, width = parameters["SIZE"], parameters["WIDTH"]
    words = []
    rows = stimulus["sources"]["in"]["data"]
    for first in range(0, len(rows), size):
        tile = np.array(
            [[row >> (width * i) & (1 << width) - 1 for i in range(size)] for row in rows[first : first + size]]
        )
        is_transposed = rows[first + size - 1] >> (size * width)
        words += [
            sum(int(value) << (width * i) for i, value in enumerate(row)) for row in (tile.T if is_transposed else tile)
        ]
    return {"out": words}


def bins(parameters: dict[str, int], stimulus: dict[str, Any], measured: dict[str, Any]) -> set[str]:
    """Say what happened: both kinds of tiles, both memories full, both sides waiting."""
    size, width = parameters["SIZE"], parameters["WIDTH"]
    hit = set()
    for row in stimulus["sources"]["in"]["data"][size - 1 :: size]:
        hit.add("transposed" if row >> (size * width) else "passed_on")
    taken, given = measured["events"]["in"], measured["events"]["out"]
    if not set(taken).isdisjoint(given):
        hit.add("in_and_out_at_once")
    if len(taken) != len(given):  # rows are missing
        return hit
    entered, left = taken[size - 1 :: size], given[size - 1 :: size]  # last rows of tiles
    if any(full < empty for full, empty in zip(entered[1:], left, strict=False)):
        hit.add("both_memories_full")
    if any(row > offered for row, offered in zip(taken, offered_cycles(stimulus["sources"]["in"], taken), strict=True)):
        hit.add("input_waits")
    ready = [max(before, entered[i // size]) + 1 for i, before in enumerate([-1, *given[:-1]])]
    if any(row > offered for row, offered in zip(given, ready, strict=True)):
        hit.add("output_waits")
    return hit


@cocotb.test()
async def rtl_equals_model(dut: Any) -> None:
    """Cycles, events and words of every point are those of the model."""
    await play(dut, golden, bins)
