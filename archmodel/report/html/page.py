"""A page: sections of tables and figures, and the data that its script needs. Whatever is shown is escaped here."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from archmodel.units import format_number


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


def table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Set a table; the first cell of a row is its heading, and numbers stand to the right."""
    lines = [f'<div class="wide"><table><caption>{escape(caption)}</caption>', "<thead><tr>"]
    lines += [f'<th scope="col">{escape(heading)}</th>' for heading in headings]
    lines.append("</tr></thead><tbody>")
    for first, *others in rows:
        cells = "".join(_cell(value) for value in others)
        lines.append(f'<tr><th scope="row">{escape(show(first))}</th>{cells}</tr>')
    return "\n".join([*lines, "</tbody></table></div>"])


def _cell(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f'<td class="number">{escape(show(value))}</td>' if is_number else f"<td>{escape(show(value))}</td>"


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


def percent(value: float | None) -> float | None:
    """Give a share in per cent, if there is one."""
    return None if value is None else 100 * value


def figure(name: str, text: str) -> str:
    """Make room for a figure that the script of the page draws; ``text`` says what it shows to who cannot see it."""
    return f'<div id="{escape(name)}" class="figure" role="img" aria-label="{escape(text)}"></div>'


def reproduction(
    commands: Sequence[Sequence[str]], versions: Iterable[Sequence[str]], caption: str = "Versions"
) -> str:
    """Say which commands give the results again, and with which versions."""
    lines = "\n".join(shlex.join(command) for command in commands)
    return f"<pre>{escape(lines)}</pre>\n{table(caption, ('what', 'which'), versions)}"


def folded(summary: str, content: str) -> str:
    """Hide content until it is asked for, or printed."""
    return f"<details><summary>{escape(summary)}</summary>\n{content}\n</details>"


def source(folder: str, sql: str) -> str:
    """Say which query gives the numbers above."""
    return f'<p class="source">Numbers: <code>{escape(query_command(folder, sql))}</code></p>'


def query_command(folder: str, sql: str) -> str:
    """Write the command that asks results."""
    is_plain = not set('"$`!\\') & set(sql)
    return f"archmodel query {shlex.quote(folder)} {f'{chr(34)}{sql}{chr(34)}' if is_plain else shlex.quote(sql)}"
