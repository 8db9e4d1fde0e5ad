"""Commands as rows of an array, and those that bring a tile of a matmul into local memory."""

from __future__ import annotations

from typing import Any

from archmodel.kernels.compile import kernel, kernel_part
from archmodel.kernels.data_movement import service_cycles, transfer_cycles
from archmodel.kernels.lanes import issue_cycles
from archmodel.kernels.layout_unit import transpose_cycles
from archmodel.kernels.matrix_engine import divide_up
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.program import (
    CAST,
    DRAM,
    HOLD,
    IN_A,
    IN_B,
    ISSUE,
    LATENCY,
    LAYOUT,
    LOAD,
    N_COMMAND_FIELDS,
    NEED_A,
    NEED_B,
    NONE,
    OCCUPANCY,
    OUT,
    OWN,
    POP_A,
    POP_B,
    PREFETCH,
    PUSH,
    RESERVE,
    RESOURCE,
    SAME_A,
    SAME_B,
    SERVICE,
    SIMD,
    SRAM,
    STORE,
    UNIT,
    WRITE_BACK,
)


@kernel
def put(
    commands: Any, n: int, unit: int, issue: int, occupancy: int, latency: int, resource: int, service: int, cast: int
) -> int:
    """Write a command without buffers behind the first ``n``; returns n + 1.

    Parameters
    ----------
    commands : ndarray (32, 17) int64
        Written to.
    n : int
        Commands so far.
    unit : int
        Unit that runs it.
    issue : int
        To issue it [cycles].
    occupancy : int
        For which the unit is busy [cycles].
    latency : int
        From its end until its result is visible [cycles].
    resource : int
        Shared resource, or −1.
    service : int
        For which that serves [cycles].
    cast : int
        Who shares the request.
    """
    commands[n, UNIT], commands[n, ISSUE], commands[n, OCCUPANCY] = unit, issue, occupancy
    commands[n, LATENCY], commands[n, RESOURCE], commands[n, SERVICE] = latency, resource, service
    commands[n, HOLD], commands[n, CAST] = service, cast
    for column in range(CAST + 1, N_COMMAND_FIELDS):
        commands[n, column] = 0
    commands[n, IN_A] = commands[n, IN_B] = commands[n, OUT] = NONE
    return n + 1


@kernel
def take_and_give(commands: Any, c: int, taken: int, popped: int, out: int, reserved: int, pushed: int) -> None:
    """Give a command its first input (one token needed) and its output.

    Parameters
    ----------
    commands : ndarray (32, 17) int64
        Written to.
    c : int
        The command.
    taken : int
        Buffer of the input, or −1.
    popped : int
        Tokens that it frees.
    out : int
        Buffer of the output, or −1.
    reserved : int
        Tokens for which it takes space.
    pushed : int
        Tokens that it adds.
    """
    commands[c, IN_A], commands[c, NEED_A], commands[c, POP_A] = taken, 1 if taken != NONE else 0, popped
    commands[c, OUT], commands[c, RESERVE], commands[c, PUSH] = out, reserved, pushed


@kernel
def read_width(cast: int, t: PeTiming) -> float:
    """Bytes per cycle that SRAM and network give to loads [B/cycle].

    Parameters
    ----------
    cast : int
        Who shares a load: all columns of a row have the same of a, all rows of a column the same of b.
    t : PeTiming
        Where.
    """
    if cast == SAME_A:
        return t.row_width
    return t.column_width if cast == SAME_B else t.own_width


@kernel
def write_load(
    commands: Any, n: int, far: int, near: int, cast: int, n_rows: int, row_bytes: float, missed_bytes: float,
    t: PeTiming,
) -> int:  # fmt: skip
    """Write the commands that bring one tile into local memory; returns the new number of commands.

    What the cache lacks is prefetched from DRAM by a command of its own, or, without prefetch, fetched by the load
    itself, which then waits for both latencies and holds the DRAM for as long as the slower of the two takes.

    Parameters
    ----------
    commands : ndarray (32, 17) int64
        Written to.
    n : int
        Commands so far.
    far : int
        Buffer of tiles in the cache.
    near : int
        Buffer of tiles in local memory.
    cast : int
        Who shares the read.
    n_rows : int
        Rows of the tile.
    row_bytes : float
        Bytes of a row [B].
    missed_bytes : float
        Bytes that the cache lacks [B].
    t : PeTiming
        Where.
    """
    issue = issue_cycles(1, 1, t.instruction_cycles, t.n_contexts)
    n_bytes = n_rows * row_bytes
    latency, resource, service, taken = t.sram_latency, SRAM, service_cycles(n_bytes, read_width(cast, t)), NONE
    if missed_bytes > 0:
        from_dram = service_cycles(missed_bytes, t.dram_width)
        if t.has_prefetch:
            n = put(commands, n, PREFETCH, issue, 1, t.dram_latency, DRAM, from_dram, cast)
            take_and_give(commands, n - 1, NONE, 0, far, 1, 1)
            taken = far
        else:
            latency += t.dram_latency
            resource, service = DRAM, max(service, from_dram)
    occupancy = transfer_cycles(
        n_rows, row_bytes, t.dma_width, t.request_cycles, t.fragment_bytes, t.outstanding, latency, t.bucket_bytes,
        t.bucket_rate,
    )  # fmt: skip
    n = put(commands, n, LOAD, issue, occupancy, latency, resource, service, cast)
    take_and_give(commands, n - 1, taken, 1 if taken != NONE else 0, near, 1, 1)
    return n


@kernel_part
def write_turn(commands: Any, n: int, taken: int, given: int, n_rows: int, n_cols: int, t: PeTiming) -> int:
    """Write the transposing of a tile by the layout unit; returns the new number of commands.

    Parameters
    ----------
    commands : ndarray (32, 17) int64
        Written to.
    n : int
        Commands so far.
    taken : int
        Buffer of the tile.
    given : int
        Buffer of the transposed tile.
    n_rows : int
        Rows of the tile.
    n_cols : int
        Columns of the tile.
    t : PeTiming
        Where.
    """
    issue = issue_cycles(1, 1, t.instruction_cycles, t.n_contexts)
    size = t.layout_rows
    took = transpose_cycles(divide_up(n_rows, size) * divide_up(n_cols, size), size)
    n = put(commands, n, LAYOUT, issue, took, 0, NONE, 0, OWN)
    take_and_give(commands, n - 1, taken, 1, given, 1, 1)
    return n


@kernel_part
def write_store(
    commands: Any, n: int, near: int, far: int, n_rows: int, row_bytes: float, is_far: bool, t: PeTiming
) -> int:  # fmt: skip
    """Write the commands that bring one tile out of local memory; returns the new number of commands.

    A cache takes it and writes it back to DRAM on its own.

    Parameters
    ----------
    commands : ndarray (C, 17) int64
        Written to.
    n : int
        Commands so far.
    near : int
        Buffer of tiles in local memory.
    far : int
        Buffer of tiles in the cache.
    n_rows : int
        Rows of the tile.
    row_bytes : float
        Bytes of a row [B].
    is_far : bool
        It goes to DRAM.
    t : PeTiming
        Where.
    """
    issue = issue_cycles(1, 1, t.instruction_cycles, t.n_contexts)
    n_bytes = n_rows * row_bytes
    took = transfer_cycles(
        n_rows, row_bytes, t.dma_width, t.request_cycles, t.fragment_bytes, t.outstanding, t.sram_latency,
        t.bucket_bytes, t.bucket_rate,
    )  # fmt: skip
    to_dram = service_cycles(n_bytes, t.dram_width)
    if is_far and t.cache_bytes == 0:
        n = put(commands, n, STORE, issue, took, t.sram_latency, DRAM, to_dram, OWN)
        take_and_give(commands, n - 1, near, 1, NONE, 0, 0)
        return n
    n = put(commands, n, STORE, issue, took, t.sram_latency, SRAM, service_cycles(n_bytes, t.store_width), OWN)
    take_and_give(commands, n - 1, near, 1, NONE, 0, 0)
    if is_far:
        take_and_give(commands, n - 1, near, 1, far, 1, 1)
        n = put(commands, n, WRITE_BACK, 0, 1, 0, DRAM, to_dram, OWN)
        take_and_give(commands, n - 1, far, 1, NONE, 0, 0)
    return n


@kernel_part
def take_second(commands: Any, c: int, taken: int) -> None:
    """Give a command a second input, a token of a buffer.

    Parameters
    ----------
    commands : ndarray (C, 17) int64
        Written to.
    c : int
        The command.
    taken : int
        The buffer.
    """
    commands[c, IN_B], commands[c, NEED_B], commands[c, POP_B] = taken, 1, 1


@kernel_part
def put_lanes(commands: Any, n: int, t: PeTiming, unit: int, occupancy: int, taken: int, given: int) -> int:
    """Write work of lanes or vector cores; returns the new number of commands.

    Parameters
    ----------
    commands : ndarray (C, 17) int64
        Written to.
    n : int
        Commands so far.
    t : PeTiming
        Where.
    unit, occupancy : int
        Who does it, and cycles.
    taken, given : int
        Buffers; −1: nothing is given.
    """
    issue = issue_cycles(1, 1, t.instruction_cycles, t.n_contexts)
    n = put(commands, n, unit, issue, occupancy, t.simd_latency if unit == SIMD else 0, NONE, 0, OWN)
    n_given = 1 if given != NONE else 0
    take_and_give(commands, n - 1, taken, 1, given, n_given, n_given)
    return n
