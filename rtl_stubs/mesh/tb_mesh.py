"""Bench of the mesh: golden model, coverage, and the test that cocotb runs."""

from __future__ import annotations

from collections import Counter
from typing import Any

import cocotb
import numpy as np
from tb_common import play


def read_packets(parameters: dict[str, int], stimulus: dict[str, Any]) -> list[tuple[int, list[int], list[int]]]:
    """Read source, destinations and flits of each packet, source by source.

    A packet with the multicast bit goes to all nodes between the row of its source and a row further north, in the
    column of its destination.
    """
    cols, coord = parameters["COLS"], parameters["COORD"]
    packets = []
    for node, source in enumerate(stimulus["sources"].values()):
        flits = source["data"]
        tails = np.flatnonzero([flit >> parameters["WIDTH"] for flit in flits])
        for start, end in zip([0, *(tails + 1)], tails, strict=False):
            head = flits[start]
            to_x, to_y = head % (1 << coord), (head >> coord) % (1 << coord)
            first_y = min(node // cols, to_y) if head >> 2 * coord & 1 else to_y
            destinations = [y * cols + to_x for y in range(first_y, to_y + 1)]
            packets.append((node, destinations, flits[start : end + 1]))
    return packets


def golden(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, list[int]]:
    """Bring each packet to its nodes, the packets of one source in their order; who is first, the stimulus says."""
    queues: dict[tuple[int, int], list[list[int]]] = {}
    for source, destinations, flits in read_packets(parameters, stimulus):
        for destination in destinations:
            queues.setdefault((source, destination), []).append(flits)
    words = {}
    for node, (name, sink) in enumerate(stimulus["sinks"].items()):
        words[name] = [flit for source in sink["order"] for flit in queues[source, node].pop(0)]
    assert not any(queues.values()), "a packet is in no order"
    return words


def bins(parameters: dict[str, int], stimulus: dict[str, Any], measured: dict[str, Any]) -> set[str]:
    """Say what happened: lengths, ways, multicasts, conflicts, missing credits, back-pressure."""
    hit, events, cols, rows = set(), measured["events"], parameters["COLS"], parameters["ROWS"]
    packets = read_packets(parameters, stimulus)
    for source, destinations, flits in packets:
        d_x, d_y = destinations[-1] % cols - source % cols, destinations[-1] // cols - source // cols
        hit.add(f"x_{_sign(d_x)}_y_{_sign(d_y)}")
        if abs(d_x) + abs(d_y) == cols + rows - 2:
            hit.add("corner_to_corner")
        if len(destinations) > 1:
            hit.add("multicast")
        if len(destinations) == rows:
            hit.add("multicast_to_whole_column")
        hit.add("single_flit" if len(flits) == 1 else "several_flits")
        if len(flits) > parameters["DEPTH"]:
            hit.add("longer_than_fifo")
    n_sent = Counter(source for source, _, _ in packets)
    n_sources = Counter(destination for _, destinations, _ in packets for destination in set(destinations))
    hit |= {"only_one_sends"} if len(n_sent) == 1 else set()
    hit |= {"all_send"} if len(n_sent) == cols * rows else set()
    hit |= {"node_gets_nothing" for node in range(cols * rows) if not n_sources[node]}
    for kind in ("grant", "move", "blocked", "starved", "inject", "deliver"):
        n_nodes = Counter(cycle for node in range(cols * rows) for cycle in events[f"{kind}_{node}"])
        hit |= {kind} & {"blocked", "starved"} if n_nodes else set()
        if max(n_nodes.values(), default=0) > cols * rows / 2:
            hit.add(f"{kind}_in_most_nodes")
    for node, (source, sink) in enumerate(zip(stimulus["sources"].values(), stimulus["sinks"].values(), strict=True)):
        if source["gap"] == [0] and np.any(np.diff(events[f"inject_{node}"]) > 1):
            hit.add("source_waits")
        if sink["gap"] == [0] and np.any(np.diff(events[f"deliver_{node}"]) > 1):
            hit.add("sink_waits")
    return hit


def _sign(difference: int) -> str:
    return ("same", "up", "down")[int(np.sign(difference))]


@cocotb.test()
async def rtl_equals_model(dut: Any) -> None:
    """Cycles, events and words of every point are those of the model."""
    await play(dut, golden, bins)
