"""Commands that move rows at a list of indices between local memory and what is behind it."""

from __future__ import annotations

import math

from archmodel.kernels.data_movement import service_cycles, transfer_cycles
from archmodel.kernels.matrix_engine import transfer_up
from archmodel.lowering.moves import AHEAD, BEHIND, plain_issue
from archmodel.lowering.phases import Site
from archmodel.lowering.program import Command, Input
from archmodel.lowering.row_access import RowAccess

INDEX_BYTES = 4.0


def gather_rows(
    site: Site, n_rows: int, row_bytes: float, into: str, *, is_far: bool, is_table: bool = False,
    inputs: tuple[Input, ...] = (), beside_bytes: float = INDEX_BYTES, missed_frac: float = 1.0,
) -> tuple[Command, ...]:  # fmt: skip
    """Bring rows at a list of indices into local memory: all commands that this takes on a unit, as one.

    Parameters
    ----------
    site
        The operator and where it runs; it has `Site.rows`.
    n_rows
        Rows.
    row_bytes
        Bytes of each [B].
    into
        Buffer that they fill with one token. Rows that are prefetched fill ``into + AHEAD`` first, which the program
        has to list.
    is_far
        Whether they are in DRAM.
    is_table
        Rows of tables may hit the cache all the same (`RowAccess.hit_frac`).
    inputs
        What the first command waits for.
    beside_bytes
        Of each row, what is read in sequence besides: its index, and a weight [B].
    missed_frac
        Of what is in DRAM, the part that the cache lacks; of tables, of what does not hit.

    Model
    -----
    ``⌈rows / rows_per_command⌉`` commands are issued and taken up one after another; where a command has one row, the
    core looks up each index before. Rows are fragments of their own (`transfer_cycles`), asked for at the latency that
    they have on average. The SRAM serves all bytes, the DRAM the whole access units of rows that miss, as fast as it
    serves random rows. With prefetch, a command of its own brings the rows that miss into the cache, asking for one per
    cycle; without, the longer of both services counts, and the last row is a DRAM latency late. What is read in
    sequence is asked for a tile ahead: it has bytes, of the SRAM and, where indices or weights are in DRAM, of that
    too, but no latency.
    """
    timing, access = site.timing, _rows_of(site)
    missed_frac *= (1.0 - access.hit_frac * is_table) * is_far
    from_sram = service_cycles(n_rows * (row_bytes + beside_bytes), timing.own_width)
    from_dram = _dram_cycles(site, n_rows, missed_frac, row_bytes, beside_bytes)
    beside_beats = transfer_up(n_rows * beside_bytes, timing.dma_width)
    if from_dram and not timing.has_prefetch:
        issue, occupancy = _many_commands(
            site, n_rows, row_bytes, timing.sram_latency + math.ceil(missed_frac * timing.dram_latency)
        )
        latency = timing.sram_latency + (timing.dram_latency if missed_frac > 0 else 0)
        source, service = ("dram", from_dram) if from_dram >= from_sram else ("sram", from_sram)
        return (Command("load", issue, occupancy + beside_beats, latency, inputs, into, 1, 1, source, service),)
    issue, occupancy = _many_commands(site, n_rows, row_bytes, timing.sram_latency)
    prefetches: tuple[Command, ...] = ()
    if from_dram:
        n_missed, ahead = math.ceil(n_rows * missed_frac), into + AHEAD
        asking = _count_commands(site, n_rows) * timing.request_cycles + n_missed
        fetch = Command("prefetch", issue, asking, timing.dram_latency, inputs, ahead, 1, 1, "dram", from_dram)
        prefetches, inputs = (fetch,), (Input(ahead),)
    occupancy += beside_beats
    load = Command("load", issue, occupancy, timing.sram_latency, inputs, into, 1, 1, "sram", from_sram)
    return *prefetches, load


def scatter_rows(site: Site, n_rows: int, row_bytes: float, out_of: str, *, is_far: bool) -> tuple[Command, ...]:
    """Bring rows in local memory to places at a list of indices: all commands that this takes, as one.

    Parameters
    ----------
    site, n_rows, row_bytes, is_far
        As in `gather_rows`.
    out_of
        Buffer that they empty. What goes to DRAM through a cache fills ``out_of + BEHIND``, which the program has to
        list (`archmodel.kernels.pe_timing.MOST_CACHED` tiles).

    Model
    -----
    As `gather_rows`; DRAM takes whole access units of every row, and gives the indices that are in it.
    """
    timing = site.timing
    issue, occupancy = _many_commands(site, n_rows, row_bytes, timing.sram_latency)
    to_sram = service_cycles(n_rows * (row_bytes + INDEX_BYTES), timing.store_width)
    to_dram = _dram_cycles(site, n_rows, float(is_far), row_bytes, INDEX_BYTES)
    inputs = (Input(out_of),)
    if to_dram and timing.cache_bytes == 0 and (is_far or to_dram > to_sram):
        return (Command("store", issue, occupancy, timing.sram_latency, inputs, "", 1, 1, "dram", to_dram),)
    if not to_dram or timing.cache_bytes == 0:
        return (Command("store", issue, occupancy, timing.sram_latency, inputs, "", 1, 1, "sram", to_sram),)
    behind = out_of + BEHIND
    return (
        Command("store", issue, occupancy, timing.sram_latency, inputs, behind, 1, 1, "sram", to_sram),
        Command("write_back", 0, 1, 0, (Input(behind),), "", 1, 1, "dram", to_dram),
    )


def _dram_cycles(site: Site, n_rows: int, missed_frac: float, row_bytes: float, beside_bytes: float) -> int:
    """Cycles for which DRAM serves rows, and what is read in sequence besides if indices or weights are in it."""
    cycles = 0
    if missed_frac > 0:
        n_bytes = n_rows * missed_frac * unit_bytes(site, row_bytes)
        cycles = service_cycles(n_bytes, site.dram.gather_width(row_bytes))
    names = [operand.name for operand in site.op.operands() if operand.role == "index" or operand.name == "weights"]
    if beside_bytes > 0 and any(site.place(name).is_far for name in names):
        cycles += service_cycles(n_rows * beside_bytes, site.timing.dram_width)
    return cycles


def unit_bytes(site: Site, row_bytes: float) -> float:
    """Bytes that DRAM moves for a row: whole access units [B]."""
    unit = _rows_of(site).unit_bytes
    return math.ceil(row_bytes / unit) * unit


def _rows_of(site: Site) -> RowAccess:
    assert site.rows is not None  # operators with rows have it
    return site.rows


def _count_commands(site: Site, n_rows: int) -> int:
    return math.ceil(n_rows / _rows_of(site).rows_per_command)


def _many_commands(site: Site, n_rows: int, row_bytes: float, latency: int) -> tuple[int, int]:
    """Cycles to issue the commands that move so many rows, and cycles for which they keep the DMA engine busy."""
    timing, per_command = site.timing, min(n_rows, _rows_of(site).rows_per_command)
    n_full, rest = divmod(n_rows, per_command)

    def occupy(n: int) -> int:
        return transfer_cycles(
            n, row_bytes, timing.dma_width, timing.request_cycles, timing.fragment_bytes, timing.outstanding, latency,
            timing.bucket_bytes, timing.bucket_rate,
        )  # fmt: skip

    occupancy = n_full * occupy(per_command) + (occupy(rest) if rest else 0)
    indices = math.ceil(n_rows * _rows_of(site).index_cycles / timing.n_contexts)
    return _count_commands(site, n_rows) * plain_issue(timing) + indices, occupancy
