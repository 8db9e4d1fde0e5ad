"""Reports to send around."""

from __future__ import annotations

from pathlib import Path


def report(results: str | Path, output: str | Path | None = None) -> Path:
    """Write a report on results: a folder with a page that needs no network.

    What the page says beyond the results is evaluated here and kept in tables beside them: operators of the best
    machines, what other models say of the best ones, the base machine, every parameter with its source.

    Parameters
    ----------
    results
        Folder that `sweep` has written.
    output
        Folder for the page; ``report`` inside the results if not given.

    Returns
    -------
    Path
        Of the page, ``index.html``.

    Raises
    ------
    InputError
        When there are no results, the sweep has not ended, what it was made of has changed, or a folder cannot be
        written.
    ArchmodelError
        When plotly is missing.
    """
    from archmodel.report.html import check_ended, detailed_points, find_best, sweep_page, write_page
    from archmodel.report.html.write import plotly_script
    from archmodel.report.points import SweepPoints
    from archmodel.results.store import open_store
    from archmodel.sweep.details import keep_details
    from archmodel.sweep.reopen import reopen_sweep

    plotly_script()  # without it there is no report, and nothing to evaluate for it
    store = open_store(results)
    check_ended(store)
    points = SweepPoints(store)
    best = sorted(set(find_best(points).values()))
    keep_details(reopen_sweep(store), store, detailed_points(points), best)
    return write_page(sweep_page(store), Path(output) if output is not None else store.folder / "report")
