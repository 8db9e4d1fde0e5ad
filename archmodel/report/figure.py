"""`FigureInfo`: the data of a figure, apart from its drawing; and saving with the data beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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

FORMATS = (".png", ".svg", ".pdf")


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


def figure_footer(results: Sequence[Result], remark: str) -> str:
    """Say which version and model made the numbers, then ``remark``."""
    return f"archmodel {results[0].provenance['archmodel']}, model {results[0].model}. {remark}"


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the house style inside the block, whatever the caller's own settings are."""
    import matplotlib as mpl

    with mpl.rc_context(fname=str(style_path())):
        yield


def new_figure(info: FigureInfo) -> tuple[Figure, Axes]:
    """Open a figure with title, labels and footer set; it belongs to no window and needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(info.title, pad=12)
    axes.set_xlabel(info.x_label)
    axes.set_ylabel(info.y_label)
    figure.supxlabel(info.footer, fontsize=7, color="#555555", x=0.01, ha="left")
    return figure, axes


def style_path() -> Path:
    """Path of the house style sheet."""
    return Path(str(files("archmodel.report") / "style.mplstyle"))


def save_figure(figure: Figure, info: FigureInfo, path: Path) -> None:
    """Write the figure, and its data as ``.csv`` beside it. The same input gives the same bytes.

    Raises
    ------
    InputError
        When the file name has no known ending or the folder cannot be written.
    """
    if path.suffix not in FORMATS:
        raise InputError("figure", [Fault(str(path), f"ending {path.suffix!r} is not one of {', '.join(FORMATS)}")])
    metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with house_style():
            figure.savefig(path, metadata=metadata)
        path.with_suffix(".csv").write_text(info.table.to_csv(), encoding="utf-8")
    except OSError as error:
        raise InputError("figure", [Fault(str(path), f"cannot be written: {error.strerror}")]) from error
