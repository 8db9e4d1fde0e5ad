"""When the side of a stream that stalls moves on. Contract: ``docs/methods/timing.md``.

The rule of gaps: a side offers word ``i`` of a stream, or is ready to take it, ``1 + gap(i)`` cycles after word
``i − 1`` has moved, word 0 in cycle ``gap(0)``. Gaps repeat from the start when there are fewer of them than words. The
sources and sinks of the benches in ``rtl_stubs/common`` do so.
"""

from __future__ import annotations

from typing import Any

from archmodel.kernels.compile import kernel_part


@kernel_part
def offered_after(gap: Any, i: int, before: int) -> int:
    """First cycle in which a side offers, or is ready to take, word ``i``: ``before + 1 + gap(i)``.

    Parameters
    ----------
    gap : ndarray (G,) int64
        Waits in front of each word [cycles]; used in turn.
    i : int
        Number of the word.
    before : int
        Cycle in which the word before moved; −1 for the first.
    """
    return int(gap[i % gap.size] + before + 1)


@kernel_part
def offered_cycle(gap: Any, i: int, moved: Any) -> int:
    """First cycle in which a side offers, or is ready to take, word ``i`` of those whose cycles are written down.

    Parameters
    ----------
    gap, i
        As in `offered_after`.
    moved : ndarray (N,) int64
        Cycles in which words moved; read at ``i − 1``.
    """
    return offered_after(gap, i, moved[i - 1] if i > 0 else -1)
