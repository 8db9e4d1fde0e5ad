"""What units of hardware should do and wait for, from a record of the cycle model: events and counters by name."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from archmodel.kernels.program import (
    EVENT_ENDED_AT,
    EVENT_ISSUED_AT,
    EVENT_PE,
    EVENT_STARTED_AT,
    EVENT_UNIT,
    EVENT_VISIBLE_AT,
    STORE,
    WRITE_BACK,
)
from archmodel.lowering.program import CAUSES, UNITS
from archmodel.verify.command_words import HARDWARE_UNITS

Ints = NDArray[np.int64]
_COLUMNS = {"start": EVENT_STARTED_AT, "end": EVENT_ENDED_AT, "visible": EVENT_VISIBLE_AT}


def list_accepts(rows: Ints) -> list[int]:
    """List the cycles in which the first PE takes a command; a cache writes back without one."""
    told = (rows[:, EVENT_PE] == 0) & (rows[:, EVENT_UNIT] != WRITE_BACK)
    return sorted((rows[told, EVENT_ISSUED_AT] - 1).tolist())


def list_events(rows: Ints, pe: int = 0, prefix: str = "") -> dict[str, list[int]]:
    """List the cycles of each event ``UNIT_start``, ``UNIT_end`` and ``UNIT_visible`` of a PE.

    What is stored behind a cache can be seen when the cache has it, in the model at the end of its write-back.

    Parameters
    ----------
    rows
        Of a record (`archmodel.lowering.record`).
    pe
        Number of the PE.
    prefix
        In front of the names.
    """
    rows = rows[rows[:, EVENT_PE] == pe]
    stored_by = WRITE_BACK if (rows[:, EVENT_UNIT] == WRITE_BACK).any() else STORE
    events = {}
    for event, unit in itertools.product(_COLUMNS, HARDWARE_UNITS):
        by = stored_by if (unit, event) == (STORE, "visible") else unit
        events[f"{prefix}{UNITS[unit]}_{event}"] = sorted(rows[rows[:, EVENT_UNIT] == by, _COLUMNS[event]].tolist())
    return events


def list_counters(stall_cycles: Ints) -> dict[str, int]:
    """List the stall counters ``UNIT_CAUSE`` that are not 0: the mean over the PEs, rounded half up.

    Parameters
    ----------
    stall_cycles
        PEs × units × causes, as in `archmodel.lowering.program.Run`.
    """
    n_pes = stall_cycles.shape[0]
    mean = (stall_cycles.sum(axis=0) + n_pes // 2) // n_pes
    named = {f"{UNITS[u]}_{cause}": int(mean[u, c]) for u in HARDWARE_UNITS for c, cause in enumerate(CAUSES)}
    return {name: cycles for name, cycles in named.items() if cycles}
