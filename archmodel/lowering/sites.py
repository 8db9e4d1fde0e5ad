"""Operators of a trace on many machines: which sites are unlike, and which of them each machine has.

Most of what decides a program is the same on many machines of a sweep: what is in SRAM does not see the DRAM, and no
program sees the clock but through the cycles of the DRAM. Each operator is lowered once for what it does see.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, starmap
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archmodel.kernels.matmul_shape import MatmulShape
from archmodel.kernels.pe_timing import PeTiming
from archmodel.lowering.far import VARYING_ROWS, Far
from archmodel.lowering.packs import Floats
from archmodel.lowering.phases import MachineSites, Site, leaves_rates
from archmodel.lowering.placed import PlacedOperator, count_cache, place_operator
from archmodel.lowering.products import is_product, lower_one_product
from archmodel.lowering.remembered import Remembered
from archmodel.lowering.row_access import describe_rows, find_shares, reaches_rows
from archmodel.machine.columns import LeafPath, MachineColumns, distinct
from archmodel.mapping import Placement
from archmodel.mapping.matmul import Groups
from archmodel.workload.types import Trace

Ints = NDArray[np.int64]
Some = slice | NDArray[np.int64]
"""Some of a number of things."""
_ALIKE, _MACHINES = Remembered(64), Remembered(256)
_PLACING = ("sram.capacity_bytes", "sram.partition_bytes", "sram.embedding_hit_frac", "dram.capacity_bytes")
"""What decides where tensors are, and no more."""
_ELSEWHERE = ("launch", "power", "published", "scale_up", "wave", "die_mm2", "matrix.efficiency_frac", "io_dies")
"""What no program of a chip on its own sees."""
ONLY_PRODUCTS = (
    "matrix", "local.width_bytes_per_cycle", "timing.engines.step_depth", "timing.engines.gap_cycles",
    "timing.engines.load_cycles", "timing.engines.matrix_latency_cycles", "timing.engines.accumulator_bytes",
    "timing.engines.partial_width_bytes_per_cycle", "timing.engines.hop_cycles",
    "timing.engines.reduction_width_bytes_per_cycle",
)  # fmt: skip
"""What only products see (`archmodel.lowering.timing.without_matrix`)."""
GIVING_RATES = ("sram.width_bytes_per_cycle", "timing.dma.width_bytes_per_cycle", "simd.lanes")
"""What decides `archmodel.lowering.far.RATES` and nothing else."""
_NOT_OF_CANDIDATES = ("sram.width_bytes_per_cycle", "simd.lanes")
"""What does not decide which mappings of a product are tried: machines that differ in it are searched together."""
_HITS = ("sram", "embedding_hit_frac")
"""Of a trace, not of a machine: `archmodel.lowering.row_access.find_shares` has it."""
_FAR = ("clock_hz", "dram", "host", "timing.dram", "timing.memory.dram_latency_s")
"""What only those see that reach beyond the SRAM."""


@dataclass(frozen=True, slots=True)
class SiteColumns:
    """One operator, or several equal ones, on M machines: U unlike sites, V of them unlike but for what is in ``far``.

    Parameters
    ----------
    operators
        Positions in the trace.
    sites
        One of each V, of which nothing is said that is in ``far``.
    near
        Which of those each of the U is (U,).
    groups
        By V, which of the U they are: those of a group follow one another, as do those that are alike before the SRAM.
    far
        What is behind the SRAM of each, and what else those of a V differ in: columns (U,).
    place
        The one that each machine has (M,).
    near_timings
        ``far.timings`` (N, 39).
    """

    operators: tuple[int, ...]
    sites: tuple[Site, ...]
    near: Ints
    groups: tuple[slice, ...]
    far: Far
    place: Ints
    near_timings: Floats
    _shapes: dict[Hashable, MatmulShape | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    def shape(self, near: int) -> MatmulShape | None:
        """Give the shape of the operator's product on one of the V; ``None`` as from `lower_one_product`."""
        site = self.sites[near]
        seen = site.array, site.cores, site.has_simd, site.timing.lanes if site.lone_cores else None
        if seen not in self._shapes:
            self._shapes[seen] = lower_one_product(site)
        return self._shapes[seen]

    def groups_of(self, some: Some) -> Groups:
        """Group some of the unlike sites by what is before the SRAM."""
        near, far = self.far.near[some], self.far
        bounds = np.array([0, *(np.flatnonzero(near[1:] != near[:-1]) + 1).tolist(), len(near)])
        behind = np.empty((len(near), 3))
        behind[:, 0], behind[:, 1] = far.cache_bytes[some], far.dram_width[some]
        behind[:, 2] = far.dram_latency[some]
        return Groups(self.near_timings[near[bounds[:-1]]], behind, bounds)

    def site(self, idx: int) -> Site:
        """Give one of the unlike sites."""
        site, far = self.sites[self.near[idx]], self.far
        return put_far(site, far, idx, far.timings[far.near[idx]], float(far.cache_bytes[idx]))


def put_far(site: Site, far: Far, idx: int, timing: PeTiming, cache_bytes: float) -> Site:
    """Give an operator on one of the machines in columns.

    Parameters
    ----------
    site
        The operator, whatever of the columns is said of it.
    far, idx
        The columns, and which of the machines.
    timing
        Of a PE of that machine, whatever DRAM and cache.
    cache_bytes
        What caches DRAM there [B].
    """
    width, latency = float(far.dram_width[idx]), int(far.dram_latency[idx])
    timing = timing._replace(cache_bytes=cache_bytes, dram_width=width, dram_latency=latency)
    if site.rows is None or far.rows is None:
        return replace(site, timing=timing)
    rows: dict[str, Any] = {name: float(getattr(far.rows, name)[idx]) for name in VARYING_ROWS}
    return replace(site, timing=timing, rows=replace(site.rows, **rows), dram=far.channels[idx])


class _Near(NamedTuple):
    """Which machines are alike before the SRAM, as far as an operator sees them: one of each, and which each has."""

    first: Ints
    place: Ints


class _Unlike(NamedTuple):
    """Machines that an operator tells apart: one of each U, which the M have; and what it sees of `_Near`.

    Which of V that is, which of those each of the U is, and the U of each.
    """

    first: Ints
    place: Ints
    numbers: Ints
    near: Ints
    groups: tuple[slice, ...]


def _group(codes: Sequence[Ints], n: int) -> _Unlike:
    """Tell machines apart by codes, of which the first is that of the group; those of a group follow one another."""
    first, place = distinct(codes, n)
    numbers, starts, near = np.unique(codes[0][first], return_index=True, return_inverse=True)
    return _Unlike(first, place, numbers, near, tuple(starmap(slice, pairwise([*starts.tolist(), len(first)]))))


class SiteFinder:
    """Finds the sites of a trace on machines of one structure, on all of which it can run.

    Parameters
    ----------
    trace
        Of one step, with no exchanges between chips.
    machines, placement
        Where; values of the placement are scalars or columns.
    """

    def __init__(self, trace: Trace, machines: MachineColumns, placement: Placement) -> None:
        self.trace, self.machines, self.placement = trace, machines, placement
        n = machines.n_machines
        self._lls = np.array(np.broadcast_to(placement.lls_bytes, n), np.float64)
        self._miss = np.array(np.broadcast_to(placement.weight_miss_frac, n), np.float64)
        self._capacity = np.array(np.broadcast_to(machines.machine().sram.capacity_bytes, n), np.float64)
        self._live = max(trace.live_bytes, default=0.0)
        seen = [path for path in machines.columns if not is_under(path, (*_PLACING, *_ELSEWHERE))]
        near = [path for path in seen if not is_under(path, _FAR)]
        plain = [path for path in near if not is_under(path, ONLY_PRODUCTS)]
        self._near = self._tell_apart(near)
        self._near_plain = self._tell_apart(plain)
        self._near_but_rates = self._tell_apart([path for path in plain if not is_under(path, GIVING_RATES)])
        self._near_but_widths = self._tell_apart([path for path in near if not is_under(path, _NOT_OF_CANDIDATES)])
        self._far = self._tell_apart([path for path in seen if is_under(path, _FAR)])
        self._is_cache = machines.base.timing is not None and machines.base.timing.memory.is_cache
        self._objects: dict[int, MachineSites] = {}
        self._widths: dict[float, Floats] = {}
        self._timings: dict[tuple[str, bool], tuple[tuple[PeTiming, ...], Floats]] = {}

    def _tell_apart(self, paths: Sequence[LeafPath]) -> _Near:
        return _Near(*distinct([self.machines.columns[path] for path in paths], self.machines.n_machines))

    def split(self) -> Iterator[Ints]:
        """Split the machines by which kinds of tensors are in DRAM: operands are then in the same places."""
        kinds = 2 * (self._miss == 0) + (self._live > self._lls)
        for kind in np.unique(kinds):
            yield np.flatnonzero(kinds == kind)

    def find(self, some: Ints) -> list[SiteColumns]:
        """Find the unlike sites of all operators on some machines that `split` gave; equal operators once."""
        where = bool(self._live > self._lls[some[0]]), bool(self._miss[some[0]] == 0)
        alike = _ALIKE.find((self.trace,), where, lambda: list_alike(self.trace, *where))
        capacity, lls = self._capacity[some], self._lls[some]
        caches = np.asarray(count_cache(self.trace, capacity, lls, 0.0, *where), np.float64)
        known: dict[tuple[bool, ...], _Unlike] = {}
        return [self._find_unlike(idxs, placed, some, caches, known) for placed, idxs in alike]

    def _find_unlike(
        self, idxs: tuple[int, ...], placed: PlacedOperator, some: Ints, caches: Floats,
        known: dict[tuple[bool, ...], _Unlike],
    ) -> SiteColumns:  # fmt: skip
        """Tell apart what one operator is on some machines; what is alike for several operators is known."""
        operator = self.trace.operators[idxs[0]]
        has_rows, is_open = reaches_rows(operator.op), not placed.has_products and leaves_rates(placed.op.kind)
        is_far = has_rows or any(place.is_far for place in (*placed.places, *placed.tail.operands))
        shares: list[NDArray[Any]] = []
        if has_rows:
            found = find_shares(self.trace, operator, self.machines.machine(), self.placement)
            shares = [np.broadcast_to(share, self.machines.n_machines)[some] for share in found]
        seen = self._near if placed.has_products else self._near_plain
        near = self._near_but_rates if is_open else self._near_but_widths if is_product(placed.op) else seen
        key = near is self._near_but_widths, placed.has_products, is_open, is_far
        if has_rows or key not in known:
            codes = [near.place[some], seen.place[some], *([self._far.place[some], caches] if is_far else []), *shares]
            known[key] = _group(codes, len(some))
        first, place, numbers, of_unlike, groups = known.pop(key) if has_rows else known[key]
        machine = some[first]
        sites = tuple(self._site(placed, int(each), has_rows, is_open) for each in near.first[numbers])
        width, latency = self._find_widths(placed.write_frac)[self._far.place[machine]].T
        timings, near_timings = self._find_timings(placed, seen)
        cache_bytes = caches[first] if self._is_cache else np.zeros(len(first))
        far = Far(cache_bytes, width, latency, timings=timings, near=seen.place[machine])
        if has_rows:
            far = self._reach_rows(far, self._far.place[machine], *(share[first] for share in shares))
        return SiteColumns(idxs, sites, of_unlike, groups, far, place, near_timings)

    def _reach_rows(self, far: Far, unlike: Ints, hit_frac: Floats, remote_frac: Floats) -> Far:
        """Say how rows at indices are reached, by which of the unlike values each has of what is behind the SRAM."""
        objects = [self._object(each) for each in self._far.first.tolist()]
        described = [describe_rows(each.machine, 0.0, 0.0) for each in objects]
        unit_bytes, host_width = np.array([(each.unit_bytes, each.host_width) for each in described])[unlike].T
        columns: Any = (hit_frac, remote_frac, unit_bytes, host_width)
        rows = replace(described[0], **dict(zip(VARYING_ROWS, columns, strict=True)))
        channels = np.empty(len(objects), np.object_)
        channels[:] = [each.dram for each in objects]
        return replace(far, rows=rows, channels=channels[unlike])

    def _find_widths(self, write_frac: float) -> Floats:
        """DRAM [B/cycle] and its latency [cycles], of each of the unlike values behind the SRAM."""
        if write_frac not in self._widths:
            objects = [self._object(each) for each in self._far.first.tolist()]
            self._widths[write_frac] = np.array([(each.dram.width(write_frac), each.dram_latency) for each in objects])
        return self._widths[write_frac]

    def _find_timings(self, placed: PlacedOperator, seen: _Near) -> tuple[tuple[PeTiming, ...], Floats]:
        """Find timings of PEs of machines that an operator tells apart before the SRAM; the same as rows (N, 39)."""
        key = placed.dtype, placed.has_products
        if key not in self._timings:
            objects = [self._object(each) for each in seen.first.tolist()]
            timings = tuple(each.timing(placed.dtype, has_products=placed.has_products) for each in objects)
            self._timings[key] = timings, np.array(timings, np.float64)
        return self._timings[key]

    def _site(self, placed: PlacedOperator, machine: int, has_rows: bool, is_open: bool) -> Site:
        """Give the site of an operator, of which nothing is said that is in `Far`."""
        sites = self._object(machine)
        same: dict[str, Any] = dict.fromkeys(VARYING_ROWS, 1.0)
        rows = replace(describe_rows(sites.machine, 0.0, 0.0), **same) if has_rows else None
        return sites.site(placed, sites.timing(placed.dtype, has_products=placed.has_products, is_open=is_open), rows)

    def _object(self, idx: int) -> MachineSites:
        if idx not in self._objects:
            columns = {path: column for path, column in self.machines.columns.items() if path != _HITS}
            own = tuple((path, column[idx].item()) for path, column in columns.items())
            self._objects[idx] = _MACHINES.find((self.machines.base,), own, lambda: MachineSites(self.machines.at(idx)))
        return self._objects[idx]


def list_alike(trace: Trace, is_spilled: bool, is_resident: bool) -> list[tuple[PlacedOperator, tuple[int, ...]]]:
    """List the unlike operators of a trace, and where in it each is; those that reach rows are on their own.

    Parameters
    ----------
    trace, is_spilled, is_resident
        As in `archmodel.lowering.placed.place_operator`.
    """
    alike: dict[tuple[PlacedOperator, int], list[int]] = {}
    for idx in range(len(trace.operators)):
        placed = place_operator(trace, idx, is_spilled, is_resident)
        has_rows = reaches_rows(trace.operators[idx].op)
        alike.setdefault((placed, idx if has_rows else -1), []).append(idx)
    return [(placed, tuple(idxs)) for (placed, _), idxs in alike.items()]


def is_under(path: LeafPath, names: Sequence[str]) -> bool:
    """Whether a value of a machine is one of those, or part of one."""
    text = ".".join(path)
    return any(text == name or text.startswith(f"{name}.") for name in names)
