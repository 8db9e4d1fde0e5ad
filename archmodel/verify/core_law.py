"""The law of a core, asked about what contexts have executed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archmodel.kernels.scalar_core import N_PUSHES, CoreTimes, core_events

Ints = NDArray[np.int64]


class CoreCycles(NamedTuple):
    """When a core does what: a row per instruction, those of context 0 first, and per command, in the order of pushes.

    ``retired`` says when each instruction does; ``pushed``, ``context`` and ``left`` when each command is pushed, by
    whom, and when it leaves.
    """

    retired: Ints
    pushed: Ints
    context: Ints
    left: Ints


def core_cycles(
    core: CoreTimes, traces: Sequence[Ints], gap: Sequence[int] | Ints = (0,), room: Ints | None = None
) -> CoreCycles:
    """Ask `core_events` when instructions retire, and commands are pushed and leave.

    Parameters
    ----------
    core
        Times of the core.
    traces
        Instructions of one context, or of two.
    gap
        Cycles for which the port waits before it takes the next command; used in turn.
    room
        Cycles from which the port takes each command, those of context 0 first; at once by default.
    """
    trace, lengths = np.concatenate(traces), np.array([*map(len, traces), 0][:2], np.int64)
    n_pushes = int(trace[:, N_PUSHES].sum())
    found = CoreCycles(np.zeros(len(trace), np.int64), *np.zeros((3, n_pushes), np.int64))
    core_events(
        core, trace, lengths, np.array(gap, np.int64), np.zeros(n_pushes, np.int64) if room is None else room, *found
    )
    return found
