"""Timeline of a step: launches, operators and phases, and within the phases every command of model ``cycle``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple

import numpy as np

from archmodel.errors import Fault, InputError, suggest
from archmodel.lowering.phases import Phase, Site, find_site, lower_site
from archmodel.lowering.program import CAUSES
from archmodel.lowering.record import EVER, EventRecord, Ints, new_record
from archmodel.lowering.run import Mode, Run
from archmodel.lowering.tracks import close_last
from archmodel.machine.types import Machine
from archmodel.mapping import LaunchMode, place
from archmodel.models.collect import Collector, Passage
from archmodel.models.counted import fuse_for
from archmodel.models.cycle import Cycle
from archmodel.results import Result
from archmodel.results.timeline import Span, Timeline, Track
from archmodel.units import format_si
from archmodel.workload.types import Trace

MAX_EVENTS = 200_000
"""Events of units in a timeline, unless said otherwise: what a viewer shows without delay."""
LAUNCHES, OPERATORS, PHASES = (Track("step", name) for name in ("launches", "operators", "phases"))


class _Rest(NamedTuple):
    """Further executions of an operator: from when until when [s], and how long memories serve in all [cycles]."""

    site: Site
    start_s: float
    end_s: float
    served_cycles: Ints


def record_step(
    trace: Trace,
    machine: Machine,
    launch: LaunchMode = "graph",
    mode: Mode = "representative",
    *,
    window_s: tuple[float, float] | None = None,
    max_events: int = MAX_EVENTS,
    operators: str = "*",
    is_folded: bool = False,
) -> Timeline:
    """Follow one step of a workload and record what happens.

    Parameters
    ----------
    trace, machine, launch, mode
        As model ``cycle`` takes them.
    window_s
        Part of the step that is of interest [s]; all of it if ``None``. Within a window, repetitions are followed one
        by one; without, model ``cycle`` in mode ``representative`` skips them, and says how many.
    max_events
        Events of units at most. If there are more, phases share them: each shows as many as any other, from its
        beginning, unless it needs fewer.
    operators
        Commands of operators whose name matches this pattern (``*`` and ``?`` stand for any text and character).
    is_folded
        Leave out all executions of an operator but the first: one pass through the operators.

    Raises
    ------
    InputError
        When the window is empty or beyond the step, no operator matches, or there is no room for an event.
    UnsupportedError
        When model ``cycle`` has no answer, with every reason.
    """
    result = Cycle(mode).evaluate(trace, machine, launch)
    spans, passages, rests = _lay_out(fuse_for(trace, machine, launch), machine, result, mode, is_folded=is_folded)
    over_s = max(span.end_s for span in spans)
    start_s, end_s = _check(result, over_s, window_s, max_events, operators)
    windows: list[tuple[int, int] | None] = []
    needs = []
    for passage in passages:
        since, until = (int(np.ceil((time_s - passage.start_s) * machine.clock_hz)) for time_s in (start_s, end_s))
        is_shown = since < passage.run.cycles and until > 0 and fnmatchcase(passage.operator, operators)
        windows.append(None if window_s is None else (max(0, since), max(1, min(until, passage.run.cycles + 1))))
        needs.append(_need(passage, mode, windows[-1]) if is_shown else 0)
    collector, n_cut = Collector(machine.clock_hz, mode), 0
    for passage, window, n_needed, n_rows in zip(passages, windows, needs, share_out(needs, max_events), strict=True):
        if n_rows == 0:
            collector.add_average(passage.site, passage.start_s, passage.end_s, passage.run.served_cycles)
            continue
        complete_s = (
            collector.add_record(passage, _record_what_fits(passage, mode, n_rows, n_needed, window)) / machine.clock_hz
        )
        if n_rows < n_needed:
            said = {"events": n_needed - n_rows}
            spans.append(Span(PHASES, "not recorded", passage.start_s + complete_s, passage.end_s, said))
            n_cut += 1
    for rest in rests:
        collector.add_average(*rest)
    spans = [span for span in spans if span.start_s < end_s and span.end_s > start_s]
    return Timeline(
        machine=machine.name,
        workload=trace.name,
        phase=trace.phase,
        mode=mode,
        run=result.run,
        clock_hz=machine.clock_hz,
        latency_s=result.latency_s,
        window_s=(start_s, end_s),
        is_folded=is_folded,
        spans=tuple(sorted(spans, key=lambda span: span.start_s)),
        tracks=collector.tracks,
        labels=collector.labels,
        causes=CAUSES,
        events=collector.events,
        counters=collector.counters((start_s, end_s)),
        n_commands=sum(_n_followed(passage, mode) for passage in passages),
        remarks=tuple(_remarks(result, collector, n_cut, max_events, trace.plan.n_chips)),
        provenance=result.provenance,
    )


def _check(
    result: Result, over_s: float, window_s: tuple[float, float] | None, max_events: int, operators: str
) -> tuple[float, float]:
    """Check what is asked of a step; returns the window."""
    faults = []
    if max_events < 1:
        faults.append(Fault("max_events", f"{max_events} is not allowed; allowed: whole numbers from 1"))
    names = list(result.operators["operator"])
    if not any(fnmatchcase(name, operators) for name in names):
        faults.append(Fault("operators", f"{operators!r} matches no operator; {suggest(operators, names)}"))
    start_s, end_s = window_s or (0.0, over_s)
    if not 0 <= start_s < end_s:
        given = f"{format_si(start_s, 's')} to {format_si(end_s, 's')}"
        faults.append(Fault("window", f"{given} is not allowed; give a start from 0 and a later end"))
    elif start_s >= over_s:
        text = f"starts at {format_si(start_s, 's')}; what is shown is over after {format_si(over_s, 's')}"
        faults.append(Fault("window", text))
    if faults:
        raise InputError("timeline", faults)
    return start_s, min(end_s, over_s)


def _lay_out(
    trace: Trace, machine: Machine, result: Result, mode: Mode, *, is_folded: bool
) -> tuple[list[Span], list[Passage], list[_Rest]]:
    """Put operators one after another: launch, phases of the first execution, the other executions."""
    placement = place(trace, machine, result.run["launch"])
    rows = list(result.operators.rows())
    at_s = max(0.0, result.launch_s - sum(row["launch_s"] for row in rows))
    spans = [Span(LAUNCHES, "job", 0.0, at_s)] if at_s > 0 else []
    passages: list[Passage] = []
    rests: list[_Rest] = []

    @cache
    def follow(site: Site) -> list[tuple[Phase, Run, int]]:
        found = []
        for phase in lower_site(site):
            run, record = _record(phase, mode, 0, None)
            found.append((phase, run, record.n_lost))
        return found

    for idx, row in enumerate(rows):
        name, count, end_s = row["operator"], row["count"], at_s + row["latency_s"]
        launch_s, site = row["launch_s"] / count, find_site(trace, idx, machine, placement)
        if launch_s > 0:
            spans.append(Span(LAUNCHES, name, at_s, at_s + launch_s))
        said = {"kind": row["kind"], "group": row["group"], "executions": count, "bound by": row["bound"]}
        first_s, phases, in_phases = at_s + launch_s, follow(site), []
        at_s = first_s
        for phase, run, n_rows in phases:
            start_s, at_s = at_s, at_s + run.cycles / machine.clock_hz
            passages.append(Passage(name, site, phase, start_s, at_s, run, n_rows))
            in_phases.append(Span(PHASES, phase.name, start_s, at_s, {"cycles": run.cycles}))
        spans += [Span(OPERATORS, name, first_s, at_s, said), *in_phases]
        if count > 1 and not is_folded:
            spans.append(Span(OPERATORS, f"{name}: {count - 1} more", at_s, end_s, said | {"is_repeat": True}))
            served = np.sum([run.served_cycles for _, run, _ in phases], axis=0)
            rests.append(_Rest(site, at_s, end_s, (count - 1) * served))
        at_s = at_s if is_folded else end_s
    return spans, passages, rests


def _record(phase: Phase, mode: Mode, n_rows: int, window: tuple[int, int] | None) -> tuple[Run, EventRecord]:
    """Run a phase and record what happens in a window, or all the time."""
    n_pes = phase.grid.n_pes if mode == "grid" else 1
    record = new_record(n_pes, phase.table.capacity.size, n_rows, *(window or (0, EVER)))
    run = phase.run(mode, record)
    close_last(record)
    return run, record


def _need(passage: Passage, mode: Mode, window: tuple[int, int] | None) -> int:
    """Count the rows that a record of a phase needs."""
    return passage.n_rows if window is None else _record(passage.phase, mode, 0, window)[1].n_lost


def _record_what_fits(
    passage: Passage, mode: Mode, n_rows: int, n_needed: int, window: tuple[int, int] | None
) -> EventRecord:
    """Record a phase; if that needs more rows than there are, a shorter part of it, from its beginning."""
    since, until = window or (0, passage.run.cycles)
    record = _record(passage.phase, mode, n_rows, window)[1]
    # PEs are not followed in order of time: what fits may be complete up to an early cycle only.
    while record.n_lost and until > since + 1:
        until = since + max(1, int((until - since) * 0.95 * n_rows / n_needed))
        record = _record(passage.phase, mode, n_rows, (since, until))[1]
        n_needed = n_rows + record.n_lost
    return record


def _n_followed(passage: Passage, mode: Mode) -> int:
    """Commands that a mode follows: of all PEs, or of one for all."""
    return passage.run.n_commands // (1 if mode == "grid" else passage.phase.grid.n_pes)


def share_out(needs: Sequence[int], n_total: int) -> list[int]:
    """Share a number out so that nobody gets more than they need, and the others alike, the earlier ones first.

    Parameters
    ----------
    needs
        Of each.
    n_total
        To share.
    """
    shares, left = [0] * len(needs), n_total
    by_need = sorted(range(len(needs)), key=lambda i: (needs[i], -i))
    for n_served, i in enumerate(by_need):
        shares[i] = min(needs[i], left // (len(needs) - n_served))
        left -= shares[i]
    return shares


def _remarks(result: Result, collector: Collector, n_unfinished: int, max_events: int, n_chips: int) -> Iterator[str]:
    """Say what a reader has to know."""
    if n_chips > 1:
        yield f"one of {n_chips} chips is shown"
    if n_unfinished:
        yield (
            f"{n_unfinished} phases are recorded from their beginning only, so that there are no more than "
            f"{max_events} events; ask for a window, for operators, or for more events"
        )
    if (collector.events.command < 0).any():
        yield "repetitions that have become periodic are skipped; ask for a window to see them"
    if any(count > 1 for count in result.operators["count"]):
        yield "of an operator that runs several times, the first execution is shown"
    yield from result.warnings
