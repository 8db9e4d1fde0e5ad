"""What the script of a report on a sweep needs: the front, a sample of the other points, the base, and breakdowns."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archmodel.errors import Fault, InputError
from archmodel.report.figure import BASE, CHOSEN, CLOUD, COLOURS, FRONT, GROUP_COLOURS
from archmodel.report.html.page import finite
from archmodel.report.points import MOST_DRAWN, Column, SweepPoints, quote, spread_order
from archmodel.results.store import Store

MOST_ROWS, _MOST_VALUES = 2000, 120_000
"""Points of the front that a page holds, and values of them: what goes beyond is asked for by a query."""

MOST_DETAILED = 60
"""Points of the front whose operators are broken down."""

_MOST_AXES = 12  # in the table of the front and in parallel coordinates


def check_ended(store: Store) -> None:
    """Raise `InputError` when results are not those of a sweep that has ended."""
    missing = {"points", "front"} - set(store.tables())
    if missing:
        text = f"has no table {' and none '.join(sorted(missing))}: the sweep has not ended; the same command goes on"
        raise InputError("report", [Fault(str(store.folder), text)])
    absent = [key for key in ("units", "goals", "description") if key not in store.run()]
    if absent:
        text = (
            f"has no {', '.join(absent)}: it is of an older archmodel; run 'archmodel sweep' again into another folder"
        )
        raise InputError("report", [Fault(str(store.folder / "run.json"), text)])


def pick(points: Sequence[int], best: Iterable[int], most: int) -> list[int]:
    """Choose points of a front: the best of each objective, and others evenly spread over it.

    Parameters
    ----------
    points
        Numbers, in the order of the front.
    best
        Those that are there in any case.
    most
        How many, besides those of ``best``.
    """
    if len(points) <= most:
        return list(points)
    spread = {points[idx] for idx in np.linspace(0, len(points) - 1, most).round().astype(int)} | set(best)
    return [point for point in points if point in spread]


def find_best(points: SweepPoints) -> dict[str, int]:
    """Find the point of the front that is best in each objective, by the title of the objective."""
    found: dict[str, int] = {}
    for each in points.objectives:
        order = "DESC" if each.goal == "max" else "ASC"
        rows = points.store.query(f"SELECT point FROM front ORDER BY {quote(each.name)} {order}, point LIMIT 1")
        found.update((each.title, int(row["point"])) for row in rows.rows())
    return found


def front_points(points: SweepPoints) -> list[int]:
    """List the numbers of the points of the front, best of the first objective first."""
    return [int(point) for point in points.store.query("SELECT point FROM front")["point"]]


def kept_points(points: SweepPoints) -> list[int]:
    """Choose the points of the front that the page holds."""
    most = min(MOST_ROWS, _MOST_VALUES // max(1, len(points.types)))
    return pick(front_points(points), find_best(points).values(), most)


def detailed_points(points: SweepPoints) -> list[int]:
    """Choose the points of the front whose operators are broken down."""
    return pick(kept_points(points), find_best(points).values(), MOST_DETAILED)


def figure_columns(points: SweepPoints) -> list[Column]:
    """List the columns of figures: objectives first, then those of the mix and the chip, then those of workloads."""
    of_axes = {name for choices in points.run["asked"]["axes"].values() for each in choices.values() for name in each}
    names = [each.name for each in points.objectives]
    names += [name for name in points.run["units"] if name in points.types and name not in of_axes]
    columns = [points.column(name, "") for name in dict.fromkeys(names)]
    return sorted(columns, key=lambda column: workload_of(column.name, points) is not None)


def workload_of(name: str, points: SweepPoints) -> str | None:
    """Give the label of the workload that a column is of; nothing for the mix and the chip."""
    labels = [label for label in points.run["asked"]["workloads"] if name.startswith(f"{label}_")]
    return max(labels, key=len, default=None)


def sweep_data(points: SweepPoints) -> dict[str, Any]:
    """Collect it; all numbers are those of the tables, in SI."""
    kept = kept_points(points)
    listed = ", ".join(map(str, kept)) or "NULL"
    rows = points.store.arrays(f"SELECT * FROM front WHERE point IN ({listed})")
    figures = figure_columns(points)
    base = points.base()
    return {
        "columns": [
            {"name": "point", "label": "point", "kind": "point", "is_shown": True, "values": rows["point"].tolist()},
            *(_figure(column, rows, base, points) for column in figures if column in points.objectives),
            *_axes(points, rows),
            *(_figure(column, rows, base, points) for column in figures if column not in points.objectives),
            *_bounds(points, rows),
        ],
        "objectives": [each.name for each in points.objectives],
        "workloads": list(points.run["asked"]["workloads"]),
        "cloud": _cloud(points, [each.name for each in figures if workload_of(each.name, points) is None]),
        "choices": _choices(points),
        "machine": _machine(points),
        "breakdown": _breakdown(points, detailed_points(points)),
        "colours": {"front": FRONT, "chosen": CHOSEN, "base": BASE, "cloud": CLOUD},
    }


def _figure(
    column: Column, rows: Mapping[str, NDArray[Any]], base: Mapping[str, Any], points: SweepPoints
) -> dict[str, Any]:
    values = rows[column.name].tolist()
    scale = column.scale([value for value in values if finite(value) is not None])
    return {
        "name": column.name, "label": column.title, "kind": "figure", "unit": scale.unit, "scale": scale.factor,
        "goal": column.goal, "values": [finite(value) for value in values], "base": finite(base.get(column.name)),
        "workload": workload_of(column.name, points),
        "is_shown": column in points.objectives or column.name in ("silicon_mm2", "tdp_w", "chip_usd"),
    }  # fmt: skip


def _axes(points: SweepPoints, rows: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
    return [
        {"name": axis.name, "label": axis.name, "kind": "axis", "choices": list(axis.labels),
         "values": axis.indices(rows[axis.column]).tolist(), "is_shown": idx < _MOST_AXES}
        for idx, axis in enumerate(points.axes)
    ]  # fmt: skip


def _bounds(points: SweepPoints, rows: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
    """Give what binds each workload."""
    return [
        {"name": f"{label}_bound", "label": f"{label} bound by", "kind": "text", "workload": label, "is_shown": False,
         "values": [str(value) for value in rows[f"{label}_bound"]]}
        for label in points.run["asked"]["workloads"] if f"{label}_bound" in rows
    ]  # fmt: skip


def cloud_query(names: Sequence[str]) -> str:
    """Ask for a sample of the points that meet the conditions and are not on the front."""
    listed = ", ".join(["point", *map(quote, names)])
    others = "is_feasible AND point NOT IN (SELECT point FROM front)"
    return f"SELECT {listed} FROM points WHERE {others} ORDER BY {spread_order()} LIMIT {MOST_DRAWN}"


def _cloud(points: SweepPoints, names: Sequence[str]) -> dict[str, list[Any]]:
    columns = points.store.arrays(cloud_query(names))
    return {name: [finite(value) for value in column.tolist()] for name, column in columns.items()}


def _choices(points: SweepPoints) -> dict[str, dict[str, list[list[str]]]]:
    """Give what each choice sets: by axis and choice, a list of path, value and value of the base."""
    found: dict[str, dict[str, list[list[str]]]] = {}
    for row in rows_of(points, "choices"):
        below = found.setdefault(row["axis"], {}).setdefault(row["choice"], [])
        below.append([row["path"], row["value"], row["base_value"]])
    return found


def _machine(points: SweepPoints) -> dict[str, list[str]]:
    """Give the parameters of the base machine: value and kind by path."""
    rows = rows_of(points, "parameters")
    return {row["path"]: [row["value"], row["kind"]] for row in rows if row["about"] == "machine"}


def _breakdown(points: SweepPoints, detailed: Sequence[int]) -> dict[str, Any]:
    """Give the time by operator group: by point and workload, a value per group [s]; launching is a group, too."""
    parts: dict[tuple[int, str, str], list[float]] = {}
    for row in rows_of(points, "operators"):
        if row["point"] in detailed:
            parts.setdefault((row["point"], row["workload"], row["group"]), []).append(row["latency_s"])
            parts[row["point"], row["workload"], row["group"]].append(-row["launch_s"])
            parts.setdefault((row["point"], row["workload"], "launch"), []).append(row["launch_s"])
    others = sorted({group for _, _, group in parts} - set(GROUP_COLOURS))
    colours = GROUP_COLOURS | dict(zip(others, itertools.cycle(COLOURS), strict=False))
    times = {
        str(point): [
            [math.fsum(parts.get((point, label, group), ())) for group in colours]
            for label in points.run["asked"]["workloads"]
        ]
        for point in sorted({point for point, _, _ in parts})
    }
    return {"groups": list(colours), "colours": list(colours.values()), "times_s": times}


def rows_of(points: SweepPoints, table: str) -> list[dict[str, Any]]:
    """Read a table; no rows if it is not there."""
    there = table in points.store.tables()
    return list(points.store.query(f"SELECT * FROM {quote(table)}").rows()) if there else []
