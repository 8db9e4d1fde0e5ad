"""What a step on each axis does to one point of a sweep."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archmodel.errors import Fault, InputError
from archmodel.results.store import Store
from archmodel.results.types import ResultTable
from archmodel.sweep.batches import is_there
from archmodel.sweep.executors import open_executor
from archmodel.sweep.load import Sweep
from archmodel.sweep.space import Points, Space

SENSITIVITY = "sensitivity"
"""Table: points that differ from another one on one axis. A part for each of these others, which is its number."""

_N_PIECES = 8  # that workers share


def keep_sensitivities(sweep: Sweep, store: Store, point: int) -> ResultTable:
    """Keep what the next and the outermost choices of every axis do to a point, unless it is there.

    Points that the results have are taken from there, others are evaluated.

    Parameters
    ----------
    sweep, store
        What is asked, and its results.
    point
        Number of the point.

    Returns
    -------
    ResultTable
        A row for the point itself, then one per change: ``around`` (the point), ``axis``, ``change`` (``lower`` or
        ``higher``: the choice before or after, in the order of the sweep; ``lowest`` or ``highest``: the first or the
        last, if it is not that), ``choice``, then the columns of points.

    Raises
    ------
    InputError
        When the sweep has no such point, or the folder cannot be written.
    """
    if not 0 <= point < sweep.space.n_points:
        text = f"{point} is no point of the sweep; they are numbered from 0 to {sweep.space.n_points - 1}"
        raise InputError("sensitivity", [Fault("--point", text)])
    if not is_there(store, SENSITIVITY, point, lambda _: None):
        with store.lock():
            store.write_part(SENSITIVITY, point, _vary(sweep, store, point))
    return store.query(f"SELECT * FROM {SENSITIVITY} WHERE around = {point:d}")


def _vary(sweep: Sweep, store: Store, point: int) -> dict[str, NDArray[Any]]:
    named, points = list_variations(sweep.space, point)
    ids = sweep.space.ids(points)
    known = store.arrays(f"SELECT * FROM points WHERE point IN ({', '.join(map(str, ids.tolist()))})")
    missing = points[~np.isin(ids, known["point"])]
    tables = [known]
    if len(missing):
        with open_executor("threads", sweep) as workers:
            pieces = enumerate(np.array_split(missing, min(_N_PIECES, len(missing))))
            tables += [table for _, table in sorted(workers.map(pieces), key=lambda done: done[0])]
    found = {name: np.concatenate([table[name] for table in tables]) for name in known}
    place = {int(each): idx for idx, each in enumerate(found["point"])}
    order = np.array([place[int(each)] for each in ids])
    texts = {
        name: np.array(column, np.object_)
        for name, column in zip(("axis", "change", "choice"), zip(*named, strict=True), strict=True)
    }
    return {"around": np.full(len(ids), point), **texts} | {name: column[order] for name, column in found.items()}


def list_variations(space: Space, point: int) -> tuple[list[tuple[str, str, str]], Points]:
    """List the points that differ from one on one axis: name of the axis, change and choice; and the points.

    Parameters
    ----------
    space
        Of a sweep.
    point
        Number of the one, which comes first, without axis.
    """
    centre = space.points(np.array([point]))[0]
    named, points = [("", "none", "")], [centre]
    for idx, axis in enumerate(space.axes):
        here, last = int(centre[idx]), len(axis) - 1
        for change, choice in (("lowest", 0), ("lower", here - 1), ("higher", here + 1), ("highest", last)):
            is_neighbour = change in ("lower", "higher")
            if 0 <= choice <= last and (is_neighbour or abs(choice - here) > 1):
                named.append((axis.name, change, axis.choices[choice].label))
                points.append(np.concatenate([centre[:idx], [choice], centre[idx + 1 :]]))
    return named, np.array(points, np.int64).reshape(len(points), len(space.axes))
