"""Write a timeline in the trace-event format of Chrome, which ui.perfetto.dev and other viewers open."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from archmodel.errors import Fault, InputError
from archmodel.report.figure import write_file
from archmodel.results.timeline import Timeline

FORMATS = (".json.gz", ".json")
_CYCLES = ("issued", "start", "granted", "end", "visible")


def save_timeline(timeline: Timeline, path: str | Path) -> None:
    """Write a timeline as trace events; the same timeline gives the same bytes.

    Parameters
    ----------
    timeline
        What to write.
    path
        File: ``.json.gz``, or ``.json`` without compression.

    Raises
    ------
    InputError
        When the file name has another ending or the file cannot be written; it is written whole or not at all.
    """
    path = Path(path)
    if not path.name.endswith(FORMATS):
        raise InputError("timeline", [Fault(str(path), f"ending is not one of {', '.join(FORMATS)}")])
    content = io.BytesIO()
    if path.name.endswith(".gz"):
        # Without name and date of a file: neither belongs to the timeline.
        with gzip.GzipFile("", "wb", 6, content, mtime=0) as packed, io.BufferedWriter(packed, 1 << 16) as lines:
            lines.writelines(line.encode() for line in trace_events(timeline))
    else:
        content.writelines(line.encode() for line in trace_events(timeline))
    write_file("timeline", path, content.getvalue())


def trace_events(timeline: Timeline) -> Iterator[str]:
    """Give a timeline as JSON, an event per line.

    Parameters
    ----------
    timeline
        What to write.
    """
    said = {
        "machine": timeline.machine, "workload": timeline.workload, "phase": timeline.phase, "mode": timeline.mode,
        "run": dict(timeline.run), "latency_s": timeline.latency_s, "window_s": list(timeline.window_s),
        "is_folded": timeline.is_folded, "is_sampled": timeline.is_sampled, "n_commands": timeline.n_commands,
        "n_events": timeline.n_events, "remarks": list(timeline.remarks),
        "archmodel": timeline.provenance["archmodel"],
    }  # fmt: skip
    yield f'{{"displayTimeUnit": "ns",\n"otherData": {_json(said)},\n"traceEvents": [\n'
    for i, line in enumerate(_lines(timeline)):
        yield f",\n{line}" if i else line
    yield "\n]}\n"


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def _lines(timeline: Timeline) -> Iterator[str]:
    """Give the events one by one: names of tracks, spans, events of units, counters."""
    used = dict.fromkeys(span.track for span in timeline.spans)
    used |= dict.fromkeys(timeline.tracks[i] for i in sorted(set(timeline.events.track.tolist())))
    processes = {name: pid for pid, name in enumerate(_processes(timeline), start=1)}
    ids = {}
    for pid_of, pid in processes.items():
        yield _json({"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": pid_of}})
        yield _json({"ph": "M", "name": "process_sort_index", "pid": pid, "tid": 0, "args": {"sort_index": pid}})
        # Numbers of threads differ between processes, too: some viewers take them for threads of an operating system.
        for tid, track in enumerate((track for track in used if track.process == pid_of), start=100 * pid):
            ids[track] = f'"pid": {pid}, "tid": {tid}'
            for name, args in (("thread_name", {"name": track.name}), ("thread_sort_index", {"sort_index": tid})):
                yield _json({"ph": "M", "name": name, "pid": pid, "tid": tid, "args": args})
    for span in timeline.spans:
        name, said = _json(span.name), _json(dict(span.said))
        yield f'{{"ph": "X", "name": {name}, {ids[span.track]}, {_when(span.start_s, span.end_s)}, "args": {said}}}'
    yield from _command_lines(timeline, {i: ids[track] for i, track in enumerate(timeline.tracks) if track in ids})
    for counter in timeline.counters:
        name, pid = _json(f"{counter.track.name} [{counter.unit}]"), processes[counter.track.process]
        head = f'{{"ph": "C", "name": {name}, "pid": {pid}, "tid": 0, "ts": '
        for time_s, value in zip(counter.time_s.tolist(), counter.value.tolist(), strict=True):
            yield f'{head}{_us(_ps(time_s))}, "args": {{{_json(counter.unit)}: {value:.6g}}}}}'


def _processes(timeline: Timeline) -> list[str]:
    """Names of processes: of spans, of counters of the chip, of PEs."""
    names = dict.fromkeys(span.track.process for span in timeline.spans)
    pes = dict.fromkeys(track.process for track in timeline.tracks)
    names |= {c.track.process: None for c in timeline.counters if c.track.process not in pes}
    return list(names | pes)


def _command_lines(timeline: Timeline, ids: dict[int, str]) -> Iterator[str]:
    labels, causes = [_json(label) for label in timeline.labels], [_json(cause) for cause in timeline.causes]
    columns = (column.tolist() for column in timeline.events)
    for track, label, start_s, end_s, command, *cycles, cause, n_turns, n_commands, busy in zip(*columns, strict=True):
        if command < 0:
            said = f'"repeats": {n_turns}, "commands": {n_commands}, "busy [cycles]": {busy}'
        else:
            known = [(name, cycle) for name, cycle in zip(_CYCLES, cycles, strict=True) if cycle >= 0]
            at = ", ".join(f'"{name} [cycle]": {cycle}' for name, cycle in known)
            said = f'"command": {command + 1}, {at}' + (f', "waited for": {causes[cause]}' if cause >= 0 else "")
        yield f'{{"ph": "X", "name": {labels[label]}, {ids[track]}, {_when(start_s, end_s)}, "args": {{{said}}}}}'


def _ps(time_s: float) -> int:
    return round(time_s * 1e12)


def _us(time_ps: int) -> str:
    """Say a time in µs, the unit of the format, without rounding it again."""
    return f"{time_ps // 1_000_000}.{time_ps % 1_000_000:06d}"


def _when(start_s: float, end_s: float) -> str:
    """Say start and duration so that what follows without a gap is not overlapped."""
    start_ps = _ps(start_s)
    return f'"ts": {_us(start_ps)}, "dur": {_us(_ps(end_s) - start_ps)}'
