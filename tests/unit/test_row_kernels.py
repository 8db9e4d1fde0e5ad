"""Embedding bags, softmax and layer norm of the hardware PE: code of their loops, their programs, their numbers."""

from __future__ import annotations

import importlib.util
from itertools import pairwise

import numpy as np
import pytest

from archmodel.kernels.program import (
    IN_A,
    IN_B,
    ISSUE,
    LATENCY,
    LOAD,
    NEED_A,
    NONE,
    OUT,
    POP_A,
    PUSH,
    RESERVE,
    SIMD,
    STORE,
    UNIT,
    VECTOR,
)
from archmodel.kernels.vector_unit import (
    BITS,
    DESTINATION,
    ELEMENTS,
    ELEMENTWISE,
    FIRST,
    KIND,
    LOAD_INDEXED,
    LOAD_STRIDED,
    LOAD_UNIT,
    REDUCTION,
    SECOND,
    STORE_STRIDED,
    STORE_UNIT,
)
from archmodel.lowering.dram import DramChannels
from archmodel.lowering.phases import Site, lower_site
from archmodel.lowering.placed import Place
from archmodel.lowering.rvv import VectorCores, assemble
from archmodel.verify.bench import load_law
from archmodel.verify.command_words import expand, head_bits
from archmodel.verify.contract import find_unit
from archmodel.verify.integer_loops import LOOPS, loop_code
from archmodel.verify.row_points import core_of, draw_rows
from archmodel.workload.operators.normalise import LayerNorm, Softmax

BLOCK = find_unit("pe")
SMALL = BLOCK.contract.builds["small"]
KINDS = [ELEMENTWISE] * 5 + [REDUCTION] * 2 + [ELEMENTWISE, LOAD_UNIT, LOAD_STRIDED, LOAD_INDEXED, NONE, STORE_UNIT]
KINDS += [STORE_STRIDED]
MV, IS_SHARED = 4, 3


def golden_module():
    spec = importlib.util.spec_from_file_location("tb_rows", BLOCK.folder / "tb_rows.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def draw(kernel, parameters=SMALL, *, is_wide=None, seed=0):
    law = load_law(BLOCK.folder)
    for i in range(1000):
        point = draw_rows(np.random.default_rng([seed, i]), parameters, law.pe_timing(parameters, 1, 1))
        if point.stimulus["kernel"] == kernel and is_wide in (None, point.stimulus["rows"]["is_wide"]):
            return point
    raise AssertionError


def row_of(word):
    """What the law calls an instruction, from its code."""
    op, vd, vs1, vs2 = (word >> place & mask for place, mask in ((0, 15), (4, 31), (9, 31), (14, 31)))
    is_memory, is_register = op >= 8, word >> 21 & 3 == 0
    kind = KINDS[op]
    first = vs1 if not is_memory and is_register else NONE
    second = vs2 if not is_memory and op != MV else NONE
    if kind == LOAD_INDEXED:
        second = vs2
    if kind in (STORE_UNIT, STORE_STRIDED):
        vd, first = NONE, vd
    return [kind, vd, first, second, word >> 23 & 1, 8 << (word >> 19 & 3)]


@pytest.mark.parametrize("name", LOOPS)
def test_code_and_law_read_the_same_instructions(name):
    words, first = loop_code()
    parts = assemble(LOOPS[name], "int32", "int32")
    rows = np.concatenate([parts["before"], parts["turn"], parts["after"]])
    code = words[first[name] :][: len(rows)]
    assert [row_of(word) for word in code] == rows[:, [KIND, DESTINATION, FIRST, SECOND, ELEMENTS, BITS]].tolist()
    n_before, n_turn = len(parts["before"]), len(parts["turn"])
    for bit, place in ((26, n_before), (25, n_before + n_turn - 1), (24, len(rows) - 1)):
        assert [i for i, word in enumerate(code) if word >> bit & 1] == [place]


def test_addresses_are_those_of_their_registers():
    words, first = loop_code()
    loads = [word >> 9 & 0xF for word in words[first["gain_shift"] :][:7] if word & 15 == 8]
    assert loads == [0, IS_SHARED << 2 | 3, IS_SHARED << 2 | 1]
    bag = words[first["bag"] :]
    assert [word >> 9 & 0xF for word in (bag[1], bag[3])] == [0, 2 << 2 | 2]


def test_loops_fit_the_memory_of_the_unit():
    assert len(loop_code()[0]) <= 64


@pytest.mark.parametrize("kernel", ["embedding_bag", "softmax", "layer_norm"])
def test_slots_of_different_buffers_do_not_overlap(kernel):
    point = draw(kernel, is_wide=False)
    table, spans = point.table, {}
    for (_, number), word in zip(expand(table), point.words, strict=True):
        row, target = table.commands[number], word >> head_bits(SMALL)
        if row[UNIT] in (LOAD, SIMD):
            spans.setdefault(int(row[OUT]), set()).add(target & 0xFFFF)
        if row[UNIT] == VECTOR:
            spans.setdefault(int(row[OUT]), set()).add(target >> 32 & 0xFFFF)
    for buffer, slots in spans.items():
        assert len(slots) <= table.capacity[buffer]
    ordered = [sorted(spans[buffer]) for buffer in sorted(spans)]
    assert all(before[-1] < behind[0] for before, behind in pairwise(ordered))


def test_programs_name_the_buffers_that_they_use():
    for kernel in ("embedding_bag", "softmax", "layer_norm"):
        table = draw(kernel, is_wide=False).table
        named = set(np.unique(table.commands[:, [IN_A, IN_B, OUT]])) - {NONE}
        assert named == set(range(len(table.capacity)))
        assert len(table.capacity) <= 12


def test_a_bag_gathers_the_rows_of_its_list():
    point = draw("embedding_bag", is_wide=True)
    rows = point.stimulus["rows"]
    loads = [
        word >> head_bits(SMALL)
        for (_, number), word in zip(expand(point.table), point.words, strict=True)
        if point.table.commands[number, UNIT] == LOAD
    ]
    lists, gathers = [w for w in loads if not w >> 113 & 1], [w for w in loads if w >> 113 & 1]
    assert len(lists) == len(gathers) == rows["n_tiles"]
    assert [w >> 16 & 0xFFFF for w in gathers] == [w & 0xFFFF for w in lists]  # where its list was put
    assert {w >> 96 & 127 for w in gathers} == {len(rows["indices"][0])}


@pytest.mark.parametrize("kernel", ["softmax", "layer_norm"])
def test_programs_have_the_stages_of_the_operator(kernel):
    """But for occupancies, and tables that are held, words go the way of the operator's floats."""
    point, core = draw(kernel, is_wide=True), core_of(SMALL)
    rows = point.stimulus["rows"]
    n_rows, n_cols = rows["n_tiles"] * rows["rows_per_tile"], rows["n_elements"]
    op = Softmax(n_rows, n_cols) if kernel == "softmax" else LayerNorm(n_rows, n_cols)
    operands = [Place("fp32", "activation", is_far=False)] * len(op.operands())
    timing = load_law(BLOCK.folder).pe_timing(SMALL, 1, 1)
    site = Site(
        op=op, dtype="fp32", places=tuple(operands), timing=timing, n_pes=1, array=None, is_round_robin=False,
        dram=DramChannels("", None, 1.0, 1.0, 1.0, 1), cores=VectorCores(core, 8, 1, False, ("fp32",)), has_simd=False,
    )  # fmt: skip
    (phase,) = lower_site(site)
    ours, theirs = point.table, phase.table
    assert ours.loops[1:].tolist() == theirs.loops[1:].tolist()
    bodies = [table.commands[-int(table.loops[1]) :] for table in (ours, theirs)]
    for column in (UNIT, ISSUE, LATENCY, NEED_A, POP_A, RESERVE, PUSH):
        assert bodies[0][:, column].tolist() == bodies[1][:, column].tolist()
    for body, table in zip(bodies, (ours, theirs), strict=True):
        assert body[1:, IN_A].tolist() == body[:-1, OUT].tolist()
        assert {int(n) for n in table.capacity[body[:-1, OUT]]} == {2}


def test_bodies_have_the_steps_in_order():
    table = draw("softmax", is_wide=False).table
    body = table.commands[-int(table.loops[1]) :, UNIT] if table.loops[2] == 0 else None
    assert body is not None
    assert body.tolist() == [LOAD, SIMD, VECTOR, VECTOR, VECTOR, VECTOR, SIMD, STORE]


@pytest.mark.parametrize("is_wide", [False, True])
def test_softmax_of_whole_numbers_is_as_close_as_its_tables_allow(is_wide):
    golden = golden_module()
    for seed in range(10):
        rows = draw("softmax", is_wide=is_wide, seed=seed).stimulus["rows"]
        x = np.array(rows["x"]) * rows["scale"] + rows["offset"]
        e = np.exp((x - x.max(axis=1, keepdims=True)) / 8)
        total = e.sum(axis=1, keepdims=True)
        got = golden._softmax(np.array(rows["x"]), rows) / (1 << 20 - rows["fraction"])
        of_sum = 2.0 ** (rows["dropped"] - 1) / 255 / total  # half of what shares an entry of the table
        assert (np.abs(got - e / total) <= e / total * of_sum / (1 - of_sum) + 0.02).all()


@pytest.mark.parametrize("is_wide", [False, True])
def test_layer_norm_of_whole_numbers_is_close_to_the_exact_one(is_wide):
    golden, worst = golden_module(), []
    for seed in range(10):
        rows = draw("layer_norm", is_wide=is_wide, seed=seed).stimulus["rows"]
        x = np.array(rows["x"]) * rows["scale"] + rows["offset"]
        one = 1 << 12 - rows["fraction"]
        exact = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True) * np.array(rows["gains"]) / 16
        got = (golden._layer_norm(np.array(rows["x"]), rows) - np.array(rows["shifts"])) / one
        worst.append(np.abs(got - exact).mean())
    assert max(worst) < 0.15


def test_stores_follow_one_another():
    point = draw("layer_norm", is_wide=True)
    rows = point.stimulus["rows"]
    targets = [
        word >> head_bits(SMALL) & 0xFFFF
        for (_, number), word in zip(expand(point.table), point.words, strict=True)
        if point.table.commands[number, UNIT] == STORE
    ]
    tile_bytes = rows["rows_per_tile"] * rows["n_elements"] * 4
    assert targets == [rows["results"] + i * tile_bytes for i in range(rows["n_tiles"])]
