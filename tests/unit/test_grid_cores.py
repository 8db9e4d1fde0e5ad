"""Programs of a grid on its cores: what the host sends to whom, when commands are issued, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from archmodel.kernels.matmul_shape import INPUT, OUTPUT, WEIGHT, MatmulMapping
from archmodel.kernels.program import DRAM, ISSUE, PREFETCH, RESOURCE, SERVICE, STORE, UNIT, WRITE_BACK
from archmodel.lowering.program import CommandTable
from archmodel.verify.bench import load_law
from archmodel.verify.command_words import SHARED_BIT, head_bits
from archmodel.verify.contract import find_unit
from archmodel.verify.core_programs import program_rows
from archmodel.verify.grid_cores import issue_on_cores
from archmodel.verify.grid_gathers import Gather, write_gather, write_gather_words

LAW = load_law(find_unit("grid").folder)
BUILD = {**find_unit("grid").contract.builds["square"]}
N_PES = BUILD["GRID_COLS"] * BUILD["GRID_ROWS"]
GATHER = Gather(n_batches=5, n_gathered=2, row_bytes=32, table=1 << 14, results=256)


def play(stationary, is_b_far=False, is_c_far=False, n_m=2, n_n=2):
    timing = LAW.time_pe(BUILD, 1, is_b_far, LAW.fair_share(BUILD))
    mapping = MatmulMapping(stationary, 1, 2, 1, 2, 8, 16, 32, 2)
    size = (2 * n_m * 8, n_n * 16, 2 * (2 if stationary == OUTPUT else 1) * 32)
    holds_b = stationary == WEIGHT
    return LAW.play_product(BUILD, np.random.default_rng(3), size, mapping, holds_b, (is_b_far, is_c_far), timing)


def commands(stimulus, name):
    return np.array(stimulus[name][0])


def gathers():
    table = write_gather(GATHER, LAW.time_pe(BUILD, 1, True, LAW.fair_share(BUILD)), [90, 80, 60, 40, 30])
    words = [write_gather_words(table, GATHER, pe, BUILD) for pe in range(N_PES)]
    return table, words, [program_rows(table, of_pe, BUILD) for of_pe in words]


@pytest.mark.parametrize("is_b_far", [False, True])
@pytest.mark.parametrize("stationary", [OUTPUT, WEIGHT, INPUT])
def test_machine_code_pushes_each_product(stationary, is_b_far):
    stimulus = play(stationary, is_b_far)
    rows, compact = commands(stimulus, "table"), commands(stimulus, "compact")
    assert (PREFETCH in rows[:, UNIT]) == is_b_far
    assert (rows[1:, ISSUE] > 1).all()
    assert len(set(compact[:, ISSUE].tolist())) == 1


def test_words_that_are_the_same_for_all_are_sent_once():
    host = play(OUTPUT)["sources"]["host"]["data"]
    target = [word >> 83 for word in host]
    memory = [word >> 80 & 7 for word in host]
    assert all(to == 0 for to, of in zip(target, memory, strict=True) if of in (0, 2, 4))  # code, kinds, and to let go
    differing = [to for to, of in zip(target, memory, strict=True) if of == 1 and to]
    assert differing == [1, 2, 3, 4] * (len(differing) // N_PES)
    assert differing
    assert memory[-1] == 4


def test_what_is_stored_behind_the_cache_is_written_back_next():
    stimulus = play(WEIGHT, is_c_far=True)
    for name in ("table", "compact"):
        units = commands(stimulus, name)[:, UNIT]
        assert (units == STORE).sum() > 0
        assert (units[np.flatnonzero(units == STORE) + 1] == WRITE_BACK).all()
        rows = commands(stimulus, name)[units == WRITE_BACK]
        assert (rows[:, ISSUE] == 0).all()
        assert (rows[:, RESOURCE] == DRAM).all()
        assert (rows[:, SERVICE] > 0).all()


def test_lines_are_displaced_once_the_cache_is_full():
    cycles = LAW.write_back_cycles(BUILD, n_tiles=64, tile_bytes=64)  # twice the cache
    assert max(cycles[:32]) < min(cycles[32:])


def test_every_batch_of_a_gather_has_its_own_service():
    table, words, programs = gathers()
    issued = issue_on_cores(table, programs, words, BUILD)
    far = issued.compact.commands[:, RESOURCE] == DRAM
    assert issued.compact.commands[far, SERVICE].tolist() == [60, 60]
    assert (issued.written.commands[:, RESOURCE] == DRAM).sum() == GATHER.n_batches
    assert len(issued.written.commands) == len(words[0])


def test_machine_code_has_to_push_the_words_of_its_pe():
    table, words, programs = gathers()
    words[2][1] ^= 1 << head_bits(BUILD) + SHARED_BIT
    with pytest.raises(ValueError, match=r"^the machine code of PE 2 does not push the words of the program$"):
        issue_on_cores(table, programs, words, BUILD)


def test_cores_have_to_take_the_same_cycles():
    table, words, programs = gathers()
    ring = words[3].copy()
    ring[1] += 1 << head_bits(BUILD)  # no longer comes round in two steps: the ring of this core is longer
    programs[3] = program_rows(table, ring, BUILD)
    words[3] = ring
    with pytest.raises(ValueError, match=r"^the machine code of PE 3 does not take the way of PE 0$"):
        issue_on_cores(CommandTable(*table), programs, words, BUILD)
