"""Closed form of the timing laws: cycles from sums, without following commands."""

from __future__ import annotations

from typing import ClassVar

from archmodel.lowering.matmul import Phase
from archmodel.models import register
from archmodel.models.counted import Count, CountedModel, add_stations


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
        return Count(cycles, serial_cycles, add_stations([count[2] for count in counted]), {}, phases)
