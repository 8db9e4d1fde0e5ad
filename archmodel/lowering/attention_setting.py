"""An attention where it runs, as kernels take it, and what vector cores and lanes take for its blocks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from archmodel.dtypes import dtype_bytes
from archmodel.kernels.attention_blocks import MOST_CUTS, N_CUT_FIELDS, Mask, list_cuts
from archmodel.kernels.attention_shape import (
    FINISH_PIECE,
    FINISH_WHOLE,
    MERGE,
    N_LANE_TIMES,
    SCORE,
    AttentionShape,
    count_results,
)
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.program import SIMD, VECTOR
from archmodel.lowering.dram import NO_DRAM
from archmodel.lowering.passes import Pass, on_vector, pass_cycles
from archmodel.lowering.phases import Site
from archmodel.lowering.placed import Place
from archmodel.lowering.program import Ints
from archmodel.workload.operators.attention import Attention

_UNSEEN = PeTiming._make(math.nan for _ in PeTiming._fields)  # reading gives NaN; in keys, one object equals itself
_SEEN_BY_LANES = ("lanes", "has_broadcast", "has_prefetch")

# Scores leave the accumulators scaled and in the format of the operator. The factor of a row is what its sums shrink by
# when its maximum grows: maximum, subtract, exp, and the sum of the row by it.
_SCALE = Pass("scale", 1)
_BIAS = Pass("bias", 1)
_MAXIMUM = Pass("maximum", 1, is_fold=True)
_EXP = Pass("exp_of_difference", 2)
_SUM = Pass("sum", 1, is_fold=True)
_SILU = (Pass("silu", 1), Pass("scale", 1))
_FACTOR = Pass("exp", 4)
_MERGE = Pass("modulate", 2)


class Tried(NamedTuple):
    """The cuts of an attention that are tried (N, 8), and what lanes or vector cores take under each (N, 7) [cycles].

    Columns as in `archmodel.kernels.attention_blocks.Cut` and `archmodel.kernels.attention_steps`.
    """

    cuts: Ints
    lanes: Ints


@dataclass(frozen=True)
class Setting:
    """An attention and where it runs: what all its cuts have in common. Without v, values are parts of the keys."""

    site: Site
    op: Attention
    q: Place
    k: Place
    v: Place | None
    bias: Place | None
    out: Place

    @property
    def mask(self) -> Mask:
        """Who attends whom."""
        op = self.op
        group = op.n_heads // op.n_kv_heads
        return Mask(op.q_len, op.kv_len, group, op.causal, op.window, op.chunk, op.targets)

    @property
    def n_heads(self) -> int:
        """KV heads of all sequences."""
        return self.op.batch * self.op.n_kv_heads

    @property
    def score_dtype(self) -> str:
        """Format of scores: vector cores that cannot count in that of the operator are given fp32."""
        cores, dtype = self.site.cores, self.site.dtype
        return dtype if cores is None or dtype in cores.own else "fp32"

    @property
    def row_bytes(self) -> float:
        """Bytes of a key and its value [B]."""
        values = self.op.value_dim * self.v.element_bytes if self.v else 0.0
        return self.op.head_dim * self.k.element_bytes + values

    @cached_property
    def shape(self) -> AttentionShape:
        """What kernels know of it."""
        op, site, v = self.op, self.site, self.v
        return AttentionShape(
            group=op.n_heads // op.n_kv_heads,
            head_dim=op.head_dim,
            value_dim=op.value_dim,
            is_softmax=op.score == "softmax",
            has_values=v is not None,
            q_bytes=self.q.element_bytes,
            k_bytes=self.k.element_bytes,
            v_bytes=v.element_bytes if v else 0.0,
            bias_bytes=self.bias.element_bytes if self.bias else 0.0,
            out_bytes=self.out.element_bytes,
            element_bytes=dtype_bytes(site.dtype),
            score_bytes=dtype_bytes(self.score_dtype),
            is_q_far=self.q.is_far,
            is_k_far=self.k.is_far,
            is_v_far=v is not None and v.is_far,
            is_out_far=self.out.is_far,
            map_unit=VECTOR if on_vector(site, _SCALE) else SIMD,
            fold_unit=VECTOR if on_vector(site, _MAXIMUM) else SIMD,
        )

    @property
    def tried(self) -> Tried:
        """The cuts; other machines may have the same."""
        seen = {name: getattr(self.site.timing, name) for name in _SEEN_BY_LANES}
        timing = _UNSEEN._replace(**seen)
        return _try_cuts(replace(self, site=replace(self.site, timing=timing, dram=NO_DRAM, rows=None)))


@lru_cache(maxsize=256)
def _try_cuts(seen: Setting) -> Tried:
    """Work out what machines have in common that lanes and vector cores cannot tell apart."""
    cuts = np.empty((MOST_CUTS, N_CUT_FIELDS), np.int64)
    n = list_cuts(seen.mask, seen.n_heads, seen.site.n_pes, bool(seen.site.timing.has_broadcast), cuts)
    return Tried(cuts[:n], time_lanes(seen, cuts[:n]))


def find_setting(site: Site) -> Setting:
    """Collect what all cuts of an attention have in common."""
    assert isinstance(site.op, Attention)
    v = None if site.op.is_kv_shared else site.place("v")
    bias = site.place("bias") if site.op.has_bias else None
    return Setting(site, site.op, site.place("q"), site.place("k"), v, bias, site.place("out"))


def time_lanes(setting: Setting, cuts: Ints) -> Ints:
    """Count the cycles for which lanes or vector cores are at work under each cut (N, 7).

    Parameters
    ----------
    setting
        An attention and where it runs.
    cuts
        Fields of `archmodel.kernels.attention_blocks.Cut` (N, 8).

    Model
    -----
    Scores lie with keys in rows: lanes of the vector cores have a query each, and no row is folded within a register.
    """
    site, op, dtype, wide = setting.site, setting.op, setting.site.dtype, setting.score_dtype
    n_rows, n_keys, _, n_splits, *_ = cuts.T
    lanes = np.zeros((len(cuts), N_LANE_TIMES), np.int64)
    scale = (_SCALE, _BIAS) if setting.bias else (_SCALE,)
    if op.score == "softmax":
        lanes[:, SCORE] = sum(pass_cycles(site, one, n_rows, n_keys, "fp32", wide) for one in scale)
        lanes[:, SCORE + 1] = _fold_cycles(site, _MAXIMUM, n_rows, n_keys, wide)
        lanes[:, SCORE + 2] = pass_cycles(site, _EXP, n_rows, n_keys, wide, dtype)
        lanes[:, SCORE + 3] = _fold_cycles(site, _SUM, n_rows, n_keys, dtype)
    else:
        lanes[:, SCORE] = sum(pass_cycles(site, one, n_rows, n_keys, "fp32", dtype) for one in (*scale, *_SILU))
    results, single = np.empty((len(cuts), 3), np.int64), np.ones_like(n_rows)
    count_results(setting.shape, bool(site.timing.has_prefetch), cuts, results)
    n_merged, n_piece, n_whole = np.maximum(1, results).T
    lanes[:, MERGE] = pass_cycles(site, _FACTOR, single, n_rows, "fp32")
    lanes[:, MERGE] += pass_cycles(site, _MERGE, single, n_merged, "fp32")
    for column, n_results in ((FINISH_PIECE, n_piece), (FINISH_WHOLE, n_whole)):
        converted = pass_cycles(site, _SCALE, single, n_results, "fp32", setting.out.dtype)
        kept = pass_cycles(site, _SCALE, single, n_results, "fp32", "fp32")
        lanes[:, column] = np.where(n_splits == 1, converted, kept)
    return lanes


def _fold_cycles(site: Site, one: Pass, n_rows: Ints, n_keys: Ints, dtype: str) -> Ints:
    """Count a reduction over the keys of blocks, which are rows: lanes have a query each, and none is folded."""
    if on_vector(site, one) and site.cores is not None:
        n_keys = -(-n_rows * n_keys // site.cores.n_cores)
        n_rows = np.full_like(n_rows, site.cores.n_cores)
    return pass_cycles(site, one, n_rows, n_keys, dtype)
