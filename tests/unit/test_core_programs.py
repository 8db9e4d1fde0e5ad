"""Machine code of the PE: it pushes the words of the program, in every form and order of loops; what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from archmodel.kernels.matmul_shape import INPUT, OUTPUT, WEIGHT
from archmodel.kernels.program import ISSUE
from archmodel.lowering.program import CommandTable
from archmodel.verify import core_issue
from archmodel.verify.bench import load_law
from archmodel.verify.command_words import HARDWARE_UNITS, Product, write_words
from archmodel.verify.contract import find_unit
from archmodel.verify.core_issue import follow_core, mean_issue, pushed_words, run_core
from archmodel.verify.core_programs import kind_table, program_product, program_rows

LAW = load_law(find_unit("pe").folder)
BUILD = {**find_unit("pe").contract.builds["small"], "CORE": 1, "SLOTS": 16}
LOAD_UNIT = HARDWARE_UNITS.index(1)


def parameters_of(form):
    return BUILD | {"AUTO": int("auto" in form), "CONTEXTS": 2 if "contexts" in form else 1}


def written(stationary, n_m, n_n, n_k, n_buffered=2, holds_b=True):
    k = 8 * n_k if stationary == OUTPUT else 8
    product = Product(8 * n_m, 8 * n_n, k, stationary, 8, 8, 8, holds_b, ((2, 0, 8),))
    return LAW._program(product, LAW.pe_timing(BUILD, 1, 1), n_buffered), product


PROGRAMS = [
    (OUTPUT, 2, 3, 1), (OUTPUT, 1, 2, 2), (OUTPUT, 2, 2, 3), (OUTPUT, 2, 1, 4), (WEIGHT, 1, 1, 1), (WEIGHT, 3, 2, 1),
    (WEIGHT, 4, 3, 1), (INPUT, 3, 1, 1), (INPUT, 2, 4, 1),
]  # fmt: skip


@pytest.mark.parametrize("form", ["", "_auto", "_contexts", "_auto_contexts"])
@pytest.mark.parametrize(("stationary", "n_m", "n_n", "n_k"), PROGRAMS)
def test_products_push_the_words_of_the_program(stationary, n_m, n_n, n_k, form):
    parameters = parameters_of(form)
    table, product = written(stationary, n_m, n_n, n_k, holds_b=stationary != INPUT)
    program = program_product(table, product, parameters, form)
    contexts, kinds = run_core(program, parameters), kind_table(table, program, parameters)
    words = write_words(table, product, parameters)
    loads = [word for word in words if word % 8 == LOAD_UNIT]
    expected = [words] if len(contexts) == 1 else [loads, [word for word in words if word % 8 != LOAD_UNIT]]
    assert [pushed_words(context, kinds, parameters) for context in contexts] == expected


@pytest.mark.parametrize("n_buffered", [2, 3])
def test_the_kernel_of_rows_pushes_the_words_of_any_program_that_comes_round(n_buffered):
    table, product = written(OUTPUT, 2, 1, 3, n_buffered)
    words = write_words(table, product, BUILD)
    program = program_rows(table, words, BUILD)
    (context,) = run_core(program, BUILD)
    assert pushed_words(context, kind_table(table, program, BUILD), BUILD) == words


def test_three_places_of_a_buffer_come_round():
    table, product = written(WEIGHT, 4, 2, 1, n_buffered=3)
    program = program_product(table, product, BUILD)
    (context,) = run_core(program, BUILD)
    assert pushed_words(context, kind_table(table, program, BUILD), BUILD) == write_words(table, product, BUILD)
    with pytest.raises(ValueError, match="buffers of two tokens"):
        program_product(table, product, parameters_of("_auto"), "_auto")


def test_what_does_not_fit_the_kernel_of_rows_is_refused():
    long = CommandTable(np.zeros((13, 17), np.int64), np.array([13, 0, 0, 0, 1]), np.zeros(1, np.int64))
    with pytest.raises(ValueError, match="a part of the program has 13 commands; the kernel takes 12"):
        program_rows(long, [0] * 13, BUILD)
    table, _ = written(OUTPUT, 1, 1, 4)
    table = CommandTable(table.commands, table.loops * [1, 1, 1, 1, 400], table.capacity)
    scattered = [number << 100 for number in np.random.default_rng(0).integers(0, 1 << 20, 400 * 14).tolist()]
    with pytest.raises(ValueError, match="the data memory of the core has no room for rings"):
        program_rows(table, scattered, BUILD)


def test_issue_is_the_time_from_push_to_push_and_its_mean():
    table, product = written(WEIGHT, 4, 1, 1)
    program = program_product(table, product, BUILD)
    contexts = run_core(program, BUILD)
    commands = follow_core(table, program, contexts, BUILD).commands
    launch, issue = mean_issue(contexts, BUILD)
    assert launch + issue == commands[0, ISSUE]
    assert issue == round(commands[1:, ISSUE].mean())
    assert commands[1:, ISSUE].min() >= 3  # two words, two words, push


def test_code_that_a_full_queue_would_speed_up_is_refused():
    trace = np.array([[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 2, 0]])  # load, push, use of the word
    core = core_issue.core_times(BUILD)._replace(load=2)
    with pytest.raises(ValueError, match="a push lies between a load and what waits for its word"):
        core_issue._check_loads(trace, core)
    core_issue._check_loads(trace, core._replace(load=1))
