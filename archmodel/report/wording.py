"""What figures and pages say in the same words everywhere: what their numbers rest on, and how a step is run."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from archmodel.inputs import is_file
from archmodel.machine.types import SET_BY_USER, Machine, list_assumed
from archmodel.results import Result
from archmodel.results.timeline import Timeline

_IN_TITLES = ("batch", "sequence", "context", "steps", "guidance", "resolution", "dtype", "chips")


def say_settings(runs: Sequence[Mapping[str, Any]], names: Collection[str] = _IN_TITLES) -> str:
    """Say the run settings that some results share.

    Parameters
    ----------
    runs
        Settings of each.
    names
        Which of them are said; those that figures have in their titles, if not given.

    Returns
    -------
    str
        ``batch 8, sequence 2,048, dtype bf16``; nothing if they share none.
    """
    first, *others = runs
    shared = {
        name: value
        for name, value in first.items()
        if name in names and value is not None and all(run.get(name) == value for run in others)
    }
    return ", ".join(
        f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}" for name, value in shared.items()
    )


def name_step(workload: str, phase: str, runs: Sequence[Mapping[str, Any]]) -> str:
    """Name a step by workload, phase and settings, see `say_settings`."""
    return ", ".join(filter(None, (f"{workload} {phase}", say_settings(runs))))


def show_name(name: str) -> str:
    """Name a machine or a workload as it was named; a file without the folders that it is in."""
    return Path(name).name if is_file(name) else name


def show_unit(unit: str) -> str:
    """Write a unit as people do, not as it is typed: ``mm2`` → ``mm²``."""
    return unit.replace("mm2", "mm²")


def query_command(folder: str, sql: str) -> str:
    """Write the command that asks results."""
    is_plain = not set('"$`!\\') & set(sql)
    return f"archmodel query {shlex.quote(folder)} {f'{chr(34)}{sql}{chr(34)}' if is_plain else shlex.quote(sql)}"


def say_inputs(
    archmodel: str, about: str, given: Iterable[str], n_assumed: Mapping[str, int], by: str = "the user"
) -> str:
    """Say what the numbers of a figure rest on.

    Parameters
    ----------
    archmodel
        Its version.
    about
        What else made them, e.g. ``model roofline``; may be empty.
    given
        What was set: ``path=value`` each.
    n_assumed
        How many values are assumed, by what they are of; values that were set are not.
    by
        Who set them.
    """
    names = ", ".join(filter(None, (f"archmodel {archmodel}", about)))
    listed = ", ".join(dict.fromkeys(given))
    said = f" Set by {by}: {listed}." if listed else ""
    return f"{names}.{said} Assumed values: {', '.join(f'{n:,} of {name}' for name, n in n_assumed.items())}."


def say_results(results: Sequence[Result]) -> str:
    """Say what the numbers of one or more results rest on, see `say_inputs`."""
    given = sorted({text for result in results for text in _given(result.run)})
    assumed: dict[str, set[str]] = {}
    for result in results:
        assumed.setdefault(result.machine, set()).update(result.provenance.get("assumed", ()))
    models = " and ".join(dict.fromkeys(result.model for result in results))
    counts = {machine: len(paths) for machine, paths in assumed.items()}
    return say_inputs(results[0].provenance["archmodel"], f"model {models}", given, counts)


def say_timeline(timeline: Timeline) -> str:
    """Say what a timeline rests on, see `say_inputs`."""
    about, n_assumed = f"model cycle, mode {timeline.mode}", len(timeline.provenance.get("assumed", ()))
    given = _given(timeline.run)
    return say_inputs(timeline.provenance["archmodel"], about, given, {timeline.machine: n_assumed})


def say_machine(machine: Machine) -> str:
    """Say what is set and assumed of a machine, see `say_inputs`."""
    given = [f"{path}={note.text}" for path, note in machine.provenance.items() if note.source == SET_BY_USER]
    return say_inputs(version("archmodel"), "", given, {machine.name: len(list_assumed(machine.provenance))})


def _given(run: Mapping[str, Any]) -> list[str]:
    return [f"{path}={text}" for path, text in run.get("set", {}).items()]
