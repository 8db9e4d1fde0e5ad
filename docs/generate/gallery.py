"""What sphinx-gallery needs to know of figures, and of when a page is out of date.

A script below ``docs/gallery`` or ``docs/stories`` shows a figure by giving it a name, as in ``figure, axes =
plot_roofline(…)``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst
from sphinx_gallery.sorting import FileNameSortKey

from archmodel.report.figure import house_style

ROOT = Path(__file__).parents[2]
SOURCES = ("archmodel", "workloads", "docs/generate")


class ReadingOrder(FileNameSortKey):
    """Sort stories as they are to be read, and other scripts by their names behind them."""

    STORIES = ("sram_for_ranking.py", "lpddr_or_hbm_for_decode.py", "what_diffusion_wants.py")

    def __call__(self, filename: str) -> tuple[int, str]:
        """Give what a script is sorted by."""
        name = Path(filename).name
        return self.STORIES.index(name) if name in self.STORIES else len(self.STORIES), name


def scrape_figures(_block: object, script: dict[str, Any], gallery: dict[str, Any]) -> str:
    """Save the figures to which a block of a script has given names.

    Those of archmodel belong to no window, so that the scraper of sphinx-gallery, which asks pyplot, sees none.
    """
    shown: list[Figure] = script.setdefault("figures_shown", [])
    named = [value for value in script["example_globals"].values() if isinstance(value, Figure)]
    new = [figure for figure in dict.fromkeys(named) if figure not in shown]
    shown += new
    pages = []
    for figure, path in zip(new, script["image_path_iterator"], strict=False):  # of paths there are more
        with house_style():
            figure.savefig(path)
        titles = [axes.get_title(loc="left") for axes in figure.axes]
        pages.append(figure_rst([path], gallery["src_dir"], ", ".join(filter(None, titles))))
    return "".join(pages)


def forget_outdated(docs: Path) -> None:
    """Have scripts run again that ran before the library was changed; sphinx-gallery looks at the script only."""
    changed = max(
        path.stat().st_mtime
        for folder in SOURCES
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".yaml", ".mplstyle"}
    )
    for stamp in (docs / "generated").rglob("*.md5"):
        if stamp.stat().st_mtime < changed:
            stamp.unlink()
