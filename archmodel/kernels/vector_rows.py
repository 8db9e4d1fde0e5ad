"""Law of a vector core that treats one row after another. Contract: ``docs/methods/operators/vector-loops.md``."""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.compile import kernel
from archmodel.kernels.vector_unit import (
    ACCEPTED,
    END,
    VectorCore,
    copy_state,
    new_state,
    repeats,
    run_loop,
    run_turn,
)


@kernel
def row_cycles(
    core: VectorCore, before: Any, turn: Any, after: Any, n_rows: int, n_elements: int, n_per_turn: int
) -> int:
    """Cycles of a kernel that runs a strip-mined loop over each of many rows.

    Model
    -----
    For each row: instructions that set up registers, the loop, and instructions that fold what it left in them.
    Nothing waits between rows but for pipes and registers: the next row begins while the last results of this one are
    under way. As in `run_loop`, rows are followed until the state repeats, and whole periods are added at once, which
    is exact.

    Parameters
    ----------
    core : VectorCore
        The core.
    before, turn, after : ndarray (B, 6) int64
        Instructions; those with 0 elements treat as many as a turn of the loop.
    n_rows : int
        Rows, 0 or more.
    n_elements, n_per_turn : int
        Elements of a row, 1 or more, and of each turn but the last.

    Sources
    -------
    As `archmodel.kernels.vector_unit.run_loop`; that scalar instructions run beside the vector pipes is assumed.
    """
    state, kept = new_state(core), new_state(core)
    never, nothing = np.zeros(1, np.int64), np.zeros(0, np.int64)
    row, kept_row, next_kept = 0, 0, 1
    while row < n_rows:
        run_turn(core, before, min(n_elements, n_per_turn), state, never, nothing)
        run_loop(core, turn, n_elements, n_per_turn, state)
        run_turn(core, after, min(n_elements, n_per_turn), state, never, nothing)
        row += 1
        if next_kept > 0 and repeats(state, kept):
            n_periods = (n_rows - row) // (row - kept_row)
            copy_state(state, n_periods * (state.clock[ACCEPTED] - kept.clock[ACCEPTED]), state)
            row += n_periods * (row - kept_row)
            next_kept = 0  # less than a period is left
        if row == next_kept:
            next_kept, kept_row = 2 * row, row
            copy_state(state, 0, kept)
    return int(state.clock[END])
