"""Laws of systolic arrays: tiles one after the other or overlapped. Contract: ``docs/methods/timing.md``."""

from __future__ import annotations

from typing import Any

from archmodel.kernels.compile import kernel
from archmodel.kernels.matrix_engine import divide_up
from archmodel.kernels.streams import offered_cycle

# Rows of what `systolic_events` writes
COMMAND, LEFT, RIGHT, LOADED, TILE, SUMS, RESULT, DONE = 0, 1, 2, 3, 4, 5, 6, 7
N_EVENTS = 8


@kernel
def systolic_fill_cycles(rows: int, cols: int, is_weight_stationary: bool) -> int:
    """Cycles of a tile beyond its stream, in which a systolic array of ``rows`` × ``cols`` fills and drains.

    Model
    -----
    Weight-stationary ``2R + C − 2``: R to load the weights, R + C − 2 for the skew. Output-stationary ``R + C − 2``:
    the skew; sums leave while they are completed.

    Parameters
    ----------
    rows : int
        Rows of cells: the depth of a tile, or the rows of its sums.
    cols : int
        Columns of cells.
    is_weight_stationary : bool
        Weights stay in the cells, not sums.

    Sources
    -------
    A. Samajdar et al., SCALE-Sim, arXiv 1811.02883; the constants for R = C are those that SCALE-Sim v3 prints.
    """
    return (2 * rows if is_weight_stationary else rows) + cols - 2


@kernel
def systolic_interval_cycles(stream: int, rows: int, cols: int, is_weight_stationary: bool, is_overlapped: bool) -> int:
    """Cycles from the start of a tile to the start of the next one.

    Model
    -----
    One after the other: ``stream + fill``. Overlapped: ``max(stream, R)``. Weights of the next tile enter, a row per
    cycle, while this one streams; or the sums of this one leave, a row per cycle, while the next one streams.

    Parameters
    ----------
    stream : int
        Rows (weight-stationary) or depth (output-stationary) that streams by.
    rows, cols, is_weight_stationary
        As in `systolic_fill_cycles`.
    is_overlapped : bool
        A tile fills the array while the one before drains.

    Sources
    -------
    Follows from the structure; that an array has a second set of weights is assumed.
    """
    if is_overlapped:
        return max(stream, rows)
    return stream + systolic_fill_cycles(rows, cols, is_weight_stationary)


@kernel
def systolic_cycles(
    m: int, n: int, k: int, rows: int, cols: int, is_weight_stationary: bool, is_overlapped: bool
) -> int:
    """Cycles of a matmul on a systolic array when no operand is late: the number of the last one, counted from 0.

    Model
    -----
    ``(tiles − 1) · interval + stream + fill − 1`` with weight-stationary ``⌈K/R⌉·⌈N/C⌉`` tiles and a stream of M,
    output-stationary ``⌈M/R⌉·⌈N/C⌉`` tiles and a stream of K.

    Parameters
    ----------
    m : int
        Rows of the result.
    n : int
        Columns of the result.
    k : int
        Depth of the sums.
    rows, cols, is_weight_stationary, is_overlapped
        As in `systolic_interval_cycles`.

    Sources
    -------
    As `systolic_fill_cycles`.
    """
    n_tiles = divide_up(k if is_weight_stationary else m, rows) * divide_up(n, cols)
    stream = m if is_weight_stationary else k
    interval = systolic_interval_cycles(stream, rows, cols, is_weight_stationary, is_overlapped)
    return (n_tiles - 1) * interval + stream + systolic_fill_cycles(rows, cols, is_weight_stationary) - 1


@kernel
def find_row(step: int, start: int, interval: int, n_tiles: int, length: int) -> tuple[int, int]:
    """Tile and row that are at work in a step, when each tile has ``length`` rows from ``start + tile · interval`` on.

    Parameters
    ----------
    step : int
        Step of the command.
    start, interval : int
        Step in which the first tile starts; steps from one tile to the next.
    n_tiles, length : int
        Tiles, and rows of each.

    Returns
    -------
    tuple of int
        Tile and row; the row is −1 when none is at work.
    """
    tile, row = (step - start) // interval, (step - start) % interval
    if step < start or tile >= n_tiles or row >= length:
        return tile, -1
    return tile, row


@kernel
def systolic_events(
    commands: Any, rows: int, cols: int, command_gap: Any, left_gap: Any, right_gap: Any, result_gap: Any,
    out_cycles: Any, out_counts: Any,
) -> None:  # fmt: skip
    """Cycles of all that happens on a systolic array with a tile loop, when operands are late and results wait.

    Model
    -----
    A command is accepted when the one before has ended, and its steps follow. Tile t starts at step ``t · interval``.
    Weight-stationary: R rows of weights enter, then the rows of the left operand; where tiles overlap, weights enter as
    soon as the tile before begins to stream. Output-stationary: both operands enter from the first step on. Rows of
    sums leave in the last ones of the ``stream + fill`` steps; of tiles that are added up, those of the last. A step
    takes place in the cycle in which the last of what it needs is there:
    ``step(i) = max(step(i − 1) + 1, left(i), right(i), result(i))``.

    Parameters
    ----------
    commands : ndarray (N, 5) int64
        Whether weights stay, whether tiles overlap, stream of a tile, tiles, tiles that are added up.
    rows, cols : int
        Cells.
    command_gap, left_gap, right_gap, result_gap : ndarray (G,) int64
        Cycles for which a side waits before the next command, row of an operand, or row of the result; used in turn.
    out_cycles : ndarray (8, E) int64
        Written to: cycles of each kind of event, in the order of the constants above.
    out_counts : ndarray (8,) int64
        Written to: events of each kind; 0 before.
    """
    now = -1
    for command in commands:
        is_weight_stationary, is_overlapped = command[0] == 1, command[1] == 1
        stream, n_tiles, n_added = command[2], command[3], command[4]
        took = stream + systolic_fill_cycles(rows, cols, is_weight_stationary)
        interval = systolic_interval_cycles(stream, rows, cols, is_weight_stationary, is_overlapped)
        n_loaded, n_given = (rows, stream) if is_weight_stationary else (0, rows)
        now = max(now + 1, offered_cycle(command_gap, out_counts[COMMAND], out_cycles[COMMAND]))
        write_event(out_cycles, out_counts, COMMAND, now)
        for step in range((n_tiles - 1) * interval + took):
            _, loaded = find_row(step, rows if is_overlapped else interval, interval, n_tiles - 1, n_loaded)
            loaded = step if step < n_loaded else loaded
            _, streamed = find_row(step, n_loaded, interval, n_tiles, stream)
            tile, given = find_row(step, took - n_given, interval, n_tiles, n_given)
            is_left, is_right = streamed >= 0, loaded >= 0 if is_weight_stationary else streamed >= 0
            is_result = given >= 0 and tile % n_added == n_added - 1
            now += 1
            if is_left:
                now = max(now, offered_cycle(left_gap, out_counts[LEFT], out_cycles[LEFT]))
            if is_right:
                now = max(now, offered_cycle(right_gap, out_counts[RIGHT], out_cycles[RIGHT]))
            if is_result:
                now = max(now, offered_cycle(result_gap, out_counts[RESULT], out_cycles[RESULT]))
            is_done = given == n_given - 1 and tile == n_tiles - 1
            happens = (
                (LEFT, is_left), (RIGHT, is_right), (LOADED, loaded == rows - 1), (TILE, streamed == 0),
                (SUMS, given >= 0), (RESULT, is_result), (DONE, is_done),
            )  # fmt: skip
            for kind, is_now in happens:
                if is_now:
                    write_event(out_cycles, out_counts, kind, now)


@kernel
def write_event(out_cycles: Any, out_counts: Any, kind: int, cycle: int) -> None:
    """Append the cycle of an event to those of its kind.

    Parameters
    ----------
    out_cycles, out_counts
        As in `systolic_events`.
    kind : int
        Row.
    cycle : int
        When.
    """
    out_cycles[kind, out_counts[kind]] = cycle
    out_counts[kind] += 1
