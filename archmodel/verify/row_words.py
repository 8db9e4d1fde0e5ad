"""Command words of the hardware PE for the programs of `archmodel.verify.row_programs`: where everything lies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from archmodel.kernels.program import IN_A, IN_B, LOAD, OUT, STORE, UNIT
from archmodel.lowering.program import CommandTable
from archmodel.verify.command_words import SlotCounts, expand, pack
from archmodel.verify.integer_loops import gives_numbers, loop_code
from archmodel.verify.row_programs import WORD_BYTES, RowKernel, count_elements


@dataclass(frozen=True, slots=True)
class Layout:
    """Addresses behind the fabric [B]; whatever begins there begins a fragment.

    Parameters
    ----------
    rows
        Rows of elements, one behind the other; for bags the table.
    lists, list_bytes
        Lists of indices, and how far apart those of two tiles are.
    held
        What each step holds.
    results
        Tiles of results, one behind the other.
    """

    rows: int
    lists: int
    list_bytes: int
    held: tuple[int, ...]
    results: int


@dataclass(frozen=True, slots=True)
class _Fetch:
    """What the loads of a buffer bring: rows from an address on, that of the next token so much further."""

    address: int
    token_bytes: int
    n_rows: int
    row_bytes: int
    is_indexed: bool = False


def lay_out(kernel: RowKernel, n_rows: int, fragment: int) -> Layout:
    """Place what a kernel reads and writes.

    Parameters
    ----------
    kernel
        What it does.
    n_rows
        Rows of elements, or of the table.
    fragment
        Bytes of a fragment, on whose boundaries everything begins.
    """
    list_bytes = _up(kernel.n_gathered * WORD_BYTES, fragment)
    lists = _up(n_rows * kernel.n_cols * kernel.element_bytes, fragment)
    end, held = lists + kernel.n_tiles * list_bytes, []
    for step in kernel.steps:
        held.append(end)
        end += _up(len(step.held) * WORD_BYTES, fragment)
    return Layout(0, lists, list_bytes, tuple(held), end)


def write_row_words(table: CommandTable, kernel: RowKernel, layout: Layout, parameters: Mapping[str, int]) -> list[int]:
    """Write the command words of a program.

    Parameters
    ----------
    table, kernel
        The program and what it does.
    layout
        Where everything is behind the fabric.
    parameters
        Of the PE.
    """
    writer = _Writer(table, kernel, layout, parameters)
    return [writer.word(table.commands[number]) for _, number in expand(table)]


class _Writer:
    def __init__(self, table: CommandTable, kernel: RowKernel, layout: Layout, parameters: Mapping[str, int]) -> None:
        self.kernel, self.layout, self.parameters = kernel, layout, parameters
        self.first = loop_code()[1]
        self.fetches = self._fetches()
        sizes = [fetch.n_rows * fetch.row_bytes for fetch in self.fetches]
        sizes += [self._result_bytes(idx) for idx in range(len(kernel.steps))]
        slot_bytes = [_up(size, parameters["DEPTH"]) for size in sizes]
        ends = np.cumsum(np.array(slot_bytes) * table.capacity)
        base: list[int] = [0, *ends[:-1].tolist()]
        if ends[-1] > 1 << parameters["ADDRESS"]:
            raise ValueError(f"tiles take {ends[-1]} bytes of local memory, which has {1 << parameters['ADDRESS']}")
        self.slots = SlotCounts(dict(enumerate(base)), dict(enumerate(slot_bytes)), table.capacity)
        self.n_steps = self.n_stored = 0

    def word(self, row: np.ndarray) -> int:
        """Word of the next command of the program."""
        payload = {LOAD: self._load, STORE: self._store}.get(row[UNIT], self._step)(row)
        return self.slots.finish(row, payload, self.parameters)

    def _fetches(self) -> list[_Fetch]:
        """Say what the loads of each buffer bring; buffers of loads come first."""
        k, at = self.kernel, self.layout
        row_bytes = k.n_cols * k.element_bytes
        if k.per_bag:
            lists = _Fetch(at.lists, at.list_bytes, 1, k.n_gathered * WORD_BYTES)
            return [lists, _Fetch(at.rows, 0, k.n_gathered, row_bytes, is_indexed=True)]
        tile_bytes = k.rows_per_tile * row_bytes
        held = [
            _Fetch(address, 0, 1, len(step.held) * WORD_BYTES)
            for address, step in zip(at.held, k.steps, strict=True)
            if step.held
        ]
        return [_Fetch(at.rows, tile_bytes, 1, tile_bytes), *held]

    def _elements_given(self, idx: int) -> int:
        return count_elements(self.kernel, idx + 1)

    def _result_bytes(self, idx: int) -> int:
        """Bytes of a token of a step: its elements, and behind them the numbers of the rows."""
        step = self.kernel.steps[idx]
        numbers = self.kernel.rows_per_tile * WORD_BYTES if step.loop and gives_numbers(step.loop) else 0
        return self._elements_given(idx) * (WORD_BYTES if step.is_wide_out else 1) + numbers

    def _load(self, row: np.ndarray) -> int:
        buffer = int(row[OUT])
        fetch = self.fetches[buffer]
        source = fetch.address + self.slots.given(buffer) * fetch.token_bytes
        indices = self.slots.place_taken(int(row[IN_A])) if fetch.is_indexed else 0
        target = indices << 16 | self.slots.place_given(buffer)
        return pack(target, source, fetch.row_bytes << 16 | fetch.row_bytes, fetch.is_indexed << 17 | fetch.n_rows)

    def _store(self, row: np.ndarray) -> int:
        k = self.kernel
        n_bytes = k.rows_per_tile * k.n_cols * k.element_bytes
        target = self.layout.results + self.n_stored * n_bytes
        self.n_stored += 1
        return pack(target, self.slots.place_taken(int(row[IN_A])), n_bytes << 16 | n_bytes, 1)

    def _step(self, row: np.ndarray) -> int:
        idx = self.n_steps % len(self.kernel.steps)
        self.n_steps += 1
        step, source = self.kernel.steps[idx], self.slots.place_taken(int(row[IN_A]))
        target = self.slots.place_given(int(row[OUT]))
        if step.loop:
            held = self.slots.place_taken(int(row[IN_B])) if step.held else 0
            return self._loop(idx, source, target, held)
        code, b, a = step.operation
        n_vectors = count_elements(self.kernel, idx) // self.parameters["ROWS"]
        work = 1 | step.is_wide_in << 1 | step.is_wide_out << 2
        work = work << 70 | code << 32 | (b & 0xFFFF) << 16 | a & 0xFFFF
        work = (work << 3 | 1) << 16 | 1 << 8 | n_vectors
        return work << 32 | pack(source << 16 | target)

    def _loop(self, idx: int, source: int, target: int, held: int) -> int:
        """Fields of a vector command: bases, shape and scalars."""
        k, step = self.kernel, self.kernel.steps[idx]
        beside = target if gives_numbers(step.loop) else source  # numbers are behind the rows
        second = beside + count_elements(k, idx) * WORD_BYTES
        if step.loop == "gain_shift":
            second = held + k.n_cols * WORD_BYTES
        shape = ((self.first[step.loop] << 8 | k.n_per_turn) << 8 | k.rows_per_tile) << 10 | k.n_elements
        first, other = (scalar & 0xFFFF for scalar in step.scalars)
        third = held + step.held_offset
        return pack(second << 16 | source, third << 16 | target, shape, other << 16 | first)


def _up(n: int, unit: int) -> int:
    return math.ceil(n / unit) * unit
