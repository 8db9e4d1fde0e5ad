"""Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Cell = str | int | None
Row = Mapping[str, Cell]


def table(rows: Iterable[Row]) -> str:
    """Render rows as a Markdown table; the keys of the first are the headings, a missing value is a dash."""
    shown = list(rows)
    if not shown:
        return "None."
    names = list(shown[0])
    lines = [names, ["---"] * len(names), *([_text(row[name]) for name in names] for row in shown)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def percent(fraction: float) -> str:
    """Show a difference with its sign; one that rounds to zero has none."""
    text = f"{100 * fraction:+.1f} %"
    return "0.0 %" if float(text[:-2]) == 0 else text.replace("-", "−")


def share(fraction: float) -> str:
    """Show a part of a whole."""
    return f"{100 * fraction:.1f} %"


def _text(cell: Cell) -> str:
    if cell is None:
        return "–"
    text = " ".join(str(cell).split())
    for sign, safe in (("|", "\\|"), ("<", "&lt;"), ("*", "\\*")):
        text = text.replace(sign, safe)
    return text
