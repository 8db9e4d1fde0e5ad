"""What a report says of the best points and of the base machine, kept as tables beside the points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from archmodel.economy import load_economy
from archmodel.errors import UnsupportedError
from archmodel.models.ladder import RUNGS
from archmodel.models.roofline import Roofline
from archmodel.report.machine_boxes import list_blocks
from archmodel.results.keep import as_array
from archmodel.results.store import Store
from archmodel.sweep.evaluate import Table, evaluate_points
from archmodel.sweep.load import Sweep
from archmodel.sweep.operators import list_operators, load_point
from archmodel.sweep.space import Choice, Space

BASE, PARAMETERS, CHOICES = "base", "parameters", "choices"
"""Tables: figures of the base machine; every parameter of it and of the economy; what choices set."""

OPERATORS, BLOCKS, LADDER = "operators", "blocks", "ladder"
"""Tables of some points: their operators, their block diagrams, and what every model says of them."""

_REMARKS = {LADDER: ": every model evaluates the best machines, and compiles its kernels the first time"}


def keep_details(
    sweep: Sweep, store: Store, points: Sequence[int], best: Sequence[int], say: Callable[[str], None]
) -> None:
    """Write the tables of this module, those that are not there yet.

    Parameters
    ----------
    sweep, store
        What is asked, and its results.
    points
        Numbers of the points whose operators and block diagrams are kept.
    best
        Numbers of the points that every model evaluates; none where the sweep was one of several models.
    say
        Told what is made.

    Raises
    ------
    InputError
        When the folder cannot be written, or another process writes it.
    """
    makers: dict[str, tuple[Sequence[int], Callable[[], Table]]] = {
        BASE: ((), lambda: evaluate_base(sweep)),
        PARAMETERS: ((), lambda: list_parameters(sweep)),
        CHOICES: ((), lambda: list_choices(sweep)),
    }
    if points:
        makers |= {
            OPERATORS: (points, lambda: list_operators(sweep, np.array(points, np.int64))),
            BLOCKS: (points, lambda: _lay_out(sweep, points)),
        }
    if best:
        makers[LADDER] = best, lambda: climb_ladder(sweep, np.array(best, np.int64))
    missing = {table: make for table, (wanted, make) in makers.items() if not _has(store, table, wanted)}
    if missing:
        with store.lock():
            for table, make in missing.items():
                say(f"making table '{table}' of {store.folder}{_REMARKS.get(table, '')}")
                store.write_part(table, 0, make())


def set_damaged_aside(store: Store) -> None:
    """Rename parts of these tables that are not what was written, so that they are made again.

    Parameters
    ----------
    store
        The results.
    """
    for table in (BASE, PARAMETERS, CHOICES, OPERATORS, BLOCKS, LADDER):
        try:
            store.is_finished(table, 0)
        except ValueError:
            with store.lock():
                store.set_aside(table, 0)


def _has(store: Store, table: str, points: Sequence[int]) -> bool:
    """Tell whether a table is there and has these points."""
    is_there = store.is_finished(table, 0)
    return is_there and (not points or set(points) <= set(store.read_part(table, 0)["point"].tolist()))


def evaluate_base(sweep: Sweep) -> Table:
    """Evaluate the base machine: one row with the columns that points have, apart from those of the axes.

    Conditions of the sweep may be about its axes, and it need not meet them: whether it does is left open.

    Parameters
    ----------
    sweep
        Whose base machine.

    Raises
    ------
    UnsupportedError
        When it has no answer, and others are relative to it.
    """
    table = evaluate_points(replace(sweep, space=Space(()), conditions=()), np.zeros((1, 0), np.int64))
    return {name: column for name, column in table.items() if name not in ("point", "is_feasible")}


def list_parameters(sweep: Sweep) -> Table:
    """List every parameter of the base machine and of the economy: its value as written, its kind and its source.

    Parameters
    ----------
    sweep
        That uses them.

    Returns
    -------
    dict
        Columns: ``about`` (``machine`` or ``economy``), ``path``, ``value``, ``kind``, ``source``.
    """
    economy = load_economy({path: str(value) for path, value in sweep.file.economy.items()})
    return _texts(
        ("about", "path", "value", "kind", "source"),
        ((about, path, note.text, note.kind, note.source)
        for about, notes in (("machine", sweep.base.machine.provenance), ("economy", economy.provenance))
        for path, note in sorted(notes.items())),
    )  # fmt: skip


def list_choices(sweep: Sweep) -> Table:
    """List what every choice of every axis sets, beside what the base machine has there.

    Parameters
    ----------
    sweep
        Its axes.

    Returns
    -------
    dict
        Columns: ``axis``, ``choice``, ``path``, ``value``, and ``base_value``, empty where it is not stated.
    """
    return _texts(
        ("axis", "choice", "path", "value", "base_value"),
        ((axis.name, choice.label, *values)
        for axis in sweep.space.axes for choice in axis.choices for values in _values_of(choice, sweep)),
    )  # fmt: skip


def _values_of(choice: Choice, sweep: Sweep) -> Iterator[tuple[str, str, str]]:
    """Give the fields that a choice sets: path, value, and the value of the base."""
    notes = sweep.base.machine.provenance
    for path, text in choice.texts.items():
        yield path, text, notes[path].text if path in notes else ""
    for part in sweep.base.parts:
        for name, value in choice.settings.get(part.label, {}).items():
            yield f"workload.{part.label}.{name}", str(value), str(part.settings.get(name, ""))
    if choice.launch:
        yield "launch", choice.launch, sweep.file.launch


def climb_ladder(sweep: Sweep, points: NDArray[np.int64]) -> Table:
    """Evaluate points by every model, cheapest first.

    Parameters
    ----------
    sweep
        What is asked.
    points
        (N,), their numbers.

    Returns
    -------
    dict
        Columns: ``model``, then as in table ``points``; a row per model and point. Models that have no answer for the
        base machine, to which a mix is compared, have no rows.
    """
    tables = []
    for model in (Roofline.name, *(rung.name for rung in RUNGS)):
        try:
            table = evaluate_points(sweep.with_model(model), sweep.space.points(points))
        except UnsupportedError:
            continue
        tables.append({"model": np.full(len(points), model, np.object_), **table})
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def _lay_out(sweep: Sweep, points: Sequence[int]) -> Table:
    """Lay out the block diagrams of the machines of some points."""
    blocks = list_blocks("point", ((point, load_point(sweep, point)) for point in points))
    return {name: as_array(column) for name, column in blocks.columns.items()}


def _texts(names: Sequence[str], rows: Iterator[tuple[str, ...]]) -> Table:
    listed = list(rows)
    return {name: np.array([row[idx] for row in listed], np.object_) for idx, name in enumerate(names)}
