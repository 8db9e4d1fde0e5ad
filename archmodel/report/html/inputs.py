"""Descriptions of machines and workloads that are not shipped: copied beside a page, so that it can be made again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from operator import itemgetter
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
    """Read the files among the names of machines and workloads; nothing else is told of the folders that they are in.

    Files that extend each other keep their places relative to each other; each such group is below a folder of its own
    where places are those of another one.

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
    places: dict[Path, str] = {}
    for paths in _group({path.resolve() for path in own_files(name)} for name in given):
        above = os.path.commonpath([path.parent for path in paths])
        for n in count(1):
            folder = FOLDER if n == 1 else f"{FOLDER}/{n}"
            found = {path: f"{folder}/{path.relative_to(above).as_posix()}" for path in paths}
            if not {*found.values()} & {*places.values()}:
                break
        places |= found
    texts = {place: path.read_text(encoding="utf-8") for path, place in sorted(places.items(), key=itemgetter(1))}
    return Inputs({name: places[Path(name).resolve()] for name in given}, texts)


def _group(files: Iterable[set[Path]]) -> list[set[Path]]:
    """Put together what has a file in common."""
    groups: list[set[Path]] = []
    for paths in files:
        apart = [each for each in groups if not each & paths]
        groups = [*apart, paths.union(*(each for each in groups if each not in apart))]
    return groups
