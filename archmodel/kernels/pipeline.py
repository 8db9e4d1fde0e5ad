"""Law of a pipeline with credits, and how far measured words are from it. Contract: ``docs/methods/calibration.md``."""

from __future__ import annotations

from typing import Any

from archmodel.kernels.compile import kernel
from archmodel.kernels.streams import offered_cycle

SQUARES, MISSED = 0, 1
"""What is counted of misses: the sum of their squares [cycles²], and the words that are missed."""


@kernel
def enter_cycle(
    i: int, interval: int, depth: int, credit: int, offered_at: int, last_entered_at: int, left_at: Any
) -> int:  # fmt: skip
    """Cycle in which word ``i`` enters a pipeline with credits.

    Model
    -----
    ``max(offered, enter(i − 1) + interval, leave(i − depth) + credit)``.

    Parameters
    ----------
    i : int
        Number of the word.
    interval : int
        Between words that enter [cycles].
    depth : int
        Words that the pipeline holds.
    credit : int
        From when a word has left until another one may enter for it [cycles]: 0 if that is seen at once.
    offered_at : int
        Cycle from which the word is there.
    last_entered_at : int
        Cycle in which the word before entered; not read for the first.
    left_at : ndarray (N,) int64
        Cycles in which words left; read at ``i − depth``.
    """
    at = offered_at
    if i > 0:
        at = max(at, last_entered_at + interval)
    if i >= depth:
        at = max(at, left_at[i - depth] + credit)
    return int(at)


@kernel
def leave_cycle(latency: int, entered_at: int, wanted_at: int) -> int:
    """Cycle in which a word leaves a pipeline.

    Model
    -----
    ``max(enter(i) + latency, wanted)``; nobody takes two words in a cycle, so what is wanted keeps them in order.

    Parameters
    ----------
    latency : int
        From entering to leaving, when nothing is in the way [cycles].
    entered_at : int
        Cycle in which the word entered.
    wanted_at : int
        First cycle in which it would be taken.
    """
    return int(max(entered_at + latency, wanted_at))


@kernel
def pipeline_events(
    latency: int, interval: int, depth: int, credit: int, in_gap: Any, out_gap: Any, out_entered: Any, out_left: Any
) -> None:  # fmt: skip
    """Cycles in which words enter and leave a pipeline with credits, when both sides stall.

    Model
    -----
    Word by word, `enter_cycle` and `leave_cycle`. What is offered, or wanted, is so ``1 + gap`` cycles after the one
    before moved.

    Parameters
    ----------
    latency, interval, depth, credit : int
        As in `enter_cycle` and `leave_cycle`.
    in_gap, out_gap : ndarray (G,) int64
        Waits of the sides [cycles]; see `offered_cycle`.
    out_entered, out_left : ndarray (N,) int64
        Written to: cycle in which each word enters, and leaves.
    """
    for i in range(out_entered.size):
        offered_at, before = offered_cycle(in_gap, i, out_entered), out_entered[i - 1]
        out_entered[i] = enter_cycle(i, interval, depth, credit, offered_at, before, out_left)
        out_left[i] = leave_cycle(latency, out_entered[i], offered_cycle(out_gap, i, out_left))


@kernel
def exit_misses(entered: Any, left: Any, wanted: Any, out_misses: Any) -> None:
    """How far words leave from when a pipeline of each latency would let them go.

    Model
    -----
    Each word is foretold from what was measured up to it. So a miss is counted once, and does not shift what follows;
    and where nothing is missed, `pipeline_events` gives all words in the same cycles.

    Parameters
    ----------
    entered, left : ndarray (N,) int64
        Cycles in which words entered and left, as measured.
    wanted : ndarray (N,) int64
        First cycle in which each word would be taken.
    out_misses : ndarray (L, 2) int64
        Written to: sum of squares and number of the misses for latencies from 0.
    """
    for latency in range(out_misses.shape[0]):
        squares, n_missed = 0, 0
        for i in range(entered.size):
            miss = leave_cycle(latency, entered[i], wanted[i]) - left[i]
            squares += miss * miss
            n_missed += miss != 0
        out_misses[latency, SQUARES], out_misses[latency, MISSED] = squares, n_missed


@kernel
def entry_misses(entered: Any, left: Any, offered: Any, out_misses: Any) -> None:
    """How far words enter from when a pipeline of each interval, depth and way of credits would let them in.

    Model
    -----
    As for `exit_misses`, by `enter_cycle`.

    Parameters
    ----------
    entered, left : ndarray (N,) int64
        Cycles in which words entered and left, as measured.
    offered : ndarray (N,) int64
        Cycle from which each word was there.
    out_misses : ndarray (I, D, 2, 2) int64
        Written to: sum of squares and number of the misses for intervals from 1, depths from 1, and credits that are
        back at once or a cycle later.
    """
    n_intervals, n_depths, n_credits, _ = out_misses.shape
    for interval in range(1, n_intervals + 1):
        for depth in range(1, n_depths + 1):
            for credit in range(n_credits):
                squares, n_missed = 0, 0
                for i in range(entered.size):
                    at = enter_cycle(i, interval, depth, credit, offered[i], entered[i - 1], left)
                    miss = at - entered[i]
                    squares += miss * miss
                    n_missed += miss != 0
                found = out_misses[interval - 1, depth - 1, credit]
                found[SQUARES], found[MISSED] = squares, n_missed
