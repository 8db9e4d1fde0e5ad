"""Numbers of a program that come from DRAM and cache, and say what of: with them it is a program for others, too."""

from __future__ import annotations

from archmodel.kernels.data_movement import service_cycles
from archmodel.kernels.pe_timing import MOST_CACHED, PeTiming


class FromDram(int):
    """Cycles for which DRAM serves a request, and its bytes [B]."""

    n_bytes: float

    @classmethod
    def count(cls, n_bytes: float, timing: PeTiming) -> FromDram:
        """Count the cycles on a machine."""
        cycles = cls(service_cycles(float(n_bytes), timing.dram_width))
        cycles.n_bytes = float(n_bytes)
        return cycles


class Ahead(int):
    """Tiles of streams that fit half of the cache, 2 to 16, and the bytes of one tile of all of them [B]."""

    n_bytes: float

    @classmethod
    def count(cls, n_bytes: float, timing: PeTiming) -> Ahead:
        """Count the tiles on a machine."""
        tiles = cls(max(2, min(MOST_CACHED, int(timing.cache_bytes / 2 / n_bytes))))
        tiles.n_bytes = float(n_bytes)
        return tiles


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
