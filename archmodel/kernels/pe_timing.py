"""Timing of one PE, as every program of commands needs it."""

from __future__ import annotations

from typing import NamedTuple

MOST_CACHED = 16  # tiles of a stream on their way to the cache, or out of it


class PeTiming(NamedTuple):
    """Timing of one PE and of the memories behind it, for one dtype; see ``docs/methods/timing.md``.

    Units: cycles, bytes, bytes per cycle. ``tile_depth`` and ``step_depth`` are in elements; ``lanes`` elements per
    cycle. ``own_width``, ``row_width``, ``column_width`` and ``store_width`` are what SRAM and network give to reads of
    each PE, to those that a row or a column of PEs shares, and to stores; none is more than ``sram_width``.
    ``has_lone_cores`` says that there are vector cores and no SIMD engine: they work on the results of products.
    """

    n_tiles: int
    tile_rows: int
    tile_cols: int
    tile_depth: int
    step_depth: int
    gap_cycles: int
    load_cycles: int
    matrix_latency: int
    local_bytes: float
    local_width: float
    accumulator_bytes: int
    partial_width: float
    hop_cycles: int
    reduction_width: float
    lanes: float
    simd_latency: int
    instruction_cycles: int
    blocks_per_instruction: int
    n_contexts: int
    queue_depth: int
    dma_width: float
    request_cycles: int
    fragment_bytes: int
    outstanding: int
    bucket_bytes: float
    bucket_rate: float
    sram_width: float
    sram_latency: int
    cache_bytes: float
    dram_width: float
    dram_latency: int
    has_broadcast: bool
    has_prefetch: bool
    layout_rows: int
    own_width: float
    row_width: float
    column_width: float
    store_width: float
    has_lone_cores: bool
