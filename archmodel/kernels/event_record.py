"""Rows of a record: of commands, and of repeats which nobody followed (`archmodel.kernels.steady_state`)."""

from __future__ import annotations

from typing import Any

from archmodel.kernels.compile import kernel_part
from archmodel.kernels.program import (
    CORE_FREE_AT,
    CORE_INNER,
    CORE_OUTER,
    DATA,
    EVENT_BUSY,
    EVENT_CAUSE,
    EVENT_COMMAND,
    EVENT_COMMANDS,
    EVENT_ENDED_AT,
    EVENT_FREE_AT,
    EVENT_GRANTED_AT,
    EVENT_ISSUED_AT,
    EVENT_PE,
    EVENT_STARTED_AT,
    EVENT_TURNS,
    EVENT_UNIT,
    EVENT_VISIBLE_AT,
    FREE_AT,
    N_CAUSES,
    NONE,
)
from archmodel.kernels.steady_state import find_horizon


@kernel_part
def record_start(event: Any, pe: int, u: int, c: int, command: Any, queued: Any, cause: int) -> None:
    """Write down that a command starts; if it asks for a resource, `record_grant` completes the row.

    Parameters
    ----------
    event : record
        Row, written to.
    pe, u, c : int
        PE, unit and number of the command.
    command : record
        What it is.
    queued : record
        Its place in the queue of the unit.
    cause : int
        What it has waited for.
    """
    start, ended_at = queued.started_at, queued.started_at + command.occupancy
    event.pe = pe
    event.unit = u
    event.command = c
    event.issued_at = queued.issued_at
    event.started_at = start
    event.free_at = ended_at
    event.granted_at = start
    event.ended_at = ended_at
    event.visible_at = ended_at + command.latency
    event.cause = cause
    event.turns = 0
    event.commands = 1
    event.busy = command.occupancy


@kernel_part
def record_grant(event: Any, command: Any, request: Any, granted_at: int, ended_at: int) -> None:
    """Complete the row of a command that a shared resource serves.

    Parameters
    ----------
    event : record
        Row, written to.
    command : record
        What it is.
    request : record
        What it asked. If repeats were skipped meanwhile, this is a later request; the one recorded was as much earlier.
    granted_at, ended_at : int
        From and until when that is served.
    """
    late = request.at - event.started_at
    event.granted_at = granted_at - late
    event.ended_at = ended_at - late
    event.visible_at = ended_at - late + command.latency


@kernel_part
def record_skip(
    state: Any, repeats: Any, out_rows: Any, n_rows: int, n_skipped: int, outer: int, inner: int, free_at: int
) -> Any:
    """Write a row for every unit and shared resource at work in the repeats just skipped; returns how many rows.

    Parameters
    ----------
    state : EngineState
        Progress of one PE, after the skip.
    repeats : RepeatLog
        What was compared.
    out_rows : ndarray (N, 13) int64
        Written to, if there is room for all.
    n_rows : int
        Rows written so far.
    n_skipped : int
        Commands skipped.
    outer, inner, free_at : int
        Turns of the loops, and the cycle in which the core was free, before the skip.

    Model
    -----
    A unit skips from when it was free, a resource from the horizon on, both for as long as the core does. What they did
    is that of one period times the number of periods. The horizon is said, too: what is recorded and comes after
    it comes again after the skip.
    """
    units, cores, counts = state.units, state.cores, repeats.counts
    n_units, n_resources = units.shape[1], state.free_at.size
    if n_rows + n_units + n_resources > out_rows.shape[0]:
        return 0
    loop = 1 if cores[0, CORE_OUTER] > outer else 0
    n_turns = cores[0, CORE_OUTER] - outer if loop == 1 else cores[0, CORE_INNER] - inner
    before = repeats.saved_counts
    n_periods = n_skipped // (counts[0] - before[loop, 0])
    cycles = cores[0, CORE_FREE_AT] - free_at
    horizon = find_horizon(state) - cycles
    n = n_rows
    for i in range(n_units + n_resources):
        if i < n_units:  # columns of a unit as in `write_counts`: issued, started, busy, stalls
            k = 1 + i * (3 + N_CAUSES)
            n_commands = n_periods * (counts[k + 1] - before[loop, k + 1])
            n_busy = n_periods * (counts[k + 2] - before[loop, k + 2])
            start = units[0, i, FREE_AT] - cycles
        else:  # resources come last
            k = counts.size - n_resources + i - n_units
            n_commands, n_busy, start = 0, n_periods * (counts[k] - before[loop, k]), horizon
        if n_commands == 0 and n_busy == 0:
            continue
        row = out_rows[n]
        row[EVENT_PE], row[EVENT_UNIT], row[EVENT_COMMAND] = 0, i, NONE
        row[EVENT_ISSUED_AT], row[EVENT_STARTED_AT], row[EVENT_GRANTED_AT] = horizon, start, horizon
        row[EVENT_FREE_AT], row[EVENT_ENDED_AT], row[EVENT_VISIBLE_AT] = start + cycles, start + cycles, start + cycles
        row[EVENT_CAUSE], row[EVENT_TURNS], row[EVENT_COMMANDS], row[EVENT_BUSY] = DATA, n_turns, n_commands, n_busy
        n += 1
    return n - n_rows
