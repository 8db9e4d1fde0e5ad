"""Programs that serve many machines: lowered once for all that differ in DRAM and cache only, then counted for each.

Which way to do an operator is shortest, and how attention is cut, is chosen for each machine as if it was alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archmodel.kernels.closed_form import N_STATIONS, N_WORK_ROWS
from archmodel.kernels.program import LATENCY, OCCUPANCY, SERVICE
from archmodel.kernels.variants import count_variants
from archmodel.lowering.attention_cuts import Cuts
from archmodel.lowering.far import Far, Varying, Watched
from archmodel.lowering.operators.attention import combine_parts, list_cuts
from archmodel.lowering.phases import Phase, Site, Way, ways_of
from archmodel.lowering.program import Command
from archmodel.lowering.sites import put_far
from archmodel.workload.operators.attention import Attention

Ints = NDArray[np.int64]
Number = Callable[[Far], Any]
"""Gives a number of a program for many machines."""
MOST_KEPT = 1 << 13
"""Operators on machines that are alike but for DRAM and cache, whose programs are kept: more than lie between machines
of a sweep that differ in matrix engines only."""


class VariantCounts(NamedTuple):
    """Cycles, and those if nothing overlapped, on V machines (V, 2), and cycles at work by station (V, 15)."""

    cycles: Ints
    work_cycles: Ints


class PhaseTemplate(NamedTuple):
    """A phase; of its commands, and of its buffers, those that DRAM, cache and host decide, and how."""

    commands: Ints
    loops: Ints
    capacity: Ints
    grid: Ints
    cells: Ints
    numbers: tuple[Number, ...]
    buffers: Ints
    tokens: tuple[Number, ...]


WayTemplate = tuple[PhaseTemplate, ...]
"""Phases of one way to do an operator."""


def make_template(way: Way) -> WayTemplate:
    """Find what DRAM and cache decide in the phases of a way."""
    return tuple(_take_apart(phase) for phase in way)


def count_way(way: WayTemplate, far: Far) -> VariantCounts:
    """Count the cycles of a way on machines."""
    n = len(far.cache_bytes)
    found = _no_counts(n)
    for phase in way:
        work = np.empty((N_WORK_ROWS, max(N_STATIONS, len(phase.capacity))), np.int64)
        # Kernels write into what they are given, and threads share templates.
        own = phase._replace(commands=phase.commands.copy(), capacity=phase.capacity.copy())
        numbers, tokens = _put_together(own.numbers, far, n), _put_together(own.tokens, far, n)
        count_variants(
            own.commands, own.loops, own.capacity, own.grid, own.cells, numbers, own.buffers, tokens, work,
            found.cycles, found.work_cycles,
        )  # fmt: skip
    return found


def _put_together(numbers: tuple[Number, ...], far: Far, n: int) -> Ints:
    """Give numbers on so many machines (X, V)."""
    table = np.empty((len(numbers), n), np.int64)
    for row, number in zip(table, numbers, strict=True):
        row[:] = number(far)
    return table


def _take_apart(phase: Phase) -> PhaseTemplate:
    program = phase.program
    assert program is not None  # ways are written as programs
    listed = (*program.prologue, *(program.body if program.n_inner else ()), *program.epilogue)
    varying = [(c, *each) for c, command in enumerate(listed) for each in _vary(command)]
    filled = {command.output for command in listed}
    tokens = [
        (b, size.on)
        for b, (name, size) in enumerate(program.buffers.items())
        if isinstance(size, Varying) and name in filled
    ]
    cells = np.array([(c, column) for c, column, _ in varying], np.int64).reshape(-1, 2)
    buffers = np.array([b for b, _ in tokens], np.int64)
    grid = np.array((phase.grid.n_batch, phase.grid.n_m, phase.grid.n_n, phase.grid.n_k))
    numbers = tuple(number for _, _, number in varying)
    return PhaseTemplate(*phase.table, grid, cells, numbers, buffers, tuple(number for _, number in tokens))


def _vary(command: Command) -> Iterator[tuple[int, Number]]:
    """List the columns of a command that machines differ in."""
    if command.unit == "prefetch":  # all of its latency is that of DRAM
        yield LATENCY, lambda far: far.dram_latency
    for column, number in ((OCCUPANCY, command.occupancy_cycles), (SERVICE, command.service_cycles)):
        if isinstance(number, Varying):
            yield column, number.on


@dataclass(frozen=True, slots=True)
class Template:
    """An operator on machines whose caches answer alike, and on which rows at indices are in the same places.

    Parameters
    ----------
    asked
        Bytes of which half of the cache was asked to hold them, and whether it does [B].
    row_places
        As `_place_rows` has it.
    count
        Counts the cycles on machines.
    """

    asked: dict[float, bool]
    row_places: int
    count: Callable[[Far], VariantCounts]

    def is_of(self, far: Far) -> NDArray[np.bool_]:
        """Say for which machines it is."""
        is_alike: NDArray[np.bool_] = _place_rows(far) == self.row_places
        for n_bytes, fits in self.asked.items():
            is_alike &= (n_bytes <= far.cache_bytes / 2) == fits
        return is_alike


def _place_rows(far: Far) -> Ints:
    """Say of machines, as one number, whether some rows are not in the cache, and some behind the host link."""
    if far.rows is None:
        return np.zeros(len(far.cache_bytes), np.int64)
    places: Ints = 2 * np.less(far.rows.hit_frac, 1) + np.greater(far.rows.remote_frac, 0)
    return places


def count_far(site: Site, far: Far) -> VariantCounts:
    """Count the cycles of an operator on machines that differ in cache, DRAM and host, and maybe in rates.

    Parameters
    ----------
    site
        The operator, of a kind that `has_templates`; nothing is said of it that is in ``far``.
    far
        What the machines differ in; each has a cache.

    Raises
    ------
    UnsupportedError
        When it cannot be lowered.
    """
    known, is_left = _templates(site), np.ones(len(far.cache_bytes), np.bool_)
    found = _no_counts(len(is_left))
    for template in _find_templates(known, site, far, is_left):
        is_its = template.is_of(far) & is_left
        if is_its.all():
            return template.count(far)
        if is_its.any():
            found.cycles[is_its], found.work_cycles[is_its] = template.count(far.take(is_its))
        is_left &= ~is_its
    return found


def _find_templates(known: list[Template], site: Site, far: Far, is_left: NDArray[np.bool_]) -> Iterator[Template]:
    """Give those that are known, then new ones, as long as machines are left that none is for."""
    yield from known[:]
    while is_left.any():
        template = _make(site, far, int(np.argmax(is_left)))
        known.append(template)  # another thread may add its own
        yield template


def has_templates(site: Site) -> bool:
    """Whether an operator is of a kind that `count_far` counts."""
    if site.array is not None or not site.timing.has_prefetch:
        return False
    if isinstance(site.op, Attention):
        return site.rows is None
    return ways_of(site.op.kind) is not None


@lru_cache(maxsize=MOST_KEPT)
def _templates(site: Site) -> list[Template]:
    """Keep the templates of an operator."""
    return []


def _make(site: Site, far: Far, idx: int) -> Template:
    """Lower an operator on one machine, for all whose caches answer alike."""
    watched = Watched.watch(float(far.cache_bytes[idx]))
    watching = put_far(site, far, idx, site.timing, watched)  # what is left open stays open
    row_places, list_ways = int(_place_rows(far)[idx]), ways_of(site.op.kind)
    if list_ways is None:
        return Template(watched.asked, row_places, _Attention(list_cuts(watching), {}).count)
    ways = [make_template(way) for way in list_ways(watching)]
    return Template(watched.asked, row_places, lambda some: _count_shortest([count_way(way, some) for way in ways]))


@dataclass(frozen=True)
class _Attention:
    """The cuts of an attention, and what adds up parts of the keys, by how many there are."""

    cuts: Cuts
    combined: dict[int, WayTemplate]

    def count(self, far: Far) -> VariantCounts:
        """Count the cut that is fastest on each machine, of those that look fastest."""
        likely, cycles, work = self.cuts.judge(far)
        n_splits = self.cuts.n_splits(likely)
        for n in np.unique(n_splits[n_splits > 1]).tolist():
            if n not in self.combined:
                self.combined[n] = make_template(combine_parts(self.cuts.setting.site, n))
            is_split = n_splits == n
            machines = np.flatnonzero(is_split.any(axis=0))
            found = count_way(self.combined[n], far.take(machines))
            for rank in range(len(likely)):
                some = is_split[rank, machines]
                cycles[rank, machines[some]] += found.cycles[some]
                work[rank, machines[some]] += found.work_cycles[some]
        return _count_shortest([VariantCounts(*each) for each in zip(cycles, work, strict=True)])


def _no_counts(n: int) -> VariantCounts:
    return VariantCounts(np.zeros((n, 2), np.int64), np.zeros((n, N_STATIONS), np.int64))


def _count_shortest(counts: list[VariantCounts]) -> VariantCounts:
    """Take what is shortest on each machine, of equal ones the first."""
    if len(counts) == 1:
        return counts[0]
    chosen = np.argmin([count.cycles[:, 0] for count in counts], axis=0)
    each = np.arange(len(chosen))
    cycles, work = (np.stack(columns)[chosen, each] for columns in zip(*counts, strict=True))
    return VariantCounts(cycles, work)
