"""Whatever the dims: counts are never negative, and never shrink when a dim that means more work grows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archmodel.errors import InputError
from archmodel.workload.operators import operator_kind, operator_kinds
from archmodel.workload.operators.attention import Attention
from archmodel.workload.types import OperatorKind

Step = Callable[[Any, int], Any]


def plus(value: int, n: int) -> int:
    return value + n


def times(value: int, n: int) -> int:
    """For dims that another must divide."""
    return value * (n + 1)


def plus_even(value: int, n: int) -> int:
    """For kernels padded to keep the size: an odd one keeps all outputs, an even one gains one."""
    return value + 2 * n


def plus_each(parts: tuple[int, ...], n: int) -> tuple[int, ...]:
    return tuple(part + n for part in parts)


@dataclass(frozen=True)
class Growth:
    """Dims to start from (counts from 1 to 9 where nothing is said), and how each grows."""

    kind: str
    grows: Mapping[str, Step]
    starts: Mapping[str, st.SearchStrategy[Any]] = field(default_factory=dict)

    def dims(self) -> st.SearchStrategy[dict[str, Any]]:
        counts = {name: st.integers(1, 9) for name in self.grows if name not in self.starts}
        return st.fixed_dictionaries({**counts, **self.starts})


def every(names: str, step: Step = plus) -> dict[str, Step]:
    return dict.fromkeys(names.split(), step)


def choice(kind: str, name: str) -> st.SearchStrategy[str]:
    return st.sampled_from(get_args(get_type_hints(operator_kind(kind))[name]))


HEADS = {"n_heads": st.just(12), "n_kv_heads": st.sampled_from([1, 2, 3]), "kv_len": st.integers(1, 30)}
ATTENTION = every("batch q_len kv_len head_dim v_dim") | every("n_heads n_kv_heads", times)
IMAGE = every("batch height width") | every("in_channels out_channels", times)
CHANNELS = {
    "in_channels": st.sampled_from([2, 4]), "out_channels": st.sampled_from([2, 6]), "groups": st.sampled_from([1, 2]),
    "stride": st.integers(1, 3), "has_bias": st.booleans(),
}  # fmt: skip
VIDEO = IMAGE | every("frames")
FRAMES = CHANNELS | {"stride_frames": st.integers(1, 3)}

GROWTHS = [
    Growth("matmul", every("m n k")),
    Growth("linear", every("m n k")),
    Growth("batched_matmul", every("batch m n k")),
    Growth("grouped_matmul", every("m_total n k experts active"), {"active": st.floats(0.1, 4)}),
    Growth("attention", ATTENTION, HEADS | {"score": choice("attention", "score")}),
    Growth("attention", ATTENTION | every("window"),
           HEADS | {"causal": st.just(True), "window": st.integers(1, 12), "targets": st.integers(0, 4)}),
    Growth("attention", ATTENTION, HEADS | {"is_kv_shared": st.just(True), "causal": st.booleans()}),
    Growth("embedding_bag", every("n_tables rows dim batch pooling"), {"weighted": st.booleans()}),
    Growth("embedding_bag_backward", every("n_tables rows dim batch pooling unique"),
           {"rows": st.integers(9, 40), "pooling": st.integers(9, 20)}),
    Growth("radix_sort", every("n bits")),
    Growth("gather", every("rows dim n"), {"is_weight": st.booleans()}),
    Growth("scatter", every("rows dim n")),
    Growth("conv2d", IMAGE | every("kernel", plus_even), CHANNELS),
    # With a stride, more padding may leave out an element that less padding reads.
    Growth("conv2d", IMAGE | every("padding"), CHANNELS | {"kernel": st.integers(1, 4), "stride": st.just(1)}),
    Growth("conv3d", VIDEO | every("kernel kernel_frames", plus_even), FRAMES),
    Growth("conv3d", VIDEO | every("padding padding_frames"),
           FRAMES | {"kernel": st.integers(1, 4), "kernel_frames": st.integers(1, 4), "stride": st.just(1),
                     "stride_frames": st.just(1)}),
    Growth("elementwise", every("n", times),
           {"n": st.sampled_from([2, 4, 6]), "function": choice("elementwise", "function")}),
    Growth("softmax", every("rows cols")),
    Growth("layer_norm", every("rows cols"), {"affine": st.booleans()}),
    Growth("rms_norm", every("rows cols"), {"affine": st.booleans()}),
    Growth("group_norm", every("batch spatial") | every("channels groups", times),
           {"channels": st.just(12), "groups": st.sampled_from([1, 2, 3])}),
    Growth("reduction", every("rows cols"), {"function": choice("reduction", "function")}),
    Growth("transpose", every("rows cols")),
    Growth("permute", every("n")),
    Growth("concat", every("n", plus_each), {"n": st.lists(st.integers(1, 9), min_size=1, max_size=4).map(tuple)}),
    Growth("top_k", every("rows cols k"), {"cols": st.integers(9, 40)}),
    Growth("moe_dispatch", every("tokens dim topk")),
    Growth("moe_combine", every("tokens dim topk")),
    Growth("quantise", every("rows cols"), {"to": choice("quantise", "to")}),
    Growth("dequantise", every("rows cols"), {"source": choice("dequantise", "source")}),
    Growth("collective", every("n"), {"n_chips": st.integers(1, 9), "function": choice("collective", "function")}),
    Growth("collective", every("n n_chips"), {"function": st.sampled_from(["all_reduce", "all_to_all"])}),
]  # fmt: skip

# Counts whose growth is not more work: they split, skip or hide something.
SHRINKING = {
    "attention": {"chunk", "targets"},
    "conv2d": {"groups", "stride"},
    "conv3d": {"groups", "stride", "stride_frames"},
}


def amounts(op: OperatorKind) -> Iterator[tuple[str, float]]:
    """Everything an operator counts, by name."""
    work, reuse = op.work(), op.reuse()
    yield from (("matrix", work.matrix_flop), ("simd", work.simd_flop), ("vector", work.vector_flop))
    yield from (("flop", work.flop), ("sqrt", reuse.sqrt), ("linear", reuse.linear), ("link", op.link_bytes("bf16")))
    yield from ((operand.name, operand.n_elements) for operand in op.operands())
    yield from ((f"{operand.name} touched", operand.n_touched) for operand in op.operands())


@pytest.mark.parametrize("growth", GROWTHS, ids=[growth.kind for growth in GROWTHS])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_amounts_are_never_negative_and_never_shrink(growth: Growth, data: st.DataObject) -> None:
    dims = data.draw(growth.dims(), label="dims")
    name = data.draw(st.sampled_from(sorted(growth.grows)), label="grows")
    larger = {**dims, name: growth.grows[name](dims[name], data.draw(st.integers(1, 9), label="by"))}
    try:
        before, after = operator_kind(growth.kind)(**dims), operator_kind(growth.kind)(**larger)
    except InputError:
        assume(False)
    smaller = dict(amounts(before))
    assert all(amount >= 0 for amount in smaller.values())
    for what, amount in amounts(after):
        assert amount >= smaller[what], what


def test_every_count_of_every_kind_is_covered() -> None:
    covered: dict[str, set[str]] = {}
    for growth in GROWTHS:
        covered.setdefault(growth.kind, set()).update(growth.grows)
    own = {kind: cls for kind, cls in operator_kinds().items() if cls.__module__.startswith("archmodel.")}
    for kind, cls in own.items():
        counts = {name for name, hint in get_type_hints(cls).items() if hint in (int, float)}
        assert counts <= covered.get(kind, set()) | SHRINKING.get(kind, set()), kind
    assert set(covered) == set(own)


def causal(**dims: int) -> Attention:
    return Attention(batch=1, n_heads=1, n_kv_heads=1, head_dim=1, causal=True, **dims)


LIMITS = {"window": st.integers(0, 40), "chunk": st.integers(0, 40)}


@given(lengths=st.lists(st.integers(1, 10**6), min_size=1, max_size=8), **LIMITS)
def test_prefill_in_pieces_attends_as_many_pairs_as_at_once(lengths: list[int], window: int, chunk: int) -> None:
    ends = accumulate(lengths)
    pieces = [
        causal(q_len=q_len, kv_len=end, window=window, chunk=chunk) for q_len, end in zip(lengths, ends, strict=True)
    ]
    whole = causal(q_len=sum(lengths), kv_len=sum(lengths), window=window, chunk=chunk)
    assert sum(op.pairs for op in pieces) == whole.pairs


@given(kv_len=st.integers(1, 10**6), data=st.data(), **LIMITS)
def test_a_limit_takes_pairs_away_but_never_oneself(kv_len: int, data: Any, window: int, chunk: int) -> None:
    q_len = data.draw(st.integers(1, kv_len))
    targets = data.draw(st.integers(0, q_len))
    free = causal(q_len=q_len, kv_len=kv_len)
    limited = causal(q_len=q_len, kv_len=kv_len, window=window, chunk=chunk, targets=targets)
    assert q_len <= limited.pairs <= free.pairs
    assert q_len <= limited.kv_attended <= free.kv_attended == kv_len


@given(n=st.integers(1, 10**6), n_chips=st.integers(1, 64), dtype=st.sampled_from(["fp32", "bf16", "int8"]))
def test_all_reduce_is_reduce_scatter_then_all_gather(n: int, n_chips: int, dtype: str) -> None:
    sent = {
        function: operator_kind("collective")(function=function, n=n, n_chips=n_chips).link_bytes(dtype)
        for function in ("all_reduce", "reduce_scatter", "all_gather")
    }
    assert sent["all_reduce"] == sent["reduce_scatter"] + sent["all_gather"]
