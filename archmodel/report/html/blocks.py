"""Block diagrams as a table, and as the script of a page draws them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from archmodel.machine.types import Machine
from archmodel.report.figure import BLOCK_COLOURS
from archmodel.report.machine_boxes import Box, cell_area, lay_out
from archmodel.results import ResultTable

_PLACE = ("x_in", "y_in", "width_in", "height_in")


def list_blocks(key: str, machines: Iterable[tuple[Any, Machine]]) -> ResultTable:
    """Lay out block diagrams, see `archmodel.report.machine_boxes`.

    Parameters
    ----------
    key
        Column that says whose block a row is of.
    machines
        Each behind its value in that column.

    Returns
    -------
    ResultTable
        A row per box: ``key``; ``role``, ``title``, ``text`` (lines); ``x_in``, ``y_in``, ``width_in``,
        ``height_in`` [in]; ``rows``, ``cols`` of cells.
    """
    return ResultTable.from_rows([
        {
            key: value, "role": box.role, "title": box.title, "text": "\n".join(box.lines),
            **{name: float(getattr(box, name)) for name in _PLACE}, "rows": box.cells[0], "cols": box.cells[1],
        }
        for value, machine in machines for box in lay_out(machine)
    ])  # fmt: skip


def draw_blocks(rows: Iterable[Mapping[str, Any]], key: str) -> dict[str, list[Sequence[Any]]]:
    """Give the boxes of each diagram: place and size [inches], colour, title, lines, area that has cells, and these.

    Parameters
    ----------
    rows
        Of `list_blocks`.
    key
        Column that a diagram is known by.
    """
    found: dict[str, list[Sequence[Any]]] = {}
    for row in rows:
        left, top, width, height = (row[name] for name in _PLACE)
        cells = row["rows"], row["cols"]
        lines = tuple(row["text"].splitlines())
        area = cell_area(Box(row["role"], row["title"], left, top, width, height, (), lines, cells))
        drawn = [left, top, width, height, BLOCK_COLOURS[row["role"]], row["title"], lines, area, cells]
        found.setdefault(str(row[key]), []).append(drawn)
    return found
