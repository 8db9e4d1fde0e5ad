"""Records of runs: which command was where, and when (`archmodel.lowering.run.run_table`)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archmodel.kernels.program import LOST_FROM, N_EVENT_FIELDS, N_LOST, N_RECORD_COUNTS, N_ROWS

Ints = NDArray[np.int64]

EVER = 1 << 62
"""A cycle that never comes."""


class EventRecord(NamedTuple):
    """Room for what happens in a run (`new_record`); columns as in ``archmodel.kernels.program``.

    Parameters
    ----------
    rows : (N, 13) int64
        A command each, in the order in which their starts became known.
    window : (2,) int64
        What starts before the second and keeps its unit busy up to the first or longer is recorded [cycles].
    counts : (3,) int64
        After the run: rows written, those for which there was no room, and the earliest cycle of these.
    held_before : (P, B) int64
        Space of each buffer taken by commands that were over before the window and not freed by such [tokens].
    """

    rows: Ints
    window: Ints
    counts: Ints
    held_before: Ints

    @property
    def events(self) -> Ints:
        """Rows written: (n, 13)."""
        return self.rows[: self.counts[N_ROWS]]

    @property
    def n_lost(self) -> int:
        """Rows for which there was no room; skipped repeats may take fewer than are counted."""
        return int(self.counts[N_LOST])

    @property
    def lost_from_cycle(self) -> int:
        """Cycle up to which the record is complete."""
        return int(self.counts[LOST_FROM])

    @property
    def is_of_part(self) -> bool:
        """Whether it is of a part of the run only."""
        return bool(self.window[0] > 0 or 0 < self.window[1] < EVER)


def new_record(n_pes: int, n_buffers: int, n_events: int, since_cycle: int = 0, until_cycle: int = EVER) -> EventRecord:
    """Make room for what happens in a run.

    Parameters
    ----------
    n_pes, n_buffers
        PEs followed, and buffers of the program.
    n_events
        Rows; memory is bounded by them.
    since_cycle, until_cycle
        Commands at work in between are recorded.
    """
    counts = np.zeros(N_RECORD_COUNTS, dtype=np.int64)
    rows = np.empty((n_events, N_EVENT_FIELDS), dtype=np.int64)
    window = np.array([since_cycle, until_cycle], dtype=np.int64)
    return EventRecord(rows, window, counts, np.zeros((n_pes, n_buffers), dtype=np.int64))
