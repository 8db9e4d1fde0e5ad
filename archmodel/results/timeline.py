"""`Timeline`: what every unit does and when, and what is in use meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Track(NamedTuple):
    """A line of a timeline: a unit of a PE, or a view of the whole step; events on it do not overlap."""

    process: str
    name: str


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time with a name.

    Parameters
    ----------
    track
        On which it is.
    name
        Label.
    start_s, end_s
        From the beginning of the step [s].
    said
        What else there is to know.
    """

    track: Track
    name: str
    start_s: float
    end_s: float
    said: Mapping[str, Any] = field(default_factory=dict)


class Events(NamedTuple):
    """Commands, and repeats that were skipped: N of them. Cycles count from the start of the phase; −1: not recorded.

    Parameters
    ----------
    track, label : (N,) int64
        Places in the tracks and labels of the timeline.
    start_s, end_s : (N,) float64
        For which the unit is busy, from the beginning of the step [s].
    command : (N,) int64
        Place in the program; −1 for repeats that were skipped.
    issued_cycle, start_cycle, granted_cycle, end_cycle, visible_cycle : (N,) int64
        When the command was issued, when it started, when its shared resource served it (its start if there is none),
        when its inputs were freed, and when its result was visible.
    cause : (N,) int64
        What it waited for last, as a place in the causes of the timeline; −1: not recorded.
    n_turns, n_commands, busy_cycles : (N,) int64
        Turns of a loop that were skipped, commands that the event stands for, and for how long they keep the unit busy.
    """

    track: Ints
    label: Ints
    start_s: Floats
    end_s: Floats
    command: Ints
    issued_cycle: Ints
    start_cycle: Ints
    granted_cycle: Ints
    end_cycle: Ints
    visible_cycle: Ints
    cause: Ints
    n_turns: Ints
    n_commands: Ints
    busy_cycles: Ints


@dataclass(frozen=True, slots=True)
class Counter:
    """A value over time; it holds until the next one.

    Parameters
    ----------
    track
        Its process and name.
    unit
        Of the values.
    time_s, value : (K,) float64
        From when on [s], and how much.
    """

    track: Track
    unit: str
    time_s: Floats
    value: Floats


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happens in one step of a workload on a machine.

    Parameters
    ----------
    machine, workload, phase, mode
        Names of what was asked.
    run
        Run settings, as in `Result`.
    clock_hz
        Of the machine [Hz].
    latency_s
        Of the step [s].
    window_s
        Shown part of it, or of one pass [s].
    is_folded
        Whether all executions of an operator but the first are left out.
    spans
        Launches, operators, phases.
    tracks, labels, causes
        Names that events point to.
    events
        Of units.
    counters
        Space taken in buffers, bandwidth of memories.
    n_commands
        Commands of the whole step that are followed one by one in `mode`, repeats included.
    remarks
        What is not shown, and other things to know before reading it.
    provenance
        As in `Result`.
    """

    machine: str
    workload: str
    phase: str
    mode: str
    run: Mapping[str, Any]
    clock_hz: float
    latency_s: float
    window_s: tuple[float, float]
    is_folded: bool
    spans: tuple[Span, ...]
    tracks: tuple[Track, ...]
    labels: tuple[str, ...]
    causes: tuple[str, ...]
    events: Events
    counters: tuple[Counter, ...]
    n_commands: int
    remarks: tuple[str, ...]
    provenance: Mapping[str, Any]

    @property
    def n_events(self) -> int:
        """Events of units."""
        return int(self.events.track.size)

    @property
    def is_sampled(self) -> bool:
        """Whether commands of the step are not among the events."""
        return int(np.count_nonzero(self.events.command >= 0)) < self.n_commands

    @property
    def followed_s(self) -> tuple[Floats, Floats]:
        """Beginnings and ends of the phases in the window of which units are shown, as far as these are recorded."""
        times = np.sort(self.events.start_s)
        rows = []
        cuts = [span.start_s for span in self.spans if span.name == "not recorded"]
        for span in self.spans:
            if span.track.name == "phases" and span.name != "not recorded":
                start_s = max(span.start_s, self.window_s[0])
                end_s = min(span.end_s, self.window_s[1], *(cut for cut in cuts if start_s <= cut < span.end_s))
                if np.searchsorted(times, end_s) > np.searchsorted(times, span.start_s):
                    rows.append((start_s, max(start_s, end_s)))
        starts_s, ends_s = np.array(rows).reshape(-1, 2).T
        return starts_s, ends_s

    @property
    def followed_frac(self) -> float:
        """Share of the window that is followed: without folding, first executions are, and further ones are not."""
        starts_s, ends_s = self.followed_s
        return float(np.sum(ends_s - starts_s)) / (self.window_s[1] - self.window_s[0])
