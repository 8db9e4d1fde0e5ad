"""Commands that move tiles between local memory and what is behind it, as every operator but matmuls uses them."""

from __future__ import annotations

from functools import lru_cache

from archmodel.kernels.data_movement import service_cycles, transfer_cycles
from archmodel.kernels.lanes import issue_cycles
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.tile_commands import read_width
from archmodel.lowering.far import Ahead, FromDram, by_rates
from archmodel.lowering.program import CASTS, Command, Input

AHEAD = "_ahead"
"""Ending of the buffer that holds tiles of a stream in the cache, before they are loaded."""
BEHIND = "_behind"
"""Ending of the buffer that holds tiles of a stream in the cache, before they are written back."""


_read_width = lru_cache(maxsize=1024)(read_width)  # handing a timing to a kernel takes longer than all else here


def plain_issue(timing: PeTiming) -> int:
    """Cycles in which the core issues a command that is one instruction."""
    return issue_cycles(1, 1, timing.instruction_cycles, timing.n_contexts)


def load_rows(
    timing: PeTiming,
    n_rows: int,
    row_bytes: float,
    into: str,
    *,
    is_far: bool,
    cast: str = "own",
    n_pushed: int = 1,
    missed_frac: float = 1.0,
) -> tuple[Command, ...]:
    """Bring contiguous rows into local memory, as `archmodel.kernels.tile_commands.write_load` does with a tile.

    Parameters
    ----------
    timing
        Where.
    n_rows, row_bytes
        Rows of the tile, and bytes of each [B].
    into
        Buffer that they fill. What comes from DRAM through a cache fills ``into + AHEAD`` first, which the program has
        to list (`count_ahead`).
    is_far
        Whether they are in DRAM.
    cast
        Who shares the read; without broadcast nobody does.
    n_pushed
        Tokens of the buffer that they are.
    missed_frac
        Of what is in DRAM, the part that the cache lacks.
    """
    issue = plain_issue(timing)
    cast = cast if timing.has_broadcast else "own"
    n_bytes = float(n_rows * row_bytes)
    latency, source = timing.sram_latency, "sram"
    service = by_rates(timing, lambda known: service_cycles(n_bytes, _read_width(CASTS.index(cast), known)))
    prefetches: tuple[Command, ...] = ()
    inputs: tuple[Input, ...] = ()
    if is_far:
        from_dram = FromDram.count(n_bytes * missed_frac, timing)
        if timing.has_prefetch:
            fetch = Command("prefetch", issue, 1, timing.dram_latency, (), into + AHEAD, 1, 1, "dram", from_dram, cast)
            prefetches, inputs = (fetch,), (Input(into + AHEAD),)
        else:
            latency, source, service = latency + timing.dram_latency, "dram", max(service, from_dram)
    occupancy = move_cycles(timing, n_rows, row_bytes, latency)
    load = Command("load", issue, occupancy, latency, inputs, into, n_pushed, n_pushed, source, service, cast)
    return *prefetches, load


def store_rows(
    timing: PeTiming, n_rows: int, row_bytes: float, out_of: str, *, is_far: bool, n_popped: int = 1
) -> tuple[Command, ...]:
    """Bring contiguous rows out of local memory, as `archmodel.kernels.tile_commands.write_store` does.

    Parameters
    ----------
    timing, n_rows, row_bytes
        As in `load_rows`.
    out_of
        Buffer that they empty. What goes to DRAM through a cache fills ``out_of + BEHIND``, which the program has to
        list (`MOST_CACHED` tiles).
    is_far
        Whether they go to DRAM.
    n_popped
        Tokens of the buffer that they are.
    """
    issue = plain_issue(timing)
    n_bytes = float(n_rows * row_bytes)
    occupancy = move_cycles(timing, n_rows, row_bytes, timing.sram_latency)
    to_dram = FromDram.count(n_bytes, timing)
    to_sram = by_rates(timing, lambda known: service_cycles(n_bytes, known.store_width))
    inputs = (Input(out_of, n_popped, n_popped),)
    if is_far and timing.cache_bytes == 0:
        return (Command("store", issue, occupancy, timing.sram_latency, inputs, "", 1, 1, "dram", to_dram),)
    if not is_far:
        return (Command("store", issue, occupancy, timing.sram_latency, inputs, "", 1, 1, "sram", to_sram),)
    behind = out_of + BEHIND
    return (
        Command("store", issue, occupancy, timing.sram_latency, inputs, behind, 1, 1, "sram", to_sram),
        Command("write_back", 0, 1, 0, (Input(behind),), "", 1, 1, "dram", to_dram),
    )


def missed_part(timing: PeTiming, n_distinct: float, n_loaded: float) -> float:
    """Part of what all PEs load that comes from DRAM: a cache keeps what one has read for the others.

    Parameters
    ----------
    timing
        Where.
    n_distinct, n_loaded
        Elements, each counted once, and as often as it is loaded.
    """
    return min(1.0, n_distinct / n_loaded) if timing.cache_bytes > 0 else 1.0


def move_cycles(timing: PeTiming, n_rows: int, row_bytes: float, latency: int) -> int:
    """Cycles for which the DMA engine is busy with contiguous rows (`transfer_cycles`)."""

    def count(known: PeTiming) -> int:
        return transfer_cycles(
            n_rows, float(row_bytes), known.dma_width, known.request_cycles, known.fragment_bytes, known.outstanding,
            latency, known.bucket_bytes, known.bucket_rate,
        )  # fmt: skip

    return by_rates(timing, count)


def count_ahead(timing: PeTiming, n_pes: int, tile_bytes: float) -> Ahead:
    """Count the tiles of a stream that the cache holds ahead of each PE: what fits half of it, 2 to 16."""
    return Ahead.count(max(1.0, n_pes * tile_bytes), timing)
