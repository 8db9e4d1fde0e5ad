"""Bench of the DRAM channel: golden model, coverage, and the test that cocotb runs."""

from __future__ import annotations

import itertools
from typing import Any

import cocotb
import numpy as np
from tb_common import play


def split(parameters: dict[str, int], stimulus: dict[str, Any]) -> list[tuple[bool, int, int, int]]:
    """Take the words of the source apart: whether it writes, bank, address, data."""
    width, lower = parameters["WIDTH"], parameters["ROW_BITS"] + parameters["COLUMN_BITS"]
    bits = (parameters["BANKS"] - 1).bit_length() + lower
    requests = []
    for word in stimulus["sources"]["in"]["data"]:
        address = word >> width & (1 << bits) - 1
        requests.append((bool(word >> (width + bits)), address >> lower, address, word & (1 << width) - 1))
    return requests


def golden(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, list[int]]:
    """Let reads give what was written last, or what the cells held before."""
    cells = np.array(stimulus["memories"]["cell_mem"], dtype=np.uint64)
    words = []
    for is_write, _, address, data in split(parameters, stimulus):
        if is_write:
            cells[address] = data
        else:
            words.append(int(cells[address]))
    return {"out": words}


def bins(parameters: dict[str, int], stimulus: dict[str, Any], measured: dict[str, Any]) -> set[str]:
    """Say what happened: what was found in banks, who waited for whom, refreshes."""
    requests, events = split(parameters, stimulus), measured["events"]
    writes, banks, addresses, _ = zip(*requests, strict=True)
    columns = set(events["read"] + events["write"])
    written: set[int] = set()
    is_read_back = False
    for is_write, address in zip(writes, addresses, strict=True):
        is_read_back |= not is_write and address in written
        written |= {address} if is_write else set()
    pairs = set(itertools.pairwise(writes))
    interval = parameters["T_REFI"]
    found = {
        "row_hit": bool(events["row_hit"]),
        # An ACT without PRE opens a closed bank: each bank once, and again after a refresh
        "row_closed_by_refresh": len(events["activate"]) - len(events["precharge"]) > len(set(banks)),
        "row_conflict": bool(events["precharge"]),
        "every_bank": len(set(banks)) == parameters["BANKS"],
        "read_to_write": (False, True) in pairs,
        "write_to_read": (True, False) in pairs,
        "read_after_write": is_read_back,
        "queue_full": _most_held(events["in"], sorted(columns)) == parameters["QUEUE"],
        "responses_full": _most_held(events["read"], events["out"]) == parameters["RESPONSES"],
        "precharge_after_activate": any(at - 1 in set(events["activate"]) for at in events["precharge"]),
        "activate_during_read_or_write": bool(columns & set(events["activate"])),
        "refresh": bool(events["refresh"]),
        "refresh_waits": any(at > (k + 1) * interval for k, at in enumerate(events["precharge_all"])),
        "refresh_off": not stimulus["config"]["refresh"],
        "no_read": all(writes),
        "no_write": not any(writes),
    }
    return {name for name, is_hit in found.items() if is_hit}


def _most_held(came: list[int], went: list[int]) -> int:
    """Most things held at a time; a place that is left is free in the next cycle."""
    return max((k + 1 - int(np.searchsorted(went, at)) for k, at in enumerate(came)), default=0)


@cocotb.test()
async def rtl_equals_model(dut: Any) -> None:
    """Cycles, events and words of every point are those of the model."""
    await play(dut, golden, bins)
