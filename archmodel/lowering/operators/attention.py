"""Lower attention: fused, in blocks that never leave local memory; on a systolic array as two products."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from archmodel.dtypes import dtype_bytes
from archmodel.errors import UnsupportedError
from archmodel.kernels.attention_blocks import Mask, count_key_blocks
from archmodel.kernels.lanes import simd_cycles
from archmodel.lowering.attention_program import Load, Pipeline
from archmodel.lowering.attention_setting import Cut, Setting, Share
from archmodel.lowering.attention_steps import ROW_STATE, SUM_BYTES
from archmodel.lowering.far import fits_half
from archmodel.lowering.operators.matmul import lower_product
from archmodel.lowering.packs import Floats
from archmodel.lowering.phases import Phase, Site, lowers, shortest
from archmodel.lowering.rvv import VectorCores, bag_cycles, loop_cycles
from archmodel.lowering.stream import Flow, Stage, stream
from archmodel.lowering.timing import lower_matmul
from archmodel.workload.operators.attention import Attention

_ROWS = (16, 32, 64, 128, 256, 512)
"""Rows of a block of queries, at most, that are tried."""
_KEYS = (32, 64, 128, 256, 512, 1024)
"""Keys of a block, at most, that are tried."""
_N_JUDGED = 4
"""Cuts that are judged by the closed form of their program; the others look slower by the busiest unit."""


@dataclass(frozen=True)
class Choice:
    """A cut that fits.

    Parameters
    ----------
    pipeline
        What it becomes.
    least_cycles
        As `Pipeline.least_cycles`.
    """

    pipeline: Pipeline
    least_cycles: float

    @cached_property
    def load(self) -> Load:
        """Work of units and memories."""
        return self.pipeline.load()


@lowers(Attention.kind)
def lower_attention(site: Site) -> tuple[Phase, ...]:
    """Lower attention with the cut that is fastest in closed form.

    Raises
    ------
    UnsupportedError
        When the smallest blocks do not fit local memory.
    """
    assert isinstance(site.op, Attention)
    if site.array is not None:
        return _lower_unfused(site, site.op)
    setting = find_setting(site)
    choices = list_choices(setting)
    (likely,) = find_likely(choices, np.array([site.timing.dram_width])).T
    return shortest([lower_cut(choices[idx].pipeline) for idx in likely.tolist()])


def find_likely(choices: Sequence[Choice], dram_width: Floats) -> NDArray[np.int64]:
    """Find the cuts that the closed form has to judge on each machine, those that look fastest first (4, V).

    Parameters
    ----------
    choices
        Of an attention.
    dram_width
        Of machines that differ in nothing else that decides (V,) [B/cycle].
    """
    least = np.array([choice.least_cycles for choice in choices])
    cycles = np.full((len(choices), len(dram_width)), math.inf)
    for n_known, idx in enumerate(np.argsort(least, kind="stable").tolist()):
        # Those that are left take longer than as many as are wanted, on every machine.
        if n_known >= _N_JUDGED and least[idx] > np.partition(cycles, _N_JUDGED - 1, axis=0)[_N_JUDGED - 1].max():
            break
        cycles[idx] = choices[idx].load.busiest_cycles(dram_width)
    return np.argsort(cycles, axis=0, kind="stable")[:_N_JUDGED]


def find_setting(site: Site) -> Setting:
    """Collect what all cuts of an attention have in common."""
    assert isinstance(site.op, Attention)
    v = None if site.op.is_kv_shared else site.place("v")
    bias = site.place("bias") if site.op.has_bias else None
    return Setting(site, site.op, site.place("q"), site.place("k"), v, bias, site.place("out"))


def lower_cut(pipeline: Pipeline) -> tuple[Phase, ...]:
    """Lower attention under a cut; parts of keys are combined by a phase of their own."""
    site, n_splits = pipeline.setting.site, pipeline.cut.n_splits
    attend = site.phase("attend", pipeline.program())
    return (attend,) if n_splits == 1 else (attend, _combine(site, n_splits))


def _combine(site: Site, n_splits: int) -> Phase:
    """Add up what the parts of the keys gave: each row is a sum weighted by the parts' maxima, then divided."""
    op, lanes, latency = site.op, site.timing.lanes, site.timing.simd_latency
    assert isinstance(op, Attention)
    parts = Flow(n_splits * (op.value_dim + ROW_STATE), SUM_BYTES, is_far=False)
    out = site.place("out")

    def stages(n_rows: int) -> tuple[Stage, ...]:
        if site.lone_cores is not None:
            return (Stage("vector", _combine_cycles(op, n_rows, n_splits, out.dtype, site.lone_cores)),)
        n_results = n_rows * op.value_dim
        factors = simd_cycles(n_rows * n_splits, 4, lanes)  # maximum, subtract, exp, sum
        return (Stage("simd", factors + simd_cycles(n_results, 2 * n_splits + 1, lanes), latency),)

    n_rows = op.batch * op.q_len * op.n_heads
    return stream(site, "combine", n_rows, (parts,), stages, (Flow(op.value_dim, out.element_bytes, out.is_far),))


def _combine_cycles(op: Attention, n_rows: int, n_splits: int, dtype: str, cores: VectorCores) -> int:
    """Cycles in which vector cores combine rows: factors of the parts, their weighted sum, its division."""
    factors = ("maximum", "exp_of_difference", "sum")
    took = sum(loop_cycles(loop, n_rows, n_splits, "fp32", "fp32", cores) for loop in factors)
    took += loop_cycles("reciprocal", 1, n_rows, "fp32", "fp32", cores)
    took += bag_cycles(n_rows, n_splits, op.value_dim, "fp32", cores, is_weighted=True)
    return took + loop_cycles("scale", n_rows, op.value_dim, "fp32", "fp32", cores, dtype)


def list_choices(setting: Setting) -> list[Choice]:
    """List the cuts that fit local memory.

    Raises
    ------
    UnsupportedError
        When the smallest blocks do not.
    """
    if choices := list(_choices(setting)):
        return choices
    reason = (
        f"attention: blocks of {_ROWS[0]} queries and {_KEYS[0]} keys with head_dim {setting.op.head_dim} do not fit "
        f"the {setting.site.timing.local_bytes:.0f} B of local memory; make it larger"
    )
    raise UnsupportedError("lowering", (reason,))


def _choices(setting: Setting) -> Iterator[Choice]:
    site, op = setting.site, setting.op
    stacked = op.q_len * setting.group
    for n_rows in dict.fromkeys(_even(stacked, most) for most in _ROWS):
        for n_sharing in _sharings(site, math.ceil(stacked / n_rows)):
            n_items = op.batch * op.n_kv_heads * math.ceil(stacked / (n_rows * n_sharing))
            spare = site.n_pes // n_sharing / n_items
            for n_splits in sorted({1, math.floor(spare), math.ceil(spare)} - {0}):
                longest = _count_longest(op, n_rows * n_sharing, n_splits)
                for n_keys in dict.fromkeys(_even(longest, most) for most in _KEYS):
                    cut = Cut(n_rows, n_keys, n_sharing, n_splits)
                    share = find_share(setting, cut)
                    pipeline = Pipeline(setting, cut, share)
                    if pipeline.local_bytes() <= site.timing.local_bytes:
                        yield Choice(pipeline, pipeline.least_cycles())


@lru_cache(maxsize=1 << 14)
def _count_longest(op: Attention, n_rows: int, n_splits: int) -> int:
    """Count the keys of the block of queries that attends most."""
    return count_key_blocks(_mask(op), n_rows, 1, n_splits)[1]


def _even(n: int, most: int) -> int:
    """Size of the parts of ``n`` if each has ``most`` at most and all have one size."""
    return math.ceil(n / math.ceil(n / most))


def _sharings(site: Site, n_blocks: int) -> list[int]:
    """List how many PEs may share keys: as many as there are blocks of queries, in steps of four."""
    if not site.timing.has_broadcast:
        return [1]
    return [n for n in (1, 4, 16, 64, 256) if n <= n_blocks and site.n_pes % n == 0]


def find_share(setting: Setting, cut: Cut) -> Share:
    """Find what falls to the busiest PE under a cut.

    Model
    -----
    PEs that share keys take neighbouring blocks of queries and wait for the one that attends most. Groups take blocks
    in turn, the longest first and every second round in reverse, so that two rounds are even; an odd one is longer by
    half of what lengths differ within it.

    Keys and values in DRAM are fetched once if those of all heads at work fit half of the cache, else for every block
    of queries.
    """
    site, op = setting.site, setting.op
    n_groups, n_turns, n_steps, heads_at_once = _spread(op, site.n_pes, cut)
    n_readers = n_groups * (1 if site.timing.has_broadcast else cut.n_sharing)
    row_bytes = op.head_dim * setting.k.element_bytes
    if setting.v:
        row_bytes += op.value_dim * setting.v.element_bytes
    is_kept = fits_half(heads_at_once * op.kv_attended * row_bytes, site.timing)
    n_loaded = n_readers * n_steps * cut.n_keys
    heads = op.batch * op.n_kv_heads
    missed_frac = min(1.0, heads * op.kv_attended / n_loaded) if is_kept else 1.0
    return Share(n_groups, n_turns, n_steps, missed_frac)


@lru_cache(maxsize=1 << 16)
def _spread(op: Attention, n_pes: int, cut: Cut) -> tuple[int, int, int, int]:
    """Count groups of PEs at work, turns and steps of the busiest one, and heads at work at a time."""
    mask, heads = _mask(op), op.batch * op.n_kv_heads
    stacked = op.q_len * mask.group
    total, most, fewest = count_key_blocks(mask, cut.n_rows * cut.n_sharing, cut.n_keys, cut.n_splits)
    n_blocks = math.ceil(stacked / (cut.n_rows * cut.n_sharing))
    n_items = heads * n_blocks * cut.n_splits
    n_turns = math.ceil(n_items / (n_pes // cut.n_sharing))
    n_groups = math.ceil(n_items / n_turns)
    uneven = (most - fewest) / (2 * n_turns) if n_turns % 2 else 0.0
    n_steps = math.ceil(min(n_turns * most, n_turns * total / n_blocks + uneven))
    return n_groups, n_turns, n_steps, min(heads, math.ceil(n_groups / (n_blocks * cut.n_splits)))


def _mask(op: Attention) -> Mask:
    return Mask(op.q_len, op.kv_len, op.n_heads // op.n_kv_heads, op.causal, op.window, op.chunk, op.targets)


def _lower_unfused(site: Site, op: Attention) -> tuple[Phase, ...]:
    """Lower attention to two products and the score function between them; all attended keys meet all queries.

    Scores are in SRAM if they fit what caches DRAM, else in DRAM.
    """
    heads, n_rows = op.batch * op.n_kv_heads, op.q_len * (op.n_heads // op.n_kv_heads)
    n_keys, size = op.kv_attended, dtype_bytes(site.dtype)
    is_far = heads * n_rows * n_keys * size > site.timing.cache_bytes
    q, k, out = site.place("q"), site.place("k"), site.place("out")
    v = k if op.is_kv_shared else site.place("v")
    scores = lower_matmul(
        heads, n_rows, n_keys, op.head_dim, (q.dtype, k.dtype, site.dtype), (q.is_far, k.is_far, is_far), 1
    )
    results = lower_matmul(
        heads, n_rows, op.value_dim, n_keys, (site.dtype, v.dtype, out.dtype), (is_far, v.is_far, out.is_far), 1
    )
    # A row that is too long for local memory goes through it in pieces.
    per_piece = min(n_keys, int(site.timing.local_bytes / (8 * size)))
    flow = Flow(per_piece, size, is_far)
    n_reductions, n_operations = (2, 4) if op.score == "softmax" else (0, 3)
    flows = [flow]
    if op.has_bias:
        n_operations += 1
        bias = site.place("bias")
        flows.append(Flow(per_piece, bias.element_bytes, bias.is_far, is_indexed=True))

    def stages(n_pieces: int) -> tuple[Stage, ...]:
        timing = site.timing
        cycles = simd_cycles(n_pieces * per_piece, n_operations + n_reductions, timing.lanes)
        return (Stage("simd", cycles, timing.simd_latency),)

    n_pieces = heads * n_rows * math.ceil(n_keys / per_piece)
    score = stream(site, op.score, n_pieces, flows, stages, (flow,))
    return lower_product(scores, site), score, lower_product(results, site)
