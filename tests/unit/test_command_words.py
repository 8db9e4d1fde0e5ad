"""Command words of the hardware PE: the order of a program, and where its tiles lie."""

from __future__ import annotations

import numpy as np
import pytest

from archmodel.kernels.matmul_shape import NEAR_A, OUTPUT, WEIGHT
from archmodel.kernels.program import LOAD, MATRIX, STORE
from archmodel.lowering.program import CommandTable
from archmodel.verify.bench import draw_points, load_law
from archmodel.verify.command_words import HARDWARE_UNITS, Product, capacities, expand, head_bits, write_words
from archmodel.verify.contract import find_unit

BLOCK = find_unit("pe")
SMALL = BLOCK.contract.builds["small"]


def program(stationary, **changed):
    sizes = {"m": 16, "n": 8, "k": 16, "block_m": 8, "block_n": 8, "block_k": 8 if stationary == OUTPUT else 16}
    product = Product(stationary=stationary, holds_b=True, operations=((2, 0, 8),), **(sizes | changed))
    law = load_law(BLOCK.folder)
    table = law._program(product, law.pe_timing(SMALL, 1, 1), n_buffered=2)
    return table, product


def words_of(words, unit):
    """Four words of each command of a unit."""
    return [
        [word >> head_bits(SMALL) + 32 * i & 0xFFFF_FFFF for i in range(4)]
        for word in words
        if word % 8 == HARDWARE_UNITS.index(unit)
    ]


def test_body_is_repeated_between_prologue_and_epilogue():
    table = CommandTable(np.zeros((4, 17), np.int64), np.array([1, 2, 1, 2, 2]), np.zeros(1, np.int64))
    assert list(expand(table)) == [(turn, number) for turn in (0, 1) for number in (0, 1, 2, 1, 2, 3)]


def test_loads_of_two_steps_by_hand():
    # a is 16 × 16 at 0, b 8 × 16 at 256: target, source, stride and bytes of a row, rows.
    loads = words_of(write_words(*program(OUTPUT), SMALL), LOAD)
    assert [[*load[:2], *divmod(load[2], 1 << 16), load[3]] for load in loads] == [
        [0, 0, 16, 8, 8], [128, 256, 16, 8, 8], [64, 8, 16, 8, 8], [192, 264, 16, 8, 8],
        [0, 128, 16, 8, 8], [128, 256, 16, 8, 8], [64, 136, 16, 8, 8], [192, 264, 16, 8, 8],
    ]  # fmt: skip


def test_a_multiply_reads_what_was_loaded_and_the_first_opens_a_block():
    # Held, streamed; stride, groups and columns; whether it opens a block, its steps, depths.
    multiplies = words_of(write_words(*program(OUTPUT), SMALL), MATRIX)
    shape = 8 << 16 | 4 << 8 | 8
    assert multiplies[:2] == [[128, 0, shape, 1 << 16 | 2 << 8 | 1], [192, 64, shape, 2 << 8 | 1]]


def test_a_held_operand_stays_in_its_slot():
    assert [words[0] for words in words_of(write_words(*program(WEIGHT), SMALL), MATRIX)] == [256, 256]


def test_results_are_stored_one_behind_the_other():
    assert [words[0] for words in words_of(write_words(*program(WEIGHT), SMALL), STORE)] == [384, 448]


def test_tiles_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="tiles take 640 bytes of local memory, which has 512"):
        write_words(*program(OUTPUT, block_m=16), SMALL | {"ADDRESS": 9})


def test_only_what_is_in_the_cache_may_have_more_tokens_than_a_pe_counts():
    table, _ = program(OUTPUT)
    bits = SMALL["TOKENS"].bit_length()
    many = np.array([9, *table.capacity[1:]])  # of a in the cache
    assert capacities(CommandTable(table.commands, table.loops, many), SMALL) % (1 << bits) == (1 << bits) - 1
    many = np.where(np.arange(len(many)) == NEAR_A, 9, many)
    with pytest.raises(ValueError, match=r"tokens; the PE counts to 3"):
        capacities(CommandTable(table.commands, table.loops, many), SMALL)


@pytest.mark.parametrize("build", sorted(BLOCK.contract.builds))
def test_hardware_gets_a_word_per_command_of_the_model(build):
    for point in draw_points(BLOCK, build, 5):
        source = point.stimulus["sources"].get("command")  # else the core makes them of what it pushes
        n = len(source["data"]) if source else len(point.stimulus["issue"])
        assert n == len(point.expected["events"]["accept"])
