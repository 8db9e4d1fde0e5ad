"""Laws of the layout unit (MLU), which transposes tiles. Contract: ``docs/methods/timing.md``."""

from __future__ import annotations

from typing import Any

from archmodel.kernels.compile import kernel
from archmodel.kernels.streams import offered_cycle


@kernel
def transpose_cycles(n_tiles: int, size: int) -> int:
    """Cycles in which square tiles pass a layout unit with two tile memories: ``(tiles + 1) · size``.

    Parameters
    ----------
    n_tiles : int
        Tiles.
    size : int
        Rows and columns of a tile; a row enters and a row leaves per cycle.

    Sources
    -------
    Follows from the structure: a tile leaves after its last row has entered, while the next one enters. That the MLU
    of MTIA 2i (ISCA 2025, section 3.2) has two tile memories is assumed.
    """
    return (n_tiles + 1) * size


@kernel
def transpose_events(size: int, in_gap: Any, out_gap: Any, out_taken: Any, out_given: Any) -> None:
    """Cycles in which each row enters and leaves a layout unit, when both sides stall.

    Model
    -----
    A row is offered ``1 + gap`` cycles after the one before entered, and enters when the memory that its tile fills is
    empty: from the cycle after the last row of the tile two before has left. Rows leave one per cycle from the cycle
    after the last row of their tile has entered, when they are taken: from ``1 + gap`` cycles after the one before.

    Parameters
    ----------
    size : int
        Rows of a tile.
    in_gap, out_gap : ndarray (G,) int64
        Cycles for which a side waits before it offers, or takes, the next row; used in turn.
    out_taken, out_given : ndarray (N,) int64
        Written to: cycle in which each row enters and leaves.
    """
    n = out_taken.size
    for first in range(0, n, size):
        for i in range(first, first + size):
            is_empty = out_given[first - size - 1] + 1 if first >= 2 * size else 0
            out_taken[i] = max(offered_cycle(in_gap, i, out_taken), is_empty)
        full = out_taken[first + size - 1] + 1
        for i in range(first, first + size):
            out_given[i] = max(offered_cycle(out_gap, i, out_given), full)
