"""Mapper of matmuls: how one is spread over the PEs and cut into blocks.

The search is bounded: every way to factor the PEs into parts of batch, m, n and k, three choices of what stays in
place, five block heights and widths each, block depths by halves, two or three tiles buffered. The closed form of the
program judges (`archmodel.kernels.closed_form`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np

from archmodel.errors import UnsupportedError
from archmodel.kernels.matmul_search import search_matmul
from archmodel.kernels.matmul_shape import MatmulMapping, MatmulShape
from archmodel.kernels.pe_timing import PeTiming
from archmodel.mapping.cache import recall, remember

STATIONARY = ("output", "weight", "input")
"""What stays in place, as coded in `MatmulMapping`."""
MOST_CHAINED = 8
"""Longest chain of PEs that add up one result."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A mapping and the cycles of its closed form: with everything overlapped that can be, and with nothing."""

    mapping: MatmulMapping
    cycles: int
    serial_cycles: int


def say_mapping(mapping: MatmulMapping) -> dict[str, Any]:
    """Say a mapping in words and numbers, ready for JSON."""
    fields = mapping._asdict() | {"stationary": STATIONARY[mapping.stationary]}
    return {name: value if isinstance(value, str) else int(value) for name, value in fields.items()}


@lru_cache(maxsize=4096)
def find_mapping(shape: MatmulShape, timing: PeTiming, n_pes: int) -> Candidate:
    """Find the mapping with the fewest cycles, of these the least serial one; choices are remembered on disk.

    Raises
    ------
    UnsupportedError
        When the smallest blocks do not fit local memory.
    """
    question = repr((shape, timing, n_pes))
    known = recall(question)
    if known is not None:
        return Candidate(MatmulMapping(*known[:-2]), *known[-2:])
    best = list_mappings(shape, timing, n_pes)[0]
    remember(question, [*(int(value) for value in best.mapping), best.cycles, best.serial_cycles])
    return best


def list_mappings(shape: MatmulShape, timing: PeTiming, n_pes: int) -> list[Candidate]:
    """List the best mapping of every grid and stationarity, fastest first; raises as `find_mapping`."""
    grids = np.array(list(_grids(shape, timing, n_pes)), dtype=np.int64)
    mappings, cycles = np.empty((3 * len(grids), 9), dtype=np.int64), np.empty((3 * len(grids), 2), dtype=np.int64)
    search_matmul(shape, timing, grids, mappings, cycles)
    found = [
        Candidate(MatmulMapping(*mapping.tolist()), int(took[0]), int(took[1]))
        for mapping, took in zip(mappings, cycles, strict=True)
        if took[0] >= 0
    ]
    if not found:
        dims = f"{shape.batch} x {shape.m} x {shape.n} x {shape.k}"
        reason = f"no blocks of a matmul of {dims} fit the {timing.local_bytes:g} B of local memory; make it larger"
        raise UnsupportedError("mapping", (reason,))
    return sorted(found, key=lambda candidate: (candidate.cycles, candidate.serial_cycles))


def _grids(shape: MatmulShape, timing: PeTiming, n_pes: int) -> Iterator[tuple[int, int, int, int]]:
    """Factor the PEs into parts of batch, m, n and k, none with more parts than there are rows, columns or products.

    A product that is too small, or of sizes that no factors suit, leaves as few PEs idle as it can.
    """
    most_chained = min(MOST_CHAINED, max(1, shape.k // timing.tile_depth))
    for n_used in range(n_pes, 0, -1):
        found = [
            (n_b, n_m, n_n, n_k)
            for n_b in _divisors(n_used)
            for n_k in _divisors(n_used // n_b)
            for n_m in _divisors(n_used // n_b // n_k)
            for n_n in (n_used // n_b // n_k // n_m,)
            if n_b <= shape.batch and n_m <= shape.m and n_n <= shape.n and n_k <= most_chained
        ]
        if found:
            yield from found
            return


@cache
def _divisors(n: int) -> list[int]:
    return [divisor for divisor in range(1, n + 1) if n % divisor == 0]
