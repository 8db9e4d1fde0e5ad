"""Command words of the hardware PE: the order of a program, and where its tiles lie."""

from __future__ import annotations

import numpy as np
import pytest

from archmodel.kernels.matmul_shape import OUTPUT, WEIGHT
from archmodel.lowering.program import CommandTable
from archmodel.verify.bench import draw_points, load_law
from archmodel.verify.command_words import Product, expand, write_words
from archmodel.verify.contract import find_unit

BLOCK = find_unit("pe")
SMALL = BLOCK.contract.builds["small"]
ADDRESS = SMALL["ADDRESS"]


def program(stationary, **changed):
    sizes = {"m": 16, "n": 8, "k": 16, "block_m": 8, "block_n": 8, "block_k": 8 if stationary == OUTPUT else 16}
    product = Product(stationary=stationary, holds_b=True, operations=((2, 0, 8),), **(sizes | changed))
    law = load_law(BLOCK.folder)
    table = law._program(product, law._timing(SMALL, 1, 1), n_buffered=2)
    return table, product


def fields(word, *widths):
    """Payload of a word, its fields from the lowest bits up."""
    word >>= 2 + 3 * (2 + 2 * SMALL["TOKENS"].bit_length())
    found = []
    for width in widths:
        found.append(word % (1 << width))
        word >>= width
    return found


def test_body_is_repeated_between_prologue_and_epilogue():
    table = CommandTable(np.zeros((4, 17), np.int64), np.array([1, 2, 1, 2, 2]), np.zeros(1, np.int64))
    assert list(expand(table)) == [(turn, number) for turn in (0, 1) for number in (0, 1, 2, 1, 2, 3)]


def test_loads_of_two_steps_by_hand():
    # a is 16 × 16 at 0, b 8 × 16 at 256: target, stride, source, bytes of a row, rows.
    words = write_words(*program(OUTPUT), SMALL)
    loads = [fields(word, *[ADDRESS] * 4, 7) for word in words if word % 4 == 0]
    assert loads == [
        [0, 16, 0, 8, 8], [128, 16, 256, 8, 8], [64, 16, 8, 8, 8], [192, 16, 264, 8, 8],
        [0, 16, 128, 8, 8], [128, 16, 256, 8, 8], [64, 16, 136, 8, 8], [192, 16, 264, 8, 8],
    ]  # fmt: skip


def test_a_multiply_reads_what_was_loaded_and_the_first_opens_a_block():
    words = write_words(*program(OUTPUT), SMALL)
    multiplies = [fields(word, *[ADDRESS] * 3, 8, 8, 8, 1, 8) for word in words if word % 4 == 1]
    assert multiplies[:2] == [[128, 0, 8, 8, 4, 1, 1, 2], [192, 64, 8, 8, 4, 1, 0, 2]]


def test_a_held_operand_stays_in_its_slot():
    words = write_words(*program(WEIGHT), SMALL)
    held = [fields(word, ADDRESS)[0] for word in words if word % 4 == 1]
    assert held == [256, 256]


def test_results_are_stored_one_behind_the_other():
    words = write_words(*program(WEIGHT), SMALL)
    assert [fields(word, ADDRESS)[0] for word in words if word % 4 == 3] == [384, 448]


def test_tiles_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="tiles take 640 bytes of local memory, which has 512"):
        write_words(*program(OUTPUT, block_m=16), SMALL | {"ADDRESS": 9})


@pytest.mark.parametrize("build", sorted(BLOCK.contract.builds))
def test_hardware_gets_a_word_per_command_of_the_model(build):
    for point in draw_points(BLOCK, build, 5):
        n = len(point.stimulus["sources"]["command"]["data"])
        assert n == len(point.expected["events"]["accept"])
