"""Hyper-parameters of decoder-only transformers, and the kinds of layers that follow from them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from archmodel.dtypes import DType
from archmodel.inputs import SCHEMA
from archmodel.units import Number
from archmodel.workload.settings import Count, CountOrZero, Flag

LayerCount = Annotated[int, Number("a count of layers", 1, 10_000, integer=True)]


@dataclass(frozen=True, slots=True)
class LocalAttention:
    """Layers that attend near tokens only; give ``window`` or ``chunk``.

    Parameters
    ----------
    full_every
        Layers n, 2n, 3n, … attend to everything, the others are local.
    window
        A token attends to this many last tokens, itself included.
    chunk
        Tokens attend within aligned blocks of this length.
    is_full_nope
        Whether the full layers have no rotary embedding.
    """

    __pydantic_config__: ClassVar = SCHEMA
    full_every: Count
    window: CountOrZero = 0
    chunk: CountOrZero = 0
    is_full_nope: Flag = False


@dataclass(frozen=True, slots=True)
class LatentAttention:
    """Multi-head latent attention: all heads share one compressed key-value vector per token.

    Parameters
    ----------
    q_lora, kv_lora
        Ranks of the query and key-value compressions.
    rope
        Part of ``head_dim`` that carries the rotary embedding; its key is shared by all heads.
    v
        Value dim of one head.

    Sources
    -------
    DeepSeek-AI, DeepSeek-V2, arXiv:2405.04434, section 2.1.
    """

    __pydantic_config__: ClassVar = SCHEMA
    q_lora: Count
    kv_lora: Count
    rope: Count
    v: Count


@dataclass(frozen=True, slots=True)
class MixtureOfExperts:
    """Routed feed-forward layers.

    Parameters
    ----------
    n_experts, top_k
        Experts of a layer, and those each token is sent to.
    ffn
        Hidden width of one expert.
    n_shared
        Experts that see every token.
    every
        Layers n, 2n, 3n, … are routed, the others dense.
    n_dense_first
        Leading layers that are dense anyway.
    score
        Function on the router's outputs.
    weight_dtype
        Storage of the routed experts as released, used unless the run sets ``weight_dtype``.
    """

    __pydantic_config__: ClassVar = SCHEMA
    n_experts: Count
    top_k: Count
    ffn: Count
    n_shared: CountOrZero = 0
    every: Count = 1
    n_dense_first: CountOrZero = 0
    score: Literal["softmax", "sigmoid"] = "softmax"
    weight_dtype: DType | None = None


@dataclass(frozen=True, slots=True)
class DecoderModel:
    """A decoder-only transformer with gated feed-forward layers.

    Parameters
    ----------
    d_model, n_layers, vocab
        Width, depth and vocabulary.
    n_heads, n_kv_heads, head_dim
        Attention heads; ``n_kv_heads`` of them have keys and values of their own. With ``mla``, ``head_dim`` is that of
        queries and keys, the rotary part included.
    ffn
        Hidden width of dense feed-forward layers; 0 when all are routed.
    is_tied
        Whether the output head shares the embedding's weights.
    qk_norm
        Normalisation of queries and keys per head: ``rms`` has weights, ``l2`` has none. Layers without rotary
        embedding go without.
    has_bias
        Whether projections, router and experts add a bias.
    local, mla, moe
        Local attention, latent attention and routed experts, where the model has them.
    """

    __pydantic_config__: ClassVar = SCHEMA
    d_model: Count
    n_layers: LayerCount
    vocab: Count
    n_heads: Count
    n_kv_heads: Count
    head_dim: Count
    ffn: CountOrZero = 0
    is_tied: Flag = False
    qk_norm: Literal["none", "rms", "l2"] = "none"
    has_bias: Flag = False
    local: LocalAttention | None = None
    mla: LatentAttention | None = None
    moe: MixtureOfExperts | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """What tells layers of one model apart."""

    is_routed: bool
    is_local: bool


@dataclass(frozen=True, slots=True)
class Step:
    """Sizes of one pass.

    Parameters
    ----------
    batch
        Sequences.
    q_len
        New tokens per sequence.
    kv_len
        Tokens per sequence in the KV cache afterwards.
    """

    batch: int
    q_len: int
    kv_len: int

    @property
    def n_tokens(self) -> int:
        """New tokens of all sequences."""
        return self.batch * self.q_len


def layer_groups(model: DecoderModel, stage: range | None = None) -> dict[str, tuple[Layer, int]]:
    """Group layers of the same kind: name of the group → the kind and how many there are, in order of appearance.

    Parameters
    ----------
    model
        All of it.
    stage
        The layers to group; all if not given. Names are those that the groups of the whole model have.
    """
    layers = Counter(_layer(model, idx) for idx in range(model.n_layers))
    has_both_ffns = len({layer.is_routed for layer in layers}) == 2
    has_both_spans = len({layer.is_local for layer in layers}) == 2
    local_name = "windowed" if model.local and model.local.window else "chunked"
    groups = {}
    for layer, n_layers in Counter(
        _layer(model, idx) for idx in (range(model.n_layers) if stage is None else stage)
    ).items():
        words = ["moe" if layer.is_routed else "dense"] if has_both_ffns else []
        words += [local_name if layer.is_local else "full"] if has_both_spans else []
        groups["_".join([*words, "layers"])] = (layer, n_layers)
    return groups


def _layer(model: DecoderModel, idx: int) -> Layer:
    moe, local = model.moe, model.local
    return Layer(
        is_routed=moe is not None and idx >= moe.n_dense_first and (idx + 1) % moe.every == 0,
        is_local=local is not None and (idx + 1) % local.full_every != 0,
    )
