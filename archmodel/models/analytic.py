"""Closed form of the timing laws: cycles from sums, without following commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from archmodel.kernels.matmul_batch import time_matmuls
from archmodel.lowering.operators.matmul import is_one_product, lower_shape, pack_points
from archmodel.lowering.phases import Phase, Site, find_site
from archmodel.lowering.sites import SiteColumns, Some
from archmodel.lowering.templates import count_far, has_templates
from archmodel.machine.types import Machine
from archmodel.mapping import Placement
from archmodel.mapping.matmul import find_in_groups, find_mapping
from archmodel.models import register
from archmodel.models.counted import STATIONS, Count, CountedModel, Counts, add_stations
from archmodel.workload.types import Trace


@register
class Analytic(CountedModel):
    """Cycles of the program of an operator in closed form.

    Model
    -----
    ``cycles = max over stations s of (head_s + T_s + tail_s)``: a unit of a PE, its core or a shared memory is at work
    for ``T_s``, waits for its first command and is followed by what comes after its last; and no less than the circular
    buffers allow (`archmodel.kernels.closed_form.count_cycles`).

    Sources
    -------
    The laws and their sources are in ``docs/methods/timing.md``.
    """

    name: ClassVar[str] = "analytic"

    def count_phases(self, phases: tuple[Phase, ...]) -> Count:
        """Add up the closed forms of the phases."""
        counted = [phase.count() for phase in phases]
        cycles, serial_cycles = sum(count[0] for count in counted), sum(count[1] for count in counted)
        return Count(cycles, serial_cycles, add_stations([count[2] for count in counted]), {}, phases[-1].mapping)

    def counts_together(self, site: Site) -> bool:
        """Whether `count_sites` takes an operator on all machines of a group of `SiteColumns` at once."""
        return has_templates(site) or super().counts_together(site)

    def count_sites(self, columns: SiteColumns, some: Some) -> Counts:
        """Count an operator on machines of a group of `SiteColumns`: in closed form all at once."""
        near = int(columns.near[some][0])
        site, shape = columns.sites[near], columns.shape(near)
        if shape is not None:
            found = find_in_groups(shape, columns.groups_of(some), site.n_pes)
            return Counts(found.cycles, found.work_cycles)
        far = columns.far.take(some)
        if has_templates(site) and (far.cache_bytes > 0).all():
            return Counts(*count_far(site, far))
        return super().count_sites(columns, some)

    def count_machines(
        self, traces: Sequence[Trace], machines: Sequence[Machine], placements: Sequence[Placement]
    ) -> list[list[Count]]:
        """Count every operator of a trace on its machine: all products on grids of PEs in one kernel call."""
        counts: list[list[Count]] = [[] for _ in machines]
        points, places = [], []
        for row, (trace, machine, placement) in enumerate(zip(traces, machines, placements, strict=True)):
            for idx in range(len(trace.operators)):
                site = find_site(trace, idx, machine, placement)
                if not is_one_product(site):
                    counts[row].append(self.count(site))
                    continue
                shape = lower_shape(site)
                points.append((shape, site.timing, find_mapping(shape, site.timing, site.n_pes).mapping))
                places.append((row, idx))
                counts[row].append(_NOTHING)
        if points:
            cycles, work = np.empty((len(points), 2), np.int64), np.empty((len(points), len(STATIONS)), np.int64)
            time_matmuls(*pack_points(points), cycles, work)
            for p, (row, idx) in enumerate(places):
                took, serial = cycles[p].tolist()
                counts[row][idx] = Count(took, serial, add_stations([work[p].tolist()]), {}, points[p][2])
        return counts


_NOTHING = Count(0, 0, {}, {}, None)
