"""What to play on the router, and what the model says happens (no simulator here)."""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.noc import BLOCKED, DELIVER, GRANT, INJECT, MOVE, N_PORTS, STARVED, follow_flits, packet_cycles
from archmodel.verify.stimulus import draw_gaps, draw_words

PORTS = ("north", "east", "south", "west", "local")
N_GAPS = 64
KINDS = {"inject": INJECT, "grant": GRANT, "move": MOVE, "blocked": BLOCKED, "starved": STARVED, "deliver": DELIVER}


def draw(rng: np.random.Generator, parameters: dict[str, int]) -> dict[str, Any]:
    """Draw a stimulus: packets from all ports, in a quarter of the points from one port to one place.

    Ports may favour the same place, or one each.
    """
    n_places = 1 << parameters["COORD"]
    here = rng.integers(1, n_places - 1, 2)
    near = here + np.array([[0, 1], [1, 0], [0, -1], [-1, 0], [0, 0]])
    favourites = rng.permutation(near) if rng.random() < 1 / 2 else near[[rng.integers(N_PORTS)] * N_PORTS]
    is_lone, favourite_frac, n_most = rng.random() < 1 / 4, rng.random() * 3 / 2, int(rng.integers(2, 9))
    one = rng.integers(N_PORTS)
    data: list[list[int]] = [[] for _ in PORTS]
    for port in range(N_PORTS):
        for _ in range(int(rng.integers(1, n_most)) if port == one or not is_lone else 0):
            is_favourite = is_lone or rng.random() < favourite_frac
            x, y = favourites[port] if is_favourite else rng.integers(0, n_places, 2)
            data[port] += draw_packet(rng, parameters, int(x), int(y))
    stimulus = {"config": {"x": int(here[0]), "y": int(here[1])}}
    stimulus |= draw_streams(rng, "port", data, is_busy=is_lone or rng.random() < 1 / 4)
    add_order(stimulus, follow(parameters, stimulus))
    return stimulus


def draw_streams(rng: np.random.Generator, name: str, data: list[list[int]], *, is_busy: bool) -> dict[str, Any]:
    """Name sources and sinks, and draw their gaps, unless all are always busy."""
    longest = int(rng.choice([2, 12]))
    gaps = [[0] if is_busy else draw_gaps(rng, N_GAPS, longest=n) for n in (4, longest) for _ in data]
    return {
        "sources": {f"{name}[{i}]": {"data": words, "gap": gaps[i]} for i, words in enumerate(data)},
        "sinks": {f"{name}[{i}]": {"gap": gaps[len(data) + i]} for i in range(len(data))},
    }


def add_order(stimulus: dict[str, Any], followed: dict[str, Any]) -> None:
    """Tell each sink how many flits come and from which sources, packet by packet: arbitration decides, so the law."""
    trace = followed["trace"]
    for i, sink in enumerate(stimulus["sinks"].values()):
        packets = trace[(trace[:, 1] == DELIVER) & (trace[:, 2] == i), 3].tolist()
        sink["n"] = len(packets)
        sink["order"] = [followed["source_of"][packet] for packet in dict.fromkeys(packets)]


def draw_packet(rng: np.random.Generator, parameters: dict[str, int], x: int, y: int) -> list[int]:
    """Draw a packet to a node, of up to twice the flits that a FIFO holds: tail bit above a payload of random bits."""
    coord, width = parameters["COORD"], parameters["WIDTH"]
    words = draw_words(rng, int(rng.integers(1, 2 * parameters["DEPTH"] + 3)), width)
    words[0] = words[0] >> 2 * coord << 2 * coord | y << coord | x
    return [*words[:-1], words[-1] | 1 << width]


def read_packets(parameters: dict[str, int], words: list[int]) -> list[list[int]]:
    """Read destination x and y, multicast bit and number of flits of each packet in a stream of flits."""
    coord, packets, first = parameters["COORD"], [], 0
    for i, word in enumerate(words):
        if word >> parameters["WIDTH"]:
            head, place = words[first], (1 << coord) - 1
            packets.append([head & place, head >> coord & place, head >> 2 * coord & 1, i + 1 - first])
            first = i + 1
    return packets


def follow(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, Any]:
    """Follow the flits through one router; ``trace`` has a row per event, ``source_of`` the source of each packet."""
    here = np.array([[stimulus["config"]["x"], stimulus["config"]["y"]]])
    network = here, np.arange(N_PORTS, 2 * N_PORTS), np.arange(N_PORTS)
    return follow_network(network, parameters, stimulus)


def follow_network(network: tuple[Any, ...], parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, Any]:
    """Hand a stimulus to the kernel: ``network`` is where nodes are, where outputs lead, where sources enter."""
    packets = [read_packets(parameters, source["data"]) for source in stimulus["sources"].values()]
    arguments = (
        *network, parameters["DEPTH"], parameters["LINK"], np.cumsum([0, *map(len, packets)]),
        np.array([packet for row in packets for packet in row]),
        *(np.array([stream["gap"] for stream in stimulus[side].values()]) for side in ("sources", "sinks")),
    )  # fmt: skip
    trace, n = np.empty((1024, 4), np.int64), 2048
    while n > len(trace):
        trace = np.empty((max(n, 2 * len(trace)), 4), np.int64)
        n = follow_flits(*arguments, trace)
    return {"trace": trace[:n], "source_of": [i for i, row in enumerate(packets) for _ in row]}


def expect(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, Any]:
    """Cycles in all and the cycles of each event; the closed form for a stream without stalls on its own."""
    trace = follow(parameters, stimulus)["trace"]
    events = {
        f"{kind}_{name}": trace[(trace[:, 1] == number) & (trace[:, 2] == port), 0].tolist()
        for kind, number in KINDS.items()
        for port, name in enumerate(PORTS)
    }
    cycles = int(trace[-1, 0]) + 1
    lone = find_lone(parameters, stimulus)
    if lone:
        n_flits = sum(packet[-1] for packet in lone)
        cycles = packet_cycles(0, n_flits, parameters["LINK"], parameters["DEPTH"])
    return {"cycles": cycles, "events": events}


def find_lone(parameters: dict[str, int], stimulus: dict[str, Any]) -> list[list[int]]:
    """Packets of the only source that sends, if all of them go to one place and nothing stalls; else none."""
    sent = [source["data"] for source in stimulus["sources"].values() if source["data"]]
    ends = [*stimulus["sources"].values(), *stimulus["sinks"].values()]
    if len(sent) > 1 or any(end["gap"] != [0] for end in ends):
        return []
    packets = read_packets(parameters, sent[0])
    return packets if len({tuple(packet[:2]) for packet in packets}) == 1 else []
