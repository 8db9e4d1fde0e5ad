"""Bench of the core: golden model, coverage, and the test that cocotb runs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import cocotb
from tb_common import offered_cycles, play


def golden(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, list[int]]:
    """Say what the model of the instruction set wrote to registers and memory, and which commands it pushed."""
    return stimulus["words"]


def bins(parameters: dict[str, int], stimulus: dict[str, Any], measured: dict[str, Any]) -> set[str]:
    """Say which instructions and corner cases there were, and what happened at the same time."""
    hit, events = set(stimulus["names"]), measured["events"]
    pushed, left = sorted(events["push0"] + events["push1"]), events["command"]
    queue = parameters["QUEUE"]
    if len(pushed) == len(left):
        if queue and any(at <= room for at, room in zip(pushed[queue:], [gone + 1 for gone in left], strict=False)):
            hit.add("queue_full")
        offered = [min(queue, 1) + at for at in pushed]
        ready = offered_cycles(stimulus["sinks"]["command"], left)
        if any(at > wanted for at, wanted in zip(ready, offered, strict=True)):
            hit.add("command_waits")
        if any(at < wanted for at, wanted in zip(ready, offered, strict=True)):
            hit.add("port_waits")
    if any(at + 1 == after for at, after in pairwise(pushed)):
        hit.add("pushes_in_a_row")
    first, second = events["retire0"], events["retire1"]
    if second:
        own = sorted([(at, 0) for at in first] + [(at, 1) for at in second])
        turns = [a[0] + 1 == b[0] and a[1] != b[1] for a, b in pairwise(own)]
        hit |= {"contexts_take_turns"} if any(turns) else set()
        hit |= {"context_alone"} if not all(turns) else set()
        hit |= {"both_push"} if events["push0"] and events["push1"] else set()
    busy = {at + i for at in events["multiply"] for i in range(1, parameters["MULTIPLY"])}
    if busy & set(first + second):
        hit.add("other_context_during_product")
    starts = {at + parameters["MULTIPLY"] for at in events["multiply"]}
    if starts & set(events["multiply"] + events["divide"]):
        hit.add("product_after_product")
    loaded = {at + parameters["LOAD"] for at in events["load"]}
    if loaded & set(first + second):
        hit.add("load_arrives_during_instruction")
    return hit


@cocotb.test()
async def rtl_equals_model(dut: Any) -> None:
    """Cycles, events and words of every point are those of the model."""
    await play(dut, golden, bins)
