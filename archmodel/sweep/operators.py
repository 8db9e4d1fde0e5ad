"""Operators of chosen points: what each takes on that machine, and what binds it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from archmodel.machine.load import load_machine
from archmodel.machine.types import Machine
from archmodel.mapping import LaunchMode
from archmodel.models import find_model
from archmodel.sweep.fields import build_trace, freeze
from archmodel.sweep.load import Sweep
from archmodel.sweep.space import Choice

_TEXT, _WHOLE = ("operator", "kind", "group", "dtype", "bound"), ("count",)
_NUMBERS = ("flop", "bytes", "latency_s", "lower_s", "upper_s", "launch_s")


def list_operators(sweep: Sweep, ids: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Evaluate every operator of every workload at some points, each machine on its own.

    Parameters
    ----------
    sweep
        What is asked.
    ids
        (N,), numbers of points that have an answer.

    Returns
    -------
    dict
        Columns: ``point``, ``workload`` (its label), then as in `archmodel.results.types.Result.operators`.
    """
    rows = [row for point in ids for row in _rows_of(sweep, int(point))]
    columns: dict[str, NDArray[Any]] = {}
    for names, dtype in ((("point",), np.int64), (("workload", *_TEXT), np.object_), (_WHOLE, np.int64)):
        columns |= {name: np.array([row[name] for row in rows], dtype) for name in names}
    return columns | {name: np.array([row[name] for row in rows], np.float64) for name in _NUMBERS}


def load_point(sweep: Sweep, point: int) -> Machine:
    """Load the machine of a point.

    Parameters
    ----------
    sweep, point
        What is asked, and the number of the point.
    """
    texts = dict(sweep.base.texts)
    for choice in _choices_of(sweep, point):
        texts |= choice.texts
    return load_machine(sweep.base.name, texts)


def _choices_of(sweep: Sweep, point: int) -> list[Choice]:
    idx = sweep.space.points(np.array([point]))[0]
    return [axis.choices[choice] for axis, choice in zip(sweep.space.axes, idx, strict=True)]


def _rows_of(sweep: Sweep, point: int) -> Iterator[dict[str, Any]]:
    machine, choices = load_point(sweep, point), _choices_of(sweep, point)
    launch = next((cast("LaunchMode", choice.launch) for choice in choices if choice.launch), sweep.file.launch)
    for part in sweep.base.parts:
        settings = dict(part.settings)
        for choice in choices:
            settings |= choice.settings.get(part.label, {})
        trace = build_trace(part.workload, freeze(settings))
        found = find_model(sweep.file.model, sweep.file.mode).evaluate(trace, machine, launch)
        for row in found.operators.rows():
            yield {"point": point, "workload": part.label, **row}
