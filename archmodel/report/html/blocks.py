"""Block diagrams as the script of a page draws them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from archmodel.report.figure import BLOCK_COLOURS
from archmodel.report.machine_boxes import PLACE, Box, cell_area


def draw_blocks(rows: Iterable[Mapping[str, Any]], key: str) -> dict[str, list[Sequence[Any]]]:
    """Give the boxes of each diagram: place and size [inches], colour, title, lines, area that has cells, and these.

    Parameters
    ----------
    rows
        Of `archmodel.report.machine_boxes.list_blocks`.
    key
        Column that a diagram is known by.
    """
    found: dict[str, list[Sequence[Any]]] = {}
    for row in rows:
        left, top, width, height = (row[name] for name in PLACE)
        cells = row["rows"], row["cols"]
        lines = tuple(row["text"].splitlines())
        area = cell_area(Box(row["role"], row["title"], left, top, width, height, (), lines, cells))
        drawn = [left, top, width, height, BLOCK_COLOURS[row["role"]], row["title"], lines, area, cells]
        found.setdefault(str(row[key]), []).append(drawn)
    return found
