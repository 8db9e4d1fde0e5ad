"""Cycle-approximate model: follow the commands of every operator through the units of the PEs."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar, get_args

from archmodel.kernels.program import LINK, MATRIX
from archmodel.lowering.phases import Phase, Site, lower_site
from archmodel.lowering.run import Mode, Run
from archmodel.models import register
from archmodel.models.counted import Count, CountedModel, add_stalls, add_stations

MOST_KEPT = 1 << 14
"""Operators on machines whose cycles are kept."""


@register
class Cycle(CountedModel):
    """Cycles of the program of an operator, event by event.

    Parameters
    ----------
    mode
        ``representative`` follows one PE, with shared memories as busy as all PEs make them, and skips repetitions that
        have become periodic; ``grid`` follows every PE.

    Model
    -----
    Commands start when they are issued, their unit is free, their inputs are there and their output has space; shared
    memories serve requests in order (`archmodel.kernels.event_engine.run_program`).

    Sources
    -------
    The laws and their sources are in ``docs/methods/timing.md``.
    """

    name: ClassVar[str] = "cycle"

    def __init__(self, mode: Mode = "representative") -> None:
        self.mode = mode

    @property
    def modes(self) -> dict[str, Cycle]:
        """The model in each of its modes."""
        return {mode: Cycle(mode) for mode in get_args(Mode)}

    def count(self, site: Site) -> Count:
        """Count the cycles of one execution of one operator; the same one on a machine that is alike to it, once."""
        return _count(self.mode, site)

    def count_phases(self, phases: tuple[Phase, ...]) -> Count:
        """Run the phases one after another."""
        runs = [phase.run(self.mode) for phase in phases]
        closed = [phase.count() for phase in phases]
        cycles = sum(run.cycles for run in runs)
        return Count(
            cycles,
            max(cycles, sum(count[1] for count in closed)),
            add_stations([_at_work(run, count[2]) for run, count in zip(runs, closed, strict=True)]),
            add_stalls([_stalls_of_slowest(run) for run in runs]),
            phases[-1].mapping,
        )


@lru_cache(maxsize=MOST_KEPT)
def _count(mode: Mode, site: Site) -> Count:
    return Cycle(mode).count_phases(lower_site(site))


def _at_work(run: Run, closed: list[int]) -> list[int]:
    """Cycles at work of the busiest PE, of SRAM and DRAM; of one chain's links and of issuing as in closed form."""
    busiest = run.busy_cycles[0] if len(run.busy_cycles) == 1 else run.busy_cycles.max(axis=0)
    return [*busiest.tolist(), *run.served_cycles[:LINK].tolist(), *closed[len(busiest) + LINK :]]


def _stalls_of_slowest(run: Run) -> list[int]:
    """Stalls of the matrix engine that waited longest."""
    stalls = run.stall_cycles[:, MATRIX, :]
    slowest = 0 if len(stalls) == 1 else stalls.sum(axis=1).argmax()
    return list(stalls[slowest].tolist())
