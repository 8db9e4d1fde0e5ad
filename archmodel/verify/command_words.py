"""Command words of the hardware PE (``rtl_stubs/pe``) for a program of the cycle model: one generator feeds both.

A `CommandTable` says which unit runs a command, for how long, and on which circular buffers. Hardware needs addresses
too: which tile a load fetches, which slots of local memory a multiply reads. They follow from the order of the program.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from archmodel.kernels.matmul_shape import ACCUMULATED, NEAR_A, NEAR_B, OUTPUT, RESULT, WEIGHT
from archmodel.kernels.program import IN_A, IN_B, LOAD, MATRIX, NONE, OUT, RESERVE, SIMD, STORE, UNIT
from archmodel.lowering.program import CommandTable

UNITS = (LOAD, MATRIX, SIMD, STORE)
"""Units of the hardware, by number."""
BUFFERS = (NEAR_A, NEAR_B, ACCUMULATED, RESULT)
"""Its circular buffers."""


@dataclass(frozen=True, slots=True)
class Product:
    """A product of int8 matrices as it lies in memory: a is m × k, b is n × k, row by row; c tile by tile.

    Parameters
    ----------
    m, n, k
        Sizes, multiples of those of a block.
    stationary
        What stays in place (``archmodel.kernels.matmul_program``).
    block_m, block_n, block_k
        Of a block; if a or b stays in place, ``block_k`` is ``k``.
    holds_b
        Whether the matrix engine holds b while rows of a stream; then a tile of c is m × n, else n × m.
    operations
        Of the SIMD engine: code, b and a of each.
    """

    m: int
    n: int
    k: int
    stationary: int
    block_m: int
    block_n: int
    block_k: int
    holds_b: bool
    operations: tuple[tuple[int, int, int], ...]

    def tile(self, turn: int, step: int) -> tuple[int, int, int]:
        """Block of m, n and k of the multiply number ``step`` in an outer turn of the program."""
        if self.stationary == OUTPUT:
            return *divmod(turn, self.n // self.block_n), step
        return (step, turn, 0) if self.stationary == WEIGHT else (turn, step, 0)

    @property
    def addresses(self) -> tuple[int, int, int]:
        """Where a, b and c lie in memory."""
        return 0, self.m * self.k, (self.m + self.n) * self.k


def expand(table: CommandTable) -> Iterator[tuple[int, int]]:
    """List the commands of a program in the order in which they are issued: outer turn, number of the command."""
    n_prologue, n_body, n_epilogue, n_inner, n_outer = (int(n) for n in table.loops)
    body = range(n_prologue, n_prologue + n_body)
    turn = [*range(n_prologue), *list(body) * n_inner, *range(body.stop, body.stop + n_epilogue)]
    for outer in range(n_outer):
        for number in turn:
            yield outer, number


def write_words(table: CommandTable, product: Product, parameters: Mapping[str, int]) -> list[int]:
    """Write the command words of a program for a PE with the given parameters."""
    writer = _Writer(table, product, parameters)
    words, step, turn = [], 0, 0
    for outer, number in expand(table):
        step, turn = (0 if outer != turn else step), outer
        row = table.commands[number]
        words.append(writer.word(row, product.tile(turn, step)))
        step += int(row[UNIT] == MATRIX)
    return words


def capacities(table: CommandTable, parameters: Mapping[str, int]) -> int:
    """Tokens of the buffers as the PE takes them, side by side."""
    bits = parameters["TOKENS"].bit_length()
    return sum(int(table.capacity[b]) << (bits * i) for i, b in enumerate(BUFFERS))


class _Writer:
    """Keeps count of the tokens of each buffer, which say where a tile lies."""

    def __init__(self, table: CommandTable, product: Product, parameters: Mapping[str, int]) -> None:
        self.product, self.parameters, self.capacity = product, parameters, table.capacity
        tile_bytes = {
            NEAR_A: product.block_m * product.block_k,
            NEAR_B: product.block_n * product.block_k,
            RESULT: product.block_m * product.block_n,
        }
        self.tile_bytes, self.base, end = tile_bytes, {}, 0
        for b, n_bytes in tile_bytes.items():
            self.base[b] = end
            end += n_bytes * int(table.capacity[b])
        if end > 1 << parameters["ADDRESS"]:
            raise ValueError(f"tiles take {end} bytes of local memory, which has {1 << parameters['ADDRESS']}")
        self.n_given = dict.fromkeys(BUFFERS, 0)
        self.n_taken = dict.fromkeys(BUFFERS, 0)
        self.n_stored = 0

    def word(self, row: np.ndarray, tile: tuple[int, int, int]) -> int:
        """Word of the next command of the program, in the layout of the command processor."""
        payload = {LOAD: self._load, MATRIX: self._multiply, SIMD: self._work, STORE: self._store}[row[UNIT]](row, tile)
        count_bits, word = self.parameters["TOKENS"].bit_length(), payload
        for column in (OUT, IN_B, IN_A):
            buffer, first, second = (int(value) for value in row[column : column + 3])
            word = (word << count_bits | second) << count_bits | first
            word = word << 2 | (BUFFERS.index(buffer) if buffer != NONE else 0)
        for column, counts, popped in ((IN_A, self.n_taken, 2), (IN_B, self.n_taken, 2), (OUT, self.n_given, 1)):
            if row[column] != NONE:
                counts[int(row[column])] += int(row[column + popped])
        return word << 2 | UNITS.index(row[UNIT])

    def _slot(self, buffer: int, n: int) -> int:
        return self.base[buffer] + n % int(self.capacity[buffer]) * self.tile_bytes[buffer]

    def _load(self, row: np.ndarray, tile: tuple[int, int, int]) -> int:
        p, buffer = self.product, int(row[OUT])
        first, n_rows = (0, p.block_m) if buffer == NEAR_A else (1, p.block_n)
        address = p.addresses[first] + tile[first] * n_rows * p.k + tile[2] * p.block_k
        return self._transfer(n_rows, p.block_k, address, p.k, self._slot(buffer, self.n_given[buffer]))

    def _store(self, row: np.ndarray, tile: tuple[int, int, int]) -> int:
        n_rows, n_columns = self._result_shape()
        address = self.product.addresses[2] + self.n_stored * self.tile_bytes[RESULT]
        self.n_stored += 1
        return self._transfer(n_rows, n_columns, self._slot(RESULT, self.n_taken[RESULT]), n_columns, address)

    def _transfer(self, n_rows: int, row_bytes: int, source: int, stride: int, target: int) -> int:
        word, bits = n_rows, self.parameters["ADDRESS"]
        for value in (row_bytes, source, stride, target):
            word = word << bits | value
        return word

    def _multiply(self, row: np.ndarray, tile: tuple[int, int, int]) -> int:
        p, bits = self.product, self.parameters["ADDRESS"]
        a, b = (self._slot(buffer, self.n_taken[buffer]) for buffer in (NEAR_A, NEAR_B))
        held, streamed = (b, a) if p.holds_b else (a, b)
        n_streamed, n_held = self._result_shape()
        depths = p.block_k // (self.parameters["N_TILES"] * self.parameters["DEPTH"])
        word = depths * (p.k // p.block_k) << 1 | int(row[RESERVE] > 0)
        for value in (depths, n_held // self.parameters["ROWS"], n_streamed):
            word = word << 8 | value
        for value in (p.block_k, streamed, held):
            word = word << bits | value
        return word

    def _work(self, row: np.ndarray, tile: tuple[int, int, int]) -> int:
        bits, word = self.parameters["ADDRESS"], 0
        for code, b, a in reversed(self.product.operations):
            word = word << 35 | code << 32 | (b & 0xFFFF) << 16 | a & 0xFFFF
        word = word << 3 | len(self.product.operations)
        n_streamed, n_held = self._result_shape()
        word = (word << 8 | n_held // self.parameters["ROWS"]) << 8 | n_streamed
        return (word << bits | n_held) << bits | self._slot(RESULT, self.n_given[RESULT])

    def _result_shape(self) -> tuple[int, int]:
        """Rows and columns of a tile of c in local memory: what streams and what is held."""
        p = self.product
        return (p.block_m, p.block_n) if p.holds_b else (p.block_n, p.block_m)
