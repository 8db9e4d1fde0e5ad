"""Keep results that are made at once: a run, a comparison, a verification. Those of a sweep grow part by part."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archmodel.errors import Fault, InputError
from archmodel.results.store import SCHEMA_VERSION, SUBJECT, Store
from archmodel.results.types import ResultTable

SWEEP, VERIFY = "sweep", "verify"
"""Kinds of results that have pages of their own; those that say no kind are of a sweep."""


def keep_tables(folder: str | Path, kind: str, run: Mapping[str, Any], tables: Mapping[str, ResultTable]) -> Store:
    """Write tables into a folder, in place of what the same command has left there.

    Parameters
    ----------
    folder
        For results; it need not exist.
    kind
        Which command they are of: ``run``, ``compare`` or ``verify``.
    run
        Goes to ``run.json``: what was asked, and with what.
    tables
        By name; those without columns are left out. What is neither number, text nor truth value is written as JSON.

    Returns
    -------
    Store
        Of what was written.

    Raises
    ------
    InputError
        When the folder cannot be written, or holds results of another command.
    """
    store = Store(Path(folder))
    with store.lock():
        there = kind_of(store.run()) if (store.folder / "run.json").exists() else kind
        if there != kind:
            text = f"holds results of 'archmodel {there}'; take another folder, or delete this one"
            raise InputError(SUBJECT, [Fault(str(store.folder), text)])
        text = json.dumps({"schema": SCHEMA_VERSION, "kind": kind, **run}, indent=1, default=str)
        store.write_text(store.folder / "run.json", f"{text}\n")
        for name in store.tables():
            if name not in tables or not tables[name].columns:
                store.part_path(name, 0).unlink()
        for name, table in tables.items():
            if table.columns:
                store.write_part(name, 0, {name: as_array(values) for name, values in table.columns.items()})
    return store


def kind_of(run: Mapping[str, Any]) -> str:
    """Say which command results are of.

    Parameters
    ----------
    run
        What their ``run.json`` says.
    """
    return str(run.get("kind", SWEEP))


def check_sweep(store: Store) -> None:
    """Raise `InputError` when results are not those of a sweep."""
    kind = kind_of(store.run())
    if kind != SWEEP:
        text = (
            f"holds results of 'archmodel {kind}', not of a sweep; give the folder that 'archmodel sweep' has written"
        )
        raise InputError(SUBJECT, [Fault(str(store.folder), text)])


def as_array(values: Sequence[Any]) -> NDArray[Any]:
    """Make a column of a table one of numbers, truth values or text; what is missing is NaN, or an empty text."""
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, bool) for value in values):
        return np.array(values, np.bool_)
    if known and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        is_whole = len(known) == len(values) and all(isinstance(value, int) for value in known)
        return np.array([np.nan if value is None else value for value in values], np.int64 if is_whole else np.float64)
    return np.array([_as_text(value) for value in values], np.object_)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, default=str)
