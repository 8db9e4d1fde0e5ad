"""Bench of the reduction engine: golden model, coverage, and the test that cocotb runs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import cocotb
import numpy as np
from tb_common import play


def _blocks(parameters: dict[str, int], stimulus: dict[str, Any]) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield of each block its sums, the beats of a row, and what enters: member × step × beat × lane."""
    lanes, n_members = parameters["WIDTH"] // 4, parameters["MEMBERS"]
    sources, first = stimulus["sources"], 0
    for word in sources["block[0]"]["data"]:
        n_steps, n_sums, row = word & 255, word >> 8 & 0xFFFF, word >> 24
        n_beats = -(-n_sums // lanes)
        last = first + n_steps * n_beats
        text = b"".join(
            beat.to_bytes(4 * lanes, "little")
            for member in range(n_members)
            for beat in sources[f"in[{member}]"]["data"][first:last]
        )
        yield n_sums, row, np.frombuffer(text, "<i4").reshape(n_members, n_steps, n_beats, lanes)
        first = last


def golden(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, list[int]]:
    """Add up over members and steps, modulo 2^32; least and largest sum of each row."""
    beats, ranges = [], []
    for n_sums, row, entered in _blocks(parameters, stimulus):
        sums = entered.sum(axis=(0, 1), dtype="<i4")
        beats += [int.from_bytes(beat.tobytes(), "little") for beat in sums]
        row_sums = row * sums.shape[1]
        for first in range(0, n_sums, row_sums) if row else ():
            values = sums.ravel()[first : min(first + row_sums, n_sums)]
            ranges.append(int(values.min()) % 2**32 + (int(values.max()) % 2**32 << 32))
    return {"out": beats, "range": ranges}


def bins(parameters: dict[str, int], stimulus: dict[str, Any], measured: dict[str, Any]) -> set[str]:
    """Say what happened: kinds of blocks, and who waited for whom; nothing of a point in which beats are missing."""
    n_out, events = stimulus["sinks"]["out"]["n"], measured["events"]
    if any(len(events[f"pass{member}"]) != n_out for member in range(parameters["MEMBERS"])):
        return set()
    hit: set[str] = set()
    for n_sums, row, entered in _blocks(parameters, stimulus):
        n_steps, n_beats, lanes = entered.shape[1:]
        hit.add("one_step" if n_steps == 1 else "several_steps")
        hit.add("ranges" if row else "no_ranges")
        sums = entered.sum(axis=(0, 1), dtype=np.int64)
        happened = {
            "one_beat": n_beats == 1,
            "bank_filled": n_beats == parameters["BEATS"],
            "last_beat_ragged": n_sums % lanes != 0,
            "several_rows": 0 < row < n_beats,
            "sum_wraps": bool((sums != sums.astype(np.int32)).any()),
        }
        hit |= {name for name, has_happened in happened.items() if has_happened}
    return hit | _waits(parameters, stimulus, events)


def _waits(parameters: dict[str, int], stimulus: dict[str, Any], events: dict[str, list[int]]) -> set[str]:
    last, room = parameters["MEMBERS"] - 1, parameters["HOP"] + 1
    waits = {
        "accumulates_while_passing": not set(events["in0"]).isdisjoint(events["pass0"]),
        "end_waits": any(later - sooner > 1 for sooner, later in pairwise(events[f"pass{last}"])),
    }
    # Two blocks are full and the older one has not passed.
    n_passed = np.cumsum([entered.shape[2] for _, _, entered in _blocks(parameters, stimulus)])
    passed = [events["pass0"][n - 1] for n in n_passed]
    waits["matrix_engine_waits_for_bank"] = any(p > f + 1 for p, f in zip(passed, events["full0"][1:], strict=False))
    for member in range(last):
        sent, taken = np.array(events[f"pass{member}"]), np.array(events[f"pass{member + 1}"])
        full = np.array(events[f"full{member + 1}"])
        firsts = sent[np.append(0, n_passed[:-1])] + parameters["HOP"]
        waits[f"member_waits_for_upstream{member}"] = bool((firsts > full + 1).any())
        waits[f"upstream_waits_for_member{member}"] = bool((firsts < full + 1).any())
        waits[f"hop_full{member}"] = bool((sent[room - 1 : -1] < taken[:-room]).any())
    return {name.rstrip("0123") for name, has_waited in waits.items() if has_waited}


@cocotb.test()
async def rtl_equals_model(dut: Any) -> None:
    """Cycles, events, sums and ranges of every point are those of the model."""
    await play(dut, golden, bins)
