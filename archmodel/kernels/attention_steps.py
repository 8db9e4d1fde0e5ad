"""Commands of fused attention: what a PE does with a block of queries and a block of keys.

Structure, laws and what they leave out: ``docs/methods/operators/attention.md``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from archmodel.kernels.attention_blocks import Cut
from archmodel.kernels.attention_shape import (
    MERGE,
    PREFETCHED,
    SCORE,
    SUM_BYTES,
    AttentionShape,
    Pipeline,
    count_pieces,
)
from archmodel.kernels.compile import kernel_part
from archmodel.kernels.data_movement import service_cycles
from archmodel.kernels.lanes import issue_cycles
from archmodel.kernels.matmul_program import multiply_cycles
from archmodel.kernels.matrix_engine import (
    count_held_blocks,
    divide_up,
    dot_product_bytes,
    partial_sum_cycles,
    transfer_up,
)
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.program import (
    DRAM,
    MATRIX,
    N_COMMAND_FIELDS,
    NONE,
    OCCUPANCY,
    OWN,
    PREFETCH,
    PUSH,
    RESERVE,
    RESOURCE,
    SAME_B,
    SERVICE,
    UNIT,
)
from archmodel.kernels.tile_commands import (
    put,
    put_lanes,
    read_width,
    take_and_give,
    take_second,
    write_load,
    write_turn,
)

# Circular buffers, in the order of those that a program has. In the cache, blocks of a stream before they are loaded
# (``…_AHEAD``) and results before they are written back.
QUERIES, QUERIES_AHEAD, KEYS, KEYS_AHEAD, BIASES, BIASES_AHEAD, ROWS, ROWS_AHEAD, VALUES, VALUES_AHEAD = range(10)
SUMS, SCORES, MAXIMA, EXPONENTIALS, WEIGHTS, TURNED, PARTIAL, DONE, RESULTS, RESULTS_BEHIND = range(10, 20)
N_BUFFERS = 20
MOST_STEP = 20
"""Commands of a step, at most."""


class Step(NamedTuple):
    """Commands of a step (20, 17), and of each (20,).

    ``leads``: by how many steps it is ahead of the product with the values; ``firsts``: the first step that has it;
    ``far_bytes``: bytes that DRAM serves with it, 0 where it serves none [B].
    """

    commands: Any
    leads: Any
    firsts: Any
    far_bytes: Any


@kernel_part
def new_step() -> Step:
    """Make room for a step."""
    return Step(
        np.empty((MOST_STEP, N_COMMAND_FIELDS), np.int64), np.empty(MOST_STEP, np.int64), np.empty(MOST_STEP, np.int64),
        np.empty(MOST_STEP),
    )  # fmt: skip


@kernel_part
def write_rows(
    commands: Any, far_bytes: Any, n: int, ahead: int, into: int, cast: int, n_rows: int, row_bytes: float,
    missed_bytes: float, n_pushed: int, t: PeTiming,
) -> int:  # fmt: skip
    """Write what brings contiguous rows into local memory as some tokens; returns the new number of commands.

    Parameters
    ----------
    commands, far_bytes : ndarray (C, 17) int64, ndarray (C,) float64
        Written to.
    n : int
        Commands so far.
    ahead, into, cast, n_rows, row_bytes, missed_bytes
        As in `write_load`.
    n_pushed : int
        Tokens.
    t : PeTiming
        Where.
    """
    first = n
    n = write_load(commands, n, ahead, into, cast, n_rows, row_bytes, missed_bytes, t)
    commands[n - 1, RESERVE] = commands[n - 1, PUSH] = n_pushed
    far_bytes[n - 1] = 0.0
    # Without prefetch the slower of both memories decides.
    is_of_dram = commands[n - 1, SERVICE] > service_cycles(n_rows * row_bytes, read_width(cast, t))
    if n - first == 2 or (commands[n - 1, RESOURCE] == DRAM and is_of_dram):
        far_bytes[first] = missed_bytes
    return n


@kernel_part
def write_queries(
    commands: Any, far_bytes: Any, n: int, shape: AttentionShape, t: PeTiming, cut: Cut, n_blocks: float, n_pushed: int
) -> int:
    """Write what loads so many blocks of queries; returns the new number of commands.

    Parameters
    ----------
    commands, far_bytes, n
        As in `write_rows`.
    shape, t, cut
        As in `write_step`.
    n_blocks : float
        Blocks, or a piece of one: rows of the heads that share keys lie together.
    n_pushed : int
        Tokens that they are.
    """
    n_rows = count_pieces(shape, cut, n_blocks)
    row_bytes = n_blocks * cut.n_rows * (shape.head_dim * shape.q_bytes) / n_rows
    missed_bytes = n_rows * row_bytes if shape.is_q_far else 0.0
    return write_rows(
        commands, far_bytes, n, QUERIES_AHEAD, QUERIES, OWN, n_rows, row_bytes, missed_bytes, n_pushed, t
    )  # fmt: skip


@kernel_part
def lead_by(step: Step, first: int, n: int, lead: int, first_step: int) -> None:
    """Say of commands how far they are ahead; what is prefetched is `PREFETCHED` steps further.

    Parameters
    ----------
    step : Step
        Written to.
    first, n : int
        The first of them, and the number of all.
    lead, first_step : int
        Steps, and the first step that has them.
    """
    for c in range(first, n):
        step.leads[c] = lead + PREFETCHED if step.commands[c, UNIT] == PREFETCH else lead
        step.firsts[c] = first_step


@kernel_part
def write_keys(
    step: Step, n: int, shape: AttentionShape, t: PeTiming, cut: Cut, missed_frac: float, is_values: bool, lead: int
) -> int:
    """Write what loads a block of keys, or of values, and say how far ahead; returns the new number of commands.

    Keys that are values, too, are a token for each if the layout unit transposes them.

    Parameters
    ----------
    step, n, shape, t, cut, missed_frac
        As in `write_step`.
    is_values : bool
        Values, not keys.
    lead : int
        Steps by which they are ahead.
    """
    ahead, into, row_bytes, is_far = KEYS_AHEAD, KEYS, shape.head_dim * shape.k_bytes, shape.is_k_far
    n_pushed = 2 if not shape.has_values and t.layout_rows > 0 else 1
    if is_values:
        row_bytes, is_far, n_pushed = shape.value_dim * shape.v_bytes, shape.is_v_far, 1
        ahead, into = (ROWS_AHEAD, ROWS) if t.layout_rows > 0 else (VALUES_AHEAD, VALUES)
    cast = SAME_B if cut.n_sharing > 1 and t.has_broadcast else OWN
    missed_bytes = cut.n_keys * row_bytes * missed_frac if is_far else 0.0
    first = n
    n = write_rows(
        step.commands, step.far_bytes, n, ahead, into, cast, cut.n_keys, row_bytes, missed_bytes, n_pushed, t
    )  # fmt: skip
    lead_by(step, first, n, lead, 0)
    return n


@kernel_part
def lead_last(step: Step, n: int, lead: int) -> None:
    """Say how far the last command is ahead; DRAM has nothing to do with it.

    Parameters
    ----------
    step, n
        As in `write_step`.
    lead : int
        Steps.
    """
    step.far_bytes[n - 1] = 0.0
    lead_by(step, n - 1, n, lead, 0)


@kernel_part
def write_product(
    step: Step, n: int, shape: AttentionShape, t: PeTiming, n_rows: int, n_cols: int, depth: int, lead: int
) -> int:
    """Write a product: what is shorter to hold is held, the other streams by; returns the new number of commands.

    Parameters
    ----------
    step, n, shape, t
        As in `write_step`.
    n_rows, n_cols, depth : int
        Of the product.
    lead : int
        Steps by which it is ahead.
    """
    size, best, best_issue = shape.element_bytes, -1, 0
    for is_turned in range(2):
        held, streamed = (n_rows, n_cols) if is_turned == 1 else (n_cols, n_rows)
        n_bytes = dot_product_bytes(streamed, held, depth, t.tile_rows, t.tile_depth, size, size)
        took = max(multiply_cycles(streamed, held, depth, t), transfer_up(n_bytes, t.local_width))
        n_products = count_held_blocks(held, depth, t.tile_rows, t.tile_depth) * divide_up(streamed, t.tile_cols)
        issue = issue_cycles(n_products, t.blocks_per_instruction, t.instruction_cycles, t.n_contexts)
        if best < 0 or took < best or (took == best and issue < best_issue):
            best, best_issue = took, issue
    n = put(step.commands, n, MATRIX, best_issue, best, t.matrix_latency, NONE, 0, OWN)
    lead_last(step, n, lead)
    return n


@kernel_part
def write_bias(step: Step, n: int, beside: Any, lead: int) -> int:
    """Write what gathers the bias of a block, as it was given; returns the new number of commands.

    Parameters
    ----------
    step, n
        As in `write_step`.
    beside : ndarray (2, 6) int64
        Of each command its unit (−1: none), cycles to issue it, for which it is at work, and until its result is
        there; the memory that serves it, and for how many cycles.
    lead : int
        Steps by which it is ahead.
    """
    first, taken = n, NONE
    for i in range(2):
        unit = beside[i, 0]
        if unit != NONE:
            n = put(step.commands, n, unit, beside[i, 1], beside[i, 2], beside[i, 3], beside[i, 4], beside[i, 5], OWN)
            given = BIASES_AHEAD if unit == PREFETCH else BIASES
            take_and_give(step.commands, n - 1, taken, 1 if taken != NONE else 0, given, 1, 1)
            step.far_bytes[n - 1], taken = 0.0, given
    lead_by(step, first, n, lead, 0)
    return n


@kernel_part
def write_score(step: Step, n: int, shape: AttentionShape, t: PeTiming, cut: Cut, lanes: Any, depth: int) -> int:
    """Write the score function of a block; on one unit the earliest step goes first.

    Parameters
    ----------
    step, n, shape, t, cut, lanes
        As in `write_step`.
    depth : int
        Steps that fill the pipeline.

    Returns
    -------
    int
        Commands.
    """
    n_lane_parts = 4 if shape.is_softmax else 1  # from scaling on; behind them, weights are transposed
    n_parts = n_lane_parts + (1 if t.layout_rows > 0 else 0)
    for wanted in range(depth + 1):
        for part in range(n_parts):
            lead = n_lane_parts - part
            if min(lead, depth) != wanted:
                continue
            if part == n_lane_parts:
                n = write_turn(step.commands, n, WEIGHTS, TURNED, cut.n_keys, cut.n_rows, t)
            else:
                unit = shape.fold_unit if part % 2 == 1 else shape.map_unit
                given = WEIGHTS if part == n_lane_parts - 1 else SCORES + part
                n = put_lanes(step.commands, n, t, unit, lanes[SCORE + part], SUMS + part, given)
                if part == 0 and shape.bias_bytes > 0:
                    take_second(step.commands, n - 1, BIASES)
            lead_last(step, n, lead)
    return n


@kernel_part
def write_results(
    step: Step, n: int, shape: AttentionShape, t: PeTiming, cut: Cut, pipeline: Pipeline, lanes: Any, is_last: bool
) -> int:
    """Write the product with the values, and how results of several blocks become one.

    Parameters
    ----------
    step, n, shape, t, cut, pipeline, lanes, is_last
        As in `write_step`.

    Returns
    -------
    int
        Commands.
    """
    n = write_product(step, n, shape, t, cut.n_rows, shape.value_dim, cut.n_keys, 0)
    if not shape.is_softmax and cut.n_steps > cut.n_turns:
        sum_bytes = cut.n_rows * shape.value_dim * SUM_BYTES
        step.commands[n - 1, OCCUPANCY] += partial_sum_cycles(sum_bytes, t.accumulator_bytes, t.partial_width)
    done = DONE if pipeline.has_pieces or is_last else NONE
    given, is_turning = PARTIAL if pipeline.is_merging else done, t.layout_rows > 0
    n_given = 1 if given != NONE else 0
    take_and_give(step.commands, n - 1, TURNED if is_turning else WEIGHTS, 1, given, n_given, n_given)
    if shape.has_values or is_turning:
        take_second(step.commands, n - 1, VALUES)
    if pipeline.is_merging:
        n = put_lanes(step.commands, n, t, shape.map_unit, lanes[MERGE], PARTIAL, done)
        lead_last(step, n, 0)
    return n


@kernel_part
def write_step(
    step: Step, shape: AttentionShape, t: PeTiming, cut: Cut, pipeline: Pipeline, missed_frac: float, lanes: Any,
    beside: Any, is_last: bool,
) -> int:  # fmt: skip
    """Write the commands of a step; of all, the last one gives results even if they do not move in pieces.

    Scores lie with keys in rows, so that the lanes of the vector cores have a query each; weights and values are
    transposed for the second product. Results of a product are merged into those of the earlier blocks of a turn on the
    lanes; a score function without reductions leaves them to accumulate.

    Parameters
    ----------
    step : Step
        Written to.
    shape, t, cut, pipeline
        What, where, how.
    missed_frac : float
        Part of the keys and values loaded from DRAM that the cache lacks.
    lanes : ndarray (7,) int64
        Cycles of what lanes or vector cores do.
    beside : ndarray (2, 6) int64
        As in `write_bias`.
    is_last : bool
        It is the last step.

    Returns
    -------
    int
        Commands.
    """
    n_ahead = pipeline.n_ahead
    n = write_keys(step, 0, shape, t, cut, missed_frac, False, n_ahead)
    if pipeline.has_pieces:
        # The first block of queries is whole, and serves the first products.
        piece, first = (cut.n_turns - 1) / (cut.n_steps - n_ahead), n
        n = write_queries(step.commands, step.far_bytes, n, shape, t, cut, piece, 1)
        lead_by(step, first, n, n_ahead, n_ahead)
    if shape.bias_bytes > 0:
        n = write_bias(step, n, beside, n_ahead)
    n = write_product(step, n, shape, t, cut.n_rows, cut.n_keys, shape.head_dim, n_ahead)
    take_and_give(step.commands, n - 1, QUERIES, 1 if pipeline.has_pieces else 0, SUMS, 1, 1)
    take_second(step.commands, n - 1, KEYS)
    n = write_score(step, n, shape, t, cut, lanes, pipeline.depth)
    if shape.has_values:
        n = write_keys(step, n, shape, t, cut, missed_frac, True, 0)
    if t.layout_rows > 0:
        n = write_turn(step.commands, n, ROWS if shape.has_values else KEYS, VALUES, cut.n_keys, shape.value_dim, t)
        lead_last(step, n, 0)
    return write_results(step, n, shape, t, cut, pipeline, lanes, is_last)
