"""Bench of the reduction engine: golden model, coverage, and the test that cocotb runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cocotb
import numpy as np
from tb_common import offered_cycles, play


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
    events, sources = measured["events"], stimulus["sources"]
    counts = {"pass": stimulus["sinks"]["out"]["n"]}
    counts |= {name: len(sources[f"{source}[0]"]["data"]) for name, source in (("in", "in"), ("full", "block"))}
    if any(
        len(events[f"{name}{member}"]) != n for name, n in counts.items() for member in range(parameters["MEMBERS"])
    ):
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
    n_members, hop = parameters["MEMBERS"], parameters["HOP"]
    shapes = np.array([entered.shape[1:3] for _, _, entered in _blocks(parameters, stimulus)])  # steps, beats
    n_beats, n_entering = shapes[:, 1], shapes.prod(axis=1)
    firsts = np.cumsum(n_beats) - n_beats  # number of the first beat of each block that passes
    waits = {"accumulates_while_passing": not set(events["in0"]).isdisjoint(events["pass0"])}
    for member in range(n_members):
        taken, full, passed = (np.array(events[f"{name}{member}"]) for name in ("in", "full", "pass"))
        blocks, beats = (stimulus["sources"][f"{name}[{member}]"] for name in ("block", "in"))
        offered = np.maximum(offered_cycles(beats, taken), np.repeat(offered_cycles(blocks, full), n_entering))
        waits[f"matrix_engine_waits_for_bank{member}"] = bool((taken > offered).any())
        own = np.maximum(np.repeat(full, n_beats), np.append(-1, passed[:-1])) + 1  # own sums may pass from here on
        if member > 0:
            sent = np.array(events[f"pass{member - 1}"])
            arrived = sent + hop
            waits[f"member_waits_for_upstream{member}"] = bool((arrived > own).any())
            free = np.append(-1, passed[:-1])[firsts] + 1  # the bank before has passed
            waits[f"upstream_waits_for_member{member}"] = bool((np.maximum(arrived[firsts], free) <= full).any())
            waits[f"hop_full{member}"] = bool((sent[hop:-1] < passed[: -hop - 1]).any())
            own = np.maximum(own, arrived)
    waits["end_waits"] = bool((passed > own).any())
    return {name.rstrip("0123") for name, has_waited in waits.items() if has_waited}


@cocotb.test()
async def rtl_equals_model(dut: Any) -> None:
    """Cycles, events, sums and ranges of every point are those of the model."""
    await play(dut, golden, bins)
