"""Transposes, copies, gathers and scatters as programs."""

from __future__ import annotations

from dataclasses import replace

import pytest

import archmodel as am
from archmodel.kernels.layout_unit import transpose_cycles
from archmodel.lowering.operators.layout import cut_block
from archmodel.lowering.phases import find_site, lower_site
from archmodel.lowering.program import UNITS
from archmodel.machine.load import load_machine, machine_names
from archmodel.mapping import place
from archmodel.workload.single import operators_trace

TIMED = [name for name in machine_names() if load_machine(name).timing is not None]
OPERATORS = [
    ("transpose", {"rows": 1000, "cols": 384}),
    ("permute", {"n": 300_000}),
    ("concat", {"n": (100_000, 50_000)}),
    ("gather", {"rows": 5000, "dim": 256, "n": 700}),
    ("scatter", {"rows": 5000, "dim": 256, "n": 700}),
]


def ask(machine, kind, model="cycle", place=None, dtype="fp16", **dims):
    return am.evaluate_operator(am.machine(machine), kind, dtype=dtype, model=model, place=place, **dims)


def site_of(machine, kind, dtype="fp16", **dims):
    loaded = load_machine(machine)
    trace = operators_trace(kind, [dims], dtype, {})
    return find_site(trace, 0, loaded, place(trace, loaded))


@pytest.mark.parametrize("machine", TIMED)
@pytest.mark.parametrize(("kind", "dims"), OPERATORS, ids=[kind for kind, _ in OPERATORS])
def test_every_machine_is_above_the_bound_and_below_one_after_another(machine, kind, dims):
    for model in ("analytic", "cycle"):
        row = ask(machine, kind, model, **dims)
        assert 0 < row["lower_s"] <= row["latency_s"] <= row["upper_s"]


@pytest.mark.parametrize(("kind", "names"), [("transpose", ("x", "out")), ("permute", ("x", "out"))])
def test_each_element_passes_the_sram_twice(kind, names):
    dims = {"rows": 4096, "cols": 2048} if kind == "transpose" else {"n": 4096 * 2048}
    row = ask("mtia_2i", kind, place=dict.fromkeys(names, "sram"), **dims)
    n_bytes = 2 * 4096 * 2048 * 2
    served_bytes = row["work_cycles"]["sram"] * load_machine("mtia_2i").sram.width_bytes_per_cycle
    assert n_bytes <= served_bytes <= 1.6 * n_bytes  # what the network lets through of the width, and whole blocks


def test_the_layout_unit_follows_its_law():
    site = site_of("mtia_2i", "transpose", rows=6144, cols=6144)
    assert cut_block(site, 6144, 6144, 2.0) == (192, 192)
    (phase,) = lower_site(site)
    blocks_per_pe = (6144 // 192) ** 2 // 64
    assert phase.table.loops[3] == blocks_per_pe  # one at a time: two more do not fit
    assert phase.count()[2][UNITS.index("layout")] == blocks_per_pe * transpose_cycles(6 * 6, 32)


def test_without_a_layout_unit_the_vector_cores_take_columns():
    row = ask("rivos_like", "transpose", rows=1024, cols=1024)
    assert row["work_cycles"]["vector"] > 0
    assert "layout" not in row["work_cycles"]
    # An element per cycle and core: strided accesses step by element.
    cores = site_of("rivos_like", "transpose", rows=1024, cols=1024).cores
    assert row["work_cycles"]["vector"] >= 1024**2 / load_machine("rivos_like").pe.n_pes / cores.n_cores


def test_blocks_are_square_unless_the_matrix_is_narrow():
    site = site_of("mtia_2i", "transpose", rows=4096, cols=4096)
    rows, cols = cut_block(site, 4096, 4096, 2.0)
    assert rows == cols
    assert 4 * rows * cols * 2 <= site.timing.local_bytes
    rows, cols = cut_block(site, 100_000, 16, 2.0)
    assert cols == 16
    assert rows > 256
    assert cut_block(site, 1, 4096, 2.0) == (1, 32)
    # Lines that are whole in a block follow one another: a narrow matrix takes no more requests than a square one.
    narrow = ask("mtia_2i", "transpose", rows=100_000, cols=16)
    wide = ask("mtia_2i", "transpose", rows=16, cols=100_000)
    assert narrow["cycles"] == pytest.approx(wide["cycles"], rel=0.05)


def test_inputs_alike_are_joined_in_one_phase():
    assert len(lower_site(site_of("mtia_2i", "concat", n=(1000, 2000, 3000)))) == 1
    site = site_of("mtia_2i", "concat", n=(1000, 2000))
    mixed = replace(site, places=(replace(site.places[0], is_far=False), *site.places[1:]))
    assert len(lower_site(mixed)) == 2


@pytest.mark.parametrize("kind", ["gather", "scatter"])
def test_few_rows_are_cut_for_all_pes(kind):
    (phase,) = lower_site(site_of("mtia_2i", kind, rows=10_000, dim=8192, n=2))
    assert phase.grid.n_pes == 64
    (phase,) = lower_site(site_of("mtia_2i", kind, rows=10_000, dim=64, n=2))
    assert phase.grid.n_pes == 2


def test_rows_longer_than_local_memory_are_cut():
    row = ask("mtia_v1", "gather", rows=100, dim=200_000, n=64)
    assert row["cycles"] > 0


def test_commands_of_fewer_rows_take_longer():
    dims = {"rows": 100_000, "dim": 32, "n": 100_000}
    one = am.machine("mtia_2i", {"timing.dma.rows_per_command": "1"})
    many = am.machine("mtia_2i", {"timing.dma.rows_per_command": "128"})
    near = {"source": "sram", "out": "sram", "indices": "sram"}
    took = [
        am.evaluate_operator(machine, "gather", dtype="fp16", model="cycle", place=near, **dims)["cycles"]
        for machine in (one, many)
    ]
    assert took[0] > 2 * took[1]


@pytest.mark.parametrize("kind", ["transpose", "permute", "gather"])
def test_one_pe_stands_for_all(kind):
    dims = dict(OPERATORS)[kind]
    took = [
        am.evaluate_operator(am.machine("mtia_2i"), kind, dtype="fp16", model="cycle", mode=mode, **dims)["cycles"]
        for mode in ("representative", "grid")
    ]
    assert took[0] == pytest.approx(took[1], rel=0.1)
