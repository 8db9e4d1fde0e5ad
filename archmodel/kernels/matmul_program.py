"""The commands that compute a matmul on a grid of PEs, from its shape, its mapping and the timing of a PE.

One function writes them for every model: the closed form adds their cycles up, the event engine follows them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from archmodel.kernels.compile import kernel
from archmodel.kernels.data_movement import reduction_cycles, service_cycles, transfer_cycles
from archmodel.kernels.lanes import issue_cycles, simd_cycles
from archmodel.kernels.layout_unit import transpose_cycles
from archmodel.kernels.matrix_engine import (
    count_held_blocks,
    divide_up,
    dot_product_bytes,
    dot_product_cycles,
    partial_sum_cycles,
    transfer_up,
)
from archmodel.kernels.program import (
    CAST,
    DRAM,
    HOLD,
    IN_A,
    IN_B,
    ISSUE,
    LATENCY,
    LAYOUT,
    LINK,
    LOAD,
    MATRIX,
    N_COMMAND_FIELDS,
    NEED_A,
    NEED_B,
    NONE,
    OCCUPANCY,
    OUT,
    OWN,
    POP_A,
    POP_B,
    PREFETCH,
    PUSH,
    REDUCE,
    RESERVE,
    RESOURCE,
    SAME_A,
    SAME_B,
    SAME_C,
    SERVICE,
    SIMD,
    SRAM,
    STORE,
    UNIT,
    WRITE_BACK,
)
from archmodel.kernels.window import PLAIN, Window, cut_windows, image_bytes

# Circular buffers: tiles of the operands in the cache (LLC) and in local memory, sums in the accumulators, added up
# over the chain, results in local memory and in the cache; of what is fused behind, tiles in the cache and in local
# memory; transposed tiles of a, and results that are not transposed yet.
FAR_A, FAR_B, NEAR_A, NEAR_B, ACCUMULATED, REDUCED, RESULT, FAR_RESULT = range(8)
FAR_TAIL, NEAR_TAIL, TURNED_A, WORKED = range(8, 12)
N_BUFFERS = 12
MAX_COMMANDS = 32
# What stays in place while the inner loop runs.
OUTPUT, WEIGHT, INPUT = range(3)

MOST_CACHED = 16  # tiles of an operand on their way to the cache, or of the result on their way out of it


class PeTiming(NamedTuple):
    """Timing of one PE and of the memories behind it, for one dtype; see ``docs/methods/timing.md``.

    Units: cycles, bytes, bytes per cycle. ``tile_depth`` and ``step_depth`` are in elements; ``lanes`` elements per
    cycle. ``own_width``, ``row_width``, ``column_width`` and ``store_width`` are what SRAM and network give to reads of
    each PE, to those that a row or a column of PEs shares, and to stores; none is more than ``sram_width``.
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


class MatmulShape(NamedTuple):
    """``batch`` products of m × k and k × n: bytes per element, what is in DRAM, SIMD operations per result.

    ``tail_bytes`` are loaded for each result besides, as ``is_tail_far`` says where from; ``turns_a`` and ``turns_c``
    say whether the layout unit transposes tiles of a, and results. Where ``window`` is of an image, rows of a are its
    windows and ``k`` is channels times the positions of the kernel.
    """

    batch: int
    m: int
    n: int
    k: int
    a_bytes: float
    b_bytes: float
    c_bytes: float
    is_a_far: bool
    is_b_far: bool
    is_c_far: bool
    operations: int
    tail_bytes: float = 0.0
    is_tail_far: bool = False
    turns_a: bool = False
    turns_c: bool = False
    window: Window = PLAIN


class MatmulMapping(NamedTuple):
    """How a matmul is spread: what stays in place, parts of batch, m, n and k, block sizes, tiles buffered."""

    stationary: int
    grid_b: int
    grid_m: int
    grid_n: int
    grid_k: int
    block_m: int
    block_n: int
    block_k: int
    n_buffered: int


@kernel
def fits_local(shape: MatmulShape, mapping: MatmulMapping, t: PeTiming) -> bool:
    """Whether the buffers of a mapping fit local memory.

    Model
    -----
    ``2 · held + n_buffered · swept + 2 · result + sums ≤ local``, output-stationary ``n_buffered · (a + b)`` in place
    of the first two: bytes of the tiles, and of the sums (4 B each) where the accumulators do not hold a block. What
    is fused behind has two tiles more, and what is transposed two of a or of the result.

    Parameters
    ----------
    shape : MatmulShape
        What.
    mapping : MatmulMapping
        How.
    t : PeTiming
        Where.
    """
    depth = mapping.block_k
    rows, row_bytes = cut_windows(shape.window, mapping.block_m, depth, shape.k, shape.a_bytes, t)
    tile_a = rows * row_bytes
    tile_b = mapping.block_n * depth * shape.b_bytes
    result = mapping.block_m * mapping.block_n * shape.c_bytes
    kept = 2 * tile_b + mapping.n_buffered * tile_a
    if mapping.stationary == INPUT:
        kept = 2 * tile_a + mapping.n_buffered * tile_b
    elif mapping.stationary == OUTPUT:
        kept = mapping.n_buffered * (tile_a + tile_b)
    spilled = mapping.block_m * mapping.block_n * 4
    if spilled <= t.accumulator_bytes:
        spilled = 0
    fused = 2 * mapping.block_m * mapping.block_n * shape.tail_bytes
    if shape.turns_a:
        fused += 2 * tile_a
    if shape.turns_c:
        fused += 2 * result
    return kept + 2 * result + spilled + fused <= t.local_bytes


@kernel
def count_dram_bytes(shape: MatmulShape, mapping: MatmulMapping, n_m: int, n_n: int, cache_bytes: float) -> Any:
    """Bytes of a and b that come from DRAM, 0 for what is not there [B].

    Model
    -----
    With one operand in place, the one that is swept again and again is read once if one product's fits half of the
    cache (at least a byte), else at each sweep. Output-stationary, one of the two is swept, the one for which less is
    read: once for each part of the other that fits half of the cache, but no more often than it is swept. Windows of an
    image share its pixels, each of which is read once in a sweep.

    Parameters
    ----------
    shape : MatmulShape
        What.
    mapping : MatmulMapping
        How; only what stays in place counts.
    n_m : int
        Blocks of a PE along m: sweeps of b.
    n_n : int
        Blocks of a PE along n: sweeps of a.
    cache_bytes : float
        Capacity of the cache, 0 without one [B].

    Returns
    -------
    (float, float)
        Of a and of b, for all products [B].
    """
    half = max(1.0, cache_bytes / 2)
    one_a = image_bytes(shape.window, shape.m, shape.k, shape.a_bytes)
    one_b = shape.k * shape.n * shape.b_bytes
    far_a = shape.batch * one_a if shape.is_a_far else 0.0
    far_b = shape.batch * one_b if shape.is_b_far else 0.0
    if mapping.stationary == WEIGHT:
        return far_a * (1 if one_a <= half else n_n), far_b
    if mapping.stationary == INPUT:
        return far_a, far_b * (1 if one_b <= half else n_m)
    sweeps_a, sweeps_b = min(n_n, transfer_up(one_b, half)), min(n_m, transfer_up(one_a, half))
    if far_b + far_a * sweeps_a <= far_a + far_b * sweeps_b:
        return far_a * sweeps_a, far_b
    return far_a, far_b * sweeps_b


@kernel
def put(
    commands: Any, n: int, unit: int, issue: int, occupancy: int, latency: int, resource: int, service: int, cast: int
) -> int:
    """Write a command without buffers behind the first ``n``; returns n + 1.

    Parameters
    ----------
    commands : ndarray (32, 17) int64
        Written to.
    n : int
        Commands so far.
    unit : int
        Unit that runs it.
    issue : int
        To issue it [cycles].
    occupancy : int
        For which the unit is busy [cycles].
    latency : int
        From its end until its result is visible [cycles].
    resource : int
        Shared resource, or −1.
    service : int
        For which that serves [cycles].
    cast : int
        Who shares the request.
    """
    commands[n, UNIT], commands[n, ISSUE], commands[n, OCCUPANCY] = unit, issue, occupancy
    commands[n, LATENCY], commands[n, RESOURCE], commands[n, SERVICE] = latency, resource, service
    commands[n, HOLD], commands[n, CAST] = service, cast
    for column in range(CAST + 1, N_COMMAND_FIELDS):
        commands[n, column] = 0
    commands[n, IN_A] = commands[n, IN_B] = commands[n, OUT] = NONE
    return n + 1


@kernel
def take_and_give(commands: Any, c: int, taken: int, popped: int, out: int, reserved: int, pushed: int) -> None:
    """Give a command its first input (one token needed) and its output.

    Parameters
    ----------
    commands : ndarray (32, 17) int64
        Written to.
    c : int
        The command.
    taken : int
        Buffer of the input, or −1.
    popped : int
        Tokens that it frees.
    out : int
        Buffer of the output, or −1.
    reserved : int
        Tokens for which it takes space.
    pushed : int
        Tokens that it adds.
    """
    commands[c, IN_A], commands[c, NEED_A], commands[c, POP_A] = taken, 1 if taken != NONE else 0, popped
    commands[c, OUT], commands[c, RESERVE], commands[c, PUSH] = out, reserved, pushed


@kernel
def read_width(cast: int, t: PeTiming) -> float:
    """Bytes per cycle that SRAM and network give to loads [B/cycle].

    Parameters
    ----------
    cast : int
        Who shares a load: all columns of a row have the same of a, all rows of a column the same of b.
    t : PeTiming
        Where.
    """
    if cast == SAME_A:
        return t.row_width
    return t.column_width if cast == SAME_B else t.own_width


@kernel
def write_load(
    commands: Any, n: int, far: int, near: int, cast: int, n_rows: int, row_bytes: float, missed_bytes: float,
    t: PeTiming,
) -> int:  # fmt: skip
    """Write the commands that bring one tile into local memory; returns the new number of commands.

    What the cache lacks is prefetched from DRAM by a command of its own, or, without prefetch, fetched by the load
    itself, which then waits for both latencies and holds the DRAM for as long as the slower of the two takes.

    Parameters
    ----------
    commands : ndarray (32, 17) int64
        Written to.
    n : int
        Commands so far.
    far : int
        Buffer of tiles in the cache.
    near : int
        Buffer of tiles in local memory.
    cast : int
        Who shares the read.
    n_rows : int
        Rows of the tile.
    row_bytes : float
        Bytes of a row [B].
    missed_bytes : float
        Bytes that the cache lacks [B].
    t : PeTiming
        Where.
    """
    issue = issue_cycles(1, 1, t.instruction_cycles, t.n_contexts)
    n_bytes = n_rows * row_bytes
    latency, resource, service, taken = t.sram_latency, SRAM, service_cycles(n_bytes, read_width(cast, t)), NONE
    if missed_bytes > 0:
        from_dram = service_cycles(missed_bytes, t.dram_width)
        if t.has_prefetch:
            n = put(commands, n, PREFETCH, issue, 1, t.dram_latency, DRAM, from_dram, cast)
            take_and_give(commands, n - 1, NONE, 0, far, 1, 1)
            taken = far
        else:
            latency += t.dram_latency
            resource, service = DRAM, max(service, from_dram)
    occupancy = transfer_cycles(
        n_rows, row_bytes, t.dma_width, t.request_cycles, t.fragment_bytes, t.outstanding, latency, t.bucket_bytes,
        t.bucket_rate,
    )  # fmt: skip
    n = put(commands, n, LOAD, issue, occupancy, latency, resource, service, cast)
    take_and_give(commands, n - 1, taken, 1 if taken != NONE else 0, near, 1, 1)
    return n


@kernel
def write_turn(commands: Any, n: int, taken: int, given: int, n_rows: int, n_cols: int, t: PeTiming) -> int:
    """Write the transposing of a tile by the layout unit; returns the new number of commands.

    Parameters
    ----------
    commands : ndarray (32, 17) int64
        Written to.
    n : int
        Commands so far.
    taken : int
        Buffer of the tile.
    given : int
        Buffer of the transposed tile.
    n_rows : int
        Rows of the tile.
    n_cols : int
        Columns of the tile.
    t : PeTiming
        Where.
    """
    issue = issue_cycles(1, 1, t.instruction_cycles, t.n_contexts)
    size = t.layout_rows
    took = transpose_cycles(divide_up(n_rows, size) * divide_up(n_cols, size), size)
    n = put(commands, n, LAYOUT, issue, took, 0, NONE, 0, OWN)
    take_and_give(commands, n - 1, taken, 1, given, 1, 1)
    return n


@kernel
def write_operand(
    commands: Any, n: int, is_b: bool, n_rows: int, row_bytes: float, missed_bytes: float, shape: MatmulShape,
    mapping: MatmulMapping, t: PeTiming,
) -> int:  # fmt: skip
    """Write the commands that bring a tile of an operand into local memory, transposed if it must be.

    Parameters
    ----------
    commands : ndarray (32, 17) int64
        Written to.
    n : int
        Commands so far.
    is_b : bool
        The tile is one of b, not of a.
    n_rows : int
        Rows of the tile.
    row_bytes : float
        Bytes of a row [B].
    missed_bytes : float
        Bytes that the cache lacks [B].
    shape : MatmulShape
        What.
    mapping : MatmulMapping
        How: who needs the same tile.
    t : PeTiming
        Where.
    """
    cast = SAME_B if is_b else SAME_A
    if (mapping.grid_m if is_b else mapping.grid_n) == 1 or not t.has_broadcast:
        cast = OWN
    if is_b:
        return write_load(commands, n, FAR_B, NEAR_B, cast, n_rows, row_bytes, missed_bytes, t)
    n = write_load(commands, n, FAR_A, NEAR_A, cast, n_rows, row_bytes, missed_bytes, t)
    if shape.turns_a:
        n = write_turn(commands, n, NEAR_A, TURNED_A, n_rows, int(row_bytes / shape.a_bytes), t)
    return n


@kernel
def multiply_cycles(n_streamed: int, n_held: int, k: int, t: PeTiming) -> int:
    """Cycles of a multiply on the matrix engine of a PE, `dot_product_cycles`.

    Parameters
    ----------
    n_streamed : int
        Columns that stream by.
    n_held : int
        Rows that are held.
    k : int
        Depth of the sums.
    t : PeTiming
        Where.
    """
    return dot_product_cycles(
        n_streamed, n_held, k, t.tile_rows, t.tile_cols, t.tile_depth, t.step_depth, t.n_tiles, t.load_cycles,
        t.gap_cycles,
    )  # fmt: skip


@kernel
def write_multiply(
    commands: Any, n: int, shape: MatmulShape, mapping: MatmulMapping, t: PeTiming,
    pop_a: int, pop_b: int, reserved: int, pushed: int,
) -> int:  # fmt: skip
    """Write the multiply of one block; returns the new number of commands.

    Parameters
    ----------
    commands : ndarray (32, 17) int64
        Written to.
    n : int
        Commands so far.
    shape : MatmulShape
        What.
    mapping : MatmulMapping
        How.
    t : PeTiming
        Where.
    pop_a : int
        Tiles of a that it frees.
    pop_b : int
        Tiles of b that it frees.
    reserved : int
        1 if it is the first multiply of its sums, else 0.
    pushed : int
        1 if it is the last multiply of its sums, else 0.
    """
    m, cols, k = mapping.block_m, mapping.block_n, mapping.block_k
    holds_b = mapping.stationary == WEIGHT
    if mapping.stationary == OUTPUT:
        holds_b = multiply_cycles(m, cols, k, t) <= multiply_cycles(cols, m, k, t)
    held, streamed, element_bytes = (cols, m, shape.b_bytes) if holds_b else (m, cols, shape.a_bytes)
    read = dot_product_bytes(streamed, held, k, t.tile_rows, t.tile_depth, element_bytes, element_bytes)
    occupancy = max(multiply_cycles(streamed, held, k, t), transfer_up(read, t.local_width))
    if pushed == 0 or reserved == 0:  # the sums of the block are not done in one go
        occupancy += partial_sum_cycles(m * cols * 4, t.accumulator_bytes, t.partial_width)
    block_products = count_held_blocks(held, k, t.tile_rows, t.tile_depth) * divide_up(streamed, t.tile_cols)
    issue = issue_cycles(block_products, t.blocks_per_instruction, t.instruction_cycles, t.n_contexts)
    n = put(commands, n, MATRIX, issue, occupancy, t.matrix_latency, NONE, 0, OWN)
    taken = TURNED_A if shape.turns_a else NEAR_A
    take_and_give(commands, n - 1, taken, pop_a, ACCUMULATED, reserved, pushed)
    commands[n - 1, IN_B], commands[n - 1, NEED_B], commands[n - 1, POP_B] = NEAR_B, 1, pop_b
    return n


@kernel
def write_result(commands: Any, n: int, shape: MatmulShape, mapping: MatmulMapping, t: PeTiming) -> int:
    """Write what follows a block: add up over the chain, convert on the SIMD engine, store; returns the new number.

    A cache takes the result and writes it back to DRAM on its own.

    Parameters
    ----------
    commands : ndarray (32, 17) int64
        Written to.
    n : int
        Commands so far.
    shape : MatmulShape
        What.
    mapping : MatmulMapping
        How.
    t : PeTiming
        Where.
    """
    issue = issue_cycles(1, 1, t.instruction_cycles, t.n_contexts)
    n_elements, source = mapping.block_m * mapping.block_n, ACCUMULATED
    if mapping.grid_k > 1:
        took = reduction_cycles(n_elements * 4.0, mapping.grid_k, t.hop_cycles, t.reduction_width)
        n = put(commands, n, REDUCE, issue, took, 0, LINK, took, SAME_C)
        take_and_give(commands, n - 1, ACCUMULATED, 1, REDUCED, 1, 1)
        source = REDUCED
    # Every PE of a chain ends with its share of the block.
    n_elements = divide_up(n_elements, mapping.grid_k)
    if shape.tail_bytes > 0:
        row_bytes = mapping.block_n * shape.tail_bytes / mapping.grid_k
        far_bytes = mapping.block_m * row_bytes if shape.is_tail_far else 0.0
        n = write_load(commands, n, FAR_TAIL, NEAR_TAIL, OWN, mapping.block_m, row_bytes, far_bytes, t)
    took = simd_cycles(n_elements, shape.operations, t.lanes)
    n = put(commands, n, SIMD, issue, took, t.simd_latency, NONE, 0, OWN)
    take_and_give(commands, n - 1, source, 1, WORKED if shape.turns_c else RESULT, 1, 1)
    if shape.tail_bytes > 0:
        commands[n - 1, IN_B], commands[n - 1, NEED_B], commands[n - 1, POP_B] = NEAR_TAIL, 1, 1
    if shape.turns_c:
        n = write_turn(commands, n, WORKED, RESULT, divide_up(mapping.block_m, mapping.grid_k), mapping.block_n, t)
    row_bytes = mapping.block_n * shape.c_bytes / mapping.grid_k
    n_bytes = mapping.block_m * row_bytes
    took = transfer_cycles(
        mapping.block_m, row_bytes, t.dma_width, t.request_cycles, t.fragment_bytes, t.outstanding, t.sram_latency,
        t.bucket_bytes, t.bucket_rate,
    )  # fmt: skip
    to_dram = service_cycles(n_bytes, t.dram_width)
    if shape.is_c_far and t.cache_bytes == 0:
        n = put(commands, n, STORE, issue, took, t.sram_latency, DRAM, to_dram, OWN)
        take_and_give(commands, n - 1, RESULT, 1, NONE, 0, 0)
        return n
    n = put(commands, n, STORE, issue, took, t.sram_latency, SRAM, service_cycles(n_bytes, t.store_width), OWN)
    take_and_give(commands, n - 1, RESULT, 1, NONE, 0, 0)
    if shape.is_c_far:
        take_and_give(commands, n - 1, RESULT, 1, FAR_RESULT, 1, 1)
        n = put(commands, n, WRITE_BACK, 0, 1, 0, DRAM, to_dram, OWN)
        take_and_give(commands, n - 1, FAR_RESULT, 1, NONE, 0, 0)
    return n


@kernel
def write_matmul(
    shape: MatmulShape, mapping: MatmulMapping, t: PeTiming, out_commands: Any, out_loops: Any, out_capacity: Any
) -> int:
    """Write the program that every PE runs.

    Output-stationary: for each block of the result, over k: load a, load b, multiply; then add up, convert, store.
    Weight-stationary: for each panel of b (all of a PE's k): load it; over m: load a, multiply, convert, store.
    Input-stationary: the same with a and b exchanged. All blocks of a PE have the same size; the last is padded.

    Parameters
    ----------
    shape, mapping, t
        What, how, where.
    out_commands : ndarray (32, 17) int64
        Columns as in ``archmodel.kernels.program``.
    out_loops : ndarray (5,) int64
        Commands of prologue, body and epilogue; inner and outer repeats.
    out_capacity : ndarray (12,) int64
        Tokens of each buffer.

    Returns
    -------
    int
        Commands.
    """
    part_b, part_m = divide_up(shape.batch, mapping.grid_b), divide_up(shape.m, mapping.grid_m)
    part_n, part_k = divide_up(shape.n, mapping.grid_n), divide_up(shape.k, mapping.grid_k)
    if mapping.stationary != OUTPUT:  # a panel is as deep as what the PE has
        mapping = MatmulMapping(
            mapping.stationary, mapping.grid_b, mapping.grid_m, mapping.grid_n, mapping.grid_k,
            mapping.block_m, mapping.block_n, part_k, mapping.n_buffered,
        )  # fmt: skip
    n_m, n_n = divide_up(part_m, mapping.block_m), divide_up(part_n, mapping.block_n)
    n_k = divide_up(part_k, mapping.block_k)
    is_output, is_weight = mapping.stationary == OUTPUT, mapping.stationary == WEIGHT
    blocks = part_b * n_m * n_n
    n_loads_a = blocks * n_k if is_output else blocks if is_weight else part_b * n_m
    n_loads_b = blocks * n_k if is_output else part_b * n_n if is_weight else blocks

    groups_a = mapping.grid_b * mapping.grid_m * mapping.grid_k
    groups_b = mapping.grid_b * mapping.grid_n * mapping.grid_k
    if not t.has_broadcast:
        groups_a = groups_b = groups_a * mapping.grid_n
    dram_a, dram_b = count_dram_bytes(shape, mapping, n_m, n_n, t.cache_bytes)
    if t.cache_bytes == 0 and not t.has_broadcast:  # nothing keeps for one PE what another has read
        dram_a *= mapping.grid_n
        dram_b *= mapping.grid_m
    rows_a, bytes_a = cut_windows(shape.window, mapping.block_m, mapping.block_k, shape.k, shape.a_bytes, t)
    if t.cache_bytes == 0 and shape.window.is_image:  # nothing keeps for one window what another has read
        fetched = float(n_m) * mapping.grid_m * n_k * mapping.grid_k * rows_a * bytes_a
        dram_a *= max(1.0, fetched / image_bytes(shape.window, shape.m, shape.k, shape.a_bytes))
    missed_a, missed_b = dram_a / (float(groups_a) * n_loads_a), dram_b / (float(groups_b) * n_loads_b)
    rows_b, bytes_b = mapping.block_k, mapping.block_n * shape.b_bytes
    n = 0
    if is_output:
        # The first multiply of a block takes the accumulators, the last one hands them over.
        for part in range(3):
            first, last = part == 0, part == 2
            n_before = n
            if last or n_k >= (2 if first else 3):
                n = write_operand(out_commands, n, False, rows_a, bytes_a, missed_a, shape, mapping, t)
                n = write_operand(out_commands, n, True, rows_b, bytes_b, missed_b, shape, mapping, t)
                is_first, is_last = first or n_k == 1, last
                n = write_multiply(out_commands, n, shape, mapping, t, 1, 1, 1 if is_first else 0, 1 if is_last else 0)
            if last:
                n = write_result(out_commands, n, shape, mapping, t)
            out_loops[part] = n - n_before
        out_loops[3], out_loops[4] = max(0, n_k - 2), blocks
    else:
        rows, row_bytes, missed = (rows_b, bytes_b, missed_b) if is_weight else (rows_a, bytes_a, missed_a)
        n = write_operand(out_commands, n, is_weight, rows, row_bytes, missed, shape, mapping, t)
        out_loops[0] = n
        rows, row_bytes, missed = (rows_a, bytes_a, missed_a) if is_weight else (rows_b, bytes_b, missed_b)
        n_steps = n_m if is_weight else n_n
        for part in range(1, 3):
            n_before = n
            if part == 2 or n_steps > 1:
                n = write_operand(out_commands, n, not is_weight, rows, row_bytes, missed, shape, mapping, t)
                # The last step frees what stayed in place.
                pop_held = 1 if part == 2 else 0
                pop_a, pop_b = (1, pop_held) if is_weight else (pop_held, 1)
                n = write_multiply(out_commands, n, shape, mapping, t, pop_a, pop_b, 1, 1)
                n = write_result(out_commands, n, shape, mapping, t)
            out_loops[part] = n - n_before
        out_loops[3], out_loops[4] = n_steps - 1, blocks // n_steps
    tokens_a = 2 if mapping.stationary == INPUT else mapping.n_buffered
    tokens_b = 2 if is_weight else mapping.n_buffered
    half = t.cache_bytes / 2
    out_capacity[FAR_A] = max(2, min(MOST_CACHED, int(half / (groups_a * rows_a * bytes_a))))
    out_capacity[FAR_B] = max(2, min(MOST_CACHED, int(half / (groups_b * rows_b * bytes_b))))
    out_capacity[NEAR_A], out_capacity[NEAR_B] = tokens_a, tokens_b
    block_bytes = mapping.block_m * mapping.block_n * 4
    out_capacity[ACCUMULATED] = max(1, min(2, t.accumulator_bytes // block_bytes))
    out_capacity[REDUCED] = 1
    out_capacity[RESULT] = 2
    out_capacity[FAR_RESULT] = out_capacity[FAR_TAIL] = MOST_CACHED
    out_capacity[NEAR_TAIL], out_capacity[WORKED] = 2, 2
    out_capacity[TURNED_A] = tokens_a
    if shape.turns_a:
        out_capacity[NEAR_A] = 2
    return n
