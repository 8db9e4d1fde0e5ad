"""What the DRAM of a machine gives to streams and to random rows; see ``docs/methods/memory.md``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from archmodel.kernels.dram_channel import (
    BURST,
    CCD,
    CL,
    CWL,
    N_STEPS,
    N_TIMES,
    RAS,
    RCD,
    REFI,
    RFC,
    RP,
    RRD,
    RTP,
    RTW,
    WR,
    WTR,
    channel_events,
    mixed_efficiency,
    refresh_cycles,
    stream_cycles,
)
from archmodel.machine.load import count_channels, load_dram
from archmodel.machine.timing import DramTiming
from archmodel.machine.types import Machine

N_ROWS = 2000  # random rows whose service is followed; the efficiency of 4000 differs by less than 1 %
SWITCH_CYCLES = 2  # between read data and written data on a bus, as Ramulator 2.0 has it for all technologies
NEVER = 1 << 40


@dataclass(frozen=True, slots=True)
class DramChannels:
    """The DRAM of a machine, as programs meet it.

    Parameters
    ----------
    technology
        Name of a technology that is described.
    timing
        How its channels are driven; without it both efficiencies of the machine are constants.
    peak_width
        Bytes per cycle of the machine that the pins move, less the tax of ECC [B/cycle].
    stream_efficiency, gather_efficiency
        Constants of the machine, used where ``timing`` is not described.
    n_channels
        Channels that the bandwidth is spread over; 1 where ``timing`` is not described.
    """

    technology: str
    timing: DramTiming | None
    peak_width: float
    stream_efficiency: float
    gather_efficiency: float
    n_channels: int

    def width(self, write_frac: float = 0.0) -> float:
        """Bytes per cycle of long streams [B/cycle].

        Parameters
        ----------
        write_frac
            Share of the bytes that are written.
        """
        if self.timing is None:
            return self.peak_width * self.stream_efficiency
        return self.peak_width * stream_efficiency(self.technology, self.timing, write_frac)

    def gather_width(self, row_bytes: float, n_channels: int | None = None) -> float:
        """Bytes per cycle of reads of random rows, of whole access units [B/cycle].

        Parameters
        ----------
        row_bytes
            Contiguous bytes of a row.
        n_channels
            Channels that hold the rows: all of them where tables are interleaved, fewer where one was placed so.
        """
        if self.timing is None:
            return self.peak_width * self.gather_efficiency
        share = min(1.0, n_channels / self.n_channels) if n_channels else 1.0
        piece = min(row_bytes, self.timing.interleave_bytes, load_dram(self.technology).row_bytes)
        n_bursts = max(1, math.ceil(piece / load_dram(self.technology).burst_bytes))
        return self.peak_width * share * gather_efficiency(self.technology, self.timing, n_bursts)


NO_DRAM = DramChannels("", None, 1.0, 1.0, 1.0, 1)
"""In the place of the DRAM, for what does not see it."""


def lower_dram(machine: Machine) -> DramChannels:
    """Lower the DRAM of a machine."""
    dram = machine.dram
    return DramChannels(
        technology=dram.technology,
        timing=machine.timing.dram if machine.timing else None,
        peak_width=dram.bandwidth_bytes_per_s * (1 - dram.ecc_overhead_frac) / machine.clock_hz,
        stream_efficiency=dram.efficiency_frac,
        gather_efficiency=dram.gather_efficiency_frac,
        n_channels=count_channels(machine) or 1,
    )


@lru_cache
def channel_times(technology: str, timing: DramTiming) -> NDArray[np.int64]:
    """Convert the times of a channel to cycles of its command clock, as `archmodel.kernels.dram_channel` has them.

    Four activations in ``FAW`` are taken as one in a quarter of it. Bursts follow one another without gaps (``CCD =
    BURST``): successive ones are of different bank groups.
    """
    dram = load_dram(technology)
    clock_s = dram.transfers_per_cycle / (8 * timing.pin_rate_bytes_per_s)
    times = np.ones(N_TIMES, np.int64)
    given = {
        RCD: dram.rcd_s, RP: dram.rp_s, RAS: dram.ras_s, RRD: max(dram.rrd_s, dram.faw_s / 4), CL: dram.cl_s,
        CWL: dram.cwl_s, RTP: dram.rtp_s, WR: dram.wr_s, WTR: dram.wtr_s, RFC: dram.rfc_s, REFI: dram.refi_s,
    }  # fmt: skip
    for place, time_s in given.items():
        times[place] = max(1, math.ceil(time_s / clock_s - 1e-9))
    times[BURST] = times[CCD] = math.ceil(dram.burst_length / dram.transfers_per_cycle)
    times[RTW] = max(1, times[CL] + times[BURST] + SWITCH_CYCLES - times[CWL])
    times.flags.writeable = False
    return times


@lru_cache
def stream_efficiency(technology: str, timing: DramTiming, write_frac: float) -> float:
    """Share of the pins' bandwidth that long streams of row hits reach.

    Parameters
    ----------
    technology, timing
        The channels.
    write_frac
        Share of the bytes that are written.

    Model
    -----
    `mixed_efficiency`, less what refreshes cost (`refresh_loss`).
    """
    times = channel_times(technology, timing)
    efficiency = mixed_efficiency(times, timing.write_batch, write_frac)
    return float(efficiency * (1 - refresh_loss(technology, timing, is_write=write_frac > 0)))


def refresh_loss(technology: str, timing: DramTiming, *, is_write: bool) -> float:
    """Share of the time that refreshes take: as given, or `refresh_cycles` by REFI where all banks stop.

    Parameters
    ----------
    technology, timing
        The channels.
    is_write
        Whether writes are among what a refresh interrupts.
    """
    if timing.refresh_loss_frac is not None:
        return timing.refresh_loss_frac
    times = channel_times(technology, timing)
    return float(refresh_cycles(times, is_write) / times[REFI])


@lru_cache
def gather_efficiency(technology: str, timing: DramTiming, n_bursts: int) -> float:
    """Share of the pins' bandwidth that reads of random rows reach.

    Parameters
    ----------
    technology, timing
        The channels.
    n_bursts
        Bursts that lie together in a channel.

    Model
    -----
    `channel_events` follows `N_ROWS` rows, each in a bank drawn at random, and none twice; requests are never short.
    What the first one takes alone is not counted. Refreshes cost what they do in streams.
    """
    times = channel_times(technology, timing).copy()
    times[REFI] = NEVER
    n_banks = load_dram(technology).n_banks * timing.n_ranks
    n = N_ROWS * n_bursts
    requests = np.zeros((n, 3), np.int64)
    requests[:, 1] = np.repeat(np.random.default_rng(0).integers(0, n_banks, N_ROWS), n_bursts)
    requests[:, 2] = np.repeat(np.arange(N_ROWS), n_bursts)
    steps, found, given = np.zeros((n, N_STEPS), np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    no_gap, closed, banks = np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros((n_banks, 2), np.int64)
    channel_events(times, timing.queue_depth, n, requests, no_gap, no_gap, banks, steps, found, given, closed)
    cycles = given[-1] + 1 - stream_cycles(times, n, 1, False, 0) + times[CCD]
    return float(n * times[BURST] / cycles * (1 - refresh_loss(technology, timing, is_write=False)))
