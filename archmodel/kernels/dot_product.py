"""When a matrix engine of dot-product tiles takes and gives what, if its streams stall.

The cycles without stalls are in ``matrix_engine.py``. Contract: ``docs/methods/timing.md``.
"""

from __future__ import annotations

from typing import Any

from archmodel.kernels.compile import kernel
from archmodel.kernels.streams import offered_cycle


@kernel
def dot_product_events(
    commands: Any, tile_rows: int, tile_cols: int, latency: int, command_gap: Any, row_gap: Any, column_gap: Any,
    out_gap: Any, out_command: Any, out_row: Any, out_open: Any, out_column: Any, out_given: Any,
) -> None:  # fmt: skip
    """Cycles in which an engine takes commands, rows and columns and gives sums, when all four sides stall.

    Model
    -----
    A command is taken when the last column of the one before is, or later. A row is taken when the block that it
    belongs to is free: from the cycle after the command, for the third block on from the cycle after the last column of
    the pass two before. A column is taken from the cycle after the one before, and after the last row of its block; a
    step is set up first. It enters a pipeline of ``latency`` stages, which are all taken until the column ``latency``
    before leaves. Sums are given ``latency`` cycles after their column, when they are taken.

    Parameters
    ----------
    commands : ndarray (C, 4) int64
        Columns, passes, cycles to set up a step in a pass, passes per step.
    tile_rows, tile_cols : int
        Rows of a block; columns of a step.
    latency : int
        From a column to its sums [cycles].
    command_gap, row_gap, column_gap, out_gap : ndarray (G,) int64
        Waits of the sides; see `offered_cycle`.
    out_command : ndarray (C,) int64
        Written to: cycle in which each command is taken.
    out_row : ndarray (R,) int64
        Written to: cycle in which each row is taken.
    out_open, out_column, out_given : ndarray (N,) int64
        Written to: cycle from which a column could be taken, but for the pipeline and its source; in which it is; in
        which its sums are.
    """
    row, column = 0, 0
    for c in range(commands.shape[0]):
        n_columns, n_passes, setup, passes_per_step = commands[c]
        out_command[c] = max(offered_cycle(command_gap, c, out_command), out_column[column - 1] if c > 0 else 0)
        for p in range(n_passes):
            free = (out_column[column - n_columns - 1] if p > 1 else out_command[c]) + 1
            for _ in range(tile_rows):
                out_row[row] = max(offered_cycle(row_gap, row, out_row), free)
                row += 1
            for i in range(n_columns):
                start = max(out_row[row - 1], out_column[column - 1] if column > 0 else 0) + 1
                is_first_of_step = p % passes_per_step == 0 and i % tile_cols == 0
                out_open[column] = start + (setup if is_first_of_step else 0)
                full = out_given[column - latency] if column >= latency else 0
                out_column[column] = max(offered_cycle(column_gap, column, out_column), out_open[column], full)
                out_given[column] = max(offered_cycle(out_gap, column, out_given), out_column[column] + latency)
                column += 1
