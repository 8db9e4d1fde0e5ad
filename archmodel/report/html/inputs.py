"""Descriptions of machines and workloads that are not shipped: copied beside a page, so that it can be made again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archmodel.inputs import is_file
from archmodel.machine.load import own_files
from archmodel.report.html.page import link

FOLDER = "inputs"


@dataclass(frozen=True, slots=True)
class Inputs:
    """Copies of own files.

    Parameters
    ----------
    places
        Where the copy of a file is, from the folder of the page, by the path that a command or a sweep names it by.
    texts
        What the copies hold, by their place; also those of files that others extend.
    """

    places: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)

    def rename(self, value: Any) -> Any:
        """Name the copies where a value, or what is in it, names the files."""
        if isinstance(value, Mapping):
            return {key: self.rename(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.rename(each) for each in value]
        return self.places.get(value, value) if isinstance(value, str) else value

    def list_copies(self) -> str:
        """Say which files are beside the page, as HTML; nothing if there are none."""
        if not self.texts:
            return ""
        copies = ", ".join(map(link, self.texts))
        return f"<p>Copies of what is not shipped with archmodel, for the commands below, in this folder: {copies}.</p>"


def read_inputs(names: Iterable[str]) -> Inputs:
    """Read the files among the names of machines and workloads; those keep their places relative to each other.

    Parameters
    ----------
    names
        As given: of what is shipped, or paths.

    Raises
    ------
    InputError
        When a file cannot be read.
    """
    given = [name for name in dict.fromkeys(names) if is_file(name)]
    paths = dict.fromkeys(path.resolve() for name in given for path in own_files(name))
    if not paths:
        return Inputs()
    above = os.path.commonpath([path.parent for path in paths])
    places = {path: f"{FOLDER}/{path.relative_to(above).as_posix()}" for path in paths}
    texts = {place: path.read_text(encoding="utf-8") for path, place in sorted(places.items())}
    return Inputs({name: places[Path(name).resolve()] for name in given}, texts)
