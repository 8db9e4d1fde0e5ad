"""Block diagram of a machine: PEs and what is in one, memories, network and links, drawn to its description."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archmodel.machine.types import SET_BY_USER, Machine
from archmodel.report.figure import (
    BLOCK_COLOURS,
    CHOSEN,
    QUIET,
    FigureInfo,
    house_style,
    new_canvas,
    plain_text,
    save_figure,
    short_text,
)
from archmodel.report.machine_boxes import HEIGHT_IN, LINE_IN, TITLE_IN, WIDTH_IN, Box, Place, cell_area, lay_out
from archmodel.report.machine_facts import ASSUMED, SET
from archmodel.results import ResultTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_EDGE, _INK, _ZOOM = QUIET, "#222222", CHOSEN
_MARGIN_IN, _HEAD_IN, _FOOT_IN = 0.15, 0.35, 0.45
_LETTER_IN = 0.09  # of a title
_MOST_LINES = 2000  # between cells of a grid, in either direction


def plot_diagram(machine: Machine, path: str | Path | None = None) -> tuple[Figure, Axes]:
    """Draw the blocks of a machine, each with its figures; what is assumed is marked.

    Parameters
    ----------
    machine
        What to draw.
    path
        File to write (``.png``, ``.svg``, ``.pdf``); its data goes beside it, as ``NAME.data.csv``.

    Returns
    -------
    (Figure, Axes)
        For further changes; the axes are in inches, from the upper left corner.

    Raises
    ------
    InputError
        When the file cannot be written.
    """
    boxes = lay_out(machine)
    info = diagram_info(machine)
    width_in, height_in = WIDTH_IN + 2 * _MARGIN_IN, HEIGHT_IN + _HEAD_IN + _FOOT_IN
    with house_style():
        figure = new_canvas(info, (width_in, height_in))
        figure.set_layout_engine("none")  # a box and the text in it keep their sizes
        axes = figure.add_axes(
            (_MARGIN_IN / width_in, _FOOT_IN / height_in, WIDTH_IN / width_in, HEIGHT_IN / height_in)
        )
        axes.set_axis_off()
        axes.set_xlim(0, WIDTH_IN)
        axes.set_ylim(HEIGHT_IN, 0)
        axes.set_title(plain_text(short_text(info.title, 110)), pad=8)
        for box in boxes:
            _draw_box(axes, box)
        _draw_zoom(axes, boxes)
        _draw_connections(axes, boxes)
    if path is not None:
        save_figure(figure, info, Path(path))
    return figure, axes


def diagram_info(machine: Machine) -> FigureInfo:
    """Collect what the boxes say: a row per statement and value that it rests on, with the source of the value."""
    rows = []
    for box in lay_out(machine):
        for fact in box.facts:
            for value in fact.values or ("",):
                note = machine.provenance.get(value)
                rows.append({
                    "block": box.title, "says": fact.text, "value": value, "given": note.text if note else "",
                    "kind": note.kind if note else "", "source": note.source if note else "",
                })  # fmt: skip
    known = {row["value"]: row for row in rows if row["value"]}
    n_assumed = sum(row["kind"] in ("", "assumed") and row["source"] != SET_BY_USER for row in known.values())
    said = f"{ASSUMED} rests on an assumed value: {n_assumed} of the {len(known)} values that are shown. "
    given = [value for value, row in known.items() if row["source"] == SET_BY_USER]
    said += f"{SET} set by the user: {', '.join(given)}. " if given else ""
    footer = f"archmodel {version('archmodel')}. {said}Peaks are computed from the parts. "
    footer += "Cells of the grid are PEs; sizes on paper say nothing of areas on the die."
    return FigureInfo(machine.title, "", "", ResultTable.from_rows(rows), footer)


def _draw_box(axes: Axes, box: Box) -> None:
    from matplotlib.patches import FancyBboxPatch, Rectangle

    place = (box.x_in, box.y_in), box.width_in, box.height_in
    style: dict[str, Any] = {"facecolor": BLOCK_COLOURS[box.role], "edgecolor": _EDGE, "linewidth": 0.8}
    area = cell_area(box)
    if box.role == "grid":
        axes.add_patch(Rectangle(*place, **style))
        _draw_cells(axes, area, box.cells)
        _draw_routers(axes, box)
        axes.text(
            box.x_in + box.width_in / 2, box.y_in - 0.06, plain_text(box.title), ha="center", va="bottom", fontsize=8,
            fontweight="bold", color=_INK,
        )  # fmt: skip
        return
    axes.add_patch(FancyBboxPatch(*place, boxstyle="round,pad=0,rounding_size=0.06", **style))
    left, top = box.x_in + 0.07, box.y_in + 0.05
    title = plain_text(short_text(box.title, int(box.width_in / _LETTER_IN)))
    axes.text(left, top, title, va="top", fontsize=8, fontweight="bold", color=_INK)
    for i, line in enumerate(box.lines):
        axes.text(left, top + TITLE_IN + i * LINE_IN, plain_text(line), va="top", fontsize=7, color=_INK)
    _draw_cells(axes, area, box.cells)


def _draw_cells(axes: Axes, area: Place | None, cells: tuple[int, int]) -> None:
    """Part an area into equal cells; lines are thinner where there are many, so that none hides the others."""
    from matplotlib.patches import Rectangle

    if area is None:
        return
    (x_in, y_in, width_in, height_in), (rows, cols) = area, cells
    axes.add_patch(Rectangle((x_in, y_in), width_in, height_in, facecolor="none", edgecolor=_EDGE, linewidth=0.6))
    if 1 < cols <= _MOST_LINES:
        xs = [x_in + i * width_in / cols for i in range(1, cols)]
        axes.vlines(xs, y_in, y_in + height_in, color=_EDGE, linewidth=min(0.8, 14 * width_in / cols), snap=False)
    if 1 < rows <= _MOST_LINES:
        ys = [y_in + i * height_in / rows for i in range(1, rows)]
        axes.hlines(ys, x_in, x_in + width_in, color=_EDGE, linewidth=min(0.8, 14 * height_in / rows), snap=False)


def _draw_routers(axes: Axes, box: Box) -> None:
    """Draw the routers of a network over the PEs that they serve, with their links."""
    rows, cols = box.routers
    if not rows:
        return
    xs = [box.x_in + (i + 0.5) * box.width_in / cols for i in range(cols)]
    ys = [box.y_in + (i + 0.5) * box.height_in / rows for i in range(rows)]
    axes.hlines(ys, xs[0], xs[-1], color=_ZOOM, linewidth=0.8, alpha=0.7)
    axes.vlines(xs, ys[0], ys[-1], color=_ZOOM, linewidth=0.8, alpha=0.7)
    size = min(16.0, 250 * min(box.width_in / cols, box.height_in / rows) ** 2)
    axes.scatter([x for x in xs for _ in ys], [y for _ in xs for y in ys], s=size, color=_ZOOM, linewidth=0, zorder=3)


def _draw_zoom(axes: Axes, boxes: Sequence[Box]) -> None:
    """Mark the PE of the grid that is shown enlarged."""
    from matplotlib.patches import Rectangle

    grid, pe = (next(box for box in boxes if box.role == role) for role in ("grid", "pe"))
    rows, cols = grid.cells
    width, height = grid.width_in / cols, grid.height_in / rows
    left, top = grid.x_in + grid.width_in - width, grid.y_in
    axes.add_patch(Rectangle((left, top), width, height, facecolor="none", edgecolor=_ZOOM, linewidth=1.5, zorder=4))
    for y_in, corner in ((top, pe.y_in), (top + height, pe.y_in + pe.height_in)):
        axes.plot([left + width, pe.x_in], [y_in, corner], color=_ZOOM, linewidth=0.8, linestyle=":", zorder=4)


def _draw_connections(axes: Axes, boxes: Sequence[Box]) -> None:
    """Join the grid, network and SRAM, and the chip with what is around it."""
    chip, grid, pe, network, sram = (
        next(box for box in boxes if box.role == role) for role in ("chip", "grid", "pe", "network", "sram")
    )
    ends = [(grid.x_in + grid.width_in / 2, grid.y_in + grid.height_in, network.y_in)]
    ends += [(pe.x_in + pe.width_in / 2, pe.y_in + pe.height_in, network.y_in)]
    ends += [(network.x_in + network.width_in / 2, network.y_in + network.height_in, sram.y_in)]
    ends += [(box.x_in + box.width_in / 2, chip.height_in, box.y_in) for box in boxes if box.y_in >= chip.height_in]
    for x_in, start, end in ends:
        arrow = {"arrowstyle": "<|-|>", "color": _EDGE, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", (x_in, end), (x_in, start), arrowprops=arrow)
