"""Tables for people: values with their units, laid out for the width of the terminal."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from archmodel.units import format_number, format_si

if TYPE_CHECKING:
    from rich.console import Console

Row = Mapping[str, Any]
_GAP = "  "
_UNITS = (
    ("_flop_per_s", "FLOP/s"),
    ("_bytes_per_s", "B/s"),
    ("_cycles_per_s", ""),  # the heading says it
    ("_s", "s"),
    ("_j", "J"),
    ("_w", "W"),
    ("_hz", "Hz"),
    ("_bytes", "B"),
    ("_flop", "FLOP"),
)


def render_table(console: Console, title: str, rows: Sequence[Row], columns: Mapping[str, str], n_keys: int = 1) -> str:
    """Lay a table out; no value is ever cut or broken.

    A table wider than the terminal continues below with its first columns repeated; where a column does not fit beside
    those, each row is a block of lines. A pipe or a file has no width.

    Parameters
    ----------
    console
        Where it will be shown.
    title
        Above the table.
    rows
        Values; physical ones are shown with the unit their column name ends in.
    columns
        Column name → heading.
    n_keys
        How many of the first columns say what a row is about.
    """
    from rich.text import Text

    cells = {
        name: [heading, *(show_value(name, row.get(name), row) for row in rows)] for name, heading in columns.items()
    }
    widths = {name: max(map(len, texts)) for name, texts in cells.items()}
    groups = _group_columns(widths, n_keys, console.width if console.is_terminal else sys.maxsize)
    is_number = {name: any(isinstance(row.get(name), int | float) for row in rows) for name in columns}
    tables = [_align([cells[name] for name in group], [is_number[name] for name in group]) for group in groups]
    if not groups:
        named = zip(*cells.values(), strict=True)
        headings = list(next(named))
        tables = [_align([headings, list(texts)], [False, False]) for texts in named]
    with console.capture() as capture:
        console.print(Text(title, style="bold"), soft_wrap=not console.is_terminal)
        for table_idx, lines in enumerate(tables):
            if table_idx:
                console.print()
            for line_idx, line in enumerate(lines):
                is_heading = bool(groups) and line_idx == 0
                console.print(Text(line, style="bold" if is_heading else ""), soft_wrap=True)
    return capture.get()


def _group_columns(widths: Mapping[str, int], n_keys: int, limit: int) -> list[list[str]]:
    """Spread columns over tables that fit, each with the key columns first; none if one column cannot fit."""
    keys, others = list(widths)[:n_keys], list(widths)[n_keys:]
    keys_width = sum(widths[name] + len(_GAP) for name in keys)
    if keys_width + max((widths[name] for name in others), default=0) > limit:
        return []
    groups, used = [list(keys)], keys_width
    for name in others:
        if used + widths[name] > limit:
            groups.append(list(keys))
            used = keys_width
        groups[-1].append(name)
        used += widths[name] + len(_GAP)
    return groups


def _align(columns: Sequence[Sequence[str]], is_right: Sequence[bool]) -> list[str]:
    """Pad columns of texts to lines."""
    padded = []
    for texts, right in zip(columns, is_right, strict=True):
        width = max(map(len, texts))
        padded.append([text.rjust(width) if right else text.ljust(width) for text in texts])
    return [_GAP.join(parts).rstrip() for parts in zip(*padded, strict=True)]


def show_value(name: str, value: Any, row: Mapping[str, Any]) -> str:
    """Render one value; the column name says its unit, and ``throughput`` has its unit beside it."""
    if value is None:
        return "–"
    if isinstance(value, bool | str):
        return " ".join(str(value).split())  # a text from a file may have line breaks
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if name == "throughput" and "throughput_unit" in row:  # the results of a sweep say it in run.json
        unit = row["throughput_unit"]
        return format_si(value, unit) if unit in ("FLOP/s", "B/s") else f"{show_number(value)} {unit}"
    if name == "utilisation" or name.endswith("_frac"):
        return f"{100 * value:.1f} %"
    if name.endswith("_mm2") and not name.endswith("_per_mm2"):
        return f"{show_number(value)} mm²"
    if name.endswith("_usd") and not name.endswith("_per_usd"):
        # Prefixes are for the millions of a site; nobody reads milli-dollars.
        return format_si(value, "USD") if abs(value) >= 1e6 else f"{show_number(value)} USD"
    if name.endswith("_bytes_per_cycle"):
        return f"{show_number(value)} B/cycle"
    for ending, unit in _UNITS:
        if (name.endswith(ending) and not name.endswith(f"_per{ending}")) or name == ending[1:]:
            return format_si(value, unit).rstrip()
    if isinstance(value, tuple):
        return " ".join(f"{part:,}" for part in value)
    return f"{value:,}" if isinstance(value, int) else show_number(value)


def show_number(value: float) -> str:
    """Render a number to four digits, thousands apart: ``11,360``."""
    return format_number(value)
