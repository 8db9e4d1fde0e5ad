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
    from archmodel.report.html import open_front, plotly_script, sweep_page, write_page
    from archmodel.results.store import open_store
    from archmodel.sweep.details import keep_details, set_damaged_aside
    from archmodel.sweep.reopen import reopen_sweep

    plotly_script()  # without it there is no report, and nothing to evaluate for it
    store = open_store(results)
    set_damaged_aside(store)
    front = open_front(store)
    keep_details(reopen_sweep(store), store, front.detailed, sorted(set(front.best.values())))
    return write_page(sweep_page(front), Path(output) if output is not None else store.folder / "report")
