"""The commands that compute a matmul on a grid of PEs, from its shape, its mapping and the timing of a PE.

One function writes them for every model: the closed form adds their cycles up, the event engine follows them.
"""

from __future__ import annotations

from typing import Any

from archmodel.kernels.compile import kernel, kernel_part
from archmodel.kernels.data_movement import reduction_cycles
from archmodel.kernels.lanes import issue_cycles, simd_cycles
from archmodel.kernels.matmul_shape import (
    ACCUMULATED,
    FAR_A,
    FAR_B,
    FAR_RESULT,
    FAR_TAIL,
    INPUT,
    NEAR_A,
    NEAR_B,
    NEAR_TAIL,
    OUTPUT,
    REDUCED,
    RESULT,
    TURNED_A,
    WEIGHT,
    WORKED,
    MatmulMapping,
    MatmulShape,
    count_dram_bytes,
)
from archmodel.kernels.matrix_engine import (
    count_held_blocks,
    divide_up,
    dot_product_bytes,
    dot_product_cycles,
    partial_sum_cycles,
    transfer_up,
)
from archmodel.kernels.pe_timing import MOST_CACHED, PeTiming
from archmodel.kernels.program import (
    IN_B,
    LINK,
    MATRIX,
    NEED_B,
    NONE,
    OWN,
    POP_B,
    REDUCE,
    SAME_A,
    SAME_B,
    SAME_C,
    SIMD,
    VECTOR,
)
from archmodel.kernels.tile_commands import put, take_and_give, take_second, write_load, write_store, write_turn
from archmodel.kernels.window import cut_windows, image_bytes


@kernel_part
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


@kernel_part
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


@kernel_part
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


@kernel_part
def write_result(commands: Any, n: int, shape: MatmulShape, mapping: MatmulMapping, t: PeTiming) -> int:
    """Write what follows a block: add up over the chain, convert on the lanes, store; returns the new number.

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
    if t.has_lone_cores:
        n = put(commands, n, VECTOR, issue, took, 0, NONE, 0, OWN)
    else:
        n = put(commands, n, SIMD, issue, took, t.simd_latency, NONE, 0, OWN)
    take_and_give(commands, n - 1, source, 1, WORKED if shape.turns_c else RESULT, 1, 1)
    if shape.tail_bytes > 0:
        take_second(commands, n - 1, NEAR_TAIL)
    if shape.turns_c:
        n = write_turn(commands, n, WORKED, RESULT, divide_up(mapping.block_m, mapping.grid_k), mapping.block_n, t)
    row_bytes = mapping.block_n * shape.c_bytes / mapping.grid_k
    return write_store(commands, n, RESULT, FAR_RESULT, mapping.block_m, row_bytes, shape.is_c_far, t)


@kernel_part
def count_ahead(cache_bytes: float, tile_bytes: float) -> int:
    """Count the tiles that half of the cache holds ahead of the PEs, 2 to 16.

    Parameters
    ----------
    cache_bytes : float
        Capacity of the cache [B].
    tile_bytes : float
        Of one tile of all PEs [B].
    """
    return max(2, min(MOST_CACHED, int(cache_bytes / 2 / tile_bytes)))


@kernel_part
def set_buffers(shape: MatmulShape, mapping: MatmulMapping, out_capacity: Any) -> None:
    """Set how many tiles of the operands local memory holds; what stays in place is there twice.

    Parameters
    ----------
    shape, mapping
        What and how.
    out_capacity : ndarray (12,) int64
        Tokens of each buffer.
    """
    tokens_a = 2 if mapping.stationary == INPUT else mapping.n_buffered
    out_capacity[NEAR_B] = 2 if mapping.stationary == WEIGHT else mapping.n_buffered
    out_capacity[NEAR_A] = 2 if shape.turns_a else tokens_a
    out_capacity[TURNED_A] = tokens_a


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
    out_capacity[FAR_A] = count_ahead(t.cache_bytes, groups_a * (rows_a * bytes_a))
    out_capacity[FAR_B] = count_ahead(t.cache_bytes, groups_b * (rows_b * bytes_b))
    set_buffers(shape, mapping, out_capacity)
    block_bytes = mapping.block_m * mapping.block_n * 4
    out_capacity[ACCUMULATED] = max(1, min(2, t.accumulator_bytes // block_bytes))
    out_capacity[REDUCED] = 1
    out_capacity[RESULT] = 2
    out_capacity[FAR_RESULT] = out_capacity[FAR_TAIL] = MOST_CACHED
    out_capacity[NEAR_TAIL], out_capacity[WORKED] = 2, 2
    return n
