"""Gathers on a grid of PEs: the program that each of them runs, and its command words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from archmodel.kernels.data_movement import service_cycles, transfer_cycles
from archmodel.kernels.matmul_shape import N_BUFFERS, NEAR_A, NEAR_B
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.program import (
    DRAM,
    LOAD,
    N_COMMAND_FIELDS,
    NONE,
    OWN,
    SRAM,
    STORE,
)
from archmodel.kernels.tile_commands import put, take_and_give
from archmodel.lowering.program import CommandTable
from archmodel.verify.command_words import head_bits, head_of, pack

WORD_BYTES = 4  # of an index


@dataclass(frozen=True, slots=True)
class Gather:
    """Rows of a table in DRAM that each PE loads, batch by batch, and stores in SRAM.

    Parameters
    ----------
    n_batches, n_gathered
        Of each PE, and rows of a batch.
    row_bytes
        Of a row.
    table, results
        Addresses of the table, and of what the first PE stores; indices are from address 0 on, PE by PE.
    """

    n_batches: int
    n_gathered: int
    row_bytes: int
    table: int
    results: int

    @property
    def list_bytes(self) -> int:
        """Bytes of the indices of a PE."""
        return WORD_BYTES * self.n_batches * self.n_gathered


def write_gather(gather: Gather, timing: PeTiming, services: Sequence[int]) -> CommandTable:
    """Write the program of every PE: the list of indices, then rows and a store, batch by batch.

    Parameters
    ----------
    gather
        What to do.
    timing
        Of a PE.
    services
        Cycles for which each batch holds the DRAM; the program has their mean.
    """
    n, t = 0, timing
    commands = np.zeros((5, N_COMMAND_FIELDS), np.int64)
    lists_buffer, rows_buffer = NEAR_A, NEAR_B

    def occupancy(n_rows: int, n_bytes: float) -> int:
        return transfer_cycles(
            n_rows, n_bytes, t.dma_width, t.request_cycles, t.fragment_bytes, t.outstanding, t.sram_latency,
            t.bucket_bytes, t.bucket_rate,
        )  # fmt: skip

    n_bytes = float(gather.list_bytes)
    near = service_cycles(n_bytes, t.own_width)
    n = put(commands, n, LOAD, t.instruction_cycles, occupancy(1, n_bytes), t.sram_latency, SRAM, near, OWN)
    take_and_give(commands, n - 1, NONE, 0, lists_buffer, 1, 1)
    took = occupancy(gather.n_gathered, float(gather.row_bytes))
    near = service_cycles(float(gather.n_gathered * gather.row_bytes), t.store_width)
    mean = round(sum(services) / len(services))
    for is_last in (0, 1):
        n = put(commands, n, LOAD, t.instruction_cycles, took, t.sram_latency, DRAM, mean, OWN)
        take_and_give(commands, n - 1, lists_buffer, is_last, rows_buffer, 1, 1)
        n = put(commands, n, STORE, t.instruction_cycles, took, t.sram_latency, SRAM, near, OWN)
        take_and_give(commands, n - 1, rows_buffer, 1, NONE, 0, 0)
    capacity = np.ones(N_BUFFERS, np.int64)
    capacity[rows_buffer] = 2
    return CommandTable(commands, np.array([1, 2, 2, gather.n_batches - 1, 1]), capacity)


def write_gather_words(table: CommandTable, gather: Gather, pe: int, parameters: Mapping[str, int]) -> list[int]:
    """Write the command words of a PE.

    Parameters
    ----------
    table, gather
        The program, and what it does.
    pe
        Number of the PE.
    parameters
        Of the grid.
    """
    numbers = [0, *[1, 2] * (gather.n_batches - 1), 3, 4]
    return [
        payload << head_bits(parameters) | head_of(table.commands[number], parameters)
        for number, payload in zip(numbers, _payloads(gather, pe), strict=True)
    ]


def _payloads(gather: Gather, pe: int) -> Iterator[int]:
    g, n_bytes = gather, gather.list_bytes
    tile_bytes, stride = g.n_gathered * g.row_bytes, g.row_bytes << 16 | g.row_bytes
    yield pack(0, pe * n_bytes, n_bytes << 16 | n_bytes, 1)
    for batch in range(g.n_batches):
        slot = n_bytes + batch % 2 * tile_bytes
        yield pack(WORD_BYTES * batch * g.n_gathered << 16 | slot, g.table, stride, 1 << 17 | g.n_gathered)
        yield pack(g.results + (pe * g.n_batches + batch) * tile_bytes, slot, stride, g.n_gathered)
