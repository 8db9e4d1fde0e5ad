"""Mapper of matmuls: how one is spread over the PEs and cut into blocks.

The search is bounded: every way to factor the PEs into parts of batch, m, n and k, three choices of what stays in
place, five block heights and widths each, block depths by halves, two or three tiles buffered. The closed form of the
program judges (`archmodel.kernels.closed_form`), bounds of it first (`archmodel.kernels.matmul_variants`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archmodel.errors import UnsupportedError
from archmodel.kernels.closed_form import N_STATIONS
from archmodel.kernels.matmul_batch import read_timing
from archmodel.kernels.matmul_candidates import list_candidates
from archmodel.kernels.matmul_groups import search_groups
from archmodel.kernels.matmul_search import search_matmul
from archmodel.kernels.matmul_shape import N_MAPPING_FIELDS, MatmulMapping, MatmulShape
from archmodel.kernels.matmul_tiles import Candidates
from archmodel.kernels.matmul_variants import CACHE_BYTES, DRAM_LATENCY, DRAM_WIDTH
from archmodel.kernels.pe_timing import PeTiming
from archmodel.mapping.cache import recall, remember

STATIONARY = ("output", "weight", "input")
"""What stays in place, as coded in `MatmulMapping`."""
MOST_CHAINED = 8
"""Longest chain of PEs that add up one result."""


# Fields of `PeTiming` that decide which mappings fit, and how long a multiply takes, a load or a chain of PEs.
_TRYING = [
    PeTiming._fields.index(field)
    for field in (
        "tile_rows", "tile_depth", "local_bytes", "accumulator_bytes", "n_tiles", "tile_cols", "step_depth",
        "gap_cycles", "load_cycles", "local_width", "partial_width", "dma_width", "request_cycles", "fragment_bytes",
        "outstanding", "sram_latency", "bucket_bytes", "bucket_rate", "hop_cycles", "reduction_width",
    )
]  # fmt: skip
_FAR = [CACHE_BYTES, DRAM_WIDTH, DRAM_LATENCY]


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
    if known is None:
        found = find_mappings(shape, np.array([timing], np.float64), n_pes)
        known = [*found.mappings[0].tolist(), *found.cycles[0].tolist()]
        remember(question, known)
    return Candidate(MatmulMapping(*known[:-2]), *known[-2:])


class Found(NamedTuple):
    """The fastest mapping on each of V machines (V, 9), its cycles (V, 2), and cycles at work by station (V, 15)."""

    mappings: NDArray[np.int64]
    cycles: NDArray[np.int64]
    work_cycles: NDArray[np.int64]


def find_mappings(shape: MatmulShape, timings: NDArray[np.float64], n_pes: int) -> Found:
    """Find the mapping that `list_mappings` has first, on each of many machines; raises as `find_in_groups`.

    Parameters
    ----------
    shape
        The product.
    timings
        Fields of `PeTiming`, a row per machine (V, 39). Rows differ in what `matmul_variants.search_variants` allows.
    n_pes
        PEs of each machine.
    """
    return find_in_groups(shape, Groups(timings[:1], timings[:, _FAR], np.array([0, len(timings)])), n_pes)


class Groups(NamedTuple):
    """Machines in groups that are alike but for DRAM and cache, as `matmul_groups.search_groups` takes them.

    Fields of `PeTiming` of each group (G, 39); cache, DRAM and its latency of each machine (V, 3); the first machine of
    each group, and V (G + 1,).
    """

    near: NDArray[np.float64]
    far: NDArray[np.float64]
    firsts: NDArray[np.int64]


def find_in_groups(shape: MatmulShape, groups: Groups, n_pes: int) -> Found:
    """Find the mapping that `list_mappings` has first, on each of many machines.

    Parameters
    ----------
    shape
        The product.
    groups
        The machines. What decides which mappings are tried is the same for all groups.
    n_pes
        PEs of each machine.

    Raises
    ------
    UnsupportedError
        When the smallest blocks do not fit local memory.
    """
    trying = groups.near[:, _TRYING]
    if len(trying) > 1 and (trying != trying[0]).any():
        raise ValueError("machines on which unlike mappings are tried are not searched together")
    shape = as_plain(shape)
    if shape.is_a_far or shape.is_b_far or shape.is_c_far or shape.is_tail_far:
        return _search(shape, groups, n_pes)
    # What is in SRAM does not see DRAM and cache: machines of another sweep may have the same answer.
    near = groups.near.copy()
    near[:, _FAR] = 1.0
    known = [_search_near(shape, tuple(each), n_pes) for each in near.tolist()]
    n_each = np.diff(groups.firsts)
    return Found(*(np.repeat(np.concatenate(column), n_each, axis=0) for column in zip(*known, strict=True)))


@lru_cache(maxsize=16384)
def _search_near(shape: MatmulShape, near: tuple[float, ...], n_pes: int) -> Found:
    return _search(shape, Groups(np.array([near]), np.ones((1, len(_FAR))), np.array([0, 1])), n_pes)


def _search(shape: MatmulShape, groups: Groups, n_pes: int) -> Found:
    candidates = _list_candidates(_as_cut(shape), tuple(groups.near[0, _TRYING].tolist()), n_pes)
    if not len(candidates.mappings):
        raise UnsupportedError("mapping", (_say_too_small(shape, read_timing(groups.near, 0)),))
    found = Found(*(np.empty((len(groups.far), width), np.int64) for width in (N_MAPPING_FIELDS, 2, N_STATIONS)))
    n_searched = search_groups(shape, *groups, candidates, *found)
    if n_searched < len(groups.near):
        timing = read_timing(groups.near, n_searched)
        raise RuntimeError(f"the bounds of a search exceed the cycles of its best candidate: {shape}, {timing}")
    return found


@lru_cache(maxsize=48)
def _list_candidates(shape: MatmulShape, seen: tuple[float, ...], n_pes: int) -> Candidates:
    """List the mappings that fit, with what machines have in common that differ in no field of these."""
    row = np.zeros((1, len(PeTiming._fields)))
    row[0, _TRYING] = seen
    timing: PeTiming = read_timing(row, 0)
    grids = _list_grids(shape.batch, shape.m, shape.n, _count_chained(shape.k, timing.tile_depth), n_pes)
    candidates: Candidates = list_candidates(shape, timing, grids)
    return candidates


def _as_cut(shape: MatmulShape) -> MatmulShape:
    """Give a product without what no candidate depends on: where operands are, what is done to results."""
    return shape._replace(is_a_far=False, is_b_far=False, is_c_far=False, is_tail_far=False, operations=1)


@lru_cache(maxsize=4096)
def as_plain(shape: MatmulShape) -> MatmulShape:
    """Give the same shape in plain types, for which there is one compiled kernel."""
    return shape._replace(
        batch=int(shape.batch), m=int(shape.m), n=int(shape.n), k=int(shape.k), a_bytes=float(shape.a_bytes),
        b_bytes=float(shape.b_bytes), c_bytes=float(shape.c_bytes), is_a_far=bool(shape.is_a_far),
        is_b_far=bool(shape.is_b_far), is_c_far=bool(shape.is_c_far), operations=int(shape.operations),
        tail_bytes=float(shape.tail_bytes), is_tail_far=bool(shape.is_tail_far), turns_a=bool(shape.turns_a),
        turns_c=bool(shape.turns_c),
    )  # fmt: skip


def list_mappings(shape: MatmulShape, timing: PeTiming, n_pes: int) -> list[Candidate]:
    """List the best mapping of every grid and stationarity, fastest first; raises as `find_mapping`."""
    grids = _list_grids(shape.batch, shape.m, shape.n, _count_chained(shape.k, timing.tile_depth), n_pes)
    mappings, cycles = np.empty((3 * len(grids), 9), dtype=np.int64), np.empty((3 * len(grids), 2), dtype=np.int64)
    search_matmul(shape, timing, grids, mappings, cycles)
    found = [
        Candidate(MatmulMapping(*mapping.tolist()), int(took[0]), int(took[1]))
        for mapping, took in zip(mappings, cycles, strict=True)
        if took[0] >= 0
    ]
    if not found:
        raise UnsupportedError("mapping", (_say_too_small(shape, timing),))
    return sorted(found, key=lambda candidate: (candidate.cycles, candidate.serial_cycles))


def _say_too_small(shape: MatmulShape, timing: PeTiming) -> str:
    dims = f"{shape.batch} x {shape.m} x {shape.n} x {shape.k}"
    return f"no blocks of a matmul of {dims} fit the {timing.local_bytes:g} B of local memory; make it larger"


def _count_chained(k: int, tile_depth: int) -> int:
    return min(MOST_CHAINED, max(1, k // tile_depth))


@lru_cache(maxsize=1024)
def _list_grids(batch: int, m: int, n: int, most_chained: int, n_pes: int) -> NDArray[np.int64]:
    """Factor the PEs into parts of batch, m, n and k, none with more parts than there are rows, columns or products.

    A product that is too small, or of sizes that no factors suit, leaves as few PEs idle as it can.
    """
    for n_used in range(n_pes, 0, -1):
        found = [
            (n_b, n_m, n_n, n_k)
            for n_b in _divisors(n_used)
            for n_k in _divisors(n_used // n_b)
            for n_m in _divisors(n_used // n_b // n_k)
            for n_n in (n_used // n_b // n_k // n_m,)
            if n_b <= batch and n_m <= m and n_n <= n and n_k <= most_chained
        ]
        if found:
            return np.array(found, np.int64)
    return np.empty((0, 4), np.int64)


@cache
def _divisors(n: int) -> list[int]:
    return [divisor for divisor in range(1, n + 1) if n % divisor == 0]
