"""Commands that move rows at a list of indices between local memory and what is behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from archmodel.kernels.data_movement import service_cycles, transfer_cycles
from archmodel.kernels.matrix_engine import transfer_up
from archmodel.kernels.pe_timing import PeTiming
from archmodel.lowering.far import Far, Varying, by_rates, serve
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
    timing, fetched = site.timing, _fetch(site, n_rows, row_bytes, beside_bytes, missed_frac * is_far, is_table)
    from_sram = by_rates(timing, lambda known: service_cycles(n_rows * (row_bytes + beside_bytes), known.own_width))
    from_dram, missed_frac = fetched.count(site), float(fetched.missed_frac(_rows_of(site)))
    if from_dram and not timing.has_prefetch:
        waited = timing.sram_latency + math.ceil(missed_frac * timing.dram_latency)
        issue, occupancy = _many_commands(site, n_rows, row_bytes, waited, beside_bytes)
        latency = timing.sram_latency + (timing.dram_latency if missed_frac > 0 else 0)
        source, service = ("dram", from_dram) if from_dram >= from_sram else ("sram", from_sram)
        return (Command("load", issue, occupancy, latency, inputs, into, 1, 1, source, service),)
    issue, occupancy = _many_commands(site, n_rows, row_bytes, timing.sram_latency, beside_bytes)
    prefetches: tuple[Command, ...] = ()
    if from_dram:
        ahead, taking_up = into + AHEAD, _count_commands(site, n_rows) * timing.request_cycles
        asking = Varying.of(
            taking_up + math.ceil(n_rows * missed_frac), lambda far: taking_up + fetched.count_missed(far)
        )
        fetch = Command("prefetch", issue, asking, timing.dram_latency, inputs, ahead, 1, 1, "dram", from_dram)
        prefetches, inputs = (fetch,), (Input(ahead),)
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
    to_sram = by_rates(timing, lambda known: service_cycles(n_rows * (row_bytes + INDEX_BYTES), known.store_width))
    to_dram = _fetch(site, n_rows, row_bytes, INDEX_BYTES, float(is_far), is_table=False).count(site)
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


@dataclass(frozen=True, slots=True)
class _Fetched:
    """Rows between DRAM and the cache, and what is read in sequence besides; on one machine or on many.

    Parameters
    ----------
    n_rows, row_bytes
        Rows, and bytes of each [B].
    beside_bytes
        Of each row, what is read in sequence from DRAM [B].
    far_frac
        Part of the rows that is in DRAM and, but for hits, not in the cache.
    is_table
        Rows may hit.
    """

    n_rows: int
    row_bytes: float
    beside_bytes: float
    far_frac: float
    is_table: bool

    def missed_frac(self, rows: RowAccess) -> Any:
        """Part of the rows that the cache lacks."""
        return self.far_frac * (1.0 - rows.hit_frac * self.is_table)

    def count_missed(self, far: Far) -> Any:
        """Count the rows that the cache lacks."""
        assert far.rows is not None  # operators with rows have it
        return np.ceil(self.n_rows * self.missed_frac(far.rows))

    def serve(self, far: Far) -> Any:
        """Cycles for which DRAM serves them: whole access units of rows."""
        assert far.rows is not None
        missed_frac = self.missed_frac(far.rows)
        n_bytes = self.n_rows * missed_frac * unit_bytes(far.rows, self.row_bytes)
        cycles = np.where(missed_frac > 0, serve(n_bytes, far.gather_width(self.row_bytes)), 0.0)
        return cycles + serve(self.n_rows * self.beside_bytes, far.dram_width) if self.beside_bytes > 0 else cycles

    def count(self, site: Site) -> Varying:
        """Count the cycles for which DRAM serves them on a machine."""
        timing = site.timing
        far = Far(timing.cache_bytes, timing.dram_width, timing.dram_latency, site.rows, site.dram)
        return Varying.of(int(self.serve(far)), self.serve)


def _fetch(site: Site, n_rows: int, row_bytes: float, beside_bytes: float, far_frac: float, is_table: bool) -> _Fetched:
    """Say what is between DRAM and the cache: of what is read besides, all if indices or weights are in DRAM."""
    names = [operand.name for operand in site.op.operands() if operand.role == "index" or operand.name == "weights"]
    is_beside_far = beside_bytes > 0 and any(site.place(name).is_far for name in names)
    return _Fetched(n_rows, row_bytes, beside_bytes if is_beside_far else 0.0, far_frac, is_table)


def unit_bytes(rows: RowAccess, row_bytes: float) -> Any:
    """Bytes that DRAM moves for a row: whole access units [B].

    Parameters
    ----------
    rows
        How they are reached, on one machine or on many.
    row_bytes
        Bytes of a row [B].
    """
    return np.ceil(row_bytes / rows.unit_bytes) * rows.unit_bytes


def _rows_of(site: Site) -> RowAccess:
    assert site.rows is not None  # operators with rows have it
    return site.rows


def _count_commands(site: Site, n_rows: int) -> int:
    return math.ceil(n_rows / _rows_of(site).rows_per_command)


def _many_commands(
    site: Site, n_rows: int, row_bytes: float, latency: int, beside_bytes: float = 0.0
) -> tuple[int, int]:
    """Cycles to issue the commands that move so many rows, and cycles for which they keep the DMA engine busy.

    What is read in sequence besides has no latency.
    """
    timing, per_command = site.timing, min(n_rows, _rows_of(site).rows_per_command)
    n_full, rest = divmod(n_rows, per_command)

    def occupy(n: int, known: PeTiming) -> int:
        return transfer_cycles(
            n, row_bytes, known.dma_width, known.request_cycles, known.fragment_bytes, known.outstanding, latency,
            known.bucket_bytes, known.bucket_rate,
        )  # fmt: skip

    def count(known: PeTiming) -> int:
        moved = n_full * occupy(per_command, known) + (occupy(rest, known) if rest else 0)
        return moved + (transfer_up(n_rows * beside_bytes, known.dma_width) if beside_bytes else 0)

    occupancy = by_rates(timing, count)
    indices = math.ceil(n_rows * _rows_of(site).index_cycles / timing.n_contexts)
    return _count_commands(site, n_rows) * plain_issue(timing) + indices, occupancy
