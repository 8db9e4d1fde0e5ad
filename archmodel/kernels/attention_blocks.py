"""How many blocks of keys the blocks of queries of an attention visit under its mask."""

from __future__ import annotations

from typing import NamedTuple

from archmodel.kernels.compile import kernel
from archmodel.kernels.matrix_engine import divide_up


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
