"""Programs that serve many machines: lowered once for all that differ in DRAM and cache only, then counted for each.

Which way to do an operator is shortest, and how attention is cut, is chosen for each machine as if it was alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archmodel.kernels.closed_form import N_STATIONS, N_WORK_ROWS
from archmodel.kernels.variants import count_variants
from archmodel.lowering.attention_setting import Setting
from archmodel.lowering.dram import NO_DRAM
from archmodel.lowering.far import Ahead, FromDram, Watched
from archmodel.lowering.operators.attention import find_likely, find_setting, list_choices, lower_cut
from archmodel.lowering.packs import Floats
from archmodel.lowering.phases import Phase, Site, Way, ways_of
from archmodel.workload.operators.attention import Attention

Ints = NDArray[np.int64]
CACHE_BYTES, DRAM_WIDTH, DRAM_LATENCY = range(3)
"""Columns of what machines differ in."""
MOST_KEPT = 4096
"""Operators on machines that are alike but for DRAM and cache, whose programs are kept."""


class VariantCounts(NamedTuple):
    """Cycles, and those if nothing overlapped, on V machines (V, 2), and cycles at work by station (V, 15)."""

    cycles: Ints
    work_cycles: Ints


class PhaseTemplate(NamedTuple):
    """A phase and what of it DRAM and cache decide, as `count_variants` takes it."""

    commands: Ints
    loops: Ints
    capacity: Ints
    grid: Ints
    served: Ints
    served_bytes: Floats
    ahead: Ints
    ahead_bytes: Floats


WayTemplate = tuple[PhaseTemplate, ...]
"""Phases of one way to do an operator."""


def make_template(way: Way) -> WayTemplate:
    """Find what DRAM and cache decide in the phases of a way."""
    return tuple(_take_apart(phase) for phase in way)


def count_way(way: WayTemplate, far: Floats) -> VariantCounts:
    """Count the cycles of a way on machines: cache [B], DRAM [B/cycle] and its latency [cycles] of each (V, 3)."""
    found = _no_counts(len(far))
    for phase in way:
        work = np.empty((N_WORK_ROWS, max(N_STATIONS, len(phase.capacity))), np.int64)
        # Kernels write into what they are given, and threads share templates.
        own = phase._replace(commands=phase.commands.copy(), capacity=phase.capacity.copy())
        count_variants(
            own.commands, own.loops, own.capacity, own.grid, own.served, own.served_bytes, own.ahead, own.ahead_bytes,
            far, work, found.cycles, found.work_cycles,
        )  # fmt: skip
    return found


def _take_apart(phase: Phase) -> PhaseTemplate:
    program = phase.program
    assert program is not None  # ways are written as programs
    listed = (*program.prologue, *(program.body if program.n_inner else ()), *program.epilogue)
    cycles, tiles = ((each.service_cycles for each in listed), program.buffers.values())
    served = [(c, each.n_bytes) for c, each in enumerate(cycles) if isinstance(each, FromDram)]
    ahead = [(b, each.n_bytes) for b, each in enumerate(tiles) if isinstance(each, Ahead)]
    grid = np.array((phase.grid.n_batch, phase.grid.n_m, phase.grid.n_n, phase.grid.n_k))
    return PhaseTemplate(*phase.table, grid, *_columns(served), *_columns(ahead))


def _columns(pairs: list[tuple[int, float]]) -> tuple[Ints, Floats]:
    return np.array([idx for idx, _ in pairs], np.int64), np.array([n_bytes for _, n_bytes in pairs], np.float64)


@dataclass(frozen=True, slots=True)
class Template:
    """An operator on machines whose caches answer alike.

    Parameters
    ----------
    asked
        Bytes of which half of the cache was asked to hold them, and whether it does [B].
    count
        Counts the cycles on machines (V, 3).
    """

    asked: dict[float, bool]
    count: Callable[[Floats], VariantCounts]

    def is_of(self, far: Floats) -> NDArray[np.bool_]:
        """Say for which machines it is."""
        is_alike = np.ones(len(far), np.bool_)
        for n_bytes, fits in self.asked.items():
            is_alike &= (n_bytes <= far[:, CACHE_BYTES] / 2) == fits
        return is_alike


def count_far(site: Site, far: Floats) -> VariantCounts:
    """Count the cycles of an operator on machines that differ in DRAM and cache.

    Parameters
    ----------
    site
        The operator on one of them, of a kind that `has_templates`.
    far
        Cache, more than none [B], DRAM [B/cycle] and its latency [cycles] of each (V, 3).

    Raises
    ------
    UnsupportedError
        When it cannot be lowered.
    """
    found = _no_counts(len(far))
    nothing = site.timing._replace(cache_bytes=1.0, dram_width=1.0, dram_latency=0)
    known = _templates(replace(site, timing=nothing, dram=NO_DRAM))
    left = np.arange(len(far))
    while len(left):
        template = next((each for each in known if each.is_of(far[left[:1]])[0]), None)
        if template is None:
            known.append(template := _make(site, far[left[0]]))
        some = left[template.is_of(far[left])]
        found.cycles[some], found.work_cycles[some] = template.count(far[some])
        left = np.setdiff1d(left, some)
    return found


def has_templates(site: Site) -> bool:
    """Whether an operator is of a kind that `count_far` counts."""
    if site.array is not None or site.rows is not None or not site.timing.has_prefetch:
        return False
    if isinstance(site.op, Attention):
        return not (site.op.has_bias and site.place("bias").is_far)
    return ways_of(site.op.kind) is not None


@lru_cache(maxsize=MOST_KEPT)
def _templates(site: Site) -> list[Template]:
    """Keep the templates of an operator."""
    return []


def _make(site: Site, far: Floats) -> Template:
    """Lower an operator on one machine, for all whose caches answer alike."""
    cache_bytes, width, latency = far.tolist()
    watched = Watched.watch(cache_bytes)
    timing = site.timing._replace(cache_bytes=watched, dram_width=width, dram_latency=int(latency))
    watching = replace(site, timing=timing)
    list_ways = ways_of(site.op.kind)
    if list_ways is None:
        cuts = _Cuts(find_setting(watching))
        return Template(watched.asked, cuts.count)
    ways = [make_template(way) for way in list_ways(watching)]
    return Template(watched.asked, lambda some: _count_shortest([count_way(way, some) for way in ways]))


class _Cuts:
    """The cuts of an attention; those that are judged somewhere are lowered once."""

    def __init__(self, setting: Setting) -> None:
        self.choices = list_choices(setting)
        self.lowered: dict[int, WayTemplate] = {}

    def count(self, far: Floats) -> VariantCounts:
        """Count the cut that is fastest on each machine, of those that look fastest."""
        likely = find_likely(self.choices, far[:, DRAM_WIDTH])
        counts = [_no_counts(len(far)) for _ in likely]
        for idx in np.unique(likely).tolist():
            if idx not in self.lowered:
                self.lowered[idx] = make_template(lower_cut(self.choices[idx].pipeline))
            machines = np.flatnonzero((likely == idx).any(axis=0))
            found = count_way(self.lowered[idx], far[machines])
            rank = np.argmax(likely[:, machines] == idx, axis=0)
            for place, count in enumerate(counts):
                count.cycles[machines[rank == place]] = found.cycles[rank == place]
                count.work_cycles[machines[rank == place]] = found.work_cycles[rank == place]
        return _count_shortest(counts)


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
