"""Lower elementwise functions."""

from __future__ import annotations

import math

from archmodel.lowering.passes import Pass, pass_stage
from archmodel.lowering.phases import Site, Way, lowers_ways
from archmodel.lowering.rvv import loop_of
from archmodel.lowering.stream import Flow, Stage, cut_rows, stream
from archmodel.workload.operators.elementwise import Elementwise


@lowers_ways(Elementwise.kind, leaves_rates=True)
def lower_elementwise(site: Site) -> list[Way]:
    """Lower a function of elements: loaded, worked on in one pass, stored."""
    op = site.op
    assert isinstance(op, Elementwise)
    n_rows, n_cols = cut_rows(site, op.n, max(place.element_bytes for place in site.places))
    *flows_in, out = (Flow(n_cols, place.element_bytes, place.is_far, is_joined=True) for place in site.places)
    one = Pass(loop_of(op.function), math.ceil(op.work().simd_flop / op.n))

    def stages(n: int) -> list[Stage]:
        return [pass_stage(site, one, 1, n * n_cols, site.places[0].dtype, site.places[-1].dtype)]

    return [(stream(site, op.function, n_rows, flows_in, stages, [out]),)]
