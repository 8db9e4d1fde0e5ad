"""Bench of the circular buffers: golden model, coverage, and the test that cocotb runs."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from tb_common import play

RESERVE, WRITE, PUSH, CLAIM, READ, POP = range(6)


def golden(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, list[int]]:
    """Let each read give the word that was written in this place of its token, counting tokens from the start."""
    shift = 19 + max(1, (parameters["BUFFERS"] - 1).bit_length())
    layout = np.array(stimulus["layout"])
    written: dict[tuple[int, int], int] = {}
    first = np.zeros((2, len(layout)), dtype=int)  # first token that is not pushed, not popped
    played = {port: iter(source["data"]) for port, source in stimulus["sources"].items()}
    words: dict[str, list[int]] = {port: [] for port in stimulus["sources"]}
    for port, kind, b, count, _, _ in stimulus["steps"]:
        data = next(played[f"port{port}"]) >> shift
        token_words = layout[b, 1]
        if kind == WRITE:
            written[b, first[0, b] * token_words + count] = data
        elif kind == READ:
            words[f"port{port}"].append(written[b, first[1, b] * token_words + count])
        elif kind in (PUSH, POP):
            first[int(kind == POP), b] += count
    return words


def bins(parameters: dict[str, int], stimulus: dict[str, Any], measured: dict[str, Any]) -> set[str]:
    """Say what happened: sizes, wrap-around, who waited, conflicts."""
    layout, steps, events = stimulus["layout"], stimulus["steps"], measured["events"]
    hit = {f"token_of_{layout[step[2]][1]}" for step in steps if step[1] == READ}
    hit |= {"plain_commands"} if stimulus["kind"] != "any" else set()
    at = _times(stimulus, events)
    for b, (capacity, _, _) in enumerate(layout):
        own = [(step, *times) for step, times in zip(steps, at, strict=True) if step[2] == b]
        n_pushed = sum(step[3] for step, *_ in own if step[1] == PUSH)
        changes = sorted((now, step[3]) for step, _, now in own if step[1] == RESERVE)
        changes += sorted((now, -step[3]) for step, _, now in own if step[1] == POP)
        n_used = max((sum(n for when, n in changes if when <= now) for now, _ in changes), default=0)
        wanted = [
            step[3] + sum(n for when, n in changes if when < offered)
            for step, offered, now in own
            if step[1] == RESERVE and now > offered
        ]
        pushes, pops = ({now for step, _, now in own if step[1] == kind} for kind in (PUSH, POP))
        found = {
            "capacity_of_1": capacity == 1 and n_pushed > 0,
            "wrapped": n_pushed > capacity,
            "buffer_full": n_used == capacity,
            "reserve_waits": bool(wanted),
            "reservation_beyond_255": max(wanted, default=0) > 255,
            "claim_waits": any(step[1] == CLAIM and now > offered for step, offered, now in own),
            "needs_more_than_it_pops": any(step[1] == CLAIM and step[4] > step[3] for step, *_ in own),
            "reserves_without_pushing": any(step[1] == PUSH and step[3] == 0 for step, *_ in own),
            "push_and_pop_at_once": bool(pushes & pops),
        }
        hit |= {name for name, is_hit in found.items() if is_hit}
    waits = (step[1] == READ and now > offered + 1 for step, (offered, now) in zip(steps, at, strict=True))
    if not events["conflict"] and any(waits):
        hit.add("read_waits_for_output")
    return hit | ({"bank_conflict"} if events["conflict"] else set())


def _times(stimulus: dict[str, Any], events: dict[str, list[int]]) -> list[tuple[int, int]]:
    """Cycles in which each step was offered and done, in the order of the steps."""
    n_done, times = [0, 0, 0, 0], []
    for port, *_ in stimulus["steps"]:
        k, gaps, done = n_done[port], stimulus["sources"][f"port{port}"]["gap"], events[f"op{port}"]
        n_done[port] += 1
        if k < len(done):
            offered = gaps[k % len(gaps)] + (done[k - 1] + 1 if k else 0)
            times.append((offered, done[k]))
        else:
            times.append((0, 0))
    return times


@cocotb.test()
async def rtl_equals_model(dut: Any) -> None:
    """Cycles, events and words of every point are those of the model."""
    await play(dut, golden, bins)
