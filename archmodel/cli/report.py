"""``archmodel report``."""

from __future__ import annotations

from pathlib import Path

from archmodel import api
from archmodel.cli.options import OptionalOutput
from archmodel.cli.show import note


def report(results: Path, /, *, output: OptionalOutput = None) -> None:
    """Write a report to send around: a folder with a page that needs no network.

    Parameters
    ----------
    results
        Folder that 'archmodel sweep' or 'verify' has written, or 'run' or 'compare' with --output.
    output
        Folder for the page; 'report' inside the results by default.
    """
    page = api.report(results, output, say=note)
    print(page)
    note(f"note: open it with a browser; to send it, send the folder {page.parent}")
