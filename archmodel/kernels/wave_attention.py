"""Fused attention in waves of tiles. `chip` is a `Chip`; equations: ``docs/methods/wave.md``."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from archmodel.kernels.compile import kernel
from archmodel.kernels.wave import DRAM, LATENCY, LOCAL, MATRIX, PARTIAL_BYTES, SCORE, SRAM, Answer, memory_s

QUERIES = 128.0
KEY_BYTES = 256.0  # of one element of the keys of a block: 128 keys in two bytes


class Scores(NamedTuple):
    """An attention operator.

    Parameters
    ----------
    batch, n_heads, n_kv_heads, q_len, head_dim, v_dim : float
        As in the operator.
    kv_attended, longest, mean : float
        Keys that any query, the query with most of them, and a query on average attends.
    growth : float
        Keys by which a tile of p queries exceeds the mean of its queries, by p - 1: 0 unmasked, 1/2 causal, 1 window.
    kv_width : float
        Elements of a key and its value together: ``head_dim`` where they are shared.
    element_bytes, kv_bytes, out_bytes : float
        Bytes of an element of q, of keys and values, and of the output [B].
    n_exps, n_lane_ops : float
        Exponentials and operations on lanes per pair.
    mac_s : float
        One MAC of one slot [s].
    dram_bytes : float
        Moved from and to DRAM when every operand passes once [B].
    """

    batch: float
    n_heads: float
    n_kv_heads: float
    q_len: float
    head_dim: float
    v_dim: float
    kv_attended: float
    longest: float
    mean: float
    growth: float
    kv_width: float
    element_bytes: float
    kv_bytes: float
    out_bytes: float
    n_exps: float
    n_lane_ops: float
    mac_s: float
    dram_bytes: float


@kernel
def time_scores_tiled(chip: Any, op: Any, rows: float, cols: float, split: float, is_stacked: bool) -> Answer:
    """Time attention with given tiles: a slot holds rows of queries and walks over blocks of keys and values.

    Model
    -----
    A block takes its two products, with dims filled up to whole steps, and its score function; ``overlap_frac`` of the
    shorter is hidden, except in the first block of a tile. Blocks that the mask leaves empty are skipped. A tile begins
    with the latency of its queries and ends with its output. Stacked, the query heads that share a KV head fill the
    rows of one tile. Split, several slots share the keys of a tile and a second kernel joins their results. See
    ``docs/methods/wave.md``.

    Sources
    -------
    T. Dao, FlashAttention-2, ICLR 2024; J. Shah et al., FlashAttention-3, arXiv:2407.08608; Flash-Decoding,
    crfm.stanford.edu/2023/10/12/flashdecoding.html.

    Parameters
    ----------
    chip : Chip
        The chip.
    op : Scores
        The operator.
    rows, cols : float
        Queries of a tile, keys of a block.
    split : float
        Parts that the keys are cut into.
    is_stacked : bool
        Whether query heads are stacked.
    """
    group = op.n_heads / op.n_kv_heads if is_stacked else 1.0
    queries = min(op.q_len, math.ceil(rows / group))
    is_even = op.growth == 0.0 or op.q_len == 1
    # A window does not reach back behind the first key: its tiles never read more than those of the causal mask.
    mean_keys = min(op.kv_attended - 0.5 * (op.q_len - queries), op.mean + op.growth * (queries - 1.0))
    most_keys = min(op.kv_attended, op.longest + (queries - 1.0 if op.growth == 1.0 else 0.0))
    deepest = math.ceil(math.ceil(most_keys / cols) / split)
    blocks = deepest if is_even else min(deepest, (mean_keys / cols + 0.5) / split)
    n_tiles = op.batch * op.n_heads / group * math.ceil(op.q_len * group / rows) * split
    n_waves = math.ceil(n_tiles / chip.n_slots)
    n_active = min(n_tiles, chip.n_slots)
    step = chip.step_bytes / op.element_bytes
    matrix_s = rows * cols * (math.ceil(op.head_dim / step) + math.ceil(op.v_dim / step)) * step * op.mac_s
    score_s = rows * cols * (op.n_exps * chip.exp_s + op.n_lane_ops * chip.lane_s)
    hidden_s = chip.overlap_frac * min(matrix_s, score_s)
    block_bytes = cols * op.kv_width * op.kv_bytes
    reads = (op.head_dim + op.v_dim) / min(chip.reuse_rows, rows)
    local_s = (block_bytes + rows * cols * reads * op.element_bytes) * chip.local_s_per_byte
    load_s = block_bytes * max(chip.port_s_per_byte, n_active * chip.sram_s_per_byte)
    step_s = max(max(matrix_s + score_s - hidden_s, local_s), load_s)
    out_bytes = rows * op.v_dim * (PARTIAL_BYTES if split > 1 else op.out_bytes)
    fill_s = chip.dram_latency_s if op.dram_bytes > 0 else chip.sram_latency_s
    tile_s = fill_s + hidden_s + out_bytes * chip.port_s_per_byte  # the first block hides nothing
    per_slot = n_waves if is_even else max(1.0, n_tiles / chip.n_slots)
    rounds = n_waves * deepest if is_even else max(deepest, per_slot * blocks)
    dram_s = memory_s(op.dram_bytes, chip.dram_s_per_byte, chip.dram_latency_s, n_active, chip.in_flight_bytes)
    join_s = 0.0
    if split > 1:
        join_s = chip.launch_s + chip.start_s + 2 * chip.sram_latency_s + 2 * out_bytes * n_tiles * chip.sram_s_per_byte
    latency_s = chip.start_s + tile_s + fill_s + chip.sram_latency_s + join_s
    loop_s = rounds * step_s + (per_slot - 1.0) * tile_s
    limit = MATRIX if matrix_s >= score_s else SCORE
    if step_s > matrix_s + score_s - hidden_s:
        limit = LOCAL if local_s >= step_s else SRAM
    if dram_s > loop_s:
        limit = DRAM
    if latency_s > max(loop_s, dram_s):
        limit = LATENCY
    sram_s = rounds * n_active * block_bytes * chip.sram_s_per_byte
    other_s = rounds * block_bytes * chip.port_s_per_byte + (per_slot - 1.0) * tile_s
    return Answer(
        max(loop_s, dram_s) + latency_s, rows, cols, split, n_tiles, n_waves, limit,
        rounds * matrix_s, rounds * score_s, rounds * local_s, sram_s, dram_s, latency_s, other_s,
    )  # fmt: skip


@kernel
def query_rows(chip: Any, op: Any, wanted: float) -> float:
    """Rows of a tile for so many queries [elements].

    Model
    -----
    The least power of two that holds them, at most 128, halved until the scores of a block and the output fit in the
    accumulators.

    Sources
    -------
    J. Shah et al., FlashAttention-3, arXiv:2407.08608 (tiles of 128 queries).

    Parameters
    ----------
    chip : Chip
        The chip.
    op : Scores
        The operator.
    wanted : float
        Queries [elements].
    """
    edge = float(min(chip.tile_rows, chip.tile_cols))
    rows = edge
    while rows < min(QUERIES, wanted):
        rows *= 2
    while rows > edge and rows * (KEY_BYTES / op.element_bytes + op.v_dim) > chip.accumulators:
        rows /= 2
    return rows


@kernel
def time_scores(chip: Any, op: Any) -> Answer:
    """Time attention by the faster of two kernels.

    Model
    -----
    For many queries: tiles of queries of one head, `query_rows`, against blocks of keys of 256 bytes per element row.
    For few, at most 128 over all heads of a KV head: they are stacked, and keys may be split in powers of two as long
    as slots are idle.

    Sources
    -------
    J. Shah et al., FlashAttention-3, arXiv:2407.08608 (tiles and blocks); Flash-Decoding,
    crfm.stanford.edu/2023/10/12/flashdecoding.html.

    Parameters
    ----------
    chip : Chip
        The chip.
    op : Scores
        The operator.
    """
    keys = KEY_BYTES / op.element_bytes
    best = time_scores_tiled(chip, op, query_rows(chip, op, op.q_len), keys, 1.0, False)
    stacked = op.q_len * op.n_heads / op.n_kv_heads
    rows = query_rows(chip, op, stacked)
    split = 1.0
    n_tiles = 0.0
    while stacked <= QUERIES and n_tiles < chip.n_slots and split <= max(1.0, op.kv_attended / keys):
        answer = time_scores_tiled(chip, op, rows, keys, split, True)
        n_tiles = answer.n_tiles
        if answer.time_s < best.time_s:
            best = answer
        split *= 2
    return best
