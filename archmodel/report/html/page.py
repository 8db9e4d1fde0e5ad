"""A page: sections of tables and figures, and the data that its script needs. Whatever is shown is escaped here."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import quote

from archmodel.machine.types import SET_BY_USER
from archmodel.report.columns import Column, Scale
from archmodel.report.wording import query_command
from archmodel.units import format_number

IS_ASSUMED = f"kind = 'assumed' AND source <> '{SET_BY_USER}'"
"""Which rows of a table of parameters are assumed."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page.

    Parameters
    ----------
    name
        Its ``id``.
    heading
        What is above it.
    content
        HTML.
    """

    name: str
    heading: str
    content: str


@dataclass(frozen=True, slots=True)
class Page:
    """What a report shows.

    Parameters
    ----------
    title
        The question.
    lead
        A sentence below it.
    sections
        In this order.
    data
        For the script of the page: plain values, no number of which is infinite.
    files
        What else goes into the folder, by name.
    """

    title: str
    lead: str
    sections: Sequence[Section]
    data: Mapping[str, Any]
    files: Mapping[str, str] = field(default_factory=dict)


def render_page(page: Page, template: str) -> str:
    """Fill the template in."""
    from string import Template

    links = "".join(f'<li><a href="#{one.name}">{escape(one.heading)}</a></li>' for one in page.sections)
    sections = "\n".join(
        f'<section id="{one.name}" aria-labelledby="{one.name}-heading">\n'
        f'<h2 id="{one.name}-heading">{escape(one.heading)}</h2>\n{one.content}\n</section>'
        for one in page.sections
    )
    return Template(template).substitute(
        title=escape(page.title), lead=escape(page.lead), links=links, sections=sections, data=embed_json(page.data)
    )


def embed_json(data: Mapping[str, Any]) -> str:
    """Write JSON that can stand inside a ``script`` element, whatever texts it holds."""
    text = json.dumps(data, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def finite(value: Any) -> Any:
    """Give a value, or ``None`` for a number that is none or infinite, which JSON does not have."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def paragraph(text: str, kind: str = "") -> str:
    """Set a text as a paragraph."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def table(caption: str, headings: Sequence[str | Column], rows: Iterable[Sequence[Any]]) -> str:
    """Set a table; the first cell of a row is its heading, and numbers stand to the right.

    Parameters
    ----------
    caption
        Above it.
    headings
        Of the columns; values of a `Column` are shown in a unit that suits them.
    rows
        Values as they are kept, by which the script of the page sorts a table that has numbers.
    """
    kept = [list(row) for row in rows]
    scales = [_choose_scale(heading, (row[idx] for row in kept)) for idx, heading in enumerate(headings)]
    sorts = ' class="sorts"' if len(kept) > 1 and any(_is_number(value) for row in kept for value in row) else ""
    lines = [f'<div class="wide"><table{sorts}><caption>{escape(caption)}</caption>', "<thead><tr>"]
    for heading, scale in zip(headings, scales, strict=True):
        unit = "" if scale.unit == "1" else f" [{scale.unit}]"
        title = heading if isinstance(heading, str) else heading.title
        lines.append(f'<th scope="col">{escape(title + unit)}</th>')
    lines.append("</tr></thead><tbody>")
    for row in kept:
        first, *others = [_cell(value, scale) for value, scale in zip(row, scales, strict=True)]
        lines.append(f'<tr><th scope="row"{first}</th>{"".join(f"<td{cell}</td>" for cell in others)}</tr>')
    return "\n".join([*lines, "</tbody></table></div>"])


def _choose_scale(heading: str | Column, values: Iterable[Any]) -> Scale:
    return Scale(1.0, "1") if isinstance(heading, str) else heading.scale(filter(_is_number, values))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _cell(value: Any, scale: Scale) -> str:
    """Set what a cell is and shows, between its tags."""
    if not _is_number(value):
        return f">{escape(show(value))}"
    shown = value if scale.factor == 1 else value / scale.factor
    return f' class="number" data-value="{value!r}">{escape(show(shown))}'


def show(value: Any) -> str:
    """Write a value: fractions with four digits, as the script of the page does, whole numbers with all of them."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, bool | str):
        return str(value)
    size = abs(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3e}" if size and (size < 1e-3 or size >= 1e7) else format_number(value)


def figure(name: str, text: str) -> str:
    """Make room for a figure that the script of the page draws; ``text`` says what it shows to who cannot see it."""
    return f'<div id="{escape(name)}" class="figure" role="img" aria-label="{escape(text)}"></div>'


def reproduction(
    commands: Sequence[Sequence[str]], versions: Iterable[Sequence[str]], caption: str = "Versions"
) -> str:
    """Say which commands give the results again, and with which versions."""
    lines = "\n".join(shlex.join(command) for command in commands)
    return f"<pre>{escape(lines)}</pre>\n{table(caption, ('what', 'which'), versions)}"


def link(file: str) -> str:
    """Link a file beside the page."""
    return f'<a href="{quote(file)}">{escape(file)}</a>'


def folded(summary: str, content: str) -> str:
    """Hide content until it is asked for, or printed."""
    return f"<details><summary>{escape(summary)}</summary>\n{content}\n</details>"


def source(folder: str, sql: str) -> str:
    """Say which query gives the numbers above."""
    return f'<p class="source">Numbers: <code>{escape(query_command(folder, sql))}</code></p>'
