"""FLOP, elements and bytes of every operator kind against a NumPy reference that counts its own."""

from __future__ import annotations

import itertools
import re
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from operator_references import REFERENCES, attention_mask, run_counted

from archmodel.dtypes import dtype_bytes
from archmodel.workload.operators import operator_kind, operator_kinds
from archmodel.workload.operators.attention import Attention

GROUPS = (
    "matmul", "attention", "convolution", "embedding", "normalisation", "elementwise", "data movement", "routing",
    "quantisation", "collective",
)  # fmt: skip

ATTENTION = {"batch": 2, "n_heads": 4, "n_kv_heads": 2, "q_len": 5, "kv_len": 5, "head_dim": 3}
DECODE = {**ATTENTION, "q_len": 1, "kv_len": 11, "causal": True}
IMAGE = {"batch": 2, "in_channels": 4, "out_channels": 6, "height": 7, "width": 5, "kernel": 3}
VIDEO = {**IMAGE, "frames": 4, "kernel_frames": 3}
BAGS = {"n_tables": 3, "rows": 20, "dim": 4, "batch": 5, "pooling": 7}

CASES: dict[str, list[dict[str, Any]]] = {
    "matmul": [{"m": 3, "n": 4, "k": 5}],
    "batched_matmul": [{"batch": 2, "m": 3, "n": 4, "k": 5}],
    "grouped_matmul": [
        {"m_total": 7, "n": 4, "k": 5, "experts": 6, "active": 3.0},
        {"m_total": 12, "n": 2, "k": 3, "experts": 4, "active": 4.0},
    ],
    "attention": [
        ATTENTION,
        {**ATTENTION, "q_len": 3, "kv_len": 8, "v_dim": 2},
        {**ATTENTION, "causal": True},
        {**ATTENTION, "q_len": 3, "kv_len": 8, "causal": True, "v_dim": 4},
        {**ATTENTION, "q_len": 3, "kv_len": 8, "has_bias": True},
        {**ATTENTION, "q_len": 6, "kv_len": 9, "causal": True, "window": 2},
        {**ATTENTION, "q_len": 6, "kv_len": 9, "causal": True, "chunk": 4},
        {**ATTENTION, "q_len": 9, "kv_len": 9, "causal": True, "targets": 4, "score": "silu"},
        {**ATTENTION, "q_len": 4, "kv_len": 9, "causal": True, "targets": 4, "window": 3, "score": "silu"}
        | {"has_bias": True},
        DECODE,
        {**DECODE, "window": 4},
        {**DECODE, "chunk": 4},
        {**DECODE, "n_kv_heads": 1, "v_dim": 2, "is_kv_shared": True},
    ],
    "embedding_bag": [BAGS, {**BAGS, "weighted": True}],
    "embedding_bag_backward": [{**BAGS, "unique": unique} for unique in (1, 6, 20)],
    "radix_sort": [{"n": 50}, {"n": 50, "bits": 9}, {"n": 50, "bits": 40}],
    "gather": [{"rows": 9, "dim": 4, "n": 5}, {"rows": 3, "dim": 4, "n": 8, "is_weight": True}],
    "scatter": [{"rows": 9, "dim": 4, "n": 5}],
    "conv2d": [
        IMAGE,
        {**IMAGE, "stride": 2, "groups": 2, "has_bias": True},
        {**IMAGE, "padding": 0},
        {**IMAGE, "kernel": 2, "stride": 2, "padding": 0},
    ],
    "conv3d": [VIDEO, {**VIDEO, "stride": 2, "stride_frames": 2, "padding": 0, "padding_frames": 1, "has_bias": True}],
    "elementwise": [{"n": 8}]
    + [
        {"n": 8, "function": name}
        for name in ("sub", "mul", "bias", "scale", "relu", "sigmoid", "silu", "gelu", "tanh", "exp", "rope", "swiglu",
                     "modulate")
    ],
    "softmax": [{"rows": 3, "cols": 5}],
    "layer_norm": [{"rows": 3, "cols": 5}, {"rows": 3, "cols": 5, "affine": False}],
    "rms_norm": [{"rows": 3, "cols": 5}, {"rows": 3, "cols": 5, "affine": False}],
    "group_norm": [{"batch": 2, "channels": 6, "spatial": 4, "groups": 3}],
    "reduction": [{"rows": 3, "cols": 5, "function": name} for name in ("sum", "mean", "max", "min")],
    "transpose": [{"rows": 3, "cols": 5}],
    "permute": [{"n": 12}],
    "concat": [{"n": (12, 7, 5)}, {"n": 6}],
    "top_k": [{"rows": 3, "cols": 9, "k": k} for k in (1, 2, 3, 4, 8, 9)],
    "moe_dispatch": [{"tokens": 5, "dim": 4, "topk": 2}],
    "moe_combine": [{"tokens": 5, "dim": 4, "topk": 2}],
    "quantise": [{"rows": 3, "cols": 64, "to": name} for name in ("int8", "fp8", "bfp8", "mx4")],
    "dequantise": [{"rows": 3, "cols": 64, "source": name} for name in ("int8", "fp8", "bfp8", "mx4", "int32")],
    "linear": [
        {"m": 3, "n": 4, "k": 5},
        *({"m": 3, "n": 4, "k": 5, "bias": True, "activation": name} for name in ("relu", "gelu", "silu")),
        {"m": 3, "n": 4, "k": 5, "quantise": "rows"},
        {"m": 3, "n": 4, "k": 5, "quantise": "rows", "bias": True, "activation": "gelu"},
    ],
    "collective": [
        {"function": name, "n": 24, "n_chips": n_chips}
        for name in ("all_reduce", "all_gather", "reduce_scatter", "all_to_all", "send")
        for n_chips in (1, 2, 4)
    ],
}  # fmt: skip

# Where arithmetic besides matrix products runs: elementwise on SIMD and reductions on the vector core, or all on one.
SIMD_ONLY = {"embedding_bag", "embedding_bag_backward", "elementwise", "conv2d", "conv3d", "dequantise", "collective"}
VECTOR_ONLY = {"radix_sort", "reduction", "top_k", "moe_combine"}
BY_OPERATION = {"attention", "softmax", "quantise", "linear"}
# Norms: on SIMD what maps elements once a number of the row is known, so many operations, and so many if affine.
NORMS = {"layer_norm": (2, 4), "rms_norm": (1, 2), "group_norm": (4, 4)}
NONE = {
    "matmul", "batched_matmul", "grouped_matmul", "gather", "scatter", "transpose", "permute", "concat", "moe_dispatch",
}  # fmt: skip

ALL_CASES = [pytest.param(kind, dims, id=f"{kind}{idx}") for kind in CASES for idx, dims in enumerate(CASES[kind])]


def own_kinds() -> dict[str, Any]:
    return {kind: cls for kind, cls in operator_kinds().items() if cls.__module__.startswith("archmodel.")}


@pytest.mark.parametrize(("kind", "dims"), ALL_CASES)
def test_flop_is_what_the_reference_counts(kind: str, dims: dict[str, Any]) -> None:
    op = operator_kind(kind)(**dims)
    _, tally = run_counted(op)
    work = op.work()
    n_lane = tally.elementwise + tally.reduction
    if kind in SIMD_ONLY:
        expected = (tally.matmul, n_lane, 0)
    elif kind in VECTOR_ONLY:
        expected = (tally.matmul, 0, n_lane)
    elif kind in NORMS:
        n_mapped = NORMS[kind][dims.get("affine", True)] * op.operands()[0].n_elements
        expected = (tally.matmul, n_mapped, n_lane - n_mapped)
    elif kind in BY_OPERATION:
        expected = (tally.matmul, tally.elementwise, tally.reduction)
    else:
        assert n_lane == 0
        expected = (tally.matmul, 0, 0)
    assert (work.matrix_flop, work.simd_flop, work.vector_flop) == expected
    assert work.flop == sum(expected)


@pytest.mark.parametrize(("kind", "dims"), ALL_CASES)
def test_operands_are_the_arrays_of_the_reference(kind: str, dims: dict[str, Any]) -> None:
    op = operator_kind(kind)(**dims)
    run, _ = run_counted(op)
    operands = op.operands()
    assert {operand.name: operand.shape for operand in operands} == {name: a.shape for name, a in run.arrays.items()}
    assert [operand.name for operand in operands] == list(run.arrays)
    assert {operand.name: operand.n_touched for operand in operands} == {
        name: run.n_moved.get(name, given.size) for name, given in run.arrays.items()
    }
    assert {operand.name: operand.n_elements * dtype_bytes(operand.dtype or "fp32") for operand in operands} == {
        name: run.n_bytes.get(name, given.nbytes) for name, given in run.arrays.items()
    }
    assert op.link_bytes("fp32") == run.n_sent_bytes


def test_every_kind_has_a_reference_and_an_engine() -> None:
    kinds = own_kinds()
    assert set(CASES) == set(REFERENCES) == set(kinds)
    assert sorted([*SIMD_ONLY, *VECTOR_ONLY, *NORMS, *BY_OPERATION, *NONE]) == sorted(kinds)


@pytest.mark.parametrize("kind", CASES)
def test_every_choice_of_a_kind_is_counted(kind: str) -> None:
    cls = operator_kind(kind)
    for name, hint in get_type_hints(cls).items():
        if get_origin(hint) is Literal:
            assert {getattr(cls(**dims), name) for dims in CASES[kind]} == set(get_args(hint)), name


@pytest.mark.parametrize("kind", CASES)
def test_a_kind_is_named_and_ordered_like_the_others(kind: str) -> None:
    cls = operator_kind(kind)
    assert kind == re.sub(r"(?<!^)([A-Z])", r"_\1", cls.__name__).lower()
    assert cls.group in GROUPS
    for dims in CASES[kind]:
        sides = [operand.is_output for operand in cls(**dims).operands()]
        assert sides == sorted(sides)
        assert sides[0] is False
        assert sides[-1] is True


def test_attention_pairs_are_exact_for_every_mask() -> None:
    for kv_len in range(1, 8):
        limits = range(kv_len + 2)
        for q_len, window, chunk in itertools.product(range(1, kv_len + 1), limits, limits):
            for targets in range(q_len + 1):
                op = Attention(
                    batch=1, n_heads=1, n_kv_heads=1, q_len=q_len, kv_len=kv_len, head_dim=1, causal=True,
                    window=window, chunk=chunk, targets=targets,
                )  # fmt: skip
                mask = attention_mask(op)
                assert (op.pairs, op.kv_attended) == (mask.sum(), mask.any(axis=0).sum()), op


def test_attention_pairs_do_not_take_time_that_grows_with_length() -> None:
    n = 10**15
    op = Attention(
        batch=1, n_heads=1, n_kv_heads=1, q_len=n, kv_len=n, head_dim=1, causal=True, window=4096, chunk=8192
    )
    per_chunk = 4096 * 4097 // 2 + 4096 * 4096
    whole, rest = divmod(n, 8192)
    assert op.pairs == whole * per_chunk + min(rest, 4096) * (min(rest, 4096) + 1) // 2 + max(rest - 4096, 0) * 4096


def test_attention_traffic_is_that_of_flash_attention_with_four_equal_blocks() -> None:
    n, d, memory = 4096, 64, 65536
    op = Attention(batch=1, n_heads=1, n_kv_heads=1, q_len=n, kv_len=n, head_dim=d)
    n_blocks = n / (memory / (4 * d))
    assert op.reuse().linear / memory == n_blocks * 2 * n * d
    assert op.reuse().sqrt == 0


def test_grouped_heads_fill_a_block_together() -> None:
    """Eight heads of four rows over one KV head fill one block of 32 rows, which reads keys and values once."""
    kv_len, d = 1024, 64
    op = Attention(batch=1, n_heads=8, n_kv_heads=1, q_len=4, kv_len=kv_len, head_dim=d)
    memory = 4 * d * 32
    assert op.reuse().linear / memory == kv_len * 2 * d


def test_shared_values_are_read_with_their_keys() -> None:
    absorbed = {"batch": 1, "n_heads": 128, "n_kv_heads": 1, "q_len": 1, "kv_len": 100, "head_dim": 576, "v_dim": 512}
    shared = Attention(**absorbed, is_kv_shared=True)
    assert shared.work() == Attention(**absorbed).work()
    assert shared.reuse().linear == 2 * 128 * 100 * (576 + 512) * 576


@pytest.mark.parametrize(
    ("kind", "dims", "products"),
    [
        ("matmul", {"m": 3, "n": 4, "k": 5}, 60),
        ("linear", {"m": 3, "n": 4, "k": 5}, 60),
        ("batched_matmul", {"batch": 2, "m": 3, "n": 4, "k": 5}, 120),
        ("grouped_matmul", {"m_total": 7, "n": 4, "k": 5, "experts": 6, "active": 3.5}, 140),
        ("conv2d", {**IMAGE, "groups": 2}, 2 * 7 * 5 * 6 * 2 * 9),
        ("conv3d", {**VIDEO, "groups": 2}, 2 * 4 * 7 * 5 * 6 * 2 * 27),
    ],
)
def test_products_are_reused_like_a_matrix_product(kind: str, dims: dict[str, Any], products: int) -> None:
    reuse = operator_kind(kind)(**dims).reuse()
    assert (reuse.sqrt, reuse.linear) == (2 * products, 0)


@pytest.mark.parametrize(
    "kind",
    sorted(set(CASES) - {"attention", "matmul", "linear", "batched_matmul", "grouped_matmul", "conv2d", "conv3d"}),
)
def test_other_kinds_pass_every_operand_once(kind: str) -> None:
    reuse = operator_kind(kind)(**CASES[kind][0]).reuse()
    assert (reuse.sqrt, reuse.linear) == (0, 0)


@pytest.mark.parametrize(
    ("kind", "operand", "role", "row"),
    [
        ("matmul", "b", "weight", 0),
        ("grouped_matmul", "b", "weight", 0),
        ("batched_matmul", "b", "activation", 0),
        ("attention", "k", "activation", 0),
        ("embedding_bag", "table", "table", 4),
        ("embedding_bag", "indices", "index", 0),
        ("gather", "source", "activation", 4),
        ("scatter", "out", "activation", 4),
        ("conv2d", "weight", "weight", 0),
        ("layer_norm", "gamma", "weight", 0),
        ("layer_norm", "beta", "weight", 0),
        ("rms_norm", "gamma", "weight", 0),
        ("group_norm", "beta", "weight", 0),
        ("top_k", "indices", "index", 0),
        ("moe_dispatch", "out", "activation", 4),
        ("moe_combine", "x", "activation", 4),
    ],
)
def test_roles_and_rows(kind: str, operand: str, role: str, row: int) -> None:
    op = operator_kind(kind)(**CASES[kind][0])
    found = {given.name: (given.role, given.row) for given in op.operands()}
    assert found[operand] == (role, row)


def test_a_gather_from_a_weight_declares_one() -> None:
    source = operator_kind("gather")(rows=9, dim=4, n=5, is_weight=True).operands()[1]
    assert (source.name, source.role) == ("source", "weight")


def test_collective_rounds_shards_up_but_not_traffic() -> None:
    op = operator_kind("collective")(function="all_gather", n=10, n_chips=4)
    assert op.operands()[0].shape == (3,)
    assert op.link_bytes("bf16") == pytest.approx(10 * 3 / 4 * 2)


@pytest.mark.parametrize(
    ("limits", "drawing"),
    [
        ({}, ["#....", "##...", "###..", "####.", "#####"]),
        ({"window": 2}, ["#....", "##...", ".##..", "..##.", "...##"]),
        ({"chunk": 2}, ["#....", "##...", "..#..", "..##.", "....#"]),
        ({"targets": 2}, ["#....", "##...", "###..", "####.", "###.#"]),
        ({"targets": 2, "window": 2}, ["#....", "##...", ".##..", "..##.", "..#.#"]),
        ({"q_len": 2}, ["####.", "#####"]),
    ],
)
def test_masks_are_as_drawn(limits: dict[str, int], drawing: list[str]) -> None:
    op = Attention(**{**ATTENTION, "causal": True, **limits})
    np.testing.assert_array_equal(attention_mask(op), [[cell == "#" for cell in row] for row in drawing])
    assert op.pairs == "".join(drawing).count("#")
