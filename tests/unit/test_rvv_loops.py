"""Loops of vector instructions: assembly to instructions, rows against all of their instructions, monotone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archmodel as am
from archmodel.kernels.vector_rows import row_cycles
from archmodel.kernels.vector_unit import (
    ELEMENTS,
    ELEMENTWISE,
    LOAD_UNIT,
    NONE,
    REDUCTION,
    STORE_UNIT,
    VectorCore,
    vector_events,
)
from archmodel.lowering.rvv import VectorCores, bag_cycles, instructions, loop_cycles, lower_cores, placing_cycles
from archmodel.lowering.vector_loops import LOOPS

CORE = VectorCore(512, 512, 6, 6, 0, 0, 0)
CORES = VectorCores(CORE, 4, 1, has_fma=False, own=("fp16", "fp32"))
FOLDS = [name for name, loop in LOOPS.items() if loop.fold]
FLAT = [name for name, loop in LOOPS.items() if loop.is_flat]


def followed(code, n_rows, n_cols, n_per_turn, core=CORE):
    """Cycles of all instructions of all rows, written down one after another."""
    rows = []
    for _ in range(n_rows):
        rows += with_elements(code["before"], min(n_cols, n_per_turn))
        for first in range(0, n_cols, n_per_turn):
            rows += with_elements(code["turn"], min(n_per_turn, n_cols - first))
        rows += with_elements(code["after"], min(n_cols, n_per_turn))
    program, zeros = np.array(rows), np.zeros(1, np.int64)
    out = np.zeros((4, len(program)), np.int64)
    return vector_events(core, program, zeros, zeros, *out, np.zeros(0, np.int64))


def with_elements(part, n):
    return [[*row[:ELEMENTS], row[ELEMENTS] or n, row[-1]] for row in part.tolist()]


def test_assembly_becomes_instructions():
    assert {part: code.tolist() for part, code in instructions("sum", "fp16", "fp16").items()} == {
        "before": [[ELEMENTWISE, 0, NONE, NONE, 0, 32]],  # vmv.v.i v0, 0
        "turn": [
            [LOAD_UNIT, 8, NONE, NONE, 0, 16],  # vle16.v v8, (a0)
            [ELEMENTWISE, 0, 8, 0, 0, 32],  # vfwadd.wv v0, v0, v8
        ],
        "after": [
            [ELEMENTWISE, 16, NONE, NONE, 1, 32],  # vmv.s.x v16, zero
            [REDUCTION, 16, 16, 0, 0, 32],  # vfredusum.vs v16, v0, v16
            [STORE_UNIT, NONE, 16, NONE, 1, 32],  # vse32.v v16, (a1)
        ],
    }


def test_elements_of_another_width_are_converted_in_steps_of_two():
    turn = instructions("relu", "int8", "fp32")["turn"]
    assert turn[:, 5].tolist() == [8, 16, 32, 32, 32, 16, 8]  # load, widen twice, maximum, narrow twice, store


def test_fused_multiply_add_is_one_instruction_where_there_is_one():
    two, one = (instructions("square_sum", "fp32", "fp32", has_fma=has_fma)["turn"] for has_fma in (False, True))
    assert (len(two), len(one)) == (3, 2)


def test_a_sum_by_hand():
    # 64 fp16 elements, their sums 4 groups of 32 bits. v0 is cleared in cycles 1 to 4, readable from 7; the load, two
    # groups, is accepted in cycle 1 and steps in 2 and 3, readable from 8. The sums step in 8 to 11. v16 is cleared
    # in 12, readable from 18, so the fold steps from there on: four groups and log2(16) halvings, in 18 to 25. Its
    # result is readable from 31, the step of the store, which is over in 32.
    assert loop_cycles("sum", 1, 64, "fp16", "fp16", CORES) == 32


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
def test_rows_take_what_all_their_instructions_take(name, dtype):
    code = instructions(name, dtype, "fp16" if dtype == "fp16" else "fp32")
    parts = (code["before"], code["turn"], code["after"])
    for n_rows, n_cols, n_per_turn in ((1, 5, 64), (3, 64, 64), (40, 300, 64)):
        cycles = row_cycles(CORE, *parts, n_rows, n_cols, n_per_turn)
        assert cycles == followed(code, n_rows, n_cols, n_per_turn)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(sorted(LOOPS)), n_rows=st.integers(1, 70), n_cols=st.integers(1, 700),
    dtype=st.sampled_from(["fp32", "bf16", "fp16", "int8"]), n_cores=st.sampled_from([1, 2]),
)  # fmt: skip
def test_more_takes_longer_and_two_cores_do_not(name, n_rows, n_cols, dtype, n_cores):
    cores = CORES._replace(n_cores=n_cores)
    cycles = loop_cycles(name, n_rows, n_cols, dtype, "fp16", cores)
    assert cycles <= loop_cycles(name, n_rows + 1, n_cols, dtype, "fp16", cores)
    assert loop_cycles(name, n_rows, n_cols, dtype, "fp16", cores._replace(n_cores=2 * n_cores)) <= cycles
    slower = cores._replace(core=CORE._replace(chain=7))
    assert cycles <= loop_cycles(name, n_rows, n_cols, dtype, "fp16", slower)


@pytest.mark.parametrize("name", FOLDS)
def test_short_rows_are_folded_with_lanes_on_many_of_them(name):
    one, many = (loop_cycles(name, n_rows, 4, "fp16", "fp16", CORES) for n_rows in (1, 64))
    assert many < 0.4 * 64 * one


@pytest.mark.parametrize("name", FLAT)
def test_flat_loops_do_not_see_rows(name):
    assert loop_cycles(name, 12, 50, "fp16", "fp16", CORES) == loop_cycles(name, 1, 600, "fp16", "fp16", CORES)


def test_a_step_never_has_more_elements_than_the_data_path():
    """Arithmetic of the loops against the printed rate of the core, without start-up."""
    n = 64_000
    for name, n_instructions in (("maximum", 1), ("add", 1), ("scale", 1), ("exp", 15)):
        assert loop_cycles(name, 1, n, "fp16", "fp16", CORES) >= n_instructions * n / 32
        assert loop_cycles(name, 1, n, "bf16", "bf16", CORES) >= (n_instructions + 1) * n / 16  # converted


def test_bags_load_every_row_once():
    plain, weighted = (bag_cycles(8, 20, 64, "fp16", CORES, is_weighted=is_weighted) for is_weighted in (False, True))
    assert 8 * 20 * 4 <= plain <= weighted  # four groups of fp32 sums per row
    assert bag_cycles(8, 20, 256, "fp16", CORES, is_weighted=False) == bag_cycles(
        32, 20, 64, "fp16", CORES, is_weighted=False
    )


def test_few_are_searched_for_and_many_are_placed():
    def searching(k):
        return k * loop_cycles("largest", 1, 10_000, "fp16", "fp16", CORES)

    def placing(k):
        return placing_cycles(10_000, k, "fp16", "fp16", CORES)

    assert searching(2) < placing(2)
    assert searching(100) > placing(100)


def test_cores_are_those_of_the_machine_file():
    assert lower_cores(am.machine("mtia_2i")) == CORES  # bf16 at the rate of fp32: no arithmetic of its own
    two = lower_cores(am.machine("mtia_300"))
    assert (two.n_cores, two.has_fma, two.own) == (2, True, ("fp16", "fp32", "tf32"))
    assert lower_cores(am.machine("tt_wormhole_n150")) is None
    slow = lower_cores(am.machine("mtia_2i", {"timing.vector.load": "20 cycles"}))
    assert slow.core == CORE._replace(load=20)
