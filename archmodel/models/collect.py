"""Collect what records of phases say into the events and counters of a timeline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from archmodel.kernels.program import (
    DRAM,
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
    N_UNITS,
    NONE,
    SRAM,
)
from archmodel.lowering.phases import Phase, Site
from archmodel.lowering.program import UNITS
from archmodel.lowering.record import EventRecord, Ints
from archmodel.lowering.run import Mode, Run, hold_cycles
from archmodel.lowering.tracks import buffer_names, command_names, held_tokens, served_cycles
from archmodel.results.timeline import Counter, Events, Floats, Track

_MEMORIES = ((SRAM, "SRAM", "sram_width"), (DRAM, "DRAM", "dram_width"))
_N_BINS = 256  # of a phase, for bandwidths: about as many as a screen can show


@dataclass(frozen=True, slots=True)
class Passage:
    """One phase of the first execution of an operator.

    Parameters
    ----------
    operator, site, phase
        Whose.
    start_s, end_s
        From the beginning of the step [s].
    run
        What it took.
    n_rows
        Rows that a record of all of it needs.
    """

    operator: str
    site: Site
    phase: Phase
    start_s: float
    end_s: float
    run: Run
    n_rows: int


class Collector:
    """Events and counters so far, with times from the beginning of the step.

    Parameters
    ----------
    clock_hz
        Of the machine [Hz].
    mode
        In which records are made.
    """

    def __init__(self, clock_hz: float, mode: Mode) -> None:
        self._clock_hz = clock_hz
        self._mode = mode
        self._n_pes = 1
        self._labels: dict[str, int] = {}
        self._parts: list[Events] = []
        self._series: dict[tuple[Track, str], list[tuple[Floats, Floats]]] = {}

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of events."""
        return tuple(self._labels)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Units of every PE, one PE after the other."""
        return tuple(Track(self._pe_name(pe), unit) for pe in range(self._n_pes) for unit in UNITS)

    @property
    def events(self) -> Events:
        """Events in the order in which they were added."""
        none = np.zeros(0, dtype=np.int64)
        empty = Events(
            none, none, none.astype(np.float64), none.astype(np.float64), *[none] * (len(Events._fields) - 4)
        )
        return Events(*(np.concatenate(columns) for columns in zip(empty, *self._parts, strict=True)))

    def counters(self, window_s: tuple[float, float]) -> tuple[Counter, ...]:
        """Give counters as they change within a window, and as they are when it begins.

        Parameters
        ----------
        window_s
            From and until when [s].
        """
        found = []
        for (track, unit), parts in self._series.items():
            in_order = sorted(parts, key=lambda part: float(part[0][0]))
            time_s, value = (np.concatenate(column) for column in zip(*in_order, strict=True))
            first = max(int(np.searchsorted(time_s, window_s[0], side="right")) - 1, 0)
            end = int(np.searchsorted(time_s, window_s[1], side="right"))
            time_s, value = np.maximum(time_s[first:end], window_s[0]), value[first:end]
            is_last = np.diff(time_s, append=np.inf) > 0  # of several at one time, the last one holds
            time_s, value = time_s[is_last], value[is_last]
            is_change = np.diff(value, prepend=np.nan) != 0
            if value.any():
                found.append(Counter(track, unit, time_s[is_change], value[is_change]))
        return tuple(found)

    def add_record(self, passage: Passage, record: EventRecord) -> int:
        """Add what was recorded of a phase, as far as it is complete.

        Parameters
        ----------
        passage, record
            The phase and its record.

        Returns
        -------
        int
            Cycle of the phase up to which it is complete.
        """
        since = int(record.window[0])
        ends_at = int(min(record.window[1], passage.run.cycles, record.lost_from_cycle))
        self._add_events(passage, record, ends_at)
        self._add_buffers(passage, record, ends_at)
        hold = hold_cycles(passage.phase.table, passage.phase.grid, self._mode)
        edges = np.unique(np.linspace(since, ends_at, _N_BINS + 1).round().astype(np.int64))
        for resource, name, width in _MEMORIES:
            bytes_per_cycle = getattr(passage.site.timing, width)
            served = served_cycles(record, passage.phase.table, hold, resource, edges)
            rest = max(float(passage.run.served_cycles[resource]) - served.sum(), 0.0)
            after = rest / max(passage.run.cycles - ends_at, 1)
            values = np.concatenate((served / np.diff(edges), (after, 0.0)))
            cycles = np.concatenate((edges, (passage.run.cycles,)))
            self._add_points(
                Track("memory", name), "GB/s", passage.start_s, cycles, self._gb_per_s(values, bytes_per_cycle)
            )
        return ends_at

    def add_average(self, site: Site, start_s: float, end_s: float, served: Ints) -> None:
        """Add what memories do on average where nothing is recorded.

        Parameters
        ----------
        site
            Of the operator.
        start_s, end_s
            From when until when, from the beginning of the step [s].
        served : (R,) int64
            For how long shared resources serve in that time [cycles].
        """
        cycles = (end_s - start_s) * self._clock_hz
        if cycles <= 0:
            return
        for resource, name, width in _MEMORIES:
            values = self._gb_per_s(np.array([served[resource] / cycles, 0.0]), getattr(site.timing, width))
            self._series.setdefault((Track("memory", name), "GB/s"), []).append((np.array([start_s, end_s]), values))

    def _gb_per_s(self, busy_frac: Floats, bytes_per_cycle: float) -> Floats:
        return busy_frac * (bytes_per_cycle * self._clock_hz / 1e9)

    def _pe_name(self, pe: int) -> str:
        return f"PE {pe}" if self._mode == "grid" else "one PE for all"

    def _add_points(self, track: Track, unit: str, start_s: float, cycles: Ints, values: Floats) -> None:
        points = self._series.setdefault((track, unit), [])
        points.append((start_s + cycles / self._clock_hz, values.astype(np.float64)))

    def _add_buffers(self, passage: Passage, record: EventRecord, ends_at: int) -> None:
        table = passage.phase.table
        names = buffer_names(table)
        for pe, held in enumerate(held_tokens(record, table)):
            for name, first, (cycles, tokens) in zip(names, record.held_before[pe], held, strict=True):
                n = int(np.searchsorted(cycles, ends_at))
                at = np.concatenate(((record.window[0],), cycles[:n], (ends_at,)))
                values = np.concatenate(((first,), tokens[:n], (0,)))
                self._add_points(Track(self._pe_name(pe), name), "tokens", passage.start_s, at, values)

    def _add_events(self, passage: Passage, record: EventRecord, ends_at: int) -> None:
        rows = record.events
        rows = rows[(rows[:, EVENT_UNIT] < N_UNITS) & (rows[:, EVENT_STARTED_AT] < ends_at)]
        self._n_pes = max(self._n_pes, record.held_before.shape[0])
        places = [self._labels.setdefault(name, len(self._labels)) for name in command_names(passage.phase.table)]
        label = np.array(places, dtype=np.int64)[rows[:, EVENT_COMMAND]]
        for n_turns in np.unique(rows[rows[:, EVENT_COMMAND] == NONE, EVENT_TURNS]):
            said = f"{n_turns} repeats skipped"
            label[rows[:, EVENT_TURNS] == n_turns] = self._labels.setdefault(said, len(self._labels))
        start, end = rows[:, EVENT_STARTED_AT], rows[:, EVENT_FREE_AT]
        self._parts.append(
            Events(
                track=rows[:, EVENT_PE] * N_UNITS + rows[:, EVENT_UNIT],
                label=label,
                start_s=passage.start_s + start / self._clock_hz,
                end_s=passage.start_s + end / self._clock_hz,
                command=rows[:, EVENT_COMMAND],
                issued_cycle=rows[:, EVENT_ISSUED_AT],
                start_cycle=start,
                granted_cycle=rows[:, EVENT_GRANTED_AT],
                end_cycle=rows[:, EVENT_ENDED_AT],
                visible_cycle=rows[:, EVENT_VISIBLE_AT],
                cause=rows[:, EVENT_CAUSE],
                n_turns=rows[:, EVENT_TURNS],
                n_commands=rows[:, EVENT_COMMANDS],
                busy_cycles=rows[:, EVENT_BUSY],
            )
        )
