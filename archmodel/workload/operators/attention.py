"""Scaled dot-product attention as one fused operator: scores never leave the memory next to the engines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from archmodel.workload.checks import CountOrZero, Rule, check_dims
from archmodel.workload.operators import register
from archmodel.workload.types import Count, Operand, OperatorKind, Reuse, Work

_RULES = (
    Rule(
        ("n_heads", "n_kv_heads"),
        lambda op: op.n_heads % op.n_kv_heads == 0,
        "{op.n_heads} is not a multiple of n_kv_heads {op.n_kv_heads}; each KV head serves equally many query heads",
    ),
    Rule(
        ("q_len", "kv_len", "causal"),
        lambda op: not op.causal or op.q_len <= op.kv_len,
        "{op.q_len} is more than kv_len {op.kv_len}; with causal the queries are the last of the kv_len positions",
    ),
    Rule(
        ("window", "causal"),
        lambda op: op.causal or not op.window,
        "{op.window} without causal; a window reaches back from a query's own position, so set causal=True",
    ),
    Rule(
        ("chunk", "causal"),
        lambda op: op.causal or not op.chunk,
        "{op.chunk} without causal; a query sees its chunk up to its own position, so set causal=True",
    ),
    Rule(
        ("targets", "causal"),
        lambda op: op.causal or not op.targets,
        "{op.targets} without causal; targets see the history before them, so set causal=True",
    ),
    Rule(
        ("targets", "q_len"),
        lambda op: op.targets <= op.q_len,
        "{op.targets} is more than q_len {op.q_len}; targets are the last of the queries",
    ),
    Rule(
        ("v_dim", "head_dim", "is_kv_shared"),
        lambda op: not op.is_kv_shared or op.value_dim <= op.head_dim,
        "{op.v_dim} is more than head_dim {op.head_dim}; with is_kv_shared a value is the first part of its key",
    ),
)

# One FLOP per pair and operation, on the SIMD engine and on the vector core. Softmax: scale, subtract, exp; maximum,
# sum. SiLU: scale, silu, divide.
_PAIR_FLOP = {"softmax": (3, 2), "silu": (3, 0)}


@register
@dataclass(frozen=True)
class Attention(OperatorKind):
    """Fused attention ``out = score(q · kᵀ) · v``, with grouped-query heads and exact counts of what a mask lets pass.

    Parameters
    ----------
    batch
        Sequences.
    n_heads, n_kv_heads
        Query heads, and the key/value heads they share in equal groups.
    q_len, kv_len
        Query and key positions per sequence. With ``causal`` the queries are the last ``q_len`` of the positions.
    head_dim, v_dim
        Elements of a query or key, and of a value (0: as many).
    causal
        A query sees keys up to its own position only. `window`, `chunk` and `targets` need it.
    window
        A query sees the last ``window`` positions, its own included (0: all).
    chunk
        Positions fall into chunks of this length; a query sees its own chunk only (0: no chunks).
    targets
        The last ``targets`` queries are candidates: each sees the history before the first candidate, as from the
        position right behind it, and itself, but no other candidate.
    score
        ``"softmax"``, or ``"silu"`` (pointwise, divided by the sequence length).
    is_kv_shared
        Values are the first ``v_dim`` elements of the keys, as in absorbed multi-head latent attention; no operand v.
    has_bias
        A learnt number for each distance between query and key, the same for all heads, is added to the scores; it is
        one more SIMD operation per pair, and one more operand.

    Model
    -----
    Matrix engine: ``2 · pairs · batch · n_heads · (head_dim + v_dim)`` FLOP, masked pairs skipped.

    One FLOP per pair and operation: softmax 3 on the SIMD engine (scale, subtract, exp) and 2 on the vector core
    (maximum, sum), then one SIMD division per output element, since fused kernels normalise last; SiLU 3 on the SIMD
    engine (scale, silu as one look-up, divide by the length).

    Traffic when the memory holds S elements only: half of it holds blocks of Q and out, half blocks of K and V, so a Q
    block has ``R = S / (2·(head_dim + v_dim))`` rows, the ``S/(4d)`` of FlashAttention when both dims are d. A KV head
    serves ``q_len · n_heads / n_kv_heads`` rows, the query heads of its group stacked, hence that number over R blocks.
    Each block reads the keys and values that a query attends, ``pairs / q_len`` on average, of ``w`` elements:
    ``head_dim + v_dim``, or ``head_dim`` when values are shared. Over all KV heads and sequences this is::

        batch · n_heads · pairs · w / R  =  2 · batch · n_heads · pairs · (head_dim + v_dim) · w / S

    The group size cancels: a block of R stacked rows serves as many pairs per key read as R rows of one head. Grouping
    shows in the least traffic, where K and V pass once. Scores are taken to need no memory (FlashAttention caps R at d
    to hold a block of them), and the rows of a block to attend the same keys: both make this a bound from below.

    Sources
    -------
    Dao et al., FlashAttention, NeurIPS 2022, algorithm 1 (block sizes) and theorem 2 (Θ(N²d²/S)). Targets and the SiLU
    score: Zhai et al., Actions Speak Louder than Words, ICML 2024, and facebookresearch/generative-recommenders,
    ops/pytorch/pt_hstu_attention.py. Shared latent: DeepSeek-V2, arXiv:2405.04434, section 2.1. Bias by distance:
    Raffel et al., Exploring the limits of transfer learning, JMLR 21(140), 2020, section 2.1.
    """

    kind: ClassVar[str] = "attention"
    group: ClassVar[str] = "attention"
    batch: Count
    n_heads: Count
    n_kv_heads: Count
    q_len: Count
    kv_len: Count
    head_dim: Count
    v_dim: CountOrZero = 0
    causal: bool = False
    window: CountOrZero = 0
    chunk: CountOrZero = 0
    targets: CountOrZero = 0
    score: Literal["softmax", "silu"] = "softmax"
    is_kv_shared: bool = False
    has_bias: bool = False

    def __post_init__(self) -> None:
        check_dims(self, *_RULES)

    @property
    def value_dim(self) -> int:
        """Elements of a value: ``v_dim``, or ``head_dim`` where that is 0."""
        return self.v_dim or self.head_dim

    @property
    def pairs(self) -> int:
        """Attended (query, key) pairs per head and sequence."""
        if not self.causal:
            return self.q_len * self.kv_len
        history = self.kv_len - self.targets
        before = self.kv_len - self.q_len
        return self._pairs_until(history) - self._pairs_until(before) + self.targets * self._reach(history)

    @property
    def kv_attended(self) -> int:
        """Key positions per sequence that at least one query attends; they are the last ones."""
        if not self.causal:
            return self.kv_len
        first = self.kv_len - self.q_len
        return self.q_len + self._reach(first) - 1

    def operands(self) -> tuple[Operand, ...]:
        """List q, k, v (absent with ``is_kv_shared``), bias (with ``has_bias``) and out.

        Of k and v the attended positions move. Every query finds its part of the bias by its position.
        """
        n_moved = float(self.batch * self.kv_attended * self.n_kv_heads)
        key = (self.batch, self.kv_len, self.n_kv_heads, self.head_dim)
        value = (self.batch, self.kv_len, self.n_kv_heads, self.value_dim)
        shared = () if self.is_kv_shared else (Operand("v", value, touched=n_moved * self.value_dim),)
        n_distances = self.kv_len if self.causal else self.q_len + self.kv_len - 1
        bias = (Operand("bias", (n_distances,), role="weight", row=n_distances),) if self.has_bias else ()
        return (
            Operand("q", (self.batch, self.q_len, self.n_heads, self.head_dim)),
            Operand("k", key, touched=n_moved * self.head_dim),
            *shared,
            *bias,
            Operand("out", (self.batch, self.q_len, self.n_heads, self.value_dim), is_output=True),
        )

    def work(self) -> Work:
        """Count both products on the matrix engine and the score function on the SIMD engine and the vector core."""
        n_pairs = float(self.batch * self.n_heads * self.pairs)
        n_out = self.batch * self.q_len * self.n_heads * self.value_dim
        elementwise, reductions = _PAIR_FLOP[self.score]
        return Work(
            matrix_flop=2 * n_pairs * (self.head_dim + self.value_dim),
            simd_flop=n_pairs * (elementwise + self.has_bias) + (n_out if self.score == "softmax" else 0),
            vector_flop=n_pairs * reductions,
        )

    def reuse(self) -> Reuse:
        """Bound traffic by 2·batch·n_heads·pairs·(head_dim + v_dim)·w/S, w elements per key and value."""
        width = self.head_dim + (0 if self.is_kv_shared else self.value_dim)
        return Reuse(linear=2.0 * self.batch * self.n_heads * self.pairs * (self.head_dim + self.value_dim) * width)

    def _reach(self, position: int) -> int:
        """Keys that a query at a position attends, its own included."""
        offset = position % self.chunk if self.chunk else position
        return min(offset + 1, self.window) if self.window else offset + 1

    def _pairs_until(self, position: int) -> int:
        """Sum `_reach` over all positions before this one: whole chunks and the rest, ramps that end at ``window``."""
        if not self.chunk:
            return self._ramp(position)
        return position // self.chunk * self._ramp(self.chunk) + self._ramp(position % self.chunk)

    def _ramp(self, length: int) -> int:
        rising = min(length, self.window) if self.window else length
        return rising * (rising + 1) // 2 + (length - rising) * rising
