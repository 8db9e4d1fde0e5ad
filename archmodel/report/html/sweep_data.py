"""What the script of a report on a sweep needs: the front, a sample of the other points, the base, and breakdowns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from archmodel.report.columns import Column
from archmodel.report.figure import BASE, CHOSEN, CLOUD, FRONT
from archmodel.report.html.blocks import draw_blocks
from archmodel.report.html.figures import draw_steps, group_colours
from archmodel.report.html.front import Front
from archmodel.report.html.page import finite
from archmodel.report.points import MOST_DRAWN, SweepPoints, quote, spread_order

MOST_AXES = 12
"""Axes in the table of the front and in parallel coordinates; the chosen machine has all of them."""

_SHOWN = ("silicon_mm2", "tdp_w", "chip_usd")  # in the table, beside objectives and axes


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


def sweep_data(front: Front) -> dict[str, Any]:
    """Collect it; all numbers are those of the tables, in SI.

    Parameters
    ----------
    front
        Of the sweep.
    """
    points, figures = front.points, figure_columns(front.points)
    base = points.base()
    blocks = [row for row in rows_of(points, "blocks") if row["point"] in front.detailed]
    wanted = [_figure(column, front, base) for column in figures if column in points.objectives]
    others = [_figure(column, front, base) for column in figures if column not in points.objectives]
    ids = {"name": "point", "label": "point", "kind": "point", "is_shown": True, "values": front.column("point")}
    return {
        "columns": [ids, *wanted, *_axes(front), *others, *_bounds(front)],
        "objectives": [each.name for each in points.objectives],
        "opened": {"row": front.kept.index(front.opened[0]), "why": front.opened[1]} if front.kept else None,
        "workloads": list(points.run["asked"]["workloads"]),
        # Figures of single workloads are many; what is an objective is drawn all the same.
        "cloud": _cloud(
            points, [each.name for each in figures if each in points.objectives or not workload_of(each.name, points)]
        ),
        "choices": _choices(points),
        "blocks": draw_blocks(blocks, "point"),
        "breakdown": _breakdown(front),
        "figures": {"steps": draw_steps(front.ladder, front.workloads)} if front.ladder else {},
        "colours": {"front": FRONT, "chosen": CHOSEN, "base": BASE, "cloud": CLOUD},
    }


def _figure(column: Column, front: Front, base: Mapping[str, Any]) -> dict[str, Any]:
    values = [finite(value) for value in front.column(column.name)]
    scale = column.scale([value for value in values if value is not None])
    is_shown = column in front.points.objectives or column.name in _SHOWN
    return {
        "name": column.name, "label": column.title, "kind": "figure", "unit": scale.unit, "scale": scale.factor,
        "goal": column.goal, "values": values, "base": finite(base.get(column.name)), "is_shown": is_shown,
    }  # fmt: skip


def _axes(front: Front) -> list[dict[str, Any]]:
    return [
        {"name": axis.name, "label": axis.name, "kind": "axis", "choices": list(axis.labels),
         "values": axis.indices(front.column(axis.column)).tolist(), "is_shown": idx < MOST_AXES}
        for idx, axis in enumerate(front.points.axes)
    ]  # fmt: skip


def _bounds(front: Front) -> list[dict[str, Any]]:
    """Give what binds each workload."""
    names = {label: f"{label}_bound" for label in front.points.run["asked"]["workloads"]}
    return [
        {"name": name, "label": f"{label} bound by", "kind": "text", "is_shown": False, "values": front.column(name)}
        for label, name in names.items()
    ]


CLOUD_QUERY = (
    "SELECT * FROM points WHERE is_feasible AND point NOT IN (SELECT point FROM front) "
    f"ORDER BY {spread_order()} LIMIT {MOST_DRAWN}"
)
"""A sample of the points that meet the conditions and are not on the front."""


def _cloud(points: SweepPoints, names: Sequence[str]) -> dict[str, list[Any]]:
    listed = ", ".join(map(quote, names))
    columns = points.store.arrays(f"SELECT {listed} FROM ({CLOUD_QUERY})")
    return {name: [finite(value) for value in column.tolist()] for name, column in columns.items()}


def _choices(points: SweepPoints) -> dict[str, dict[str, list[list[str]]]]:
    """Give what each choice sets: by axis and choice, a list of path, value and value of the base."""
    found: dict[str, dict[str, list[list[str]]]] = {}
    for row in rows_of(points, "choices"):
        below = found.setdefault(row["axis"], {}).setdefault(row["choice"], [])
        below.append([row["path"], row["value"], row["base_value"]])
    return found


def _breakdown(front: Front) -> dict[str, Any]:
    """Give the time by operator group: by point and workload, a value per group [s].

    What is left of a step without its operators is launching, as that of operators is.
    """
    labels = list(front.points.run["asked"]["workloads"])
    steps_s = {label: dict(zip(front.rows["point"], front.rows[f"{label}_latency_s"], strict=True)) for label in labels}
    parts: dict[tuple[int, str, str], list[float]] = {}
    for row in rows_of(front.points, "operators"):
        point, label = row["point"], row["workload"]
        if point in front.detailed:
            own = [row["latency_s"], -row["launch_s"]]
            parts.setdefault((point, label, row["group"]), []).extend(own)
            parts.setdefault((point, label, "launch"), [steps_s[label][point]]).extend(-part for part in own)
    colours = group_colours(group for _, _, group in parts)
    times = {
        str(point): [[math.fsum(parts.get((point, label, group), ())) for group in colours] for label in labels]
        for point in sorted({point for point, _, _ in parts})
    }
    return {"groups": list(colours), "colours": list(colours.values()), "times_s": times}


def rows_of(points: SweepPoints, table: str) -> list[dict[str, Any]]:
    """Read a table; no rows if it is not there."""
    there = table in points.store.tables()
    return list(points.store.query(f"SELECT * FROM {quote(table)}").rows()) if there else []
