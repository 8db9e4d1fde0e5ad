"""Laws of the vector core: a program by hand, loops against all of their turns, monotone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archmodel.kernels import vector_unit as law
from archmodel.kernels.vector_unit import NONE, VectorCore


def events(core, instructions, command_gap=(0,), memory_gap=(0,)):
    """Cycles in all, and a row per instruction: accepted, started, first result, ended."""
    program = np.array(instructions)
    rows = np.zeros((4, len(program)), np.int64)
    nothing = np.zeros(0, np.int64)
    cycles = law.vector_events(core, program, np.array(command_gap), np.array(memory_gap), *rows, nothing)
    return cycles, rows.T.tolist()


def unroll(body, n_elements, n_per_turn):
    """All turns of a strip-mined loop, one after the other."""
    turns = range(0, n_elements, n_per_turn)
    return [[*row[:4], row[4] or min(n_per_turn, n_elements - first), row[5]] for first in turns for row in body]


def test_chain_by_hand():
    # Groups of 64 bit, two to a register: four 32-bit elements are two steps.
    core = VectorCore(128, 64, 4, 6, 1, 2, 3)
    cycles, rows = events(
        core,
        [
            [law.LOAD_UNIT, 8, NONE, NONE, 4, 32],  # one cycle of set-up: requests in 2 and 3, readable from 8 and 9
            [law.ELEMENTWISE, 16, NONE, 8, 4, 32],  # behind them, in 8 and 9; readable from 12 and 13
            [law.REDUCTION, 0, 0, 16, 4, 32],  # accepted with the last step before; 12, 13, and a fold in 14
            [law.LOAD_STRIDED, 8, NONE, NONE, 2, 32],  # accepted next; two cycles of set-up; one step per element
            [law.STORE_UNIT, NONE, 0, NONE, 1, 32],  # accepted with the last step before; 14 + 4 = 18
        ],
    )
    assert rows == [[0, 2, 8, 9], [1, 8, 12, 13], [9, 12, 18, 18], [10, 13, 20, 20], [14, 18, 19, 19]]
    assert cycles == 20


@pytest.mark.parametrize(("n_elements", "cycles"), [(128, 22), (130, 30), (256, 33), (1000, 99), (10, 19)])
def test_scan_by_hand(n_elements, cycles):
    # 128 elements of 16 bit are four groups. Load from 1, clear the sign from 7, maximum from 13 to 16, readable from
    # 22 at the latest. The maximum is accepted in 10, with the last step of what is before it, and the next load in 11:
    # each turn is 11 cycles behind the one before. Two or ten elements are one group.
    assert law.vector_cycles(VectorCore(512, 512, 6, 6, 0, 0, 0), n_elements, 16, 3, 4) == cycles


cores = st.builds(
    lambda dlen, per_register, *cycles: VectorCore(dlen * per_register, dlen, *cycles),
    st.sampled_from([32, 64, 128]), st.sampled_from([1, 2, 4]), st.integers(1, 8), st.integers(1, 12),
    st.integers(0, 3), st.integers(0, 3), st.integers(0, 3),
)  # fmt: skip
registers = st.sampled_from([0, 8, 16, 24])
widths = st.sampled_from([8, 16, 32])
lmuls = st.sampled_from([1, 2, 4, 8])
arithmetic = st.tuples(
    st.sampled_from([law.ELEMENTWISE, law.REDUCTION]), registers, registers, registers, st.sampled_from([0, 1])
)
loads = st.tuples(
    st.sampled_from([law.LOAD_UNIT, law.LOAD_STRIDED]), registers, st.just(NONE), st.just(NONE), st.just(0)
)
stores = st.tuples(st.just(law.STORE_INDEXED), st.just(NONE), registers, registers, st.just(0))
bodies = st.lists(st.one_of(arithmetic, loads, stores), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(core=cores, body=bodies, bits=widths, lmul=lmuls, n_turns=st.integers(0, 40), data=st.data())
def test_loop_takes_what_all_its_turns_take(core, body, bits, lmul, n_turns, data):
    body = [[*row, bits] for row in body]
    n_per_turn = min(core.vlen * lmul // bits, 20)
    n_elements = n_turns * n_per_turn + data.draw(st.integers(1, n_per_turn))
    state = law.new_state(core)
    law.run_loop(core, np.array(body), n_elements, n_per_turn, state)
    assert state.clock[law.END] == events(core, unroll(body, n_elements, n_per_turn))[0]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    core=cores, n=st.integers(1, 1500), bits=widths, n_instructions=st.integers(1, 6), lmul=st.sampled_from([1, 4, 8])
)
def test_scan_is_monotone_and_never_faster_than_its_pipes(core, n, bits, n_instructions, lmul):
    cycles = law.vector_cycles(core, n, bits, n_instructions, lmul)
    python_form = getattr(law.vector_cycles, "py_func", law.vector_cycles)
    assert cycles == python_form(core, n, bits, n_instructions, lmul)
    assert cycles <= law.vector_cycles(core, n + 1, bits, n_instructions, lmul)
    assert cycles < law.vector_cycles(core, n, bits, n_instructions + 1, lmul)
    for name in ("chain", "load", "unit_setup"):
        slower = core._replace(**{name: getattr(core, name) + 1})
        assert cycles <= law.vector_cycles(slower, n, bits, n_instructions, lmul)
    assert cycles > -(-n * bits // core.dlen) * max(1, n_instructions - 1)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(core=cores, body=bodies, bits=widths, gap=st.lists(st.integers(0, 9), min_size=1, max_size=5))
def test_stalls_and_more_elements_never_help(core, body, bits, gap):
    program = [[*row[:4], 3, bits] for row in body]
    cycles = events(core, program)[0]
    assert events(core, program, command_gap=gap)[0] >= cycles
    assert events(core, program, memory_gap=gap)[0] >= cycles
    assert events(core, [[*row[:4], 4, bits] for row in body])[0] >= cycles


def test_no_elements_take_no_time():
    assert law.vector_cycles(VectorCore(512, 512, 6, 6, 0, 0, 0), 0, 16, 3, 4) == 0
