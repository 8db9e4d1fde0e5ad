"""Bench of the router: golden model, coverage, and the test that cocotb runs."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from tb_common import play

PORTS = ("north", "east", "south", "west", "local")


def outputs_of(parameters: dict[str, int], stimulus: dict[str, Any], head: int) -> list[int]:
    """Find the outputs that a packet takes: along x, then along y; a multicast also local on its way north."""
    coord = parameters["COORD"]
    place = (1 << coord) - 1
    x, y = stimulus["config"]["x"], stimulus["config"]["y"]
    to_x, to_y, is_multicast = head & place, head >> coord & place, head >> 2 * coord & 1
    if to_x != x:
        return [1 if to_x > x else 3]
    if to_y != y:
        return [0, 4] if to_y > y and is_multicast else [0 if to_y > y else 2]
    return [4]


def split(parameters: dict[str, int], flits: list[int]) -> list[list[int]]:
    """Split a stream of flits behind each tail."""
    tails = np.flatnonzero([flit >> parameters["WIDTH"] for flit in flits])
    starts = [0, *(tails + 1)]
    return [flits[start : end + 1] for start, end in zip(starts, tails, strict=False)]


def golden(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, list[int]]:
    """Bring each packet to its outputs, the packets of one input in their order; who is first, the stimulus says."""
    queues: dict[tuple[int, int], list[list[int]]] = {}
    for i, source in enumerate(stimulus["sources"].values()):
        for packet in split(parameters, source["data"]):
            for output in outputs_of(parameters, stimulus, packet[0]):
                queues.setdefault((i, output), []).append(packet)
    words = {}
    for output, (name, sink) in enumerate(stimulus["sinks"].items()):
        words[name] = [flit for i in sink["order"] for flit in queues[i, output].pop(0)]
    assert not any(queues.values()), "a packet is in no order"
    return words


def bins(parameters: dict[str, int], stimulus: dict[str, Any], measured: dict[str, Any]) -> set[str]:
    """Say what happened: lengths, turns, conflicts, full FIFOs, missing credits."""
    hit, events = set(), measured["events"]
    for i, source in enumerate(stimulus["sources"].values()):
        packets = split(parameters, source["data"])
        outputs = [outputs_of(parameters, stimulus, packet[0]) for packet in packets]
        hit |= {f"to_{PORTS[output]}" for row in outputs for output in row}
        hit |= {"multicast" for row in outputs if len(row) == 2} | {"u_turn" for row in outputs if i in row}
        hit |= {"single_flit" for packet in packets if len(packet) == 1}
        hit |= {"longer_than_fifo" for packet in packets if len(packet) > parameters["DEPTH"]}
        moves = events[f"move_{PORTS[i]}"]
        if _is_split(packets, outputs, moves, events):
            hit.add("multicast_waits_for_local")
        injected = events[f"inject_{PORTS[i]}"]
        if any(n_in - n_out >= parameters["DEPTH"] for n_in, n_out in _levels(injected, moves)):
            hit.add("fifo_full")
    for kind in ("inject", "grant", "move", "blocked", "starved", "deliver"):
        rows = [events[f"{kind}_{port}"] for port in PORTS]
        hit |= {f"{kind}_{port}" for port, row in zip(PORTS, rows, strict=True) if row}
        if kind in ("grant", "move") and rows[0] and set.intersection(*map(set, rows)):
            hit.add(f"{kind}_all_at_once")
    if any(np.any(np.diff(events[f"grant_{port}"]) == 1) for port in PORTS):
        hit.add("grant_again_at_once")
    return hit


def _levels(entered: list[int], left: list[int]) -> list[tuple[int, int]]:
    """Flits that have entered and left a FIFO by the end of each cycle in which one enters."""
    return [(i + 1, int(np.searchsorted(left, cycle, side="right"))) for i, cycle in enumerate(entered)]


def _is_split(packets: list[list[int]], outputs: list[list[int]], moves: list[int], events: dict[str, Any]) -> bool:
    """Whether a multicast held north before it was granted local."""
    heads = np.cumsum([0, *map(len, packets)])
    for row, head in zip(outputs, heads, strict=False):
        if len(row) == 2 and head < len(moves):
            north, local = (
                np.searchsorted(events[f"grant_{port}"], moves[head], "right") for port in ("north", "local")
            )
            if north and local and events["grant_north"][north - 1] < events["grant_local"][local - 1]:
                return True
    return False


@cocotb.test()
async def rtl_equals_model(dut: Any) -> None:
    """Cycles, events and words of every point are those of the model."""
    await play(dut, golden, bins)
