"""Bench of the processing element: golden model, coverage, and the test that cocotb runs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import cocotb
import numpy as np
from tb_common import play
from tb_rows import golden_rows, row_bins

STATIONARY = ("output", "weight", "input")
UNITS = ("load", "matrix", "simd", "store")
SCALE, QUANTISE, MAX, MIN = 1, 2, 3, 4


def golden(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, list[int]]:
    """Multiply, do what the SIMD engine does, and cut the result into tiles and these into beats."""
    if "rows" in stimulus:
        return {"store": golden_rows(parameters, stimulus["rows"], stimulus["kernel"])}
    product, width = stimulus["product"], parameters["WIDTH"]
    a, b = (np.array(stimulus[name], np.int64) for name in ("a", "b"))
    c = a @ b.T
    for code, bias, value in product["operations"]:
        if code == SCALE:
            c = (c * value + bias).astype(np.int32).astype(np.int64)
        elif code == QUANTISE:
            c = np.clip((c + (1 << value >> 1)) >> value, -128, 127)
        else:
            c = np.maximum(c, value) if code == MAX else np.minimum(c, value)
    block_m, block_n = product["block_m"], product["block_n"]
    tiles = c.astype(np.int8).reshape(product["m"] // block_m, block_m, -1, block_n).swapaxes(1, 2)
    if product["stationary"] == 1:  # the panels of b are the outer loop
        tiles = tiles.swapaxes(0, 1)
    tiles = tiles.reshape(-1, block_m, block_n)
    image = (tiles if product["holds_b"] else tiles.swapaxes(1, 2)).tobytes()
    first, address_bits = (product["m"] + product["n"]) * product["k"], parameters["ADDRESS"]
    return {
        "store": [
            ((first + i) % (1 << address_bits) << width.bit_length() | width) << 8 * width
            | int.from_bytes(image[i : i + width], "little")
            for i in range(0, len(image), width)
        ]
    }  # fmt: skip


def bins(parameters: dict[str, int], stimulus: dict[str, Any], measured: dict[str, Any]) -> set[str]:
    """Say what was played, who waited for whom, and whether all units were at work at once."""
    if "rows" in stimulus:
        return row_bins(parameters, stimulus, measured) | _core_bins(stimulus, measured)
    product, events = stimulus["product"], measured["events"]
    kind = STATIONARY[product["stationary"]]
    hit = {f"{kind}_stationary"} | _core_bins(stimulus, measured)
    if kind == "output":
        hit.add(f"output_stationary_holds_{'b' if product['holds_b'] else 'a'}")
    results = np.array(golden(parameters, stimulus)["store"], object) & 0xFF
    accepts = events["accept"]
    # Time to issue if commands are taken at once; of two contexts it is what was, so that they never hit this bin.
    offered = [before + cycles for before, cycles in zip([-1, *accepts], stimulus["issue"], strict=False)]
    is_hit = {
        "several_steps": product["block_k"] < product["k"],
        "several_depths": product["block_k"] > parameters["N_TILES"] * parameters["DEPTH"],
        "two_operations": len(product["operations"]) == 2,
        "saturated": bool({127, 128} & set(results)),
        "core_waits_for_queue": any(now > first for first, now in zip(offered, accepts, strict=True)),
        "load_waits_for_space": _has_waited(events, "load", events["matrix_end"]),
        "multiply_waits_for_load": _has_waited(events, "matrix", events["load_visible"]),
        "multiplies_back_to_back": not set(events["matrix_end"]).isdisjoint(events["matrix_start"]),
        "simd_waits_for_sums": _has_waited(events, "simd", events["matrix_visible"]),
        "all_units_at_once": _have_met(events),
    }
    return hit | {name for name, is_so in is_hit.items() if is_so}


def _core_bins(stimulus: dict[str, Any], measured: dict[str, Any]) -> set[str]:
    """Say which code issued the commands, and whether engines waited for it."""
    accepts, counters = measured["events"]["accept"], measured["counters"]
    loads, multiplies = measured["events"]["load_start"], measured["events"]["matrix_start"]
    # One of two contexts issues all loads: do some come after a multiply, which is issued before it starts?
    n_loads_before = sum(accept < multiplies[0] for accept in accepts) - 1 if multiplies else len(loads)
    code = stimulus.get("code", "")
    is_split = "contexts" in code
    is_hit = {
        "issued_by_plain_code": code == "plain_code",
        "issued_by_auto_increment": "auto" in code,
        "issued_by_contexts": is_split,
        "commands_in_a_row": any(before + 1 == after for before, after in pairwise(accepts)),
        "contexts_take_turns": is_split and n_loads_before < len(loads),
        "matrix_waits_for_core": counters.get("matrix_issue", 0) > 0,
        "vector_waits_for_core": counters.get("vector_issue", 0) > 0,
        "waits_for_dram": any(counters.get(f"{unit}_dram", 0) > 0 for unit in UNITS),
        "space_stalls": any(counters.get(f"{unit}_space", 0) > 0 for unit in UNITS),
    }
    return {name for name, is_so in is_hit.items() if is_so}


def _has_waited(events: dict[str, list[int]], unit: str, awaited: list[int]) -> bool:
    """Whether a command started when what it awaited happened, although its unit was free before."""
    starts, free_at = events[f"{unit}_start"], [0, *events[f"{unit}_end"]]
    return any(start > free and start in awaited for start, free in zip(starts, free_at, strict=False))


def _have_met(events: dict[str, list[int]]) -> bool:
    """Whether there is a cycle in which each unit has a command under way."""
    busy = [
        {cycle for span in zip(events[f"{u}_start"], events[f"{u}_visible"], strict=False) for cycle in range(*span)}
        for u in UNITS
    ]
    return bool(set.intersection(*busy))


@cocotb.test()
async def rtl_equals_model(dut: Any) -> None:
    """Cycles, events and words of every point are those of the model."""
    await play(dut, golden, bins)
