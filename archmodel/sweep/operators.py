"""Operators of chosen points: what each takes on that machine, and what binds it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from archmodel.machine.load import load_machine
from archmodel.mapping import LaunchMode
from archmodel.models import find_model
from archmodel.sweep.fields import build_trace, freeze
from archmodel.sweep.load import Sweep

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


def _rows_of(sweep: Sweep, point: int) -> Iterator[dict[str, Any]]:
    idx = sweep.space.points(np.array([point]))[0]
    choices = [axis.choices[choice] for axis, choice in zip(sweep.space.axes, idx, strict=True)]
    texts, launch = dict(sweep.base.texts), sweep.file.launch
    for choice in choices:
        texts |= choice.texts
        launch = cast("LaunchMode", choice.launch or launch)
    machine = load_machine(sweep.base.name, texts)
    for part in sweep.base.parts:
        settings = dict(part.settings)
        for choice in choices:
            settings |= choice.settings.get(part.label, {})
        trace = build_trace(part.workload, freeze(settings))
        found = find_model(sweep.file.model, sweep.file.mode).evaluate(trace, machine, launch)
        for row in found.operators.rows():
            yield {"point": point, "workload": part.label, **row}
