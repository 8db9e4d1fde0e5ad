"""Write a page and what it needs into a folder."""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from archmodel.errors import ArchmodelError, Fault, InputError
from archmodel.report.figure import write_file
from archmodel.report.html.page import Page, render_page

SUBJECT = "report"
_FACTORY = re.compile(r"\A(.{,1000}? : this, )(\(\) => \{.*\})(\)\);\s*)", re.DOTALL)
"""Plotly: what its file begins with, the function that is all of it, and the end of the call that runs it."""


def write_page(page: Page, folder: Path) -> Path:
    """Write ``index.html`` and, beside it, all that it needs; the same page gives the same bytes.

    Parameters
    ----------
    page
        What it shows.
    folder
        Where to; it is made if it is not there.

    Returns
    -------
    Path
        Of ``index.html``, which is written last.

    Raises
    ------
    ArchmodelError
        When plotly, which draws the figures, is not installed.
    InputError
        When a file cannot be written, or is not to be in the folder.
    """
    here = files("archmodel.report.html")
    copies = {_place(folder, name): text for name, text in page.files.items()}
    for path, text in {folder / "plotly.min.js": plotly_script(), **copies}.items():
        write_file(SUBJECT, path, text.encode())
    for name in ("report.css", "figures.js", "report.js"):
        write_file(SUBJECT, folder / name, (here / name).read_bytes())
    text = render_page(page, (here / "page.html").read_text(encoding="utf-8"))
    write_file(SUBJECT, folder / "index.html", text.encode())
    return folder / "index.html"


def _place(folder: Path, name: str) -> Path:
    """Find the place of a file; results that others sent must not make it one outside of the folder."""
    place = folder / name
    if not place.resolve().is_relative_to(folder.resolve()):
        text = "is outside of it; the results name a copy that archmodel has not made, do not trust them"
        raise InputError(SUBJECT, [Fault(str(folder), f"{name!r} {text}")])
    return place


def plotly_script() -> str:
    """Give the script that draws figures in a browser; `ArchmodelError` when plotly, which brings it, is missing.

    The function that is all of it is set in parentheses: from these browsers see that it will be called, and compile it
    while it loads. Otherwise they read it twice, the second time while the page waits.
    """
    plotly = find_spec("plotly")
    if plotly is None or plotly.origin is None:
        raise ArchmodelError("a report needs plotly; run: pip install 'archmodel[html]'")
    text = (Path(plotly.origin).parent / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    return _FACTORY.sub(r"\1(\2)\3", text, count=1)
