"""How attention is cut into blocks of queries and keys, which of them its mask lets pass, and what falls to a PE."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from archmodel.kernels.compile import kernel, kernel_part
from archmodel.kernels.matrix_engine import divide_up

MOST_ROWS = (16, 32, 64, 128, 256, 512)
"""Rows of a block of queries, at most, that are tried."""
MOST_KEYS = (32, 64, 128, 256, 512, 1024)
"""Keys of a block, at most, that are tried."""
N_CUT_FIELDS = 8
MOST_CUTS = len(MOST_ROWS) * 5 * 3 * len(MOST_KEYS)
"""Rows, numbers of PEs that share keys, splits, and keys."""


class Mask(NamedTuple):
    """Who attends whom, as in `archmodel.workload.operators.attention.Attention`.

    ``group`` query heads share keys; their rows are stacked position by position. ``window`` and ``chunk`` are 0 where
    they do not limit.
    """

    q_len: int
    kv_len: int
    group: int
    is_causal: bool
    window: int
    chunk: int
    targets: int


class Cut(NamedTuple):
    """How attention is cut into blocks and spread over PEs, and what falls to the busiest PE.

    A block of queries has ``n_rows`` rows, the query heads that share keys stacked, a block of keys ``n_keys``.
    ``n_sharing`` PEs work on the same keys at a time, each with a block of queries of its own; the keys of a block of
    queries are cut into ``n_splits`` parts, for PEs of their own.

    ``n_groups`` groups of PEs that share keys are all the PEs at work. The busiest PE has ``n_turns`` blocks of queries
    one after another, and ``n_steps`` blocks of keys in all turns. ``n_heads`` KV heads are at work at a time.
    """

    n_rows: int
    n_keys: int
    n_sharing: int
    n_splits: int
    n_groups: int
    n_turns: int
    n_steps: int
    n_heads: int


@kernel
def count_keys(mask: Mask, first: int, last: int) -> int:
    """Count the keys that at least one of some consecutive queries attends.

    Model
    -----
    Without a mask all ``kv_len``. Causal: from the first key that the first query sees to the position of the last
    query. Targets see the history before the first of them, as from the position right behind it, and themselves.

    Parameters
    ----------
    mask : Mask
        Who attends whom.
    first : int
        Position of the first query among the keys.
    last : int
        Position of the last query among the keys.

    Sources
    -------
    Follows from the definition of the masks.
    """
    if not mask.is_causal:
        return mask.kv_len
    history = mask.kv_len - mask.targets
    seen_from, begin = min(first, history), 0
    if mask.window > 0:
        begin = max(begin, seen_from - mask.window + 1)
    if mask.chunk > 0:
        begin = max(begin, seen_from // mask.chunk * mask.chunk)
    if last < history:
        return last - begin + 1
    return history - begin + last - max(first, history) + 1


@kernel
def count_key_blocks(mask: Mask, n_rows: int, n_keys: int, n_splits: int) -> tuple[int, int, int]:
    """Count the blocks of keys that the blocks of queries of one KV head visit.

    Model
    -----
    A block of queries holds ``n_rows`` stacked rows. Its keys (`count_keys`), cut into ``n_splits`` parts of equal
    size, begin with a block of their own: ``⌈⌈keys / splits⌉ / n_keys⌉`` blocks. A block that the mask covers in part
    is visited whole, one that it covers in full is not.

    Parameters
    ----------
    mask : Mask
        Who attends whom.
    n_rows : int
        Stacked rows of a block of queries.
    n_keys : int
        Keys of a block.
    n_splits : int
        Parts of the keys of a block of queries.

    Returns
    -------
    (int, int, int)
        Blocks that the first part of the keys has: of all blocks of queries together, of the one with the most, and of
        the one with the fewest.

    Sources
    -------
    Blocks that are masked in full are skipped as in T. Dao, FlashAttention-2, arXiv:2307.08691, section 3.1.
    """
    stacked, before = mask.q_len * mask.group, mask.kv_len - mask.q_len
    total, most, fewest = 0, 0, 0
    for begin in range(0, stacked, n_rows):
        first, last = begin // mask.group, (min(stacked, begin + n_rows) - 1) // mask.group
        keys = count_keys(mask, before + first, before + last)
        blocks = divide_up(divide_up(keys, n_splits), n_keys)
        total += blocks
        most = max(most, blocks)
        fewest = blocks if begin == 0 else min(fewest, blocks)
    return total, most, fewest


@kernel
def spread_cut(
    mask: Mask, n_heads: int, n_pes: int, n_rows: int, n_keys: int, n_sharing: int, n_splits: int
) -> Cut:  # fmt: skip
    """Find what falls to the busiest PE under a cut.

    Model
    -----
    PEs that share keys take neighbouring blocks of queries and wait for the one that attends most. Groups take blocks
    in turn, the longest first and every second round in reverse, so that two rounds are even; an odd one is longer by
    half of what lengths differ within it.

    Parameters
    ----------
    mask : Mask
        Who attends whom.
    n_heads : int
        KV heads of all sequences.
    n_pes : int
        PEs of the machine.
    n_rows, n_keys, n_sharing, n_splits : int
        As in `Cut`.

    Sources
    -------
    How MTIA spreads attention is not published: assumed.
    """
    n_together = n_rows * n_sharing
    total, most, fewest = count_key_blocks(mask, n_together, n_keys, n_splits)
    n_blocks = divide_up(mask.q_len * mask.group, n_together)
    n_items = n_heads * n_blocks * n_splits
    n_turns = divide_up(n_items, n_pes // n_sharing)
    n_groups = divide_up(n_items, n_turns)
    uneven = (most - fewest) / (2 * n_turns) if n_turns % 2 == 1 else 0.0
    n_steps = math.ceil(min(float(n_turns * most), n_turns * total / n_blocks + uneven))
    at_once = min(n_heads, divide_up(n_groups, n_blocks * n_splits))
    return Cut(n_rows, n_keys, n_sharing, n_splits, n_groups, n_turns, n_steps, at_once)


@kernel_part
def even_part(n: int, most: int) -> int:
    """Size of the parts of ``n`` if each has ``most`` at most and all have one size."""
    return divide_up(n, divide_up(n, most))


@kernel_part
def put_cut(cuts: Any, i: int, cut: Cut) -> None:
    """Write a cut to a row of an array.

    Parameters
    ----------
    cuts : ndarray (N, 8) int64
        Written to.
    i : int
        The row.
    cut : Cut
        The cut.
    """
    cuts[i, 0], cuts[i, 1], cuts[i, 2], cuts[i, 3] = cut.n_rows, cut.n_keys, cut.n_sharing, cut.n_splits
    cuts[i, 4], cuts[i, 5], cuts[i, 6], cuts[i, 7] = cut.n_groups, cut.n_turns, cut.n_steps, cut.n_heads


@kernel_part
def read_cut(cuts: Any, i: int) -> Cut:
    """Read a cut from row ``i`` of an array."""
    return Cut(
        cuts[i, 0], cuts[i, 1], cuts[i, 2], cuts[i, 3], cuts[i, 4], cuts[i, 5], cuts[i, 6], cuts[i, 7]
    )  # fmt: skip


@kernel_part
def list_keys(
    mask: Mask, n_heads: int, n_pes: int, n_rows: int, n_sharing: int, n_splits: int, n: int, out: Any
) -> int:  # fmt: skip
    """List the cuts that differ in the keys of a block behind the first ``n``; returns how many there are then.

    Parameters
    ----------
    mask, n_heads, n_pes, n_rows, n_sharing, n_splits
        As in `spread_cut`.
    n : int
        Cuts so far.
    out : ndarray (540, 8) int64
        Fields of `Cut`.
    """
    longest, last_keys = count_key_blocks(mask, n_rows * n_sharing, 1, n_splits)[1], 0
    for most_keys in MOST_KEYS:
        n_keys = even_part(longest, most_keys)
        if n_keys != last_keys:
            put_cut(out, n, spread_cut(mask, n_heads, n_pes, n_rows, n_keys, n_sharing, n_splits))
            n, last_keys = n + 1, n_keys
    return n


@kernel
def list_cuts(mask: Mask, n_heads: int, n_pes: int, has_broadcast: bool, out: Any) -> int:
    """List the cuts that are tried; returns how many.

    Model
    -----
    Blocks have equal sizes, of `MOST_ROWS` rows and `MOST_KEYS` keys at most. With broadcast as many PEs may share keys
    as there are blocks of queries, in steps of four. Keys are split where there are PEs to spare: into as many parts as
    there are, rounded down or up.

    Parameters
    ----------
    mask, n_heads, n_pes
        As in `spread_cut`.
    has_broadcast : bool
        PEs can share a read.
    out : ndarray (540, 8) int64
        Fields of `Cut`.

    Sources
    -------
    As `spread_cut`; splits: T. Dao et al., Flash-Decoding for long-context inference, 2023.
    """
    n, n_stacked, last_rows = 0, mask.q_len * mask.group, 0
    for most_rows in MOST_ROWS:
        n_rows = even_part(n_stacked, most_rows)
        if n_rows == last_rows:
            continue
        last_rows, n_sharing = n_rows, 1
        most_sharing = min(256, divide_up(n_stacked, n_rows)) if has_broadcast else 1
        while n_sharing <= most_sharing:
            if n_pes % n_sharing == 0:
                n_items, n_groups = n_heads * divide_up(n_stacked, n_rows * n_sharing), n_pes // n_sharing
                last_splits = 0
                for n_splits in (1, n_groups // n_items, divide_up(n_groups, n_items)):
                    if n_splits > last_splits:
                        n = list_keys(mask, n_heads, n_pes, n_rows, n_sharing, n_splits, n, out)
                        last_splits = n_splits
            n_sharing *= 4
    return n
