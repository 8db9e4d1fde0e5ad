"""Laws of a chain of reduction engines under stalls. Contract: ``docs/methods/timing.md``."""

from __future__ import annotations

from typing import Any

from archmodel.kernels.compile import kernel
from archmodel.kernels.streams import offered_cycle


@kernel
def accumulate_events(n_beats: int, ready: int, first: int, in_gap: Any, out_taken: Any) -> int:
    """Cycles in which the beats of one block enter an engine; returns the cycle of the last one.

    Parameters
    ----------
    n_beats : int
        Beats of the block, all steps.
    ready : int
        First cycle in which the block is offered and a bank is empty.
    first : int
        Number of the first beat among all that entered this engine.
    in_gap : ndarray (G,) int64
        Cycles for which the matrix engine waits before it offers each beat; used in turn.
    out_taken : ndarray (N,) int64
        Cycles of the beats of all blocks; those of this block are written.
    """
    last = ready
    for i in range(first, first + n_beats):
        last = max(offered_cycle(in_gap, i, out_taken), ready)
        out_taken[i] = last
    return last


@kernel
def reduction_events(
    hop_cycles: int, n_beats: Any, n_steps: Any, block_gap: Any, in_gap: Any, out_gap: Any,
    out_taken: Any, out_full: Any, out_passed: Any,
) -> None:  # fmt: skip
    """Cycles in which beats enter a chain of reduction engines and pass along it, when all sides stall.

    Model
    -----
    A beat enters when it and its block are offered and a bank is empty: from the cycle after the last beat of the block
    two before has passed. The block is full with its last beat, and the next one offered from ``1 + gap`` cycles later.
    From the cycle after, its beats pass, one per cycle: when the beat from upstream has arrived, ``hop_cycles`` after
    that passed; and when the hop behind has room, from the cycle after the beat ``hop_cycles + 1`` before has left it.
    Behind the last engine it is taken ``1 + gap`` cycles after the one before, or later.

    Parameters
    ----------
    hop_cycles : int
        From an engine to its neighbour [cycles]; a hop holds one beat more than that.
    n_beats, n_steps : ndarray (B,) int64
        Beats of each block, and steps over which it is accumulated.
    block_gap, in_gap : ndarray (M, G) int64
        Cycles for which each engine waits for the next block, and for the next beat; used in turn.
    out_gap : ndarray (G,) int64
        Cycles for which the end of the chain waits before it takes the next beat; used in turn.
    out_taken : ndarray (M, N) int64
        Written to: cycle in which each beat enters each engine.
    out_full : ndarray (M, B) int64
        Written to: cycle in which the last beat of each block enters each engine.
    out_passed : ndarray (M, P) int64
        Written to: cycle in which each beat passes each engine.
    """
    n_members, n_blocks = out_full.shape
    n_taken, n_passed, passed_before = 0, 0, 0  # beats of earlier blocks; passed before the block before
    for block in range(n_blocks):
        n, entering = n_beats[block], n_beats[block] * n_steps[block]
        for member in range(n_members):
            ready = offered_cycle(block_gap[member], block, out_full[member])
            if block > 1:
                ready = max(ready, out_passed[member, passed_before - 1] + 1)
            out_full[member, block] = accumulate_events(entering, ready, n_taken, in_gap[member], out_taken[member])
        for i in range(n_passed, n_passed + n):
            for member in range(n_members):
                cycle = out_full[member, block] + 1
                if i > 0:
                    cycle = max(cycle, out_passed[member, i - 1] + 1)
                if member > 0:
                    cycle = max(cycle, out_passed[member - 1, i] + hop_cycles)
                if member < n_members - 1:
                    if i > hop_cycles:
                        cycle = max(cycle, out_passed[member + 1, i - hop_cycles - 1] + 1)
                else:
                    cycle = max(cycle, offered_cycle(out_gap, i, out_passed[member]))
                out_passed[member, i] = cycle
        n_taken, passed_before, n_passed = n_taken + entering, n_passed, n_passed + n


@kernel
def chain_cycles(n_steps: int, n_beats: int, reduced: int) -> int:
    """Cycles in which blocks of equal size are accumulated and added up by a chain, when nothing stalls.

    Model
    -----
    ``steps · beats + reduce``: a beat is accumulated as it comes, a block passes while the next is accumulated, and
    only the pass of the last one, ``reduction_cycles``, takes time of its own.

    Parameters
    ----------
    n_steps : int
        Steps of all blocks.
    n_beats : int
        Beats of a block.
    reduced : int
        To add up one block along the chain [cycles].

    Sources
    -------
    Follows from the structure: two banks of accumulators. That the reduction engine of MTIA has them is assumed.
    """
    return n_steps * n_beats + reduced
