"""What to play on the mesh, and what the model says happens (no simulator here)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from archmodel.kernels.noc import DELIVER, INJECT, N_PORTS, count_hops, link_mesh, packet_cycles
from archmodel.verify.bench import load_law

N_LOGGED = 16  # nodes that the event log of the bench has room for
router = load_law(Path(__file__).parents[1] / "noc_router")


def draw(rng: np.random.Generator, parameters: dict[str, int]) -> dict[str, Any]:
    """Draw a stimulus: packets between all nodes, in a quarter of the points from one node to another.

    Nodes may favour the same destination, or one each.
    """
    cols, rows = parameters["COLS"], parameters["ROWS"]
    nodes = np.array([[node % cols, node // cols] for node in range(cols * rows)])
    n = len(nodes)
    favourites = rng.permutation(nodes) if rng.random() < 1 / 2 else nodes[[rng.integers(n)] * n]
    is_lone, favourite_frac, n_most = rng.random() < 1 / 4, rng.random() * 3 / 2, int(rng.integers(2, 9))
    one = rng.integers(n)
    data: list[list[int]] = [[] for _ in nodes]
    for node in range(n):
        for _ in range(int(rng.integers(node == one, n_most)) if node == one or not is_lone else 0):
            is_favourite = is_lone or rng.random() < favourite_frac
            x, y = favourites[node] if is_favourite else nodes[rng.integers(n)]
            data[node] += router.draw_packet(rng, parameters, int(x), int(y))
    stimulus = router.draw_streams(rng, "node", data, is_busy=is_lone or rng.random() < 1 / 4)
    router.add_order(stimulus, follow(parameters, stimulus))
    return stimulus


def follow(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, Any]:
    """Follow the flits through the mesh; ``trace`` has a row per event, ``source_of`` the source of each packet."""
    n = parameters["COLS"] * parameters["ROWS"]
    nodes, leads_to, entry = (np.zeros(shape, np.int64) for shape in ((n, 2), n * N_PORTS, n))
    link_mesh(parameters["COLS"], parameters["ROWS"], nodes, leads_to, entry)
    return router.follow_network((nodes, leads_to, entry), parameters, stimulus)


def expect(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, Any]:
    """Cycles in all and the cycles of each event; the closed form for a stream without stalls on its own."""
    trace = follow(parameters, stimulus)["trace"]
    node_of = np.where(np.isin(trace[:, 1], (INJECT, DELIVER)), trace[:, 2], trace[:, 2] // N_PORTS)
    events = {
        f"{kind}_{node}": np.unique(trace[(trace[:, 1] == number) & (node_of == node), 0]).tolist()
        for kind, number in router.KINDS.items()
        for node in range(N_LOGGED)
    }
    cycles = int(trace[-1, 0]) + 1
    lone = router.find_lone(parameters, stimulus)
    if lone:
        source = next(i for i, stream in enumerate(stimulus["sources"].values()) if stream["data"])
        n_hops = count_hops(source % parameters["COLS"], source // parameters["COLS"], *lone[0][:2])
        n_flits = sum(packet[-1] for packet in lone)
        cycles = packet_cycles(n_hops, n_flits, parameters["LINK"], parameters["DEPTH"])
    return {"cycles": cycles, "events": events}
