"""Passes over rows in local memory, and the engine that does each: SIMD engine or vector cores."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from archmodel.kernels.lanes import simd_cycles
from archmodel.lowering.far import by_rates
from archmodel.lowering.phases import Site
from archmodel.lowering.program import Ints
from archmodel.lowering.rvv import loop_cycles
from archmodel.lowering.stream import Stage


@dataclass(frozen=True, slots=True)
class Pass:
    """A pass over the elements of rows.

    Parameters
    ----------
    loop
        That vector cores run (`archmodel.lowering.vector_loops`).
    n_operations
        Operations of a SIMD engine per element.
    is_fold
        It leaves a number per row.
    is_blocked
        It leaves a number per block of a row.
    finish, n_finish
        What is done to that number: loop, and operations of a SIMD engine.
    """

    loop: str
    n_operations: int
    is_fold: bool = False
    is_blocked: bool = False
    finish: str = ""
    n_finish: int = 0

    def combine(self) -> Pass:
        """Make the pass over the numbers of the parts of a row."""
        loop, n_operations = ("sum", 1) if self.loop == "square_sum" else (self.loop, self.n_operations)
        return Pass(loop, n_operations, is_fold=True, finish=self.finish, n_finish=self.n_finish)

    def without_finish(self) -> Pass:
        """Make the pass over a part of a row."""
        return replace(self, finish="", n_finish=0) if self.finish else self


def on_vector(site: Site, one: Pass) -> bool:
    """Whether the vector cores do a pass: folds where there are such cores, all where there is no SIMD engine."""
    return site.cores is not None and (one.is_fold or one.is_blocked or not site.has_simd)


def pass_stage(site: Site, one: Pass, n_rows: int, n_cols: int, dtype: str, stored: str | None = None) -> Stage:
    """Give the work of a pass on a tile.

    Parameters
    ----------
    site
        Where.
    one
        The pass.
    n_rows, n_cols
        Of the tile.
    dtype
        Format of the elements in local memory.
    stored
        Format in which the pass leaves them, if another.
    """
    if not on_vector(site, one):
        cycles = by_rates(site.timing, lambda known: _simd_cycles(known.lanes, one, n_rows, n_cols))
        return Stage("simd", cycles, site.timing.simd_latency)
    assert site.cores is not None
    arithmetic = "fp32" if dtype in ("fp32", "int32") else site.dtype
    cycles = loop_cycles(one.loop, n_rows, n_cols, dtype, arithmetic, site.cores, stored)
    if one.finish:
        cycles += loop_cycles(one.finish, 1, n_rows, "fp32", "fp32", site.cores)
    return Stage("vector", cycles)


def pass_cycles(site: Site, one: Pass, n_rows: Ints, n_cols: Ints, dtype: str, stored: str | None = None) -> Ints:
    """Count the cycles of a pass on each of many tiles (N,); parameters as in `pass_stage`."""
    if not one.is_fold and not on_vector(site, one):
        return np.ceil(n_rows * n_cols / site.timing.lanes).astype(np.int64) * one.n_operations
    tiles = list(zip(n_rows.tolist(), n_cols.tolist(), strict=True))
    known = {tile: pass_stage(site, one, *tile, dtype, stored).occupancy_cycles for tile in dict.fromkeys(tiles)}
    return np.array([known[tile] for tile in tiles], np.int64)


def _simd_cycles(lanes: float, one: Pass, n_rows: int, n_cols: int) -> int:
    """Cycles of a SIMD engine: a fold keeps a vector of partial results per row and halves it at the end.

    Or it has its lanes on as many rows and steps through the columns, whichever is shorter.
    """
    if not one.is_fold:
        return simd_cycles(n_rows * n_cols, one.n_operations, lanes)
    n_halvings = max(0, math.ceil(math.log2(min(lanes, n_cols))))
    along = n_rows * (simd_cycles(n_cols, one.n_operations, lanes) + n_halvings)
    across = n_cols * simd_cycles(n_rows, one.n_operations, lanes)
    return min(along, across) + simd_cycles(n_rows, one.n_finish, lanes)
