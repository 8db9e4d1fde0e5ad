"""Estimate latency, interval and depth of a block from the cycles that its hardware has counted.

The law of the pipeline, what is minimised and how sure an estimate is: ``docs/methods/calibration.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archmodel.errors import Fault, InputError
from archmodel.kernels.pipeline import MISSED, SQUARES, entry_misses, exit_misses
from archmodel.results import ResultTable
from archmodel.verify.bench import blaming, load_law
from archmodel.verify.contract import FILE, Unit
from archmodel.verify.plan import Played
from archmodel.verify.stimulus import ready_cycles

Ints = NDArray[np.int64]
EXPLAINED_FRAC = 0.95
"""Points that a law has to foretell, every word of them, to be called that of the block."""
FIT_PATIENCE = 100
"""How many times the cycles of the model a point may take, if the model is what is sought."""
_N_DRAWS = 400  # of the bootstrap
_QUANTILES = (0.025, 0.975)
_MOST = {"latency": 4096, "interval": 64, "depth": 128}  # tried; more is not what a pipeline of a block has


class Words(NamedTuple):
    """Words that went through a pipeline in a point, in order: N cycles each.

    Parameters
    ----------
    offered
        From which it was there.
    entered, left
        In which it went in and out.
    wanted
        From which it would have been taken.
    """

    offered: Ints
    entered: Ints
    left: Ints
    wanted: Ints


@dataclass(frozen=True, slots=True)
class Axis:
    """A parameter that is searched: its first value, and how many.

    ``is_open``: the last value stands for all further ones, too. ``is_cut``: points allow more than are searched.
    """

    name: str
    first: int
    size: int
    is_open: bool
    is_cut: bool


def fit_units(played: Sequence[Played]) -> ResultTable:
    """Estimate the pipelines of all blocks whose contract names one.

    Parameters
    ----------
    played
        What was played. A point that two simulators played counts once. One that hangs, or that no word goes through,
        does not count.

    Returns
    -------
    ResultTable
        A row per unit, build and parameter: ``value`` (``None`` where several explain the points alike or none does),
        the 95 % interval ``low`` to ``high`` (``None``: no end), ``points``, how many of them are explained to the last
        word as ``exact``, ``rms_cycles`` of all misses (``None`` without points), ``is_explained``, ``searched`` (where
        nothing is explained: ``interval up to 64``, if more could be what explains it), and ``machine``, the value that
        it is there.
    """
    groups: dict[tuple[str, str], tuple[Unit, dict[int, Words]]] = {}
    for one in played:
        unit = one.plan.unit
        if unit.contract.fit is not None:
            words = groups.setdefault((unit.name, one.plan.build), (unit, {}))[1]
            for point, measured in zip(one.points, one.simulation.points, strict=False):
                if measured.get("hang"):
                    continue
                through = find_words(unit, point.parameters, point.stimulus, measured["events"])
                if through.entered.size:
                    words[point.index] = through
    rows = []
    for (_, build), (unit, words) in groups.items():
        for row in fit_pipeline(list(words.values())):
            machine = getattr(unit.contract.fit, str(row["parameter"]), None)
            rows.append({"unit": unit.name, "build": build, **row, "machine": machine})
    return ResultTable.from_rows(rows)


def find_words(
    unit: Unit, parameters: Mapping[str, int], stimulus: Mapping[str, Any], events: Mapping[str, list[int]]
) -> Words:
    """Say when the words of a point were offered, went in and out, and were wanted.

    ``words(parameters, stimulus, events)`` in ``law.py`` says so as four lists; without it, by the rule of gaps.

    Raises
    ------
    InputError
        When the lists are not of one length.
    """
    fit, law = unit.contract.fit, load_law(unit.folder)
    assert fit is not None
    if hasattr(law, "words"):
        with blaming(unit.folder / "law.py"):
            given = law.words(parameters, stimulus, events)
        words = Words(*(np.array(given[name], np.int64) for name in Words._fields))
    else:
        entered, left = (np.array(events[name], np.int64) for name in (fit.entry, fit.exit))
        n = min(entered.size, left.size)  # words that are still inside when a point is over tell nothing
        words = Words(
            _by_gaps(stimulus["sources"], fit.source or fit.entry, entered[:n]), entered[:n], left[:n],
            _by_gaps(stimulus["sinks"], fit.sink or fit.exit, left[:n]),
        )  # fmt: skip
    if len({times.size for times in words}) > 1:
        lengths = ", ".join(f"{name}: {times.size}" for name, times in zip(Words._fields, words, strict=True))
        raise InputError(
            "law", [Fault(str(unit.folder / "law.py"), f"words() gives lists of several lengths; {lengths}")]
        )
    return words


def _by_gaps(streams: Mapping[str, Any], name: str, moved: Ints) -> Ints:
    """First cycle in which a side of a stream was ready for each word: ``1 + gap`` after the one before moved."""
    if name not in streams:
        known = ", ".join(streams)
        text = f"fit: no stream {name!r} says when words are there; name one as source or sink ({known})"
        raise InputError("fit", [Fault(FILE, f"{text}, or write words() in law.py")])
    return ready_cycles(streams[name]["gap"], moved.tolist())


def fit_pipeline(points: Sequence[Words]) -> list[dict[str, object]]:
    """Estimate a pipeline from the words of points, one or more each.

    Rows are as in `fit_units`, without unit, build and machine.
    """
    latency, interval, depth, credit = axes = _axes(points)
    if not points:
        nothing = {"value": None, "low": None, "high": None, "points": 0, "exact": 0, "rms_cycles": None}
        return [{"parameter": axis.name, **nothing, "is_explained": False, "searched": ""} for axis in axes]
    n = len(points)
    exits = np.zeros((n, latency.size, 2), np.int64)
    entries = np.zeros((n, interval.size, depth.size, credit.size, 2), np.int64)
    for words, of_exits, of_entries in zip(points, exits, entries, strict=True):
        exit_misses(words.entered, words.left, words.wanted, of_exits)
        entry_misses(words.entered, words.left, words.offered, of_entries)
    n_words = sum(words.entered.size for words in points)
    return [
        *_estimate(exits, [latency], n_words),
        *_estimate(entries, [interval, depth, credit], n_words),
    ]


def _axes(points: Sequence[Words]) -> tuple[Axis, Axis, Axis, Axis]:
    """Say what is searched. A law foretells no word of a point late: what is more than any allows explains none."""
    latency = max((int((words.left - words.entered).min()) for words in points), default=0)
    interval = max((int(np.diff(words.entered).min()) for words in points if words.entered.size > 1), default=0)
    depth = max((_most_inside(words) for words in points), default=0)
    is_late = latency > _MOST["latency"]
    return (
        Axis("latency", 0, min(latency, _MOST["latency"]) + 1, is_open=is_late, is_cut=is_late),
        Axis("interval", 1, min(interval, _MOST["interval"]) + 1, is_open=True, is_cut=interval > _MOST["interval"]),
        Axis("depth", 1, min(depth, _MOST["depth"]) + 1, is_open=True, is_cut=depth > _MOST["depth"]),
        Axis("credit", 0, 2, is_open=False, is_cut=False),
    )


def _most_inside(words: Words) -> int:
    """Most words that were still inside when the next one could enter: no greater depth shows in a point."""
    after = words.entered[:-1]
    return int(max((np.count_nonzero(words.left[: i + 1] > at) for i, at in enumerate(after)), default=0))


def _estimate(misses: Ints, axes: Sequence[Axis], n_words: int) -> Iterator[dict[str, object]]:
    """Choose the values with the least squares of misses, and say how far others could be right.

    Parameters
    ----------
    misses : (P, …, 2)
        Of each point, for all combinations of values.
    axes
        The parameters, one per dimension in between.
    n_words
        In all points.
    """
    n, shape = misses.shape[0], misses.shape[1:-1]
    squares = misses[..., SQUARES].reshape(n, -1).astype(np.float64)
    totals = squares.sum(axis=0)
    exact = int(np.count_nonzero(misses[..., MISSED].reshape(n, -1)[:, totals.argmin()] == 0))
    is_explained = exact >= EXPLAINED_FRAC * n
    cut = [f"{axis.name} up to {_MOST[axis.name]}" for axis in axes if axis.is_cut]
    # Points are drawn apart from each other, words within a point are not: so points are what is drawn again.
    times = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), _N_DRAWS)
    chosen = _ends(totals, shape)
    ends = np.array([chosen, *(_ends(row, shape) for row in times @ squares)])
    for a, axis in enumerate(axes):
        first, last = (int(place) for place in chosen[:, a])
        low = min(first, int(np.quantile(ends[:, 0, a], _QUANTILES[0], method="lower")))
        high = max(last, int(np.quantile(ends[:, 1, a], _QUANTILES[1], method="higher")))
        never = shape[a] - 1 if axis.is_open else shape[a]
        yield {
            "parameter": axis.name,
            "value": axis.first + first if is_explained and first == last < never else None,
            "low": axis.first + low if is_explained else None,
            "high": axis.first + high if is_explained and high < never else None,
            "points": n, "exact": exact, "rms_cycles": float(np.sqrt(totals.min() / n_words)),
            "is_explained": is_explained, "searched": "" if is_explained else ", ".join(cut),
        }  # fmt: skip


def _ends(totals: NDArray[Any], shape: tuple[int, ...]) -> Ints:
    """Least and greatest place, along each axis, of the combinations that are the best ones: (2, axes)."""
    places = np.array(np.unravel_index(np.flatnonzero(totals == totals.min()), shape))
    return np.stack((places.min(axis=1), places.max(axis=1)))
