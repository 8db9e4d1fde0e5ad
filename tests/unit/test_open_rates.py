"""Programs written before rates are known count, on every machine, as those that are written for it alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numba.core.errors import TypingError

import archmodel as am
from archmodel.lowering.far import VARYING_ROWS, Far, Varying, open_rates
from archmodel.lowering.phases import find_site, leaves_rates, lower_site, lowerings
from archmodel.lowering.placed import Place, Tail
from archmodel.lowering.templates import count_far
from archmodel.machine.columns import put_leaves
from archmodel.mapping import place
from archmodel.workload.operators import operator_kind
from archmodel.workload.single import operators_trace

OPERATORS = [
    ("softmax", {"rows": 500, "cols": 8}),
    ("softmax", {"rows": 1, "cols": 128256}),
    ("layer_norm", {"rows": 256, "cols": 1024}),
    ("rms_norm", {"rows": 3, "cols": 4096}),
    ("group_norm", {"batch": 1, "channels": 512, "spatial": 4096, "groups": 32}),
    ("reduction", {"rows": 64_000, "cols": 40, "function": "max"}),
    ("quantise", {"rows": 1, "cols": 8192, "to": "fp8"}),
    ("quantise", {"rows": 640, "cols": 5120, "to": "mx4"}),
    ("dequantise", {"rows": 640, "cols": 5120, "source": "int32"}),
    ("elementwise", {"n": 1_000_000, "function": "rope"}),
    ("transpose", {"rows": 3000, "cols": 1700}),
    ("permute", {"n": 70_000}),
    ("concat", {"n": (400_000, 51_200)}),
    ("gather", {"rows": 3000, "dim": 200, "n": 500}),
    ("scatter", {"rows": 3000, "dim": 200, "n": 500}),
]
MIX = ("fp16", "activation")
TAILS = [Tail(), Tail(operations=3, functions=(("gelu", 1.0),), operands=(Place(*MIX, is_far=True),))]
RATES_OF = [(2048.0, 128.0, 32.0), (8192.0, 128.0, 64.0), (3000.0, 256.0, 24.0), (700.0, 40.0, 7.0)]


def machines(base):
    """Machines that differ in rates, DRAM and cache; among them some that differ in rates only."""
    for sram, dma, lanes in RATES_OF:
        for bandwidth in (1e11, 6e12):
            path = ("sram", "width_bytes_per_cycle"), ("timing", "dma", "width_bytes_per_cycle")
            values = {path[0]: sram, path[1]: dma, ("dram", "bandwidth_bytes_per_s"): bandwidth}
            values |= {("simd", "lanes", dtype): lanes for dtype in base.simd.lanes}
            yield put_leaves(base, values)


def without_vector_cores(machine):
    """A machine whose lanes do everything, transposes too."""
    engines = replace(machine.timing.engines, layout_rows=None)
    return replace(machine, timing=replace(machine.timing, vector=None, engines=engines))


def as_far(sites):
    """Put what sites differ in into columns."""
    timings = [site.timing for site in sites]
    far = Far(
        *(np.array([getattr(t, name) for t in timings]) for name in ("cache_bytes", "dram_width", "dram_latency"))
    )
    far = replace(far, timings=tuple(timings), near=np.arange(len(sites)))
    if sites[0].rows is None:
        return far
    rows = {name: np.array([getattr(site.rows, name) for site in sites]) for name in VARYING_ROWS}
    channels = np.empty(len(sites), np.object_)
    channels[:] = [site.dram for site in sites]
    return replace(far, rows=replace(sites[0].rows, **rows), channels=channels)


def count(site):
    counts = [phase.count()[:2] for phase in lower_site(site)]
    return [sum(cycles) for cycles in zip(*counts, strict=True)]


@pytest.mark.parametrize("level", ["sram", "dram"])
@pytest.mark.parametrize("lower", [lambda machine: machine, without_vector_cores], ids=["vector cores", "lanes only"])
def test_one_program_serves_machines_of_unlike_rates(level, lower):
    base = lower(am.machine("mtia_2i"))
    for kind, dims in OPERATORS:
        placed = {operand.name: level for operand in operator_kind(kind)(**dims).operands()}
        trace = operators_trace(kind, [dims], "fp16", placed)
        for tail in TAILS:
            found = [replace(find_site(trace, 0, each, place(trace, each)), tail=tail) for each in machines(base)]
            open_site = replace(found[0], timing=open_rates(found[0].timing))
            counts = count_far(open_site, as_far(found)).cycles.tolist()
            assert counts == [count(site) for site in found], (kind, dims, tail)
            assert len({tuple(each) for each in counts}) > 1, (kind, dims, tail)


def test_all_kinds_that_leave_rates_open_are_tried():
    assert {kind for kind, _ in OPERATORS} == {kind for kind in lowerings() if leaves_rates(kind)}


def test_what_is_calculated_from_a_number_that_varies_is_refused():
    with pytest.raises(TypeError, match=r"^what is calculated from a number that varies does not vary$"):
        sum([Varying.of(1, lambda far: far.dram_width)])


def test_programs_that_ask_for_rates_themselves_are_not_written_without_them():
    trace = operators_trace(
        "embedding_bag", [{"n_tables": 2, "rows": 1000, "dim": 64, "batch": 512, "pooling": 4}], "fp16", {}
    )
    machine = am.machine("mtia_2i")
    site = find_site(trace, 0, machine, place(trace, machine))
    assert not leaves_rates(site.op.kind)
    with pytest.raises(TypingError, match="No implementation of function"):
        lower_site(replace(site, timing=open_rates(site.timing)))
