"""`FigureInfo`: the data of a figure, apart from its drawing; and saving with the data beside it."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from archmodel.errors import Fault, InputError
from archmodel.results import Result, ResultTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GROUP_COLOURS = {
    "matmul": "#0072B2",
    "attention": "#E69F00",
    "convolution": "#009E73",
    "embedding": "#CC79A7",
    "normalisation": "#56B4E9",
    "elementwise": "#D55E00",
    "data movement": "#F0E442",
    "routing": "#882255",
    "quantisation": "#999933",
    "collective": "#000000",
    "launch": "#999999",
}
"""One colour per operator group in every figure (Okabe & Ito; Tol)."""

STALL_COLOURS = {
    "at work": "#0072B2",
    "waits for data": "#56B4E9",
    "waits for space": "#009E73",
    "waits for commands": "#CC79A7",
    "waits for its turn": "#E69F00",
    "waits for DRAM": "#D55E00",
    "after the last product": "#cfcfcf",
    "operators without products": "#F0E442",
    "launch": "#999999",
}
"""One colour per state of a matrix engine, in the order in which they are stacked."""

MEMORY_COLOURS = {"SRAM": "#56B4E9", "DRAM": "#D55E00"}
"""Of what memories do over time."""

BLOCK_COLOURS = {
    "chip": "#f7f7f7", "pe": "#ffffff", "grid": "#cfe3f1", "core": "#e6e6e6", "network": "#ffffff",
    "matrix": "#b3d4e8", "simd": "#f8e1b0", "vector": "#b3dfd2", "local": "#d5ecf8", "sram": "#d5ecf8",
    "dma": "#d5ecf8", "dram": "#f4cfb3", "host": "#e6e6e6", "link": "#ecd6e2",
}  # fmt: skip
"""Light shade of each part of a machine, on which dark text is read."""

COLOURS = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#666666", "#000000", "#999933",
    "#882255",
)  # fmt: skip
"""Of what has no colour of its own, in this order."""

FRONT, FRONT_LIGHT, CHOSEN, BASE, CLOUD = "#0072B2", "#56B4E9", "#D55E00", "#009E73", "#b0b0b0"
"""Points of a sweep: those no other one beats, in two figures and in all; one pointed out; the base machine; others."""

INK, QUIET, FAINT = "#333333", "#555555", "#999999"
"""Text and lines that are no data: strong, less so, and behind what is shown."""

UNIT_COLOUR = "#3f4a5a"
"""Of a unit at work over time; colours proper are those of groups of operators there."""

TITLE_LETTERS_PER_IN, _FOOTER_LETTERS_PER_IN = 9.5, 17.0  # of an inch, in the house style
_MARGINS_IN = 1.3  # beside a title

FORMATS = (".png", ".svg", ".pdf")
_FOOTER_SIZE = 7  # points


@dataclass(frozen=True, slots=True)
class FigureInfo:
    """What a figure shows.

    Parameters
    ----------
    title
        Headline.
    x_label, y_label
        Axis names with units.
    table
        The data, one row per mark.
    footer
        Where the numbers come from and what in them is assumed.
    """

    title: str
    x_label: str
    y_label: str
    table: ResultTable
    footer: str


def check_results(results: Sequence[Result]) -> None:
    """Raise `InputError` when there is nothing to draw."""
    if not results:
        raise InputError("figure", [Fault("", "no results given; give at least one")])


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the house style inside the block, whatever the caller's own settings are."""
    import matplotlib as mpl
    from cycler import cycler

    style = files("archmodel.report") / "style.mplstyle"
    with mpl.rc_context({"axes.prop_cycle": cycler(color=COLOURS)}, fname=str(style)):
        yield


def new_figure(info: FigureInfo, size_in: tuple[float, float] | None = None) -> tuple[Figure, Axes]:
    """Open a figure with title, labels and footer set; it belongs to no window and needs no display.

    Parameters
    ----------
    info
        What it will show.
    size_in
        Width and height [inches]; those of the house style if not given.
    """
    figure = new_canvas(info, size_in)
    axes = figure.add_subplot()
    axes.set_title(wrap_text(info.title, (figure.get_figwidth() - _MARGINS_IN) * TITLE_LETTERS_PER_IN), pad=12)
    axes.set_xlabel(plain_text(info.x_label))
    axes.set_ylabel(plain_text(info.y_label))
    return figure, axes


def new_canvas(info: FigureInfo, size_in: tuple[float, float] | None = None) -> Figure:
    """Open a figure that has its footer and nothing else, see `new_figure`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size_in, layout="constrained")
    FigureCanvasAgg(figure)
    footer = wrap_text(info.footer, figure.get_figwidth() * _FOOTER_LETTERS_PER_IN)
    figure.supxlabel(footer, fontsize=_FOOTER_SIZE, color=QUIET, x=0.01, ha="left")
    return figure


def wrap_text(text: str, n_letters: float) -> str:
    """Break lines that are longer than there is room for, and see to it that names are no formulas."""
    lines = [textwrap.fill(line, max(20, int(n_letters))) for line in text.splitlines()]
    return plain_text("\n".join(lines))


def plain_text(text: str) -> str:
    """Keep matplotlib from reading a name with dollar signs as a formula."""
    return text.replace("$", r"\$")


def short_text(text: str, n_letters: int) -> str:
    """Cut a name that is longer than there is room for; the data beside the figure has all of it."""
    line = " ".join(text.split())
    return line if len(line) <= n_letters else f"{line[: n_letters - 1]}…"


def data_path(path: Path) -> Path:
    """Name the file beside a figure that has its data: ``roofline.svg`` → ``roofline.data.csv``."""
    return path.with_suffix(".data.csv")


def save_figure(figure: Figure, info: FigureInfo, path: Path) -> None:
    """Write the figure, and its data beside it (`data_path`). The same input gives the same bytes.

    Raises
    ------
    InputError
        When the file name has no known ending or a file cannot be written; no figure is written without its data.
    """
    ending = path.suffix.lower()
    if ending not in FORMATS:
        raise InputError("figure", [Fault(str(path), f"ending {path.suffix!r} is not one of {', '.join(FORMATS)}")])
    drawn = io.BytesIO()
    with house_style():
        metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(ending)
        figure.savefig(drawn, format=ending.removeprefix("."), metadata=metadata)
    write_file("figure", data_path(path), info.table.to_csv().encode())
    write_file("figure", path, drawn.getvalue())


def make_folder(subject: str, path: Path) -> Path:
    """Make a folder, unless it is there; `InputError` of ``subject`` when it cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(subject, [Fault(str(path), f"cannot be made: {error.strerror}")]) from error
    return path


def write_file(subject: str, path: Path, content: bytes) -> None:
    """Write a file whole or not at all, and the folder it is in.

    Raises
    ------
    InputError
        Of ``subject``, when the file cannot be written.
    """
    draft = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):  # what stopped the writing may stop the tidying up
            draft.unlink()
        raise InputError(subject, [Fault(str(path), f"cannot be written: {error.strerror}")]) from error
