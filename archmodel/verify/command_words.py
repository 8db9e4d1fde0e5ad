"""Command words of the hardware PE (``rtl_stubs/pe``) for a program of the cycle model: one generator feeds both.

A `CommandTable` says which unit runs a command, for how long, and on which circular buffers. Hardware needs addresses
too: which tile a load fetches, which slots of local memory a multiply reads. They follow from the order of the program.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from archmodel.kernels.matmul_shape import FAR_A, NEAR_A, NEAR_B, OUTPUT, RESULT, WEIGHT
from archmodel.kernels.program import (
    CAST,
    IN_A,
    IN_B,
    LOAD,
    MATRIX,
    NONE,
    OUT,
    OWN,
    PREFETCH,
    REDUCE,
    RESERVE,
    SIMD,
    STORE,
    UNIT,
    VECTOR,
    WRITE_BACK,
)
from archmodel.lowering.program import CommandTable

HARDWARE_UNITS = (PREFETCH, LOAD, MATRIX, REDUCE, SIMD, VECTOR, STORE)
"""Units of the hardware, by number; the circular buffers have the numbers that they have in a program."""
_UNIT_BITS, _BUFFER_BITS = 3, 4
SHARED_BIT = 3 * 32 + 16  # of a load or prefetch for which other PEs ask, too


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

    def locate(self, operand: int, tile: tuple[int, int, int]) -> tuple[int, int]:
        """Say where a tile of a (0) or of b (1) begins, and how far apart its rows are."""
        n_rows = self.block_n if operand else self.block_m
        return self.addresses[operand] + tile[operand] * n_rows * self.k + tile[2] * self.block_k, self.k

    @property
    def block(self) -> tuple[int, int]:
        """Rows and columns of a block of c in the accumulators: what streams and what is held."""
        return (self.block_m, self.block_n) if self.holds_b else (self.block_n, self.block_m)

    @property
    def share(self) -> tuple[range, range]:
        """Which of these rows and columns the PE works on and stores."""
        n_streamed, n_held = self.block
        return range(n_streamed), range(n_held)


@dataclass(frozen=True, slots=True)
class Part(Product):
    """Part of a product that a PE of a grid computes; sums are added up over a chain of PEs, each has a share.

    Parameters
    ----------
    whole_k
        Depth of the whole product: bytes of a row of a, or of b.
    starts
        Where its parts of a, of b, and of c lie in memory.
    member, n_members
        Its place in its chain, and how long that is.
    has_tiles
        Whether b lies tile by tile.
    """

    whole_k: int
    starts: tuple[int, int, int]
    member: int
    n_members: int
    has_tiles: bool

    @property
    def addresses(self) -> tuple[int, int, int]:
        """Where its parts of a, b and c lie in memory."""
        return self.starts

    def locate(self, operand: int, tile: tuple[int, int, int]) -> tuple[int, int]:
        """Say where a tile of its part begins, and how far apart its rows are."""
        n_rows = self.block_n if operand else self.block_m
        if operand and self.has_tiles:
            place = tile[1] * (self.k // self.block_k) + tile[2]
            return self.starts[1] + place * n_rows * self.block_k, self.block_k
        return self.starts[operand] + tile[operand] * n_rows * self.whole_k + tile[2] * self.block_k, self.whole_k

    @property
    def share(self) -> tuple[range, range]:
        """Its columns of c, and all rows."""
        n = self.block_n // self.n_members
        mine = range(self.member * n, (self.member + 1) * n)
        return (range(self.block_m), mine) if self.holds_b else (mine, range(self.block_m))


def expand(table: CommandTable) -> Iterator[tuple[int, int]]:
    """List the commands of a program in the order in which they are issued: outer turn, number of the command."""
    n_prologue, n_body, n_epilogue, n_inner, n_outer = (int(n) for n in table.loops)
    body = range(n_prologue, n_prologue + n_body)
    turn = [*range(n_prologue), *list(body) * n_inner, *range(body.stop, body.stop + n_epilogue)]
    for outer in range(n_outer):
        for number in turn:
            yield outer, number


def write_words(table: CommandTable, product: Product, parameters: Mapping[str, int]) -> list[int]:
    """Write the command words of a program for a PE with the given parameters; a cache writes back without any."""
    writer = _Writer(table, product, parameters)
    words, step, turn = [], 0, 0
    for outer, number in expand(table):
        step, turn = (0 if outer != turn else step), outer
        row = table.commands[number]
        if row[UNIT] == WRITE_BACK:
            continue
        words.append(writer.word(row, product.tile(turn, step)))
        step += int(row[UNIT] == MATRIX)
    return words


def capacities(table: CommandTable, parameters: Mapping[str, int]) -> int:
    """Tokens of the buffers as the PE takes them, side by side; what is in the cache may have more than it can count.

    Parameters
    ----------
    table
        A program.
    parameters
        Of the PE.

    Raises
    ------
    ValueError
        When a buffer in local memory has more tokens than that.
    """
    bits = parameters["TOKENS"].bit_length()
    most = (1 << bits) - 1
    near = table.commands[~np.isin(table.commands[:, UNIT], (PREFETCH, STORE)), OUT]
    tokens = [int(n) for n in table.capacity]
    if any(tokens[b] > most for b in near[near != NONE]):
        raise ValueError(f"buffers have {tokens} tokens; the PE counts to {most}")
    return sum(min(n, most) << (bits * b) for b, n in enumerate(tokens))


def head_of(row: np.ndarray, parameters: Mapping[str, int]) -> int:
    """Lower bits of a command word: the unit, and what it takes from and adds to circular buffers.

    What is stored behind a cache is no buffer of the PE: the cache writes it back without telling.

    Parameters
    ----------
    row
        Command of a program.
    parameters
        Of the PE.
    """
    count_bits, word = parameters["TOKENS"].bit_length(), 0
    for column in (OUT, IN_B, IN_A):
        buffer, first, second = (int(value) for value in row[column : column + 3])
        if (row[UNIT], column) == (STORE, OUT):
            buffer, first, second = NONE, 0, 0
        word = (word << count_bits | second) << count_bits | first
        word = word << _BUFFER_BITS | (buffer if buffer != NONE else 0)
    return word << _UNIT_BITS | HARDWARE_UNITS.index(row[UNIT])


def head_bits(parameters: Mapping[str, int]) -> int:
    """Bits of `head_of`; the payload is above them."""
    return _UNIT_BITS + 3 * (_BUFFER_BITS + 2 * parameters["TOKENS"].bit_length())


def place_tiles(
    table: CommandTable, product: Product, parameters: Mapping[str, int]
) -> tuple[dict[int, int], dict[int, int]]:
    """Place the tiles of a product in local memory, side by side: where each buffer begins, and bytes of a tile.

    Parameters
    ----------
    table, product
        The program, and what it computes.
    parameters
        Of the PE.

    Raises
    ------
    ValueError
        When they do not fit.
    """
    tile_bytes = {
        NEAR_A: product.block_m * product.block_k,
        NEAR_B: product.block_n * product.block_k,
        RESULT: len(product.share[0]) * len(product.share[1]),
    }
    base, end = {}, 0
    for b, n_bytes in tile_bytes.items():
        base[b] = end
        end += n_bytes * int(table.capacity[b])
    if end > 1 << parameters["ADDRESS"]:
        raise ValueError(f"tiles take {end} bytes of local memory, which has {1 << parameters['ADDRESS']}")
    return base, tile_bytes


class SlotCounts:
    """Counts the tokens of each buffer that commands take and give: they say where in local memory a tile lies.

    Parameters
    ----------
    base, slot_bytes
        Where each buffer begins, and bytes of a slot; of those in local memory.
    capacity
        Tokens of each buffer.
    """

    def __init__(self, base: Mapping[int, int], slot_bytes: Mapping[int, int], capacity: np.ndarray) -> None:
        self._base, self._slot_bytes, self._capacity = base, slot_bytes, capacity
        self._n_given = [0] * len(capacity)
        self._n_taken = [0] * len(capacity)

    def given(self, buffer: int) -> int:
        """Count the tokens that a buffer was given."""
        return self._n_given[buffer]

    def place_given(self, buffer: int) -> int:
        """Say where the tile goes that is given next."""
        return self._place(buffer, self._n_given)

    def place_taken(self, buffer: int) -> int:
        """Say where the tile lies that is taken next."""
        return self._place(buffer, self._n_taken)

    def _place(self, buffer: int, counts: list[int]) -> int:
        return self._base[buffer] + counts[buffer] % int(self._capacity[buffer]) * self._slot_bytes[buffer]

    def finish(self, row: np.ndarray, payload: int, parameters: Mapping[str, int]) -> int:
        """Count what a command takes and gives; returns its word, in the layout of the command processor."""
        for column, counts, popped in ((IN_A, self._n_taken, 2), (IN_B, self._n_taken, 2), (OUT, self._n_given, 1)):
            if row[column] != NONE:
                counts[int(row[column])] += int(row[column + popped])
        return payload << head_bits(parameters) | head_of(row, parameters)


class _Writer:
    def __init__(self, table: CommandTable, product: Product, parameters: Mapping[str, int]) -> None:
        self.product, self.parameters = product, parameters
        base, self.tile_bytes = place_tiles(table, product, parameters)
        self.slots = SlotCounts(base, self.tile_bytes, table.capacity)
        self.n_stored = 0

    def word(self, row: np.ndarray, tile: tuple[int, int, int]) -> int:
        """Word of the next command of the program."""
        write = {
            PREFETCH: self._load, LOAD: self._load, MATRIX: self._multiply, REDUCE: self._reduce, SIMD: self._work,
            STORE: self._store,
        }[row[UNIT]]  # fmt: skip
        return self.slots.finish(row, write(row, tile), self.parameters)

    def _load(self, row: np.ndarray, tile: tuple[int, int, int]) -> int:
        p, buffer = self.product, int(row[OUT])
        first, n_rows = (0, p.block_m) if buffer in (FAR_A, NEAR_A) else (1, p.block_n)
        address, stride = p.locate(first, tile)
        target = 0 if row[UNIT] == PREFETCH else self.slots.place_given(buffer)
        is_shared = int(row[CAST] != OWN)
        return self._transfer(n_rows, p.block_k, address, stride, target) | is_shared << SHARED_BIT

    def _store(self, row: np.ndarray, tile: tuple[int, int, int]) -> int:
        n_rows, n_columns = (len(part) for part in self.product.share)
        address = self.product.addresses[2] + self.n_stored * self.tile_bytes[RESULT]
        self.n_stored += 1
        return self._transfer(n_rows, n_columns, self.slots.place_taken(RESULT), n_columns, address)

    def _transfer(self, n_rows: int, row_bytes: int, source: int, stride: int, target: int) -> int:
        return pack(target, source, stride << 16 | row_bytes, n_rows)

    def _multiply(self, row: np.ndarray, tile: tuple[int, int, int]) -> int:
        p = self.product
        a, b = (self.slots.place_taken(buffer) for buffer in (NEAR_A, NEAR_B))
        held, streamed = (b, a) if p.holds_b else (a, b)
        n_streamed, n_held = p.block
        depths = p.block_k // (self.parameters["N_TILES"] * self.parameters["DEPTH"])
        n_groups, steps = n_held // self.parameters["ROWS"], depths * (p.k // p.block_k)
        opens = int(row[RESERVE] > 0)
        return pack(held, streamed, p.block_k << 16 | n_groups << 8 | n_streamed, opens << 16 | steps << 8 | depths)

    def _reduce(self, row: np.ndarray, tile: tuple[int, int, int]) -> int:
        rows = self.parameters["ROWS"]
        n_streamed, n_held = self.product.block
        streamed, held = self.product.share
        share = (held.stop // rows << 8 | held.start // rows) << 16 | streamed.stop << 8 | streamed.start
        return pack(n_held // rows << 8 | n_streamed, share)

    def _work(self, row: np.ndarray, tile: tuple[int, int, int]) -> int:
        work = 0
        for code, b, a in reversed(self.product.operations):
            work = work << 35 | code << 32 | (b & 0xFFFF) << 16 | a & 0xFFFF
        n_streamed, n_held = (len(part) for part in self.product.share)
        work = work << 3 | len(self.product.operations)
        work = (work << 8 | n_held // self.parameters["ROWS"]) << 8 | n_streamed
        return work << 32 | pack(n_held << 16 | self.slots.place_given(RESULT))


def pack(*words: int) -> int:
    """Put the words of a command side by side, the first one lowest."""
    return sum(word << 32 * i for i, word in enumerate(words))
