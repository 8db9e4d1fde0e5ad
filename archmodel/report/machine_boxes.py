"""What a machine is made of, as boxes with their place on paper and what is said in each."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from archmodel.machine.load import count_channels
from archmodel.machine.types import Machine
from archmodel.report.machine_facts import (
    MOST_CELLS,
    Fact,
    chip_facts,
    count_parts,
    dram_facts,
    grid_facts,
    host_facts,
    link_facts,
    local_facts,
    network_facts,
    pe_parts,
    sram_facts,
)
from archmodel.results import ResultTable

PLACE = ("x_in", "y_in", "width_in", "height_in")
"""Fields of a box that say where it is and how large."""

Place = tuple[float, float, float, float]
"""Left, top, width and height [inches], from the upper left corner of the paper."""
WIDTH_IN, HEIGHT_IN = 11.0, 6.4
"""Of the paper [inches]."""
LINE_IN, TITLE_IN = 0.122, 0.165
"""Height of a line of text, and of the title of a box [inches]."""
_LETTER_IN = 0.0525  # mean width of a letter of the size that boxes are written in
_GAP_IN = 0.1
_PE = (4.05, 0.52, 6.75, 3.3)
_GRID = (0.2, 0.72, 3.5, 3.1)
_MOST_UNEQUAL = 24  # times that a cell of the grid is wider than high, or higher than wide
_LONG = 8  # times that a grid has more rows than columns, or more columns than rows, from which it is folded
_PART_IN = 1.35  # most height of a part of a PE
_N_IN_ROW = 4  # parts of a PE side by side


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a machine.

    Parameters
    ----------
    role
        Resource whose colour it has (`archmodel.results.RESOURCES`), or ``chip``, ``pe``, ``grid``, ``core``,
        ``network``, ``dma``.
    title
        Its name.
    x_in, y_in, width_in, height_in
        Place of its upper left corner, from that of the paper, and size [inches].
    facts
        What is said of it.
    lines
        Its facts, one below the other or as running text, wrapped to its width.
    cells
        Rows and columns of equal parts that it is drawn with.
    routers
        Rows and columns of routers on top of a grid, if it has any.
    """

    role: str
    title: str
    x_in: float
    y_in: float
    width_in: float
    height_in: float
    facts: tuple[Fact, ...] = ()
    lines: tuple[str, ...] = ()
    cells: tuple[int, int] = (1, 1)
    routers: tuple[int, int] = (0, 0)


def lay_out(machine: Machine) -> tuple[Box, ...]:
    """Place the parts of a machine; a box comes before those that lie in it.

    Parameters
    ----------
    machine
        Any; parts that it does not describe have no box.
    """
    banks = machine.timing.memory.n_banks if machine.timing else None
    n_banks = banks or count_parts(machine)
    boxes = [
        _running("chip", machine.name, (0.0, 0.0, WIDTH_IN, 5.35), chip_facts(machine)),
        _grid(machine),
        _pe_box(machine),
        *_pe_parts(machine),
        _running("network", "Network", (0.2, 3.99, 10.6, 0.42), network_facts(machine)),
        _running("sram", "SRAM of all PEs", (0.2, 4.58, 10.6, 0.67), sram_facts(machine), (1, n_banks)),
        _running("host", "Host", (0.0, 5.6, 2.2, 0.8), host_facts(machine)),
        _running("dram", "DRAM", (2.5, 5.6, 5.7, 0.8), dram_facts(machine), (1, count_channels(machine) or 1)),
    ]  # fmt: skip
    if machine.scale_up is not None:
        boxes.append(_running("link", "Other chips", (8.5, 5.6, 2.5, 0.8), link_facts(machine)))
    return tuple(boxes)


def cell_area(box: Box) -> Place | None:
    """Give the area that is parted into the cells of a box: all of a grid, a square below what is said, or a strip."""
    rows, cols = box.cells
    if box.role == "grid":
        return box.x_in, box.y_in, box.width_in, box.height_in
    if rows > 1:
        below_in = box.y_in + 0.05 + TITLE_IN + len(box.lines) * LINE_IN
        size_in = min(box.width_in - 0.16, box.y_in + box.height_in - below_in - 0.1)
        return box.x_in + (box.width_in - size_in) / 2, below_in, size_in, size_in
    if cols > 1:
        return box.x_in + 0.08, box.y_in + box.height_in - 0.24, box.width_in - 0.16, 0.16
    return None


def _running(role: str, title: str, place: Place, facts: Sequence[Fact], cells: tuple[int, int] = (1, 1)) -> Box:
    """Make a box whose facts are running text."""
    text = "\N{NO-BREAK SPACE}· ".join(fact.text for fact in facts)
    n_letters = int((place[2] - 0.2) / _LETTER_IN)
    lines = textwrap.wrap(_keep_units(text), n_letters)
    return Box(role, title, *place, tuple(facts), tuple(lines), cells if cells[1] <= MOST_CELLS else (1, 1))


def _listed(role: str, title: str, place: Place, facts: Sequence[Fact], cells: tuple[int, int] = (1, 1)) -> Box:
    """Make a box whose facts are a list."""
    n_letters = int((place[2] - 0.14) / _LETTER_IN)
    wrapped = [textwrap.wrap(_keep_units(fact.text), n_letters, subsequent_indent="  ") for fact in facts]
    return Box(role, title, *place, tuple(facts), tuple(line for lines in wrapped for line in lines), cells)


def _keep_units(text: str) -> str:
    """Let no line end between a number and its unit."""
    return re.sub(r"(?<=\d) (?=[A-Za-zµ%])", "\N{NO-BREAK SPACE}", text)


def _grid(machine: Machine) -> Box:
    left, top, width, height = _GRID
    noc = machine.timing.noc if machine.timing else None
    rows, cols = (machine.pe.rows, machine.pe.cols) if noc else _fold(machine.pe.rows, machine.pe.cols)
    cell_width, cell_height = width / cols, height / rows
    cell_width = min(cell_width, _MOST_UNEQUAL * cell_height)
    cell_height = min(cell_height, _MOST_UNEQUAL * cell_width)
    if rows == cols:
        cell_width = cell_height = min(cell_width, cell_height)
    facts = grid_facts(machine)
    routers = (noc.rows, noc.cols) if noc else (0, 0)
    size = cols * cell_width, rows * cell_height
    place = left + (width - size[0]) / 2, top + (height - size[1]) / 2
    title = ", ".join(fact.text for fact in facts)
    title += ", drawn folded" if (rows, cols) != (machine.pe.rows, machine.pe.cols) else ""
    return Box("grid", title, *place, *size, tuple(facts), (), (rows, cols), routers)


def _fold(rows: int, cols: int) -> tuple[int, int]:
    """Lay equal parts of a long grid side by side, so that a cell is less of a sliver; no part is cut or left out."""
    long, short = max(rows, cols), min(rows, cols)
    parts = (n for n in range(1, long + 1) if long % n == 0) if long > _LONG * short else (1,)
    best = min(parts, key=lambda n: abs(math.log(long / (n * n * short))))
    folded = (long // best, short * best)
    return folded if rows >= cols else folded[::-1]


def _pe_box(machine: Machine) -> Box:
    n_pes = machine.pe.n_pes
    return Box("pe", f"One of {n_pes:,} PEs" if n_pes > 1 else "The PE", *_PE)


def _pe_parts(machine: Machine) -> Iterator[Box]:
    """Place what is in a PE: parts in one or two rows, and local memory below."""
    parts = [part for part in pe_parts(machine) if part[2]]
    left, top, width, height = _PE[0] + _GAP_IN, _PE[1] + 0.26, _PE[2] - 2 * _GAP_IN, _PE[3] - 0.9
    n_cols = len(parts) if len(parts) < _N_IN_ROW else -(-len(parts) // 2)
    n_rows = -(-len(parts) // n_cols)
    part_width = (width - (n_cols - 1) * _GAP_IN) / n_cols
    part_height = (height - (n_rows - 1) * _GAP_IN) / n_rows
    n_cells = machine.array.size if machine.array else 1
    if n_cells == 1:  # an array is drawn with its cells
        part_height = min(part_height, _PART_IN)
    for i, (role, title, facts) in enumerate(parts):
        x_in = left + (i % n_cols) * (part_width + _GAP_IN)
        y_in = top + (i // n_cols) * (part_height + _GAP_IN)
        cells = (n_cells, n_cells) if role == "matrix" else (1, 1)
        yield _listed(role, title, (x_in, y_in, part_width, part_height), facts, cells)
    below = top + n_rows * (part_height + _GAP_IN)
    place = left, below, width, _PE[1] + _PE[3] - _GAP_IN - below
    yield _running("local", "Local memory", place, local_facts(machine))


def list_blocks(key: str, machines: Iterable[tuple[Any, Machine]]) -> ResultTable:
    """Lay out block diagrams of machines as a table, see `lay_out`.

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
            **{name: float(getattr(box, name)) for name in PLACE}, "rows": box.cells[0], "cols": box.cells[1],
        }
        for value, machine in machines for box in lay_out(machine)
    ])  # fmt: skip
