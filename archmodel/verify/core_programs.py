"""Machine code that issues the programs of the cycle model: its parameters, and what a host writes for it.

The kernels are in ``rtl_stubs/pe/kernels``; `archmodel.verify.core_issue` says what they push, and when.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archmodel.kernels.matmul_shape import FAR_A, FAR_B, NEAR_A, NEAR_B, OUTPUT, RESULT, WEIGHT
from archmodel.kernels.program import (
    CAST,
    LOAD,
    MATRIX,
    NONE,
    OUT,
    OWN,
    PREFETCH,
    REDUCE,
    SIMD,
    STORE,
    UNIT,
    WRITE_BACK,
)
from archmodel.lowering.program import CommandTable
from archmodel.verify.command_words import SHARED_BIT, Product, expand, head_bits, head_of, place_tiles, write_words
from archmodel.verify.images import Image, kernel_folder, read_image

DATA_WORDS = 1024
"""Of the data memory of the core."""
PART_KINDS = 16
"""Kinds of each part of a program: prologue, body, epilogue."""
Ints = NDArray[np.int64]
_WORD = 0xFFFF_FFFF
_MOST, _RECORDS, _RECORD_BYTES = 12, 64, 20  # of the kernel of rows
_PLACES = {MATRIX: 4, REDUCE: 5, SIMD: 6, STORE: 7}  # in a part, by the kernels for a grid


@dataclass(frozen=True, slots=True)
class CoreProgram:
    """What the host writes for a program.

    Parameters
    ----------
    image
        Machine code; its data are the parameters.
    kinds
        Kind of each command of the program, by its number; −1 for what happens without being asked for.
    code
        ``plain_code``, ``auto``, ``contexts``, ``auto_contexts`` or ``grid``.
    """

    image: Image
    kinds: tuple[int, ...]
    code: str = "plain_code"

    @property
    def n_contexts(self) -> int:
        """Contexts that run it."""
        return 2 if "contexts" in self.code else 1


def program_product(
    table: CommandTable, product: Product, parameters: Mapping[str, int], form: str = ""
) -> CoreProgram:
    """Choose the kernel for a matrix product and write its parameters.

    Parameters
    ----------
    table, product
        The program, and what it computes.
    parameters
        Of the PE.
    form
        ``""``, ``_auto``, ``_contexts`` or ``_auto_contexts``; auto-increment needs buffers of two tokens. ``_grid``
        for a `Part` of a product.
    """
    if "auto" in form and max(table.capacity[[NEAR_A, NEAR_B, RESULT]]) > 2:
        raise ValueError("kernels with auto-increment need buffers of two tokens")
    name = "gemm_output" if product.stationary == OUTPUT else "gemm_panel"
    text = read_image(kernel_folder("pe"), name + form).text
    data = _product_block(table, product, parameters)
    kinds = _kinds_in_grid(table, product) if form == "_grid" else _kinds(table)
    return CoreProgram(Image(text, data), kinds, form.removeprefix("_") or "plain_code")


def program_rows(table: CommandTable, words: Sequence[int], parameters: Mapping[str, int]) -> CoreProgram:
    """Write the parameters of the kernel for any program whose commands come round (``rows.S``).

    Parameters
    ----------
    table
        The program.
    words
        Its command words, in the order of `expand`.
    parameters
        Of the PE.

    Raises
    ------
    ValueError
        When the words of a command do not come round, or there are too many.
    """
    lengths = [int(n) for n in table.loops[:3]]
    if max(lengths) > _MOST:
        raise ValueError(f"a part of the program has {max(lengths)} commands; the kernel takes {_MOST}")
    kinds = tuple(part * PART_KINDS + _MOST - length + i for part, length in enumerate(lengths) for i in range(length))
    payloads: dict[int, list[list[int]]] = {}
    for (_, number), word in zip(expand(table), words, strict=True):
        payloads.setdefault(number, []).append(_split(word >> head_bits(parameters)))
    n_inner = int(table.loops[3]) if lengths[1] else 0
    data = [int(table.loops[4]), n_inner, *lengths] + [0] * (DATA_WORDS - 5)
    end = _RECORDS + _RECORD_BYTES * 3 * PART_KINDS
    for number, given in payloads.items():
        ring, steps = _find_ring(given)
        first, end = end, end + 16 * len(ring)
        if end > 4 * DATA_WORDS:
            raise ValueError(f"the data memory of the core has no room for rings of {end} bytes")
        at = (_RECORDS + _RECORD_BYTES * kinds[number]) // 4
        data[at : at + 5] = [first, end, first, *steps]
        data[first // 4 : end // 4] = [word for four in ring for word in four]
    return CoreProgram(Image(read_image(kernel_folder("pe"), "rows").text, data[: end // 4]), kinds)


def _find_ring(given: Sequence[Sequence[int]]) -> tuple[list[list[int]], list[int]]:
    """Find the shortest ring of words whose first two advance by constant steps, each time that they are used."""
    for size in range(1, len(given) + 1):
        steps = [(given[-1][i] - given[-1 - size][i]) & _WORD if size < len(given) else 0 for i in range(4)]
        if steps[2:] == [0, 0] and all(
            (given[v + size][i] - given[v][i]) & _WORD == steps[i] for v in range(len(given) - size) for i in range(4)
        ):
            return [list(four) for four in given[:size]], steps[:2]
    raise AssertionError  # a ring of all of them is one


def _kinds(table: CommandTable) -> tuple[int, ...]:
    """Kind of each command: its place in its part of the program."""
    lengths = [int(n) for n in table.loops[:3]]
    return tuple(part * PART_KINDS + i for part, length in enumerate(lengths) for i in range(length))


def _kinds_in_grid(table: CommandTable, product: Product) -> tuple[int, ...]:
    """Kind of each command: its part of the program, and the place in ``gemm_grid.S`` of commands like it."""
    of_x = (FAR_B, NEAR_B) if product.stationary == WEIGHT else (FAR_A, NEAR_A)
    kinds = []
    for part, row in zip(np.repeat(np.arange(3), table.loops[:3]).tolist(), table.commands, strict=True):
        place = _PLACES.get(int(row[UNIT]), NONE)
        if row[UNIT] in (PREFETCH, LOAD):
            place = 2 * int(row[OUT] not in of_x) + int(row[UNIT] == LOAD)
        kinds.append(part * PART_KINDS + place if place != NONE else NONE)
    return tuple(kinds)


def _product_block(table: CommandTable, product: Product, parameters: Mapping[str, int]) -> list[int]:
    """Parameters of a matrix product, in the order of ``parameters.h``."""
    is_output, is_weight = product.stationary == OUTPUT, product.stationary == WEIGHT
    base, tile_bytes = place_tiles(table, product, parameters)
    n_m, n_n, n_k = (
        product.m // product.block_m, product.n // product.block_n, product.k // product.block_k
    )  # fmt: skip
    first = _first_words(table, product, parameters)
    sides = {NEAR_A: (0, product.block_m), NEAR_B: (1, product.block_n)}
    x, y = (NEAR_B, NEAR_A) if is_weight else (NEAR_A, NEAR_B)
    block = [n_m, n_n, n_k] if is_output else [n_n, 1, n_m] if is_weight else [n_m, 1, n_n]
    for buffer in (x, y):
        operand, n_rows = sides[buffer]
        source, stride = product.locate(operand, (0, 0, 0))
        step, row = (product.locate(operand, tile)[0] - source for tile in ((0, 0, 1), (1, 1, 0)))
        end = base[buffer] + tile_bytes[buffer] * int(table.capacity[buffer])
        is_shared = any(load[OUT] == buffer and load[CAST] != OWN for load in table.commands)
        rows_word = n_rows | is_shared << SHARED_BIT % 32
        block += [source, step if is_output else row, row, stride << 16 | product.block_k, rows_word]
        block += [base[buffer], end, tile_bytes[buffer]]
    depths = {part: words[3] for (part, unit), words in first.items() if unit == MATRIX}
    last = depths[2]
    multiply, work = first[2, MATRIX], first[2, SIMD]
    holds_y = _WORD if product.holds_b == (y == NEAR_B) else 0
    block += [holds_y, multiply[2], depths.get(0, last), depths.get(1, last), last]
    block += [work[0] & 0xFFFF_0000, *work[1:]]
    end = base[RESULT] + tile_bytes[RESULT] * int(table.capacity[RESULT])
    block += [base[RESULT], end, tile_bytes[RESULT], product.addresses[2], tile_bytes[RESULT], *first[2, STORE][2:]]
    if (2, REDUCE) in first:
        is_far = {int(row[OUT]) for row in table.commands if row[UNIT] == PREFETCH}
        block += first[2, REDUCE][:2] + [
            int(far in is_far) for far in ((FAR_B, FAR_A) if is_weight else (FAR_A, FAR_B))
        ]
    return block


def _first_words(
    table: CommandTable, product: Product, parameters: Mapping[str, int]
) -> dict[tuple[int, int], list[int]]:
    """Four words of the first command of each unit in each part of a program."""
    found: dict[tuple[int, int], list[int]] = {}
    parts = np.repeat(np.arange(3), table.loops[:3])
    told = [number for _, number in expand(table) if table.commands[number, UNIT] != WRITE_BACK]
    for number, word in zip(told, write_words(table, product, parameters), strict=True):
        key = int(parts[number]), int(table.commands[number, UNIT])
        found.setdefault(key, _split(word >> head_bits(parameters)))
    return found


def _split(payload: int) -> list[int]:
    return [payload >> 32 * i & _WORD for i in range(4)]


def kind_table(table: CommandTable, program: CoreProgram, parameters: Mapping[str, int]) -> dict[int, int]:
    """Say for each kind what the command processor needs to know.

    Parameters
    ----------
    table, program
        The program, and the kinds of its commands.
    parameters
        Of the PE.
    """
    kinds = enumerate(program.kinds)
    return {kind: head_of(table.commands[number], parameters) for number, kind in kinds if kind != NONE}


def host_words(
    table: CommandTable, program: CoreProgram, parameters: Mapping[str, int], loops: Sequence[int] = ()
) -> list[int]:
    """Write what the host sends before the core runs: memory, word and value, the last one lets it go.

    Parameters
    ----------
    table, program
        The program and its machine code.
    parameters
        Of the PE.
    loops
        Instructions of the vector loops.
    """
    kinds = kind_table(table, program, parameters)
    memories = [enumerate(program.image.text), enumerate(program.image.data), kinds.items(), enumerate(loops), [(0, 0)]]
    return [memory << 80 | word << 64 | value for memory, words in enumerate(memories) for word, value in words]
