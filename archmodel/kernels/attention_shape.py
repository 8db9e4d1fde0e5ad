"""What all cuts of an attention have in common, how its steps overlap, and the memory that blocks take."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from archmodel.kernels.attention_blocks import Cut, read_cut
from archmodel.kernels.compile import kernel, kernel_part
from archmodel.kernels.pe_timing import PeTiming

# What is given of each cut: cycles of lanes or vector cores for the score function (softmax: scale, maxima,
# exponentials, sums; else all of it first), to merge results, to finish a piece of results, and all at once.
SCORE, MERGE, FINISH_PIECE, FINISH_WHOLE = 0, 4, 5, 6
N_LANE_TIMES = 7
N_GATHER_FIELDS = 6
"""What is given of a command that gathers a bias: unit, cycles to issue, at work and until the result is there, memory
and its cycles."""
SUM_BYTES = 4
"""Sums of the matrix engine and the numbers that belong to a row are fp32."""
ROW_STATE = 2
"""Numbers of a row beside its results: maximum and sum."""
PREFETCHED = 2
"""Steps by which what is prefetched from DRAM is ahead of what is loaded."""


class AttentionShape(NamedTuple):
    """What all cuts of an attention have in common.

    ``group`` query heads share keys. Without values of their own (``has_values``), these are parts of the keys.
    ``..._bytes`` are of an element: of the operands as they are stored (``bias_bytes`` 0 without one), of what is
    multiplied, and of scores. ``is_..._far`` says what is in DRAM. Maps are on ``map_unit``, reductions on
    ``fold_unit``.
    """

    group: int
    head_dim: int
    value_dim: int
    is_softmax: bool
    has_values: bool
    q_bytes: float
    k_bytes: float
    v_bytes: float
    bias_bytes: float
    out_bytes: float
    element_bytes: float
    score_bytes: float
    is_q_far: bool
    is_k_far: bool
    is_v_far: bool
    is_out_far: bool
    map_unit: int
    fold_unit: int


class Pipeline(NamedTuple):
    """How steps of attention overlap under a cut.

    Products of keys are ``n_ahead`` steps ahead of those of values; ``depth`` steps fill the pipeline. Queries and
    results move in pieces, one with each step, where ``has_pieces``; results of several steps are merged on the lanes
    where ``is_merging``.
    """

    n_ahead: int
    depth: int
    has_pieces: bool
    is_merging: bool


@kernel_part
def plan_pipeline(shape: AttentionShape, has_prefetch: bool, cut: Cut) -> Pipeline:
    """Say how steps overlap.

    Model
    -----
    While the values of step i are multiplied, the sums of step i + 1, the exponentials of step i + 2, the maxima of
    step i + 3 and the scores of step i + 4 are at work; without reductions the score function of step i + 1 and the
    scores of step i + 2.

    Parameters
    ----------
    shape : AttentionShape
        What.
    has_prefetch : bool
        What the cache lacks is brought by a command of its own.
    cut : Cut
        How.
    """
    n_ahead = 4 if shape.is_softmax else 2
    is_fetching = has_prefetch and (shape.is_q_far or shape.is_k_far or shape.is_v_far)
    depth = min(n_ahead + (PREFETCHED if is_fetching else 0), cut.n_steps)
    return Pipeline(
        n_ahead, depth, cut.n_turns > 1 and cut.n_steps > depth, shape.is_softmax and cut.n_steps > cut.n_turns
    )  # fmt: skip


@kernel
def count_results(shape: AttentionShape, has_prefetch: bool, cuts: Any, out: Any) -> None:
    """Count the results on which lanes or vector cores work at a time under each of some cuts.

    Parameters
    ----------
    shape, has_prefetch
        As in `plan_pipeline`.
    cuts : ndarray (N, 8) int64
        Fields of `Cut`.
    out : ndarray (N, 3) int64
        Written to: results that are merged in a step, in all blocks of a turn but the first; results of the piece that
        is finished with a step; results that are finished at the end.

    Sources
    -------
    T. Dao, FlashAttention-2, arXiv:2307.08691, section 3.1: results are divided last.
    """
    for i in range(cuts.shape[0]):
        cut = read_cut(cuts, i)
        pipeline, n_results = plan_pipeline(shape, has_prefetch, cut), cut.n_rows * shape.value_dim
        piece = (cut.n_turns - 1) / (cut.n_steps - pipeline.depth) if pipeline.has_pieces else 0.0
        out[i, 0] = math.ceil(n_results * (1 - cut.n_turns / cut.n_steps))
        out[i, 1] = math.ceil(piece * cut.n_rows * shape.value_dim)
        out[i, 2] = n_results * (1 if pipeline.has_pieces else cut.n_turns)


@kernel_part
def count_pieces(shape: AttentionShape, cut: Cut, n_blocks: float) -> int:
    """Count the contiguous pieces of blocks of queries or results.

    Parameters
    ----------
    shape, cut
        What, how.
    n_blocks : float
        Blocks, or a piece of one.
    """
    return max(1, math.ceil(n_blocks * cut.n_rows / min(shape.group, cut.n_rows)))


@kernel_part
def count_out_bytes(shape: AttentionShape, cut: Cut) -> float:
    """Count the bytes of a block of results; of a part of the keys, sums and the state of their rows [B].

    Parameters
    ----------
    shape, cut
        What, how.
    """
    if cut.n_splits > 1:
        return float(cut.n_rows * (shape.value_dim + ROW_STATE) * SUM_BYTES)
    return cut.n_rows * shape.value_dim * shape.out_bytes


@kernel_part
def count_local_bytes(shape: AttentionShape, t: PeTiming, cut: Cut, pipeline: Pipeline) -> float:
    """Count the bytes of local memory that buffers take; sums are in the accumulators as far as these hold them [B].

    Parameters
    ----------
    shape, t, cut, pipeline
        What, where, how.
    """
    n_scores, n_results, is_turning = cut.n_rows * cut.n_keys, cut.n_rows * shape.value_dim, t.layout_rows > 0
    n_held, n_ahead = min(2, cut.n_turns), min(pipeline.n_ahead, cut.n_steps)
    queries = n_held * cut.n_rows * shape.head_dim * shape.q_bytes
    # Keys that are values, too, stay until the second product if nothing transposes them before.
    n_blocks = 2 if shape.has_values or is_turning else n_ahead + 2
    kept = n_blocks * cut.n_keys * shape.head_dim * shape.k_bytes
    if shape.has_values:
        kept += 2 * cut.n_keys * shape.value_dim * shape.v_bytes
    # A block of scores is worked on in place until it is transposed; results take the place of their sums.
    scores = (n_ahead + 1) * n_scores * max(shape.element_bytes, shape.score_bytes)
    if is_turning:
        kept += 2 * cut.n_keys * shape.value_dim * shape.element_bytes
        scores += 2 * n_scores * shape.element_bytes
    if shape.bias_bytes > 0:
        kept += 2 * cut.n_rows / shape.group * cut.n_keys * shape.bias_bytes
    out_bytes = float(n_results * SUM_BYTES) if pipeline.is_merging else count_out_bytes(shape, cut)
    spilled = max(0, SUM_BYTES * (2 * n_scores + n_results) - t.accumulator_bytes)
    return queries + kept + scores + n_held * out_bytes + spilled
