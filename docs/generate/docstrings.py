"""Read the house sections of docstrings, ``Model`` and ``Sources``, which numpydoc does not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

HOUSE_SECTIONS = ("Model", "Sources")


def split_house_sections(lines: Sequence[str]) -> tuple[list[str], Mapping[str, list[str]]]:
    """Separate the house sections from the lines of a docstring.

    Parameters
    ----------
    lines
        Of the docstring, without indentation.

    Returns
    -------
    tuple
        The other lines, and the lines of each house section by name.
    """
    rest: list[str] = []
    sections: dict[str, list[str]] = {}
    target = rest
    skip_underline = False
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if skip_underline:
            skip_underline = False
        elif line in HOUSE_SECTIONS and below and set(below) == {"-"}:
            target, skip_underline = sections.setdefault(line, []), True
        elif line and below and set(below) == {"-"}:
            target = rest
            rest.append(line)
        else:
            target.append(line)
    return rest, sections


def house_sections_to_notes(_app: Any, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    """Move the house sections of a docstring into its ``Notes``, in place; a handler of autodoc."""
    rest, sections = split_house_sections(lines)
    if sections:
        notes = [line for title, text in sections.items() for line in (f"**{title}**", "", *text, "")]
        lines[:] = [*rest, "", "Notes", "-----", *notes]
