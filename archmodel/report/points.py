"""Results of a sweep as figures need them: objectives, axes, columns with their units, and samples of points."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from archmodel.errors import Fault, InputError, suggest
from archmodel.report.columns import Column
from archmodel.report.figure import short_text
from archmodel.report.wording import query_command, say_inputs, show_name
from archmodel.results.keep import check_sweep
from archmodel.results.store import Store, open_store
from archmodel.units import format_number

MOST_DRAWN = 3000
"""Points of one kind that a figure draws: more would cover each other, and fill the file of its data."""

_TITLE_LETTERS = 160
_NUMBER_AND_UNIT = re.compile(r"([-+]?\d+\.?\d*(?:[eE][-+]?\d+)?)\s*((?!x\d)[^\d\s]\S*)?")


class HasStore(Protocol):
    """What knows where its results are, e.g. what `archmodel.sweep` returns."""

    @property
    def store(self) -> Store:
        """Where they are."""


Source = str | Path | Store | HasStore
"""Results of a sweep: their folder, or what has been opened of it."""


@dataclass(frozen=True, slots=True)
class SweptAxis:
    """An axis of a sweep.

    Parameters
    ----------
    name
        As the sweep names it.
    labels
        Of its choices, as the sweep writes them.
    column
        Of the points, that tells them apart.
    values
        What it holds then, a value per choice.
    """

    name: str
    labels: tuple[str, ...]
    column: str
    values: tuple[Any, ...]

    def indices(self, found: Iterable[Any]) -> NDArray[np.int64]:
        """Give the index of the choice of each value of the column.

        Raises
        ------
        InputError
            When a value is of none of them.
        """
        is_text = any(isinstance(value, str) or value is None for value in self.values)
        known = {_key(value, is_text): idx for idx, value in enumerate(self.values)}
        keys = [_key(value, is_text) for value in found]
        strange = next((key for key in keys if key not in known), None)
        if strange is not None:
            text = (
                f"column {self.column} has {strange!r}, which run.json does not know; sweep again into another folder"
            )
            raise InputError("figure", [Fault(f"axis {self.name}", text)])
        return np.array([known[key] for key in keys], np.int64)

    def title_and_ticks(self) -> tuple[str, list[str]]:
        """Name the axis of a figure and its choices; a unit that all of them share goes to the name."""
        parts = [_NUMBER_AND_UNIT.fullmatch(label) for label in self.labels]
        units = {part[2] or "1" for part in parts if part}
        if None in parts or len(units) != 1:
            return self.name, list(self.labels)
        return f"{self.name} [{units.pop()}]", [format_number(float(part[1])) for part in parts if part]


@dataclass(frozen=True)
class SweepPoints:
    """Results of a sweep.

    Parameters
    ----------
    store
        Where they are.
    """

    store: Store

    @cached_property
    def run(self) -> dict[str, Any]:
        """What was asked, and with what."""
        return self.store.run()

    @cached_property
    def types(self) -> dict[str, str]:
        """Map every column of the points to its type in SQL."""
        return {row["column_name"]: row["column_type"] for row in self.store.query("DESCRIBE points").rows()}

    @cached_property
    def counts(self) -> dict[str, int]:
        """Count the points: ``n_points``, those ``n_failed`` without an answer, ``n_infeasible`` by a condition."""
        return next(self.store.query(
            "SELECT count(*) AS n_points, count(*) FILTER (status <> 'ok') AS n_failed, "
            "count(*) FILTER (status = 'ok' AND NOT is_feasible) AS n_infeasible FROM points"
        ).rows())  # fmt: skip

    def why_empty(self) -> tuple[str, str]:
        """Say why no point is on the front, and which query tells more of what most of them lack."""
        n_all, n_failed, n_infeasible = (self.counts[name] for name in ("n_points", "n_failed", "n_infeasible"))
        n_left = n_all - n_failed - n_infeasible
        where = ", ".join(self.run["asked"].get("where", ()))
        said = f"of {n_all:,} points {n_failed:,} have no answer, {n_infeasible:,} do not meet the conditions "
        said += f"({where}) " if where else ""
        said += f"and {n_left:,} have no finite value of every objective"
        if n_failed == max(n_failed, n_infeasible, n_left):
            return said, "SELECT message, count(*) AS n FROM points WHERE status <> 'ok' GROUP BY 1 ORDER BY 2 DESC"
        if n_infeasible >= n_left:
            asked = [name for name in dict.fromkeys(re.findall(r"[a-z_]\w*", where)) if name in self.types]
            ends = ", ".join(f"min({name}), max({name})" for name in asked) or "*"
            return said, f"SELECT {ends} FROM points WHERE status = 'ok'"
        names = ", ".join(each.name for each in self.objectives)
        return said, f"SELECT point, {names} FROM points WHERE is_feasible"

    @cached_property
    def n_assumed(self) -> dict[str, int]:
        """How many values of the ``machine`` and of the ``economy`` are assumed; those that the sweep sets are not."""
        return {about: len(paths) for about, paths in self.run["assumed"].items()}

    @cached_property
    def objectives(self) -> tuple[Column, ...]:
        """What was wanted, in the order of the sweep."""
        return tuple(
            Column(each["column"], name, each["unit"], each["goal"]) for name, each in self.run["objectives"].items()
        )

    @cached_property
    def axes(self) -> tuple[SweptAxis, ...]:
        """What was varied, in the order of the sweep."""
        return tuple(self._axis(name, choices) for name, choices in self.run["asked"]["axes"].items())

    def _axis(self, name: str, choices: Mapping[str, Mapping[str, Any]]) -> SweptAxis:
        labels, named = tuple(choices), name.replace(".", "_")
        fields = {field: tuple(each[field] for each in choices.values()) for field in next(iter(choices.values()))}
        if named in self.types and named not in fields:  # the column has the labels
            return SweptAxis(name, labels, named, labels)
        distinct = [field for field, values in fields.items() if len(set(map(str, values))) == len(values)]
        column = (distinct or list(fields))[0]
        return SweptAxis(name, labels, column, fields[column])

    def axis(self, name: str, option: str) -> SweptAxis:
        """Find an axis by its name; `InputError` of ``option`` when there is none."""
        for axis in self.axes:
            if axis.name == name:
                return axis
        text = f"the sweep has no axis {name!r}; {suggest(name, [axis.name for axis in self.axes])}"
        raise InputError("figure", [Fault(option, text)])

    def column(self, name: str, option: str) -> Column:
        """Find a column of numbers by its name, or an objective by that of the sweep.

        Raises
        ------
        InputError
            Of ``option``, when there is none.
        """
        for objective in self.objectives:
            if name in (objective.title, objective.name):
                return objective
        units: Mapping[str, str] = self.run["units"]
        if name not in units or name not in self.types:
            known = dict.fromkeys([*(each.title for each in self.objectives), *units])
            text = f"the points have no column {name!r} of numbers; {suggest(name, known)}"
            raise InputError("figure", [Fault(option, text)])
        return Column(name, name, units[name], self.run["goals"].get(name))

    def row(self, point: int, option: str) -> dict[str, Any]:
        """Read a point.

        Raises
        ------
        InputError
            Of ``option``, when it is not there, or has no answer.
        """
        rows = list(self.store.query(f"SELECT * FROM points WHERE point = {point:d} LIMIT 1").rows())
        folder = self.store.folder
        if not rows:
            text = f"point {point} is not in the results; list some: archmodel query {folder} 'select point from front'"
            raise InputError("figure", [Fault(option, text)])
        if rows[0]["status"] != "ok":
            raise InputError("figure", [Fault(option, f"point {point} has no answer: {rows[0]['message']}")])
        return rows[0]

    def choices(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Say what a point has chosen on each axis."""
        return {axis.name: axis.labels[int(axis.indices([row[axis.column]])[0])] for axis in self.axes}

    def base(self) -> dict[str, Any]:
        """Read the figures of the base machine; nothing if it has none."""
        if "base" not in self.store.tables():
            return {}
        rows = list(self.store.query("SELECT * FROM base WHERE status = 'ok'").rows())
        return rows[0] if rows else {}

    def footer(self, remark: str) -> str:
        """Say where the numbers are from and what of them is assumed, then ``remark``."""
        run, asked = self.run, self.run["asked"]
        model = list(asked["fidelity"])[-1] if asked["fidelity"] else asked["model"]
        sweep = f", sweep {run['sweep']}" if run["sweep"] != "sweep" else ""  # which one without a name has
        machine = show_name(asked["machine"]["name"])
        given = {**asked["machine"]["set"], **asked["economy"]["set"]}
        n_assumed = {machine: self.n_assumed["machine"], "the economy": self.n_assumed["economy"]}
        said = say_inputs(
            asked["archmodel"], f"model {model}{sweep}, base machine {machine}",
            [f"{path}={value}" for path, value in given.items()], n_assumed, by="the sweep",
        )  # fmt: skip
        return f"{said} run.json of the results lists them. {remark}"

    def title(self) -> str:
        """Title of the sweep, cut where it would fill a figure."""
        return textwrap.shorten(self.run["title"], _TITLE_LETTERS, placeholder=" …")


def open_points(source: Source) -> SweepPoints:
    """Open results for figures.

    Parameters
    ----------
    source
        Their folder, or what has been opened of it.

    Raises
    ------
    InputError
        When there are none, the sweep has not ended, or no point has an answer that meets its conditions.
    """
    store = (
        open_store(source) if isinstance(source, str | Path) else source if isinstance(source, Store) else source.store
    )
    check_sweep(store)
    check_ended(store, "figure", ("units", "goals"))
    points, folder = SweepPoints(store), store.folder
    if not next(store.query("SELECT count(*) AS n FROM front").rows())["n"]:
        said, sql = points.why_empty()
        text = f"there is nothing to draw: {said}; see: {query_command(str(folder), sql)}"
        raise InputError("figure", [Fault(str(folder), text)])
    return points


def check_ended(store: Store, subject: str, keys: Sequence[str]) -> None:
    """Check that a sweep has ended, and that its ``run.json`` says what is needed.

    Parameters
    ----------
    store
        Its results.
    subject
        Of errors: ``figure`` or ``report``.
    keys
        Of ``run.json``.

    Raises
    ------
    InputError
        When it has not, or is of an archmodel that did not say enough of it.
    """
    missing = {"points", "front"} - set(store.tables())
    if missing:
        text = f"has no table {' and none '.join(sorted(missing))}: the sweep has not ended; the same command goes on"
        raise InputError(subject, [Fault(str(store.folder), text)])
    absent = [key for key in keys if key not in store.run()]
    if absent:
        text = f"has no {', '.join(absent)}, of an older archmodel; run 'archmodel sweep' again into another folder"
        raise InputError(subject, [Fault(str(store.folder / "run.json"), text)])


def quote(name: str) -> str:
    """Quote the name of a column for SQL."""
    return '"' + name.replace('"', '""') + '"'


def spread_order(column: str = "point") -> str:
    """Give an order in SQL in which the first N of many points are spread over them, the same ones every time."""
    return f"({column} % 4294967296) * 2654435761 % 4294967296, {column}"


def _key(value: Any, is_text: bool) -> Any:
    """Make a value of a column, or of run.json, one that can be looked up; columns with a text or a gap are of text."""
    if is_text:
        return "" if value is None else str(value)
    return float(value)


def list_choices(choices: Mapping[str, str], n_lines: int, n_letters: int) -> Sequence[str]:
    """Write the choices of a point, a line per axis; what has no room is counted."""
    lines = [f"{name}: {label}" for name, label in choices.items()]
    shown = [short_text(line, n_letters) for line in lines[:n_lines]]
    return [*shown, f"and {len(lines) - n_lines} axes more"] if len(lines) > n_lines else shown
