"""Bench of the banked SRAM: golden model, coverage, and the test that cocotb runs."""

from __future__ import annotations

import math
from typing import Any

import cocotb
import numpy as np
from tb_common import play


def split(parameters: dict[str, int], word: int) -> tuple[bool, int, int]:
    """Take a request apart: whether it writes, its address, its data."""
    width = parameters["WIDTH"]
    bits = max(1, (parameters["BANKS"] * parameters["ROWS"] - 1).bit_length())
    return bool(word >> (width + bits)), word >> width & (1 << bits) - 1, word & (1 << width) - 1


def golden(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, list[int]]:
    """Answer the requests from one memory, in the order in which the law grants them."""
    memory = np.full(parameters["BANKS"] * parameters["ROWS"], -1, object)
    answers: dict[str, list[int]] = {name: [] for name in stimulus["sinks"]}
    for port, i in stimulus["order"]:
        is_write, address, data = split(parameters, stimulus["sources"][f"port[{port}]"]["data"][i])
        if is_write:
            memory[address] = data
        answers[f"port[{port}]"].append(int(memory[address]))
    return answers


def bins(parameters: dict[str, int], stimulus: dict[str, Any], measured: dict[str, Any]) -> set[str]:
    """Say what happened: what was asked, who met whom at a bank, who waited for what."""
    n_ports, events = parameters["PORTS"], measured["events"]
    hit = _bins_of_pattern(parameters, stimulus)
    writer: dict[int, int] = {}
    for port, i in stimulus["order"]:
        is_write, address, _ = split(parameters, stimulus["sources"][f"port[{port}]"]["data"][i])
        hit.add("write" if is_write else "read")
        if is_write:
            writer[address] = port
        elif writer[address] != port:
            hit.add("read_of_another_port")
    grants = [set(events[f"grant_{p}"]) for p in range(n_ports)]
    losses = [set(events[f"lost_{p}"]) for p in range(n_ports)]
    if n_ports > 1 and set.intersection(*grants):
        hit.add("all_ports_granted_at_once")
    n_lost = np.bincount([cycle for cycles in losses for cycle in cycles] or [0])
    if n_lost[0] or n_lost.size > 1:
        hit.add("conflict")
    n_granted = np.bincount([cycle for cycles in grants for cycle in cycles], minlength=n_lost.size)
    if n_ports > 1 and ((n_lost == n_ports - 1) & (n_granted[: n_lost.size] == 1)).any():
        hit.add("all_ports_want_one_bank")
    if any(cycle + 1 in grants[0] and cycle in losses[0] for cycle in grants[n_ports - 1]):
        hit.add("turn_wraps")
    for port in range(n_ports):
        hit |= _bins_of_port(parameters, stimulus, events, port)
    return hit


def _bins_of_pattern(parameters: dict[str, int], stimulus: dict[str, Any]) -> set[str]:
    """Name the pattern of a point whose cycles have a closed form: nothing stalls, and what else its form assumes."""
    gaps = [stream["gap"] for side in ("sources", "sinks") for stream in stimulus[side].values()]
    if any(gap != [0] for gap in gaps):
        return set()
    n_ports, n_banks = parameters["PORTS"], parameters["BANKS"]
    match stimulus["pattern"]:
        case "alone":
            return {"one_port_alone"}
        case "together" if n_ports > 1 and parameters["OUTSTANDING"] > parameters["LATENCY"]:
            return {"ports_walk_together"}
        case "shifted" if 1 < n_ports <= n_banks // math.gcd(n_banks, stimulus["stride"]):
            return {"ports_walk_shifted"}
    return set()


def _bins_of_port(
    parameters: dict[str, int], stimulus: dict[str, Any], events: dict[str, list[int]], port: int
) -> set[str]:
    hit = set()
    granted, given = events[f"grant_{port}"], events[f"answer_{port}"]
    lost, gap = events[f"lost_{port}"], stimulus["sources"][f"port[{port}]"]["gap"]
    for taken, answer in zip(granted, given, strict=False):
        hit.add("answer_at_once" if answer - taken == parameters["LATENCY"] else "answer_waits")
    for i in range(1, len(granted)):
        waited = granted[i] - granted[i - 1] - 1 - gap[i % len(gap)]
        if waited > sum(granted[i - 1] < cycle < granted[i] for cycle in lost):
            hit.add("waits_for_room")
    if set(granted) & set(given):
        hit.add("grant_and_answer_at_once")
    return hit


@cocotb.test()
async def rtl_equals_model(dut: Any) -> None:
    """Cycles, events and words of every point are those of the model."""
    await play(dut, golden, bins)
