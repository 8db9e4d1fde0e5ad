"""Models that count cycles, over columns of machines: every unlike operator once, all machines in one sum."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archmodel.errors import UnsupportedError
from archmodel.kernels.step_totals import add_operators
from archmodel.lowering.packs import Floats
from archmodel.lowering.sites import Ints, SiteColumns, SiteFinder, Some
from archmodel.machine.columns import MachineColumns
from archmodel.mapping import Placement
from archmodel.models.counted import BINDERS, STATIONS, CountedModel, Counts, binder_of, reason_not_lowered
from archmodel.workload.types import Trace


@dataclass(frozen=True)
class StepSums:
    """Sums over the operators of a step on M machines, as `archmodel.kernels.step_totals.add_operators` gives them.

    Parameters
    ----------
    bound_s
        By `BINDERS`; NaN where there is no answer (M, B) [s].
    upper_s, launch_s
        With nothing overlapped, and of the launches (M,) [s].
    messages
        Why there is no answer; empty where there is one (M,).
    """

    bound_s: Floats
    upper_s: Floats
    launch_s: Floats
    messages: NDArray[np.object_]


def sum_steps(
    model: CountedModel, trace: Trace, machines: MachineColumns, placement: Placement, n_threads: int = 1
) -> StepSums:
    """Count the operators of a trace on every machine, and add them up.

    Parameters
    ----------
    model
        Counts the cycles of an operator.
    trace, machines, placement
        What and where; every machine can run it, as far as `archmodel.mapping.placement.fits` says.
    n_threads
        Threads that count.
    """
    n = machines.n_machines
    sums = StepSums(np.zeros((n, len(BINDERS))), np.zeros(n), np.zeros(n), np.full(n, "", np.object_))
    finder = SiteFinder(trace, machines, placement)
    given = (machines.machine().clock_hz, placement.launch_s)
    clock_hz, launch_s = (np.array(np.broadcast_to(value, n), np.float64) for value in given)
    splits = list(finder.split())
    parts = [finder.find(some) for some in splits]
    counts, each = zip(*map(_new_counts, parts), strict=True)
    asked = [of_one for found, its in zip(parts, each, strict=True) for of_one in zip(found, its, strict=True)]
    # An operator in all parts before the next one: products are cut alike wherever their operands are, and the mapper
    # still has the candidates.
    asked.sort(key=lambda of_one: of_one[0].operators[0])
    with threads(n_threads) as run:
        tasks = [partial(_count, model, *of_one, some) for of_one in asked for some in _split_tasks(model, of_one[0])]
        list(run(lambda task: task(), tasks))
    for some, found, of_all, of_each in zip(splits, parts, counts, each, strict=True):
        _add_up(trace, found, of_all, some, clock_hz[some], launch_s[some], sums)
        _say_unsupported(trace, machines.base.name, found, of_each, some, sums)
    return sums


@contextmanager
def threads(n: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """Give what maps a function over arguments on so many threads; one is the caller's own."""
    if n == 1:
        yield map
        return
    with ThreadPoolExecutor(n) as pool:
        yield pool.map


def _new_counts(found: Sequence[SiteColumns]) -> tuple[Counts, list[Counts]]:
    """Make room for counts of all unlike sites, −1 cycles until they are there; and give the part of each operator."""
    bounds = [0, *accumulate(len(columns.near) for columns in found)]
    counts = Counts(np.full((bounds[-1], 2), -1), np.zeros((bounds[-1], len(STATIONS)), np.int64))
    return counts, [Counts(*(column[first:last] for column in counts)) for first, last in pairwise(bounds)]


def _count(model: CountedModel, columns: SiteColumns, counts: Counts, some: Some) -> None:
    """Count some of the unlike sites of an operator, if they can be lowered."""
    with suppress(UnsupportedError):
        counts.cycles[some], counts.work_cycles[some] = model.count_sites(columns, some)


def _split_tasks(model: CountedModel, columns: SiteColumns) -> Iterator[Some]:
    """Split unlike sites into those that are counted together: of a group, where they have a cache that prefetches."""
    has_cache = columns.far.cache_bytes > 0
    for site, group in zip(columns.sites, columns.groups, strict=True):
        is_alike = has_cache[group] & (site.timing.has_prefetch and model.counts_together(site))
        if is_alike.all():
            yield group
            continue
        if is_alike.any():
            yield group.start + np.flatnonzero(is_alike)
        yield from (group.start + np.flatnonzero(~is_alike)).reshape(-1, 1)


def _add_up(
    trace: Trace, found: Sequence[SiteColumns], counts: Counts, some: Ints, clock_hz: Floats, launch_s: Floats,
    sums: StepSums,
) -> None:  # fmt: skip
    """Add up the operators of some machines."""
    classes = np.empty(len(trace.operators), np.int64)
    place = np.empty((len(found), len(some)), np.int64)
    first = 0
    for row, columns in enumerate(found):
        classes[list(columns.operators)] = row
        place[row] = columns.place
        place[row] += first
        first += len(columns.near)
    place[counts.cycles[place, 0] < 0] = -1
    executions = np.array([operator.count for operator in trace.operators], np.float64)
    binder = np.array([BINDERS.index(binder_of(station)) for station in STATIONS])
    out = StepSums(np.empty((len(some), len(BINDERS))), np.empty(len(some)), np.empty(len(some)), sums.messages[some])
    add_operators(
        classes, executions, place, *counts, binder, clock_hz, launch_s, out.bound_s, out.upper_s, out.launch_s
    )
    sums.bound_s[some], sums.upper_s[some], sums.launch_s[some] = out.bound_s, out.upper_s, out.launch_s


def _say_unsupported(
    trace: Trace, name: str, found: Sequence[SiteColumns], counts: Sequence[Counts], some: Ints, sums: StepSums
) -> None:
    """Say of machines on which an operator becomes no program which one that is: of each reason, the first."""
    known: dict[tuple[int, int], str] = {}
    fails = np.array([count.cycles[columns.place, 0] < 0 for columns, count in zip(found, counts, strict=True)])
    order = sorted((idx, row) for row, columns in enumerate(found) for idx in columns.operators)
    for m in np.flatnonzero(fails.any(axis=0)).tolist():
        reasons: dict[str, str] = {}
        for idx, row in order:
            if fails[row, m]:
                unlike = int(found[row].place[m])
                if (row, unlike) not in known:
                    known[row, unlike] = reason_not_lowered(found[row].site(unlike))
                why = known[row, unlike]
                reasons.setdefault(why, f"{name}: operator {trace.operators[idx].name!r}: {why}")
        sums.messages[some[m]] = "; ".join(reasons.values())
