"""Waves of tiles: how long a kernel of a GPU or TPU takes whose output tiles go round by round through the slots.

A slot is what works on one tile at a time: an SM with its tensor cores, a compute unit, an MXU. Equations:
``docs/methods/wave.md``. `chip` is a `Chip`; times are in seconds, shapes in elements.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from archmodel.kernels.compile import kernel

MATRIX, SCORE, LOCAL, SRAM, DRAM, LATENCY = range(6)
"""What limits a kernel; `SCORE` is the function between the two products of attention."""
PARTIAL_BYTES = 4.0  # partial sums are fp32


class Chip(NamedTuple):
    """One chip as its tiles see it. All values are floats; rates are of one slot unless said otherwise.

    Parameters
    ----------
    n_slots : float
        Tiles in work at once.
    tile_rows, tile_cols : float
        Smallest tile of the matrix instruction; it may be turned round.
    accumulators : float
        Sums that a slot holds [elements].
    step_bytes : float
        Depth of a step of the main loop [B].
    reuse_rows, reuse_cols : float
        MACs that an element read from local memory serves at most.
    n_sharing : float
        Slots that get the same operand from one read of the SRAM.
    local_s_per_byte, port_s_per_byte : float
        Local memory; between SRAM and slot [s/B].
    sram_s_per_byte, dram_s_per_byte : float
        Whole chip [s/B].
    sram_bytes : float
        What the SRAM holds of operands that all slots read [B].
    in_flight_bytes : float
        Requests to memory that a slot has under way [B].
    sram_latency_s, dram_latency_s : float
        From request to data [s].
    exp_s, lane_s : float
        One exponential; one operation on the lanes [s].
    overlap_frac : float
        Share of the shorter of products and score function that is hidden behind the longer.
    launch_s, start_s : float
        From one kernel to the next; from the start of a kernel to its first request [s].
    """

    n_slots: float
    tile_rows: float
    tile_cols: float
    accumulators: float
    step_bytes: float
    reuse_rows: float
    reuse_cols: float
    n_sharing: float
    local_s_per_byte: float
    port_s_per_byte: float
    sram_s_per_byte: float
    dram_s_per_byte: float
    sram_bytes: float
    in_flight_bytes: float
    sram_latency_s: float
    dram_latency_s: float
    exp_s: float
    lane_s: float
    overlap_frac: float
    launch_s: float
    start_s: float


class Answer(NamedTuple):
    """What a kernel takes, with the tiles that take least.

    Parameters
    ----------
    time_s : float
        Without launching [s].
    rows, cols, split : float
        Tile, and parts that the depth (or the keys) is cut into.
    n_tiles, n_waves : float
        Tiles, and rounds until the slot with most of them is done.
    limit : int
        What the time is spent on: `MATRIX` … `LATENCY`.
    matrix_s, score_s, local_s, sram_s, dram_s, latency_s : float
        Each of them on its own, its share of idle slots included [s].
    other_s : float
        Ports, and where it may not overlap the beginning and end of all tiles of a slot but the first [s].
    """

    time_s: float
    rows: float
    cols: float
    split: float
    n_tiles: float
    n_waves: float
    limit: int
    matrix_s: float
    score_s: float
    local_s: float
    sram_s: float
    dram_s: float
    latency_s: float
    other_s: float


@kernel
def memory_s(n_bytes: float, s_per_byte: float, latency_s: float, n_active: float, in_flight_bytes: float) -> float:
    """Time to move bytes at full bandwidth, or at what the slots at work can ask for (Little's law) [s].

    Model
    -----
    ``bytes · max(1 / bandwidth, latency / (n_active · in_flight))``.

    Sources
    -------
    J. D. C. Little, A proof for the queuing formula L = λW, Operations Research 9(3), 1961.

    Parameters
    ----------
    n_bytes : float
        How many [B].
    s_per_byte : float
        Inverse bandwidth of the memory [s/B].
    latency_s : float
        From request to data [s].
    n_active : float
        Slots at work.
    in_flight_bytes : float
        Requests that one slot has under way [B].
    """
    return n_bytes * max(s_per_byte, latency_s / (n_active * in_flight_bytes))


class Stream(NamedTuple):
    """An operator that passes over its operands once, or follows indices.

    Parameters
    ----------
    moved_bytes : float
        Read and written, wherever it lives [B].
    dram_bytes : float
        Of these from and to DRAM, as long streams [B].
    simd_s, vector_s, local_s, sram_s, gather_s, host_s, link_s : float
        Each resource, all slots at work [s].
    """

    moved_bytes: float
    dram_bytes: float
    simd_s: float
    vector_s: float
    local_s: float
    sram_s: float
    gather_s: float
    host_s: float
    link_s: float


@kernel
def time_stream(chip: Any, op: Any) -> tuple[float, float, float, float]:
    """Time an operator that streams: time, slots at work, DRAM alone, and latency alone [s, 1, s, s].

    Model
    -----
    A slot takes as many bytes as it can have under way; a small operator leaves slots idle, and their lanes and
    requests with them. Before the first byte stands one latency, behind the last another. The slowest resource sets
    the rest.

    Sources
    -------
    V. Volkov, Understanding Latency Hiding on GPUs, UC Berkeley, 2016.

    Parameters
    ----------
    chip : Chip
        The chip.
    op : Stream
        The operator.
    """
    n_active = min(chip.n_slots, max(1.0, math.ceil(op.moved_bytes / chip.in_flight_bytes)))
    idle = chip.n_slots / n_active
    flowing_s = memory_s(op.dram_bytes, chip.dram_s_per_byte, chip.dram_latency_s, n_active, chip.in_flight_bytes)
    dram_s = flowing_s + op.gather_s
    fill_s = chip.dram_latency_s if dram_s > 0 else chip.sram_latency_s
    latency_s = chip.start_s + fill_s + chip.sram_latency_s
    lanes_s = max(max(op.simd_s, op.vector_s), op.local_s) * idle
    work_s = max(max(lanes_s, max(op.sram_s, dram_s)), max(op.host_s, op.link_s))
    return work_s + latency_s, n_active, dram_s, latency_s
