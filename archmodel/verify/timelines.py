"""Timelines out of hardware: what its units did according to the event log, beside what the model expects of them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from archmodel.errors import Fault, InputError, UnknownNameError
from archmodel.report.commands import plot_commands
from archmodel.report.timeline import save_timeline
from archmodel.results.timeline import Events, Timeline, Track
from archmodel.verify.bench import Point
from archmodel.verify.contract import find_unit
from archmodel.verify.plan import Plan, Played
from archmodel.verify.run import choose_simulators, run_plan

MODEL, RTL = "model", "RTL"
CLOCK_HZ = 1e9  # in files that know seconds only, a cycle is shown as a nanosecond
NOT_RECORDED = -1
_N_PLAYED = 24  # points among which a kernel is looked for


class Chosen(NamedTuple):
    """A point of a kernel whose timeline is shown."""

    played: Played
    point: Point
    measured: Mapping[str, Any]

    @property
    def name(self) -> str:
        """For files: ``pe-softmax``."""
        return re.sub(r"[^a-z0-9_]+", "-", f"{self.point.unit}-{self.point.expected['kernel']}".lower())


def unit_names(events: Mapping[str, Sequence[int | None]]) -> list[str]:
    """Name the units that an event log follows: ``load`` if it has ``load_start`` and ``load_end``, all known."""
    starts = [name.removesuffix("_start") for name in events if name.endswith("_start")]
    return [name for name in starts if f"{name}_end" in events and None not in events[f"{name}_end"]]


def _candidates(played: Sequence[Played]) -> Iterator[Chosen]:
    """Give the points of kernels that have units to show."""
    for one in played:
        for point, measured in zip(one.points, one.simulation.points, strict=False):
            if "kernel" in point.expected and unit_names(measured["events"]):
                yield Chosen(one, point, measured)


def choose_points(played: Sequence[Played]) -> list[Chosen]:
    """Choose the point of each kernel at which model and hardware differ most; the first one if none does.

    Parameters
    ----------
    played
        What was played; of a kernel that two simulators played, the first one counts.
    """
    found: dict[tuple[str, str], Chosen] = {}
    for new in _candidates(played):
        key = (new.point.unit, new.point.expected["kernel"])
        old = found.setdefault(key, new)
        if old.played.plan.simulator == new.played.plan.simulator and _lateness(new) > _lateness(old):
            found[key] = new
    return list(found.values())


def _lateness(chosen: Chosen) -> float:
    """How far the cycles of a point are from those of the model, in parts of them."""
    return float(abs(chosen.point.expected["cycles"] / max(1, chosen.measured["cycles"]) - 1))


def build_timeline(chosen: Chosen) -> Timeline:
    """Put the units of the model and those of the hardware into one timeline, as two groups of tracks.

    The first start of a unit is that of its first command, and so on; so are ends and results, as units keep their
    order.
    """
    point, measured, plan = chosen.point, chosen.measured, chosen.played.plan
    sides = {MODEL: point.expected["events"], RTL: measured["events"]}
    units = [(side, name) for side, events in sides.items() for name in unit_names(events)]
    tracks = [_track(side, name) for side, name in units]
    labels = tuple(dict.fromkeys(track.name for track in tracks))
    parts = [_commands(sides[side], name, i, labels.index(tracks[i].name)) for i, (side, name) in enumerate(units)]
    events = Events(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    last = max(point.expected["cycles"], measured["cycles"])
    return Timeline(
        machine=plan.unit.name, workload=point.expected["kernel"], phase=plan.build,
        mode=f"model and RTL on {plan.simulator.name}",
        run={"point": point.index, "seed": point.seed, "parameters": dict(point.parameters)},
        clock_hz=CLOCK_HZ, latency_s=measured["cycles"] / CLOCK_HZ, window_s=(0.0, last / CLOCK_HZ), is_folded=False,
        spans=(), tracks=tuple(tracks), labels=labels, causes=(), events=events, counters=(),
        n_commands=int(events.track.size), provenance={"archmodel": version("archmodel")},
        remarks=(f"model: {point.expected['cycles']} cycles", f"RTL: {measured['cycles']} cycles",
                 "a cycle is shown as a nanosecond"),
    )  # fmt: skip


def _track(side: str, name: str) -> Track:
    """Name the track of a unit; ``last_load`` is that of the last of several PEs, ``pe3_load`` that of another one."""
    pe, _, unit = name.partition("_")
    return Track(f"{side} {pe}", unit) if re.fullmatch(r"last|pe\d+", pe) else Track(side, name)


def _commands(events: Mapping[str, Sequence[int]], name: str, track: int, label: int) -> Events:
    """Give the commands of a unit; its bar ends with the command, or when the next one starts while it is under way."""
    start, end = (np.array(events[f"{name}_{what}"], np.int64) for what in ("start", "end"))
    n = min(start.size, end.size)
    visible = np.array(events.get(f"{name}_visible", ())[:n], np.int64)
    visible = np.append(visible, np.full(n - visible.size, NOT_RECORDED))
    start, end = start[:n], end[:n]
    free = np.minimum(end, np.append(start[1:], end[-1:]))
    none, zero, one = np.full(n, NOT_RECORDED), np.zeros(n, np.int64), np.ones(n, np.int64)
    return Events(
        track=np.full(n, track), label=np.full(n, label),
        start_s=start / CLOCK_HZ, end_s=free / CLOCK_HZ, command=np.arange(n), issued_cycle=none, start_cycle=start,
        granted_cycle=none, end_cycle=end, visible_cycle=visible, cause=none, n_turns=zero, n_commands=one,
        busy_cycles=free - start,
    )  # fmt: skip


def write_timelines(played: Sequence[Played], folder: Path) -> list[str]:
    """Write the timeline of each kernel as trace events and as a chart; returns the names, without ending.

    Parameters
    ----------
    played
        What was played.
    folder
        Made if there is one to write.
    """
    names = []
    for chosen in choose_points(played):
        timeline = build_timeline(chosen)
        save_timeline(timeline, folder / f"{chosen.name}.json.gz")
        plot_commands(timeline, folder / f"{chosen.name}.svg")
        names.append(chosen.name)
    return names


def follow_kernel(unit_name: str, kernel: str) -> Timeline:
    """Play a kernel on a block: the longest among the first points of the first build.

    Parameters
    ----------
    unit_name
        Of a shipped block, or the folder of another one.
    kernel
        Of those that its points run.

    Raises
    ------
    UnknownNameError, InputError
        When there is no such block, or none of its points runs the kernel, or any.
    UnsupportedError
        When the simulator is missing.
    """
    unit = find_unit(unit_name)
    (simulator,) = choose_simulators(["icarus" if unit.contract.icarus else "verilator"])
    plan = Plan(unit, unit.builds_of(simulator.name)[0], simulator, _N_PLAYED)
    with tempfile.TemporaryDirectory() as folder:
        shown = list(_candidates([Played(plan, *run_plan(plan, Path(folder)))]))
    if not shown:
        raise InputError("kernel", [Fault("", f"block {unit.name} runs no kernels whose units are followed")])
    points = [chosen for chosen in shown if chosen.point.expected["kernel"] == kernel]
    if not points:
        raise UnknownNameError("kernel", kernel, {chosen.point.expected["kernel"] for chosen in shown})
    return build_timeline(max(points, key=lambda chosen: int(chosen.measured["cycles"])))
