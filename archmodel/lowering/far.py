"""Numbers of a program that say how they come about: with them it is a program for other machines, too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NoReturn, Self

import numpy as np

from archmodel.kernels.data_movement import service_cycles
from archmodel.kernels.pe_timing import MOST_CACHED, PeTiming
from archmodel.lowering.dram import DramChannels
from archmodel.lowering.row_access import RowAccess

VARYING_ROWS = ("hit_frac", "remote_frac", "unit_bytes", "host_width")
"""Values of `RowAccess` that cache, DRAM and host decide."""
RATES = ("lanes", "dma_width", "sram_width", "own_width", "row_width", "column_width", "store_width")
"""Fields of `PeTiming` that say what lanes, DMA engine, network and SRAM do in a cycle."""


@dataclass(frozen=True, slots=True)
class Far:
    """What is behind the SRAM of a machine, or of many that are alike before it: numbers, or columns of them (V,).

    Machines may differ before it, too, in what an operator's program leaves open (`open_rates`).

    Parameters
    ----------
    cache_bytes, dram_width, dram_latency
        Cache [B], DRAM [B/cycle] and its latency [cycles].
    rows
        How rows at indices are reached; ``None`` for an operator without. Of its values, those vary that cache, DRAM
        and host decide.
    channels
        The DRAM behind rows.
    timings, near
        Unlike timings of PEs, whatever DRAM and cache, and which each machine has.
    """

    cache_bytes: Any
    dram_width: Any
    dram_latency: Any
    rows: RowAccess | None = None
    channels: Any = None
    timings: tuple[PeTiming, ...] = ()
    near: Any = None

    def gather_width(self, row_bytes: float) -> Any:
        """Bytes per cycle of reads of random rows, as `DramChannels.gather_width` says [B/cycle]."""
        if isinstance(self.channels, DramChannels):
            return self.channels.gather_width(row_bytes)
        widths = {id(each): each for each in self.channels}
        known = {key: each.gather_width(row_bytes) for key, each in widths.items()}
        return np.array([known[id(each)] for each in self.channels])

    def take(self, some: Any) -> Far:
        """Choose some of the machines."""
        rows, channels, timings, near = None, None, self.timings, self.near
        if self.rows is not None:
            values = {name: getattr(self.rows, name)[some] for name in VARYING_ROWS}
            rows, channels = replace(self.rows, **values), self.channels[some]
        if timings:
            present, near = np.unique(near[some], return_inverse=True)
            timings = tuple(timings[each] for each in present.tolist())
        columns = (self.cache_bytes[some], self.dram_width[some], self.dram_latency[some])
        return Far(*columns, rows, channels, timings, near)


class Varying(int):
    """A number of a program on one machine, and what it is on others (`on`).

    What is calculated from it would not know that: numbers are calculated first, and are then made such a number.
    """

    on: Callable[[Far], Any]

    def _refuse(self, other: object) -> NoReturn:
        raise TypeError("what is calculated from a number that varies does not vary")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __floordiv__ = __rfloordiv__ = __truediv__ = __rtruediv__ = _refuse

    @classmethod
    def of(cls, number: int, on: Callable[[Far], Any]) -> Self:
        """Say what a number is on other machines."""
        varying = cls(number)
        varying.on = on
        return varying


class FromDram(Varying):
    """Cycles for which DRAM serves a request, and its bytes [B]."""

    n_bytes: float

    @classmethod
    def count(cls, n_bytes: float, timing: PeTiming) -> FromDram:
        """Count the cycles on a machine."""
        n_bytes = float(n_bytes)
        cycles = cls.of(service_cycles(n_bytes, timing.dram_width), lambda far: serve(n_bytes, far.dram_width))
        cycles.n_bytes = n_bytes
        return cycles


def open_rates(timing: PeTiming) -> PeTiming:
    """Give a timing without `RATES`: a program that is written for it serves machines whatever these are."""
    nothing: dict[str, Any] = dict.fromkeys(RATES)  # not a number, so that nothing is calculated from it unnoticed
    return timing._replace(**nothing)


def by_rates(timing: PeTiming, count: Callable[[PeTiming], int]) -> int:
    """Count cycles that rates decide; where these are left open, for each machine later.

    Parameters
    ----------
    timing
        Where.
    count
        Counts them, by a timing with rates; of it, whatever DRAM and cache decide is of no matter.
    """
    if timing.lanes is not None:
        return count(timing)

    def on(far: Far) -> Any:
        return np.array([count(each) for each in far.timings])[far.near]

    return Varying.of(0, on)


class Ahead(Varying):
    """Tiles of streams that fit half of the cache, 2 to 16."""

    @classmethod
    def count(cls, n_bytes: float, timing: PeTiming) -> Ahead:
        """Count the tiles on a machine, of so many bytes each for all of the streams [B]."""

        def on(far: Far) -> Any:
            return np.minimum(MOST_CACHED, np.maximum(2, np.floor(far.cache_bytes / 2 / n_bytes)))

        return cls.of(max(2, min(MOST_CACHED, int(timing.cache_bytes / 2 / n_bytes))), on)


def serve(n_bytes: Any, width: Any) -> Any:
    """Cycles for which a memory serves requests, numbers or columns, as `service_cycles` counts them."""
    return np.maximum(1.0, np.ceil(n_bytes / width))


class Watched(float):
    """Capacity of a cache that knows what it was asked: sizes, and whether half of it holds them [B]."""

    asked: dict[float, bool]

    @classmethod
    def watch(cls, cache_bytes: float) -> Watched:
        """Watch a capacity, of which nothing has been asked."""
        watched = cls(cache_bytes)
        watched.asked = {}
        return watched


def fits_half(n_bytes: float, timing: PeTiming) -> bool:
    """Whether half of the cache holds so many bytes: it still has them when they are asked for again."""
    fits = n_bytes <= timing.cache_bytes / 2
    if isinstance(timing.cache_bytes, Watched):
        timing.cache_bytes.asked[n_bytes] = fits
    return fits
