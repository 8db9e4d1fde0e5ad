"""`FigureInfo`: the data of a figure, apart from its drawing; and saving with the data beside it."""

from __future__ import annotations

import io
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


def check_results(results: Sequence[Result]) -> None:
    """Raise `InputError` when there is nothing to draw."""
    if not results:
        raise InputError("figure", [Fault("", "no results given; give at least one")])


def figure_footer(results: Sequence[Result], remark: str) -> str:
    """Say which version and model made the numbers, what the user set, then ``remark``."""
    given = {f"{path}={text}" for result in results for path, text in result.run.get("set", {}).items()}
    said = f"Set by the user: {', '.join(sorted(given))}. " if given else ""
    models = " and ".join(dict.fromkeys(result.model for result in results))
    return f"archmodel {results[0].provenance['archmodel']}, model {models}. {said}{remark}"


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
