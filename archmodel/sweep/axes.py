"""Read the axes of a sweep file: lists, ranges, and several fields that go together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from archmodel.errors import Fault, suggest
from archmodel.inputs import Document, KeyPath
from archmodel.machine.columns import list_leaves
from archmodel.sweep.fields import Base, make_choice, why_no_field
from archmodel.sweep.space import Axis, Choice

_KEYS = ("set", "values", "low", "high", "n", "scale")
_SCALES = ("linear", "log")
_NAME = re.compile(r"[a-z][A-Za-z0-9_.]*")
_MAX_CHOICES = 10_000


def read_axes(given: Mapping[str, Any], base: Base, document: Document, faults: list[Fault]) -> tuple[Axis, ...]:
    """Read all axes.

    Parameters
    ----------
    given
        By name, in the order of the file. An axis is a list of values, or has the keys ``set`` (the field, or a list of
        fields that go together; the name of the axis if not given) and ``values`` (a list; with several fields of
        lists, or of lists by name), or ``low``, ``high``, ``n`` and ``scale`` for a range.
    base
        What axes change.
    document
        Locates faults.
    faults
        What is wrong is added to it.
    """
    axes, set_by = [], dict[str, str]()
    for name, body in given.items():
        here: KeyPath = ("axes", name)
        before = len(faults)
        paths, values = _read_axis(name, body, base, document, faults)
        for path in paths:
            if path in set_by:
                text = f"axes.{name}: sets {path}, as axis {set_by[path]!r} does; let one do it"
                faults.append(Fault(document.where(here), text))
            set_by.setdefault(path, name)
        if len(faults) == before:
            choices = _make_choices(name, paths, values, base, document, faults)
            axes.append(_make_axis(name, choices, base))
    return tuple(axes)


def _read_axis(
    name: str, body: Any, base: Base, document: Document, faults: list[Fault]
) -> tuple[tuple[str, ...], list[tuple[str, Any]]]:
    """Read the fields of an axis, and its values, each with a label: one value, or one per field."""
    here: KeyPath = ("axes", name)

    def fault(text: str, *below: str) -> None:
        faults.append(Fault(document.where((*here, *below)), f"axes.{name}: {text}"))

    if not _NAME.fullmatch(name):
        fault("is no name of an axis; use letters, digits, _ and .")
    body = {"values": body} if isinstance(body, list) else body
    if not isinstance(body, Mapping):
        fault(f"{body!r} is no axis; give a list of values, or {', '.join(_KEYS)}")
        return (), []
    for key in body:
        if key not in _KEYS:
            fault(f"unknown key {key!r}; {suggest(str(key), _KEYS)}", str(key))
    given = body.get("set", name)
    paths = tuple(str(path) for path in given) if isinstance(given, list) else (str(given),)
    for path in paths:
        reason = why_no_field(path, base)
        if reason:
            fault(f"{path}: {reason}", "set")
    if ("values" in body) == ("low" in body or "high" in body):
        fault("give 'values', or 'low', 'high' and 'n'")
        return paths, []
    if "values" not in body:
        return paths, _read_range(paths, body, base, fault)
    return paths, _read_list(paths, body["values"], isinstance(given, list), fault)


def _read_list(paths: Sequence[str], values: Any, is_linked: bool, fault: Any) -> list[tuple[str, Any]]:
    """Read a list of values, or a mapping of names to values."""
    if isinstance(values, Mapping):
        labelled = [(str(label), value) for label, value in values.items()]
    elif isinstance(values, list):
        labelled = [(_label(value), value) for value in values]
    else:
        fault(f"{values!r} is no list of values", "values")
        return []
    if not labelled:
        fault("has no values; give at least one", "values")
    if len(labelled) > _MAX_CHOICES:
        fault(f"has {len(labelled)} values; at most {_MAX_CHOICES}", "values")
        return []
    found = []
    for idx, (label, value) in enumerate(labelled):
        key = label if isinstance(values, Mapping) else str(idx)
        row = value if is_linked else [value]
        if not isinstance(row, list) or len(row) != len(paths):
            fault(f"{label}: give {len(paths)} values, one for each of {', '.join(paths)}", "values", key)
        elif any(isinstance(part, list | Mapping) for part in row):
            fault(f"{label}: is not a single value; to set several fields, give 'set' a list", "values", key)
        else:
            found.append((label, row))
    return found


def _label(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _read_range(paths: Sequence[str], body: Mapping[str, Any], base: Base, fault: Any) -> list[tuple[str, Any]]:
    """Spread values from ``low`` to ``high``; they are written in the unit of ``low``, or of ``high`` if low is 0."""
    n, scale = body.get("n"), body.get("scale", "linear")
    if len(paths) != 1:
        fault("a range is of one field; list the values of several")
    if isinstance(n, bool) or not isinstance(n, int) or not 2 <= n <= _MAX_CHOICES:
        fault(f"n: {n!r} is no number of values; allowed: whole numbers from 2 to {_MAX_CHOICES}", "n")
    if scale not in _SCALES:
        fault(f"scale: {scale!r} is not known; {suggest(str(scale), _SCALES)}", "scale")
    ends: list[float] = []
    for key in ("low", "high"):
        try:
            choice = make_choice(str(body.get(key)), {paths[0]: body.get(key)}, base)
        except ValueError as error:
            fault(f"{key}: {error}", key)
            continue
        numbers = [*choice.leaves.values(), *(v for each in choice.settings.values() for v in each.values())]
        if not numbers or isinstance(numbers[0], bool) or not isinstance(numbers[0], int | float):
            fault(f"{key}: {body.get(key)!r} is no number; list the values", key)
        else:
            ends.append(float(numbers[0]))
    if len(ends) < 2 or not isinstance(n, int) or scale not in _SCALES or n < 2:
        return []
    low, high = ends
    if not low < high or (scale == "log" and low <= 0):
        fault("low is not below high" if not low < high else "low: a log scale begins above 0", "low")
        return []
    spread = np.linspace(low, high, n) if scale == "linear" else np.geomspace(low, high, n)
    number, unit = _split(body["low" if low else "high"])  # zero does not tell how large its unit is
    if not unit and np.any(np.abs(spread - np.round(spread)) > 1e-9 * spread) and isinstance(number, int):
        shown = ", ".join(f"{value:.4g}" for value in spread)
        fault(f"a range of whole numbers meets others: {shown}; change low, high or n, or list the values", "n")
        return []
    scaled = [value / (low or high) * number for value in spread.tolist()]
    if not unit and isinstance(number, int):
        return [(str(round(value)), [round(value)]) for value in scaled]
    texts = [f"{value:.12g} {unit}".strip() for value in scaled]
    return [(text, [text if unit else float(text)]) for text in texts]


def _split(given: Any) -> tuple[int | float, str]:
    """Split ``64 MiB`` into number and unit."""
    if isinstance(given, int | float):
        return given, ""
    match = re.fullmatch(r"\s*([-+.\deE]*[\d.])\s*(.*?)\s*", str(given))
    assert match is not None  # it has been read as a quantity
    return float(match[1]), match[2]


def _make_choices(
    name: str, paths: Sequence[str], values: Sequence[tuple[str, Any]], base: Base, document: Document,
    faults: list[Fault],
) -> list[Choice]:  # fmt: skip
    """Check the values of an axis and look them up in the machine and the workloads."""
    choices, seen = [], dict[Any, str]()
    for idx, (label, row) in enumerate(values):
        body: KeyPath = ("axes", name)
        marks = [(*body, "values", label), (*body, "values", str(idx)), (*body, str(idx)), body]
        where = next((document.marks[mark] for mark in marks if mark in document.marks), document.where(body))
        try:
            choice = make_choice(label, dict(zip(paths, row, strict=True)), base)
        except ValueError as error:
            faults.append(Fault(where, f"axes.{name}: {error}"))
            continue
        key = tuple(choice.columns.items())
        if key in seen:
            faults.append(Fault(where, f"axes.{name}: {label} is the same as {seen[key]}; each value is given once"))
        seen.setdefault(key, label)
        choices.append(choice)
    return choices


def _make_axis(name: str, choices: Sequence[Choice], base: Base) -> Axis:
    known = dict(list_leaves(base.machine))
    leaves = [(path, value) for choice in choices for path, value in choice.leaves.items()]
    is_structural = any(not (_is_number(value) and _is_number(known.get(path))) for path, value in leaves)
    return Axis(name, tuple(choices), is_structural)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
