"""Lower radix sorts: per digit a count, running sums of the counters, and a move of every key with its value."""

from __future__ import annotations

import math

from archmodel.dtypes import dtype_bytes
from archmodel.errors import UnsupportedError
from archmodel.kernels.pe_timing import MOST_CACHED
from archmodel.lowering.moves import AHEAD, BEHIND, count_ahead, load_rows, plain_issue, store_rows
from archmodel.lowering.phases import Phase, Site, lowers
from archmodel.lowering.program import Command, Grid, Input, Program
from archmodel.lowering.rvv import VectorCores, loop_cycles
from archmodel.lowering.stream import LEAST_TILES, Flow, Stage, stream
from archmodel.workload.operators.sort import DIGIT_BITS, RadixSort

N_DIGITS = 1 << DIGIT_BITS
COUNTER_BYTES = 4
VALUE_BYTES = 4
LEAST_KEYS = N_DIGITS
"""Keys of a PE at least; fewer would not pay for its counters."""


@lowers(RadixSort.kind)
def lower_radix_sort(site: Site) -> tuple[Phase, ...]:
    """Lower a radix sort, least significant digit first.

    Model
    -----
    PEs have equal parts of the keys. For every digit of 8 bits each counts its keys of each digit, in counters that
    each lane of the vector core has for itself; running sums over digits and PEs say where each PE's keys of a digit
    go; and each moves its keys there: within local memory first, tile by tile, then as one run per digit. What is
    sorted by the digits so far is where the result will be, or in the cache if all of it fits half.

    Raises
    ------
    UnsupportedError
        Without vector cores, or when the counters do not fit local memory.
    """
    op, cores = site.op, site.cores
    assert isinstance(op, RadixSort)
    if cores is None:
        raise UnsupportedError(
            "lowering", ("radix_sort counts by indexed accesses of vector cores; none is described",)
        )
    n_pes = max(1, min(site.n_pes, op.n // LEAST_KEYS))
    n_keys = math.ceil(op.n / n_pes)
    key_bytes = dtype_bytes(op.key_dtype)
    n_lanes = cores.n_cores * cores.core.vlen * cores.lmul // int(8 * key_bytes)
    room = site.timing.local_bytes - n_lanes * N_DIGITS * COUNTER_BYTES
    fit = int(room // (4 * (key_bytes + VALUE_BYTES)))  # two tiles on their way in, two on their way out
    if fit < 1:
        reason = (
            f"radix_sort: {n_lanes} lanes with {N_DIGITS} counters each do not fit the {site.timing.local_bytes:.0f} B "
            "of local memory of a PE; make local memory larger"
        )
        raise UnsupportedError("lowering", (reason,))
    per_tile = min(fit, math.ceil(n_keys / min(LEAST_TILES, n_keys)))
    place_in, place_out = site.place("keys"), site.place("sorted_keys")
    sums = stream(
        site, "running sums", N_DIGITS, [Flow(n_pes, COUNTER_BYTES, is_far=False)],
        lambda n_rows: [Stage("vector", loop_cycles("scan", n_rows, n_pes, "int32", "int32", cores))],
        [Flow(n_pes, COUNTER_BYTES, is_far=False)],
    )  # fmt: skip

    def digit(is_far_before: bool, is_far_after: bool) -> tuple[Phase, ...]:
        count = _count(site, cores, n_pes, n_keys, per_tile, is_far=is_far_before)
        return count, sums, _move(site, cores, n_pes, n_keys, per_tile, is_far=(is_far_before, is_far_after))

    is_far_between = place_out.is_far and op.n * (key_bytes + VALUE_BYTES) > site.timing.cache_bytes / 2
    if op.n_passes == 1:
        return digit(place_in.is_far, place_out.is_far)
    further = digit(is_far_between, is_far_between) * (op.n_passes - 2)
    return digit(place_in.is_far, is_far_between) + further + digit(is_far_between, place_out.is_far)


def _count(site: Site, cores: VectorCores, n_pes: int, n_keys: int, per_tile: int, *, is_far: bool) -> Phase:
    """Count keys of each digit, then add up the counters of the lanes."""
    op, timing = site.op, site.timing
    assert isinstance(op, RadixSort)
    tile_bytes = per_tile * dtype_bytes(op.key_dtype)
    lanes = cores.core.vlen * cores.lmul // int(8 * dtype_bytes(op.key_dtype))
    counting = loop_cycles("histogram", 1, per_tile, op.key_dtype, op.key_dtype, cores)
    folding = loop_cycles("sum", N_DIGITS, lanes, "int32", "int32", cores)
    program = Program(
        body=(
            *load_rows(timing, 1, tile_bytes, "keys", is_far=is_far),
            Command("vector", plain_issue(timing), counting, 0, (Input("keys"),)),
        ),
        epilogue=(
            Command("vector", plain_issue(timing), folding, 0, (), "counters"),
            *store_rows(timing, 1, N_DIGITS * COUNTER_BYTES, "counters", is_far=False),
        ),
        buffers={"keys": 2, "keys" + AHEAD: count_ahead(timing, n_pes, tile_bytes), "counters": 1},
        n_inner=math.ceil(n_keys / per_tile),
        queue_depth=timing.queue_depth,
        grid=Grid(n_m=n_pes),
    )
    return site.phase("count", program)


def _move(
    site: Site, cores: VectorCores, n_pes: int, n_keys: int, per_tile: int, *, is_far: tuple[bool, bool]
) -> Phase:
    """Move keys and values to the places of their digits; ``is_far`` says it of where they are and where they go."""
    op, timing = site.op, site.timing
    assert isinstance(op, RadixSort)
    key_bytes = dtype_bytes(op.key_dtype)
    placing = loop_cycles("place", 1, per_tile, op.key_dtype, op.key_dtype, cores)
    n_runs, taken = min(N_DIGITS, per_tile), (Input("pairs", 2, 2), Input("places", 1, 0))
    program = Program(
        prologue=load_rows(timing, N_DIGITS, COUNTER_BYTES, "places", is_far=False),
        body=(
            *load_rows(timing, 1, per_tile * key_bytes, "pairs", is_far=is_far[0]),
            *load_rows(timing, 1, per_tile * VALUE_BYTES, "pairs", is_far=is_far[0]),
            Command("vector", plain_issue(timing), placing, 0, taken, "runs", 2, 2),
            *store_rows(timing, n_runs, per_tile * key_bytes / n_runs, "runs", is_far=is_far[1]),
            *store_rows(timing, n_runs, per_tile * VALUE_BYTES / n_runs, "runs", is_far=is_far[1]),
        ),
        buffers={
            "places": 1, "pairs": 4, "pairs" + AHEAD: count_ahead(timing, n_pes, per_tile * key_bytes), "runs": 4,
            "runs" + BEHIND: MOST_CACHED,
        },
        n_inner=math.ceil(n_keys / per_tile),
        queue_depth=timing.queue_depth,
        grid=Grid(n_m=n_pes),
    )  # fmt: skip
    return site.phase("move", program)
