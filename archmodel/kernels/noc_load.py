"""Law of the load on the links of a network on chip: which share of the traffic each link carries."""

from __future__ import annotations

from typing import Any

from archmodel.kernels.compile import kernel
from archmodel.kernels.noc import EAST, NORTH, SOUTH, WEST


@kernel
def next_direction(at: int, to: int, is_torus: bool, forward: int, backward: int) -> int:
    """Say which way a packet goes along one dimension: the shorter one, on a torus always forward.

    Parameters
    ----------
    at, to : int
        Coordinates of the router and of the destination.
    is_torus : bool
        The last router leads to the first, and links go one way.
    forward, backward : int
        Outputs that raise and lower the coordinate.
    """
    if is_torus:
        return forward
    return forward if to > at else backward


@kernel
def link_loads(
    n_cols: int, n_rows: int, is_torus: bool, is_y_first: bool, ports: Any, groups: Any, n_groups: int, is_write: bool,
    out_seen: Any, out_loads: Any,
) -> float:  # fmt: skip
    """Share of the traffic between memories and nodes that each link carries, and that of the busiest one.

    Model
    -----
    Every port exchanges the same with every group. Packets go along x, then along y, or the other way round. A read for
    a group is a tree: the ways to its members, each link of it taken once, as a multicast takes it. Writes come from
    each node on its own. A link carries the trees that it is part of, by all of them. A port has a link into its
    router, which carries an equal share. Where every node is a group, they add up to the mean number of links of a way.

    Parameters
    ----------
    n_cols, n_rows : int
        Size of the network.
    is_torus : bool
        As in `next_direction`; else a mesh.
    is_y_first : bool
        Packets go along y first.
    ports : ndarray (P, 2) int64
        x and y of the router behind each port of the memories.
    groups : ndarray (N,) int64
        Group of the nodes behind router ``y · n_cols + x``.
    n_groups : int
        Groups.
    is_write : bool
        Nodes send and ports receive; each node has to be a group of its own.
    out_seen : ndarray (N, 4) int64
        Room to work.
    out_loads : ndarray (N, 4) float64
        Written to: load of the link that leaves each router to the north, east, south and west, as shares of 1.

    Returns
    -------
    float
        Load of the busiest link.

    Sources
    -------
    Channel load of W. J. Dally and B. Towles, Principles and Practices of Interconnection Networks, 2004, section 3.2.
    """
    out_loads[:] = 0.0
    out_seen[:] = -1
    n_trees = len(ports) * n_groups
    for tree in range(n_trees):
        port, group = tree // n_groups, tree % n_groups
        for node in range(len(groups)):
            if groups[node] != group:
                continue
            x, y, to_x, to_y = ports[port, 0], ports[port, 1], node % n_cols, node // n_cols
            if is_write:
                x, y, to_x, to_y = to_x, to_y, x, y
            while x != to_x or y != to_y:
                here = y * n_cols + x
                if x != to_x and not (is_y_first and y != to_y):
                    way = next_direction(x, to_x, is_torus, EAST, WEST)
                    x = (x + (1 if way == EAST else -1)) % n_cols
                else:
                    way = next_direction(y, to_y, is_torus, NORTH, SOUTH)
                    y = (y + (1 if way == NORTH else -1)) % n_rows
                if out_seen[here, way] != tree:
                    out_seen[here, way] = tree
                    out_loads[here, way] += 1.0 / n_trees
    return float(max(out_loads.max(), 1.0 / len(ports)))
