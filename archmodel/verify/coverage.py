"""Line and branch coverage of hardware blocks, from the ``coverage.dat`` that Verilator's programs write."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

_RECORD = re.compile(r"C '(.*)' (\d+)$")


def read_hits(paths: Iterable[Path], sources: Iterable[Path]) -> Counter[tuple[str, int, str]]:
    """Add up how often each coverage point of some sources was hit, over simulations and instances.

    Parameters
    ----------
    paths
        Files ``coverage.dat``.
    sources
        Whose points to count.

    Returns
    -------
    Counter
        ``(file:column, line, kind and arm)`` → hits; points that were never hit are in it with 0.
    """
    wanted = {str(path.resolve()): path.name for path in sources}
    hits: Counter[tuple[str, int, str]] = Counter()
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            record = _RECORD.match(line)
            if record is None:
                continue
            fields = dict(part.split("\x02", 1) for part in record.group(1).split("\x01") if "\x02" in part)
            name = wanted.get(str(Path(fields["f"]).resolve()))
            if name is not None:
                key = (f"{name}:{fields['n']}", int(fields["l"]), f"{fields['t']} {fields.get('o', '')}")
                hits[key] += int(record.group(2))
    return hits


def covered_frac(hits: Counter[tuple[str, int, str]]) -> float:
    """Share of the coverage points that were hit at least once; 1 when there is none."""
    return sum(1 for n in hits.values() if n > 0) / len(hits) if hits else 1.0


def name_missed(hits: Counter[tuple[str, int, str]]) -> list[str]:
    """Name the points that were never hit: ``file:line: branch else``."""
    missed = sorted((place.partition(":")[0], line, what) for (place, line, what), n in hits.items() if n == 0)
    return [f"{name}:{line}: {what}" for name, line, what in missed]
