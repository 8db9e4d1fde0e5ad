"""What a record of a run says: of its buffers and shared resources over time, and what its commands are called."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archmodel.kernels.program import (
    EVENT_BUSY,
    EVENT_COMMAND,
    EVENT_ENDED_AT,
    EVENT_FREE_AT,
    EVENT_GRANTED_AT,
    EVENT_ISSUED_AT,
    EVENT_PE,
    EVENT_STARTED_AT,
    EVENT_UNIT,
    EVENT_VISIBLE_AT,
    IN_A,
    IN_B,
    N_UNITS,
    NONE,
    OUT,
    POP_A,
    POP_B,
    RESERVE,
    RESOURCE,
    UNIT,
)
from archmodel.lowering.program import SHARED, UNITS, CommandTable
from archmodel.lowering.record import EventRecord, Ints


def command_names(table: CommandTable) -> tuple[str, ...]:
    """Call every command by its unit, and by the shared resource that it asks."""
    return tuple(
        UNITS[row[UNIT]] + ("" if row[RESOURCE] == NONE else f" ({SHARED[row[RESOURCE]]})") for row in table.commands
    )


def buffer_names(table: CommandTable) -> tuple[str, ...]:
    """Call every buffer by the units that fill and empty it, with a number if there are several of a name."""
    names: list[str] = []
    for b in range(table.capacity.size):
        givers, takers = table.commands[:, OUT] == b, (table.commands[:, [IN_A, IN_B]] == b).any(axis=1)
        ends = [" + ".join(UNITS[u] for u in np.unique(table.commands[who, UNIT])) for who in (givers, takers)]
        names.append(f"{ends[0]} → {ends[1]}")
    n_alike = [names[:b].count(name) + 1 for b, name in enumerate(names)]
    return tuple(f"{name} {n}" if names.count(name) > 1 else name for name, n in zip(names, n_alike, strict=True))


def close_last(record: EventRecord) -> None:
    """Let the last command of each unit keep it only until its result is there, as the ledger of a run counts it.

    Parameters
    ----------
    record
        Changed in place.
    """
    events = record.events
    who = events[:, EVENT_PE] * N_UNITS + events[:, EVENT_UNIT]
    followed = events[:, EVENT_UNIT] < N_UNITS
    done_at = np.zeros(int(who.max(initial=0)) + 1, dtype=np.int64)
    np.maximum.at(done_at, who[followed], events[followed, EVENT_VISIBLE_AT])
    longer = np.where(followed, np.maximum(events[:, EVENT_FREE_AT] - done_at[who], 0), 0)
    events[:, EVENT_FREE_AT] -= longer
    events[:, EVENT_BUSY] -= longer


def held_tokens(record: EventRecord, table: CommandTable) -> list[list[tuple[Ints, Ints]]]:
    """Follow the space that is taken in every buffer: from a producer's start to a consumer's end.

    Parameters
    ----------
    record, table
        Of a run.

    Returns
    -------
    list of list of (ndarray (K,) int64, ndarray (K,) int64)
        Per PE and buffer, the cycles in which it changes, and the tokens that it has taken space for from then on.
    """
    events = record.events
    n_pes = record.held_before.shape[0]
    by_pe = np.argsort(events[:, EVENT_PE], kind="stable")
    by_pe = by_pe[events[by_pe, EVENT_COMMAND] != NONE]
    bounds = np.searchsorted(events[by_pe, EVENT_PE], np.arange(n_pes + 1))
    commands = table.commands[events[by_pe, EVENT_COMMAND]]
    started, ended = _with_skips(events, EVENT_STARTED_AT)[by_pe], _with_skips(events, EVENT_ENDED_AT)[by_pe]
    held: list[list[tuple[Ints, Ints]]] = [[] for _ in range(n_pes)]
    for b in range(table.capacity.size):
        taken = np.where(commands[:, OUT] == b, commands[:, RESERVE], 0)
        freed = np.where(commands[:, IN_A] == b, commands[:, POP_A], 0)
        freed += np.where(commands[:, IN_B] == b, commands[:, POP_B], 0)
        for pe in range(n_pes):
            mine = slice(bounds[pe], bounds[pe + 1])
            cycles, tokens = _add_up(started[mine], ended[mine], taken[mine], freed[mine])
            held[pe].append((cycles, record.held_before[pe, b] + tokens))
    return held


def _add_up(started: Ints, ended: Ints, taken: Ints, freed: Ints) -> tuple[Ints, Ints]:
    """Add up what is taken at starts and freed at ends, cycle by cycle."""
    cycles, place = np.unique(np.concatenate((started[taken > 0], ended[freed > 0])), return_inverse=True)
    changes = np.zeros(cycles.size, dtype=np.int64)
    np.add.at(changes, place, np.concatenate((taken[taken > 0], -freed[freed > 0])))
    return cycles[changes != 0], np.cumsum(changes)[changes != 0]


def _with_skips(events: Ints, column: int) -> Ints:
    """Give times of events; what was recorded before a skip and lies after its horizon comes again after the skip.

    So a sum over all events is right before and after, and stands still in between.
    """
    times = events[:, column].copy()
    skips = np.flatnonzero(events[:, EVENT_COMMAND] == NONE)
    horizons = events[skips, EVENT_ISSUED_AT]
    is_first = np.diff(horizons, prepend=-1) > 0  # rows of one skip have one horizon
    for i in skips[is_first]:
        horizon, cycles = events[i, EVENT_ISSUED_AT], events[i, EVENT_FREE_AT] - events[i, EVENT_STARTED_AT]
        before = times[:i]
        before[before >= horizon] += cycles
    return times


def served_cycles(
    record: EventRecord, table: CommandTable, hold: Ints, resource: int, edges: Ints
) -> NDArray[np.float64]:
    """Spread the services of a shared resource over time.

    Parameters
    ----------
    record, table
        Of a run.
    hold : (C,) int64
        Cycles for which each command holds its resource (`archmodel.lowering.run.hold_cycles`).
    resource
        Place in ``SHARED``.
    edges : (E,) int64
        Of the bins [cycles].

    Returns
    -------
    ndarray (E − 1,) float64
        For how long it serves within each bin [cycles]; repeats that were skipped count evenly.
    """
    events = record.events
    command = events[:, EVENT_COMMAND]
    asked = np.flatnonzero((command != NONE) & (table.commands[command, RESOURCE] == resource) & (hold[command] > 0))
    # Members of a group have their grant in common; no two grants of a resource are at the same time.
    granted, first = np.unique(_with_skips(events, EVENT_GRANTED_AT)[asked], return_index=True)
    served = hold[command[asked[first]]]
    times = np.stack((granted, granted + served), axis=1).reshape(-1)
    total = np.concatenate(([0], np.cumsum(served)))
    sums = np.stack((total[:-1], total[1:]), axis=1).reshape(-1)
    at_edges = np.interp(edges, times, sums) if times.size else np.zeros(edges.size)
    for row in events[(command == NONE) & (events[:, EVENT_UNIT] == N_UNITS + resource)]:
        at_edges += np.interp(edges, (row[EVENT_STARTED_AT], row[EVENT_FREE_AT]), (0, row[EVENT_BUSY]))
    return np.diff(at_edges)
