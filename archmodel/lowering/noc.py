"""What the network on chip lets through between the memories and the PEs; see ``docs/methods/memory.md``."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archmodel.kernels.noc_load import link_loads
from archmodel.machine.timing import NocTiming

UNLIMITED = 1e30
"""Width of a network that is no limit [B/cycle]."""


class NocWidths(NamedTuple):
    """Bytes per cycle that leave the memories, or reach them [B/cycle], and the mean number of links on the way.

    ``own``: each PE reads its own bytes; ``row`` and ``column``: all PEs of a row or a column share a read;
    ``store``: each PE writes.
    """

    own: float
    row: float
    column: float
    store: float
    mean_hops: float


@lru_cache
def noc_widths(noc: NocTiming | None) -> NocWidths:
    """Find what the busiest link lets through, for each way of sharing.

    Parameters
    ----------
    noc
        The network; ``None``: a crossbar that blocks nothing, whose way is part of the latency of the SRAM.

    Model
    -----
    ``width = link width / load of the busiest link`` (`link_loads`), addresses spread evenly over the ports of the
    memories. Rows and columns of the logical grid of a program are those of the network. Packets go along x, then along
    y; a read that a row shares goes to its row first.
    """
    if noc is None:
        return NocWidths(UNLIMITED, UNLIMITED, UNLIMITED, UNLIMITED, 0.0)
    rows, cols = np.divmod(np.arange(noc.rows * noc.cols), noc.cols)
    each = np.arange(noc.rows * noc.cols)
    own, mean_hops = _busiest(noc, each)
    row, _ = _busiest(noc, rows, is_y_first=True)
    column, _ = _busiest(noc, cols)
    store, _ = _busiest(noc, each, is_write=True)
    width = noc.link_width_bytes_per_cycle
    return NocWidths(width / own, width / row, width / column, width / store, mean_hops)


def _busiest(
    noc: NocTiming, groups: NDArray[np.int64], *, is_y_first: bool = False, is_write: bool = False
) -> tuple[float, float]:
    """Load of the busiest link, and the sum over all links."""
    n_nodes = noc.rows * noc.cols
    seen, loads = np.zeros((n_nodes, 4), np.int64), np.zeros((n_nodes, 4))
    busiest = link_loads(
        noc.cols, noc.rows, noc.topology == "torus", is_y_first, _ports(noc), groups, int(groups.max()) + 1, is_write,
        seen, loads,
    )  # fmt: skip
    return busiest, float(loads.sum())


def _ports(noc: NocTiming) -> NDArray[np.int64]:
    """Routers behind the ports of the memories: one port for each row or column that ends at a side."""
    every_row = [(x, y) for y in range(noc.rows) for x in (0, noc.cols - 1)]
    every_column = [(x, y) for x in range(noc.cols) for y in (0, noc.rows - 1)]
    every_router = [(x, y) for y in range(noc.rows) for x in range(noc.cols)]
    places = {"left_right": every_row, "all_sides": every_row + every_column, "routers": every_router}
    return np.array(places[noc.ports], np.int64)
