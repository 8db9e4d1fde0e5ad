"""Kernels of the core: the committed images are what their sources give; encodings that a book prints."""

from __future__ import annotations

import os

import pytest

from archmodel.errors import UnsupportedError
from archmodel.verify import images
from archmodel.verify.images import BLOCKS, COMPILER, build_image, find_compiler, image_names, kernel_folder, kernels
from archmodel.verify.riscv import TABLE, Context, decode, encode


@pytest.mark.parametrize("block", BLOCKS)
def test_every_kernel_has_an_image(block):
    assert image_names(kernel_folder(block)) == sorted(kernels(block))


def test_there_are_at_least_twenty_kernels():
    assert len(kernels()) >= 20


@pytest.mark.parametrize(("block", "name"), [(block, name) for block in BLOCKS for name in kernels(block)])
def test_images_are_what_their_sources_give(block, name):
    if find_compiler() is None:
        is_required = os.environ.get("ARCHMODEL_REQUIRE_RISCV_GCC") == "1"
        (pytest.fail if is_required else pytest.skip)(f"{COMPILER} is missing: apt install gcc-riscv64-unknown-elf")
    committed = (kernel_folder(block) / f"{name}.hex").read_text(encoding="utf-8")
    assert build_image(name, block) == committed, "run: python -m archmodel.verify.images"


def test_a_missing_compiler_is_said(monkeypatch):
    monkeypatch.setattr(images, "find_compiler", lambda: None)
    with pytest.raises(UnsupportedError, match="riscv64-unknown-elf-gcc is missing: apt install"):
        build_image("copy")


# As the GNU assembler encodes them; fields that a format does not have are cut out of the word all the same
@pytest.mark.parametrize(
    ("word", "name", "registers", "immediate"),
    [
        (0x00500093, "addi", (1, 0, 5), 5),
        (0xFE20CEE3, "blt", (29, 1, 2), -4),
        (0x00112423, "sw", (8, 2, 1), 8),
        (0x800000B7, "lui", (1, 0, 0), -(1 << 31)),
        (0xFF9FF0EF, "jal", (1, 31, 25), -8),
        (0x40515093, "srai", (1, 2, 5), 5),
        (0x025111B3, "mulh", (3, 2, 5), 0),
    ],
)
def test_words_are_decoded_and_encoded(word, name, registers, immediate):
    assert decode(word) == (name, *registers, immediate)
    assert encode(*decode(word)) == word


@pytest.mark.parametrize("word", [0, 0xFFFF_FFFF, encode("add") | 1 << 26, encode("lw") | 1 << 12, 0x30200073])
def test_what_is_no_instruction_is_illegal(word):
    assert decode(word).name == "illegal"


def test_a_plain_core_has_no_steps_and_no_slots_beyond_its_own():
    assert decode(encode("repeat"), is_auto=False).name == "illegal"
    assert decode(encode("push", 4), n_slots=4).name == "illegal"
    assert decode(encode("push", 3), n_slots=4).name == "push"


def test_every_instruction_has_a_name_of_its_own():
    assert sorted(decode(encode(name)).name for name in TABLE) == sorted(TABLE)


def test_a_program_that_does_not_halt_and_an_address_that_is_not_aligned_are_errors():
    with pytest.raises(RuntimeError, match="context 0 did not halt within 10 instructions; pc 0x0"):
        Context([encode("jal")], [0]).run(10)
    with pytest.raises(RuntimeError, match=r"lw of context 0 at 0x0: address 0x2 not aligned"):
        Context([encode("lw", 1, 0, 0, 2)], [0]).run()
