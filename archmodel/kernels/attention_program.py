"""The program of fused attention under a cut: a software pipeline of steps, its buffers, and the memory they take."""

from __future__ import annotations

from typing import Any, NamedTuple

from archmodel.kernels.attention_blocks import Cut
from archmodel.kernels.attention_shape import (
    FINISH_PIECE,
    FINISH_WHOLE,
    AttentionShape,
    Pipeline,
    count_out_bytes,
    count_pieces,
    plan_pipeline,
)
from archmodel.kernels.attention_steps import (
    BIASES_AHEAD,
    DONE,
    KEYS,
    KEYS_AHEAD,
    N_BUFFERS,
    PARTIAL,
    QUERIES,
    QUERIES_AHEAD,
    RESULTS,
    RESULTS_BEHIND,
    ROWS_AHEAD,
    VALUES_AHEAD,
    Step,
    write_queries,
    write_step,
)
from archmodel.kernels.compile import kernel_part
from archmodel.kernels.matmul_program import count_ahead
from archmodel.kernels.pe_timing import MOST_CACHED, PeTiming
from archmodel.kernels.program import DRAM, IN_A, IN_B, N_COMMAND_FIELDS, NEED_A, NONE, OUT, POP_A, RESOURCE
from archmodel.kernels.tile_commands import put_lanes, write_store

MOST_COMMANDS = 160
"""Each command of a step is in prologue or epilogue once for each of at most six steps that fill the pipeline."""


class AttentionProgram(NamedTuple):
    """A program of attention under a cut, that of the busiest PE; what it has fewer of is at the front.

    Parameters
    ----------
    commands : (160, 17) int64
    far_bytes : (160,) float64
        Bytes that DRAM serves with a command; 0 where it serves none [B].
    loops : (5,) int64
        Commands of prologue, body and epilogue; inner and outer repeats.
    capacity : (20,) int64
        Tokens of each buffer that the program has; 0 behind them.
    ahead_bytes : (20,) float64
        Of a stream that the cache holds ahead of the PEs, bytes that all of them load at a time, by its buffer; 0 where
        the capacity does not depend on the cache [B].
    places : (20,) int64
        Place of a buffer among those that the program has, or −1.
    """

    commands: Any
    far_bytes: Any
    loops: Any
    capacity: Any
    ahead_bytes: Any
    places: Any


@kernel_part
def copy_command(program: AttentionProgram, n: int, step: Step, c: int) -> int:
    """Copy a command of a step behind the first ``n`` of a program; returns n + 1.

    Parameters
    ----------
    program : AttentionProgram
        Written to.
    n : int
        Commands so far.
    step : Step
        A step.
    c : int
        Which of its commands.
    """
    for column in range(N_COMMAND_FIELDS):
        program.commands[n, column] = step.commands[c, column]
    program.far_bytes[n] = step.far_bytes[c]
    return n + 1


@kernel_part
def write_finish(
    program: AttentionProgram, n: int, shape: AttentionShape, t: PeTiming, cut: Cut, n_blocks: float, occupancy: int,
    n_taken: int,
) -> int:  # fmt: skip
    """Write what divides blocks of results by the sums of their rows, or converts them, and stores them.

    Parameters
    ----------
    program : AttentionProgram
        Written to.
    n : int
        Commands so far.
    shape, t, cut
        What, where, how.
    n_blocks : float
        Blocks, or a piece of one.
    occupancy : int
        Cycles of lanes or vector cores.
    n_taken : int
        Tokens that they are.

    Returns
    -------
    int
        Commands.
    """
    first, n_rows = n, count_pieces(shape, cut, n_blocks)
    row_bytes = n_blocks * cut.n_rows * (count_out_bytes(shape, cut) / cut.n_rows) / n_rows
    n = put_lanes(program.commands, n, t, shape.map_unit, occupancy, DONE, RESULTS)
    program.commands[n - 1, NEED_A] = program.commands[n - 1, POP_A] = n_taken
    n = write_store(
        program.commands, n, RESULTS, RESULTS_BEHIND, n_rows, row_bytes, shape.is_out_far and cut.n_splits == 1, t
    )
    for c in range(first, n):
        program.far_bytes[c] = n_rows * row_bytes if program.commands[c, RESOURCE] == DRAM else 0.0
    return n


@kernel_part
def set_capacity(
    program: AttentionProgram,
    shape: AttentionShape,
    cut: Cut,
    pipeline: Pipeline,
    has_broadcast: bool,
    is_turning: bool,
) -> None:
    """Set how many blocks each buffer holds, or the bytes by which that depends on the cache.

    Parameters
    ----------
    program : AttentionProgram
        Written to.
    shape, cut, pipeline
        What, how.
    has_broadcast, is_turning : bool
        PEs can share a read; the layout unit transposes.
    """
    capacity, ahead = program.capacity, program.ahead_bytes
    for b in range(N_BUFFERS):
        capacity[b] = 2
        ahead[b] = 0.0
    capacity[QUERIES] = min(pipeline.n_ahead, cut.n_steps) + 2
    if is_turning and not shape.has_values:
        capacity[KEYS] = 4
    capacity[BIASES_AHEAD] = MOST_CACHED
    capacity[RESULTS_BEHIND] = MOST_CACHED
    capacity[PARTIAL] = 1
    capacity[DONE] = pipeline.depth + 2
    n_pes = cut.n_groups * cut.n_sharing
    n_streams = cut.n_groups if has_broadcast else n_pes
    value_bytes = cut.n_keys * shape.value_dim * shape.v_bytes if shape.has_values else 0.0
    ahead[QUERIES_AHEAD] = max(1.0, n_pes * (cut.n_rows * shape.head_dim * shape.q_bytes))
    ahead[KEYS_AHEAD] = max(1.0, n_streams * (cut.n_keys * shape.head_dim * shape.k_bytes))
    ahead[ROWS_AHEAD] = max(1.0, n_streams * value_bytes)
    ahead[VALUES_AHEAD] = ahead[ROWS_AHEAD]


@kernel_part
def leave_out_buffers(program: AttentionProgram, n: int, cache_bytes: float) -> None:
    """Leave out the buffers from which nothing is taken, and fill in what depends on the cache.

    Parameters
    ----------
    program : AttentionProgram
        Written to: capacities, and the buffers of the commands.
    n : int
        Commands.
    cache_bytes : float
        Capacity of the cache [B].
    """
    commands, capacity, ahead, places = program.commands, program.capacity, program.ahead_bytes, program.places
    for b in range(N_BUFFERS):
        places[b] = NONE
    for c in range(n):
        for column in (IN_A, IN_B):
            buffer = commands[c, column]
            if buffer != NONE:
                places[buffer] = 0
    n_buffers = 0
    for b in range(N_BUFFERS):
        if places[b] != NONE:
            places[b] = n_buffers
            ahead[n_buffers] = ahead[b]
            capacity[n_buffers] = count_ahead(cache_bytes, ahead[b]) if ahead[b] > 0 else capacity[b]
            n_buffers += 1
    for b in range(n_buffers, N_BUFFERS):
        capacity[b] = 0
        ahead[b] = 0.0
    for c in range(n):
        for column in (IN_A, IN_B, OUT):
            buffer = commands[c, column]
            if buffer != NONE:
                commands[c, column] = places[buffer]


@kernel_part
def write_program(
    program: AttentionProgram, slot: Step, last: Step, shape: AttentionShape, t: PeTiming, cut: Cut, missed_frac: float,
    lanes: Any, beside: Any,
) -> int:  # fmt: skip
    """Write a program.

    Model
    -----
    A slot of the program has commands of several steps (`plan_pipeline`). Prologue and epilogue fill and drain the
    pipeline once: the queries of later turns and the results of earlier ones move in pieces, one with each slot.

    Parameters
    ----------
    program, slot, last
        Written to: the program, a step, and the last one.
    shape, t, cut, missed_frac, lanes, beside
        As in `write_step`.

    Returns
    -------
    int
        Commands.

    Sources
    -------
    T. Dao et al., FlashAttention, NeurIPS 2022; J. Shah et al., FlashAttention-3, arXiv:2407.08608 (overlap of steps).
    """
    pipeline = plan_pipeline(shape, t.has_prefetch, cut)
    depth, n_whole = pipeline.depth, 1 if pipeline.has_pieces else cut.n_turns
    n_body, loops = cut.n_steps - depth, program.loops
    n_step = write_step(slot, shape, t, cut, pipeline, missed_frac, lanes, beside, False)
    write_step(last, shape, t, cut, pipeline, missed_frac, lanes, beside, True)
    n_tokens = min(pipeline.n_ahead, cut.n_steps)
    n = write_queries(program.commands, program.far_bytes, 0, shape, t, cut, float(n_whole), n_tokens)
    for i in range(depth):
        for c in range(n_step):
            if i - depth + min(slot.leads[c], depth) >= slot.firsts[c]:
                n = copy_command(program, n, slot, c)
    loops[0], n_before = n, n
    if n_body > 0:
        for c in range(n_step):
            n = copy_command(program, n, slot, c)
        if pipeline.has_pieces:
            n = write_finish(program, n, shape, t, cut, (cut.n_turns - 1) / n_body, lanes[FINISH_PIECE], 1)
    loops[1], loops[3], loops[4], n_before = n - n_before, n_body, 1, n
    for i in range(depth):
        for c in range(n_step):
            if i + min(slot.leads[c], depth) < depth:
                n = copy_command(program, n, last if i == depth - 1 else slot, c)
    n_taken = depth if pipeline.has_pieces else 1
    n = write_finish(program, n, shape, t, cut, float(n_whole), lanes[FINISH_WHOLE], n_taken)
    loops[2] = n - n_before
    set_capacity(program, shape, cut, pipeline, t.has_broadcast, t.layout_rows > 0)
    leave_out_buffers(program, n, t.cache_bytes)
    return n
