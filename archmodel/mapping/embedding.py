"""Which share of embedding rows the cache has: a set-associative cache fed with lookups as a production model's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archmodel.kernels.cache import EMPTY
from archmodel.kernels.reuse import count_hits
from archmodel.machine.columns import distinct
from archmodel.machine.types import SET_BY_USER, Machine
from archmodel.mapping.placement import Placement
from archmodel.workload.operators.embedding_bag import EmbeddingBag
from archmodel.workload.reuse import N_PRODUCTION_TABLES, PRODUCTION, Reuse
from archmodel.workload.types import Operator, Trace

WAYS = 16
"""Of the cache; not published. With 8 or 32 the hit rate differs by less than a point."""
N_SETS = 512
"""Sets that are simulated, at most: a sample of those of the cache, with as large a sample of the rows."""
N_WARM, N_COUNTED = 4, 8
"""Lookups per simulated line, before hits are counted and while they are, at least; whole batches."""
MOST_LOOKUPS = 500_000
"""Lookups of a batch that are simulated, at most."""
MOST_GROUPS = 64
"""Groups of tables that are told apart, at most."""
STEPS_PER_OCTAVE = 4
SEED = 1


def use_rows(op: EmbeddingBag) -> Reuse:
    """Say how the rows of an embedding bag are looked up: each table as the average table of a production model.

    Parameters
    ----------
    op
        The operator. No more rows are in use than its tables have.
    """
    reuse = PRODUCTION.scale(op.n_tables / N_PRODUCTION_TABLES)
    return reuse.scale(min(1.0, op.rows / reuse.n_used))


def expect_hits(trace: Trace, machine: Machine, placement: Placement) -> Machine:
    """Give a machine whose ``sram.embedding_hit`` is what a trace meets.

    Parameters
    ----------
    trace
        Its tables compete for the cache; of alternatives, the most that any of them meets.
    machine, placement
        As in `expected_hit_frac`.
    """
    shares = [(o,) for o in trace.operators] if trace.is_alternatives else [trace.operators]
    hit_fracs = [expected_hit_frac(trace, operators, machine, placement) for operators in shares]
    hit_frac = reduce(np.maximum, hit_fracs)
    return replace(machine, sram=replace(machine.sram, embedding_hit_frac=hit_frac))


def expected_hit_frac(trace: Trace, operators: Sequence[Operator], machine: Machine, placement: Placement) -> Any:
    """Share of embedding rows that hit the cache: of a machine, or of each where its values are columns.

    Parameters
    ----------
    trace, operators
        Operators of a trace, one step of which follows another.
    machine
        Where. If its SRAM is no cache, or if the user has set ``sram.embedding_hit``, that value is returned.
    placement
        Of the trace; tables that fit SRAM whole are not counted, the others have what these leave.

    Model
    -----
    SRAM that holds neither activations nor resident weights nor whole tables is cache. Its rows are those of all other
    tables, each in use as `use_rows` says, with the mean size that lookups have. Step after step looks up other rows,
    one table after the other (`hit_rate`).

    Sources
    -------
    ISCA 2025 (MTIA 2i), section 4.2 reports that 40-60 % of sparse accesses hit.
    """
    given, note = machine.sram.embedding_hit_frac, machine.provenance.get("sram.embedding_hit")
    is_cache = machine.timing is not None and machine.timing.memory.is_cache
    if not is_cache or (note is not None and note.source == SET_BY_USER):
        return given
    lls_bytes, is_resident = placement.lls_bytes, np.equal(placement.weight_miss_frac, 0)
    cache_bytes = machine.sram.capacity_bytes - np.where(max(trace.live_bytes) <= lls_bytes, lls_bytes, 0.0)
    cache_bytes = cache_bytes - np.where(is_resident, trace.role_bytes("weight"), 0.0)
    used: Any = 0.0
    lookups: Any = 0.0
    looked_up_bytes: Any = 0.0
    n_tables: Any = 0
    held_bytes = 0.0
    tables = [
        (operator.op, trace.tensors[name], operator.count)
        for operator in operators
        for operand, name in zip(operator.op.operands(), operator.tensors, strict=True)
        if isinstance(operator.op, EmbeddingBag) and operand.role == "table"
    ]
    for op, tensor, count in sorted(tables, key=lambda table: table[1].n_bytes * table[1].count):
        held_bytes += tensor.n_bytes * tensor.count
        is_whole = held_bytes <= np.asarray(placement.table_sram_bytes)
        cache_bytes = cache_bytes - np.where(is_whole, tensor.n_bytes * tensor.count, 0.0)
        n_lookups = op.batch * op.pooling * count
        used = used + np.where(is_whole, 0.0, use_rows(op).n_used * tensor.count)
        n_tables = n_tables + np.where(is_whole, 0, op.n_tables * tensor.count)
        lookups = lookups + np.where(is_whole, 0.0, n_lookups)
        looked_up_bytes = looked_up_bytes + np.where(is_whole, 0.0, n_lookups * op.dim * tensor.bytes_per_element)
    cases = np.broadcast_arrays(given, machine.dram.access_bytes, cache_bytes, used, lookups, looked_up_bytes, n_tables)
    columns = np.reshape(cases, (len(cases), -1))
    first, place = distinct(list(columns), columns.shape[1])
    hit_frac = np.array([_hit_frac(*case) for case in columns[:, first].T.tolist()])[place]
    return hit_frac if cases[0].shape else float(hit_frac[0])


def _hit_frac(
    given: float,
    access_bytes: float,
    cache_bytes: float,
    used: float,
    lookups: float,
    looked_up_bytes: float,
    n_tables: float,
) -> float:
    """Share of rows that hit, of tables that are looked up together and compete for a cache."""
    if not lookups:
        return given
    line_bytes = math.ceil(looked_up_bytes / lookups / access_bytes) * access_bytes
    return hit_rate(PRODUCTION, max(0.0, cache_bytes) / line_bytes / used, lookups / used, int(n_tables))


def hit_rate(reuse: Reuse, cached_frac: float, lookups_per_row: float, n_tables: int) -> float:
    """Share of lookups that hit a cache.

    Parameters
    ----------
    reuse
        How rows are looked up.
    cached_frac
        Rows that the cache holds, by rows in use.
    lookups_per_row
        Lookups of a batch, by rows in use.
    n_tables
        Tables that are looked up one after the other.

    Model
    -----
    A set-associative cache that replaces the least recently used row is simulated (`simulate_hits`), with both shares
    rounded to a quarter of an octave.
    """
    if cached_frac >= 1:
        return 1.0
    if cached_frac <= 0:
        return 0.0
    size, load = (round(STEPS_PER_OCTAVE * math.log2(share)) for share in (cached_frac, lookups_per_row))
    return simulate_hits(reuse, size, load, min(n_tables, MOST_GROUPS))


@lru_cache
def simulate_hits(reuse: Reuse, size: int, load: int, n_groups: int, n_sets: int = N_SETS, ways: int = WAYS) -> float:
    """Simulate a sample of the sets of a cache, with as large a sample of the rows.

    Parameters
    ----------
    reuse
        How rows are looked up.
    size, load
        Binary logarithms, in quarters, of rows that the cache holds and of lookups of a batch, by rows in use.
    n_groups
        Groups of tables that are looked up one after the other; fewer, where a group had less than 16 lookups.
    n_sets, ways
        Sets that are simulated, at most, and lines of each.

    Sources
    -------
    R. E. Kessler et al., A comparison of trace-sampling techniques for multi-megabyte caches, IEEE Trans. Computers
    43(6), 1994 (sampling of sets).
    """
    cached_frac, per_row = (2.0 ** (step / STEPS_PER_OCTAVE) for step in (size, load))
    n_sets = max(1, min(n_sets, int(MOST_LOOKUPS / per_row * cached_frac / ways)))
    n_lines = n_sets * ways
    n_lookups = n_lines / cached_frac * per_row
    n_groups = max(1, min(n_groups, int(n_lookups / 16)))
    # Rows of a class take turns to be in each group, starting with another group for each class.
    n_rows = np.maximum(1, np.rint(np.array(reuse.n_rows) * n_lines / cached_frac / reuse.n_used)).astype(np.int64)
    turn = (np.arange(n_groups)[:, None] + 7 * np.arange(n_rows.size)) % n_groups
    rows = n_rows // n_groups + (turn < n_rows % n_groups)
    shares = np.array(reuse.access_frac) * rows / n_rows
    tables = [_alias_table(group / group.sum()) for group in shares]
    threshold, other = (np.stack(column) for column in zip(*tables, strict=True))
    rows = np.pad(rows, ((0, 0), (0, threshold.shape[1] - rows.shape[1])))
    first_row = np.concatenate(([0], np.cumsum(rows.ravel())[:-1])).reshape(rows.shape)
    looked_up = np.maximum(1, np.rint(n_lookups * shares.sum(axis=1))).astype(np.int64)
    n_warm, n_counted = (max(1, math.ceil(times * n_lines / looked_up.sum())) for times in (N_WARM, N_COUNTED))
    state = np.full((n_sets, ways), EMPTY, np.int64)
    n_hits = count_hits(threshold, other, first_row, rows, looked_up, n_warm, n_counted, SEED, state)
    return float(n_hits / (n_counted * looked_up.sum()))


def _alias_table(shares: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Spread classes over columns of equal chance, two classes in each; columns are a power of 2."""
    n = 1 << max(0, len(shares) - 1).bit_length()
    left = [share * n for share in shares.tolist()] + [0.0] * (n - len(shares))
    threshold, other = np.ones(n), np.arange(n)
    small = [k for k, share in enumerate(left) if share < 1]
    large = [k for k, share in enumerate(left) if share >= 1]
    while small and large:
        poor, rich = small.pop(), large.pop()
        threshold[poor], other[poor] = left[poor], rich
        left[rich] -= 1 - left[poor]
        (small if left[rich] < 1 else large).append(rich)
    return threshold, other
