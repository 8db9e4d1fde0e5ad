"""What operators say of dims that cannot be: the whole message."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, ClassVar, get_type_hints

import numpy as np
import pytest
from test_operator_counts import ATTENTION, BAGS, CASES, IMAGE, VIDEO

from archmodel.errors import InputError
from archmodel.workload.checks import check_dims
from archmodel.workload.operators import operator_kind
from archmodel.workload.types import OperatorKind

MESSAGES: list[tuple[str, dict[str, Any], str]] = [
    (
        "matmul",
        {"m": 0, "n": -4, "k": 2.5},
        """\
3 errors in operator matmul
  m: 0 is not a count; allowed: whole numbers from 1 to 1e30
  n: -4 is not a count; allowed: whole numbers from 1 to 1e30
  k: 2.5 is not a count; allowed: whole numbers from 1 to 1e30""",
    ),
    (
        "batched_matmul",
        {"batch": True, "m": "8", "n": None, "k": math.nan},
        """\
4 errors in operator batched_matmul
  batch: True is not a count; allowed: whole numbers from 1 to 1e30
  m: '8' is not a count; allowed: whole numbers from 1 to 1e30
  n: None is not a count; allowed: whole numbers from 1 to 1e30
  k: nan is not a count; allowed: whole numbers from 1 to 1e30""",
    ),
    (
        "grouped_matmul",
        {"m_total": 3, "n": 4, "k": 5, "experts": 2, "active": 3.5},
        """\
2 errors in operator grouped_matmul
  active: 3.5 of 2 experts; at most all of them can be active
  active: 3.5 experts for m_total 3 rows; each active expert has at least one row""",
    ),
    (
        "grouped_matmul",
        {"m_total": 3, "n": 4, "k": 5, "experts": 2, "active": 0.0},
        """\
1 error in operator grouped_matmul
  active: 0.0 is not a positive number; allowed: numbers from 1e-09 to 1e30""",
    ),
    (
        "attention",
        {**ATTENTION, "n_heads": 6, "n_kv_heads": 4, "q_len": 9, "causal": True, "head_dim": 0, "score": "sofmax"},
        """\
4 errors in operator attention
  head_dim: 0 is not a count; allowed: whole numbers from 1 to 1e30
  score: 'sofmax' is not known; did you mean 'softmax'?
  n_heads: 6 is not a multiple of n_kv_heads 4; each KV head serves equally many query heads
  q_len: 9 is more than kv_len 5; with causal the queries are the last of the kv_len positions""",
    ),
    (
        "attention",
        {**ATTENTION, "window": 4, "chunk": 8, "targets": 6, "v_dim": 4, "is_kv_shared": True, "score": "relu"},
        """\
6 errors in operator attention
  score: 'relu' is not known; allowed: silu, softmax
  window: 4 without causal; a window reaches back from a query's own position, so set causal=True
  chunk: 8 without causal; a query sees its chunk up to its own position, so set causal=True
  targets: 6 without causal; targets see the history before them, so set causal=True
  targets: 6 is more than q_len 5; targets are the last of the queries
  v_dim: 4 is more than head_dim 3; with is_kv_shared a value is the first part of its key""",
    ),
    (
        "attention",
        {**ATTENTION, "causal": 1, "window": -1},
        """\
2 errors in operator attention
  causal: 1 is neither True nor False
  window: -1 is not a count; allowed: whole numbers from 0 to 1e30""",
    ),
    (
        "embedding_bag",
        {**BAGS, "n_tables": 26, "rows": 20, "weighted": "no"},
        """\
2 errors in operator embedding_bag
  weighted: 'no' is neither True nor False
  rows: 20 for n_tables 26; give the rows of all tables together, at least one each""",
    ),
    (
        "conv2d",
        {**IMAGE, "height": 3, "width": 4, "kernel": 9, "padding": 1, "groups": 5},
        """\
4 errors in operator conv2d
  groups: 5 does not divide in_channels 4; every group takes equally many
  groups: 5 does not divide out_channels 6; every group gives equally many
  kernel: 9 is longer than height 3 with 1 of padding on each side
  kernel: 9 is longer than width 4 with 1 of padding on each side""",
    ),
    (
        "conv2d",
        {**IMAGE, "stride": 0, "padding": -2},
        """\
2 errors in operator conv2d
  stride: 0 is not a count; allowed: whole numbers from 1 to 1e30
  padding: -2 is not a padding; allowed: whole numbers from -1 to 1e30""",
    ),
    (
        "conv3d",
        {**VIDEO, "frames": 2, "padding_frames": 0},
        """\
1 error in operator conv3d
  kernel_frames: 3 is longer than frames 2 with 0 of padding on each side""",
    ),
    (
        "elementwise",
        {"n": 8, "function": "swigul"},
        """\
1 error in operator elementwise
  function: 'swigul' is not known; did you mean 'swiglu'?""",
    ),
    (
        "elementwise",
        {"n": 8, "function": "convolve"},
        """\
1 error in operator elementwise
  function: 'convolve' is not known; allowed: add, bias, exp, gelu, modulate, mul, relu, rope, scale, sigmoid, \
silu, sub, swiglu, tanh""",
    ),
    (
        "elementwise",
        {"n": 7, "function": "rope"},
        """\
1 error in operator elementwise
  n: 7 is odd; rope rotates pairs of elements""",
    ),
    (
        "group_norm",
        {"batch": 1, "channels": 40, "spatial": 4, "groups": 32},
        """\
1 error in operator group_norm
  groups: 32 does not divide channels 40; every group has equally many""",
    ),
    (
        "reduction",
        {"rows": 3, "cols": 5, "function": "meen"},
        """\
1 error in operator reduction
  function: 'meen' is not known; did you mean 'mean'?""",
    ),
    (
        "concat",
        {"n": ()},
        """\
1 error in operator concat
  n: () has no parts; give the elements of each input, e.g. (4096, 1024)""",
    ),
    (
        "concat",
        {"n": "4,x"},
        """\
1 error in operator concat
  n: 'x' is not a count; allowed: whole numbers from 1 to 1e30""",
    ),
    (
        "top_k",
        {"rows": 3, "cols": 8, "k": 9},
        """\
1 error in operator top_k
  k: 9 is more than cols 8; a row has no more""",
    ),
    (
        "quantise",
        {"rows": 3, "cols": 8, "to": "int4"},
        """\
1 error in operator quantise
  to: 'int4' is not known; did you mean 'int8'?""",
    ),
    (
        "collective",
        {"function": "allreduce", "n": 8, "n_chips": 0},
        """\
2 errors in operator collective
  function: 'allreduce' is not known; did you mean 'all_reduce'?
  n_chips: 0 is not a count; allowed: whole numbers from 1 to 1e30""",
    ),
]


@pytest.mark.parametrize(("kind", "dims", "message"), MESSAGES, ids=[message[0] for message in MESSAGES])
def test_impossible_dims_are_all_named_at_once(kind: str, dims: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        operator_kind(kind)(**dims)
    assert str(caught.value) == message


COUNTED = [
    (kind, field.name)
    for kind in CASES
    for field in fields(operator_kind(kind))
    if get_type_hints(operator_kind(kind))[field.name] is int
]


@pytest.mark.parametrize(("kind", "name"), COUNTED)
@pytest.mark.parametrize("given", [-2, 1.5, math.inf, math.nan, 10**400, "three", None])
def test_every_kind_checks_every_count(kind: str, name: str, given: object) -> None:
    with pytest.raises(InputError) as caught:
        operator_kind(kind)(**{**CASES[kind][0], name: given})
    assert [fault.where for fault in caught.value.faults] == [name]


def test_whole_numbers_of_any_type_become_ints() -> None:
    op = operator_kind("matmul")(m=np.int64(3), n=4.0, k=5)
    assert op.dims() == {"m": 3, "n": 4, "k": 5}
    assert [type(value) for value in op.dims().values()] == [int, int, int]


def test_concat_takes_its_parts_as_text_and_as_a_list() -> None:
    assert operator_kind("concat")(n="4096, 1024") == operator_kind("concat")(n=[4096, np.int32(1024)])


def test_an_expectation_may_be_rounded_past_its_limit() -> None:
    assert operator_kind("grouped_matmul")(m_total=1, n=1, k=1, experts=1, active=1 + 1e-12).experts == 1


def test_a_dim_without_a_check_is_a_mistake_of_the_kind() -> None:
    @dataclass(frozen=True)
    class Unchecked(OperatorKind):
        kind: ClassVar[str] = "unchecked"
        size: int

    with pytest.raises(TypeError) as caught:
        check_dims(Unchecked(3))
    assert str(caught.value) == (
        "dim 'size': annotate it Count, CountOrZero, bool, a Literal or with a Number, not <class 'int'>"
    )
