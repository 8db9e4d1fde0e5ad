"""What is joined, what is not, and that nothing is lost."""

from __future__ import annotations

import pytest

import archmodel as am
from archmodel.mapping.fusion import RULES, fuse
from archmodel.workload.build import TraceBuilder
from archmodel.workload.fused import Fused
from archmodel.workload.operators.elementwise import Elementwise
from archmodel.workload.operators.layout import Permute
from archmodel.workload.operators.matmul import Matmul
from archmodel.workload.operators.normalise import RmsNorm


def build(add):
    builder = TraceBuilder(dtype="bf16")
    add(builder)
    return builder.finish(name="t", title="t", phase="p", run={}, items=1.0, item="step")


def kinds(trace):
    return [
        [member.kind for member in operator.op.members] if isinstance(operator.op, Fused) else operator.op.kind
        for operator in trace.operators
    ]


def projections(b):
    x = b.input("x", (8, 16))
    q = b.add("q", Matmul(m=8, n=16, k=16), x)
    b.add("rope", Elementwise(n=128, function="rope"), q)
    b.add("k", Matmul(m=8, n=8, k=16), x)


def gated(b):
    x = b.input("x", (8, 16))
    gate, up = (b.add(name, Matmul(m=8, n=32, k=16), x) for name in ("gate", "up"))
    b.add("down", Matmul(m=8, n=16, k=32), b.add("swiglu", Elementwise(n=256, function="swiglu"), gate, up))


def residual(b):
    x = b.input("x", (8, 16))
    y = b.add("y", Matmul(m=8, n=16, k=16), x)
    b.add("add", Elementwise(n=128, function="add"), b.add("bias", Elementwise(n=128, function="bias"), y), x)


def turned(b):
    t = b.add("turn", Permute(n=128), b.input("x", (8, 16)))
    for name in ("a", "b"):
        b.add(name, Matmul(m=8, n=4, k=16), t)


def far_apart(b):
    text = b.input("text", (8, 16))
    x = b.add("k0", Matmul(m=8, n=16, k=16), text)
    x = b.add("out0", Matmul(m=8, n=16, k=16), x)
    b.add("k1", Matmul(m=8, n=16, k=16), text)


def normalised(b):
    x = b.input("x", (8, 16))
    q = b.add("q", Matmul(m=8, n=16, k=16), x)
    b.add("q_norm", RmsNorm(rows=8, cols=16), q)
    b.add("k", Matmul(m=8, n=16, k=16), x)


def read_twice(b):
    y = b.add("y", Matmul(m=8, n=16, k=16), b.input("x", (8, 16)))
    b.add("relu", Elementwise(n=128, function="relu"), y)
    b.add("silu", Elementwise(n=128, function="silu"), y)


def test_siblings_share_their_input_and_take_their_tails_along():
    fused = fuse(build(projections))
    assert kinds(fused) == [["matmul", "matmul", "elementwise"]]
    (operator,) = fused.operators
    assert operator.op.head == Matmul(m=8, n=24, k=16)
    assert operator.op.tail_operations == 2  # 3 operations on 128 of 192 results
    assert operator.tensors == ("x", "q.b", "k.b", "k", "rope")


def test_two_siblings_that_become_one_store_half_of_their_results():
    fused = fuse(build(gated))
    assert kinds(fused) == [["matmul", "matmul", "elementwise"], "matmul"]
    assert (fused.operators[0].op.stored_frac, fused.operators[0].op.tail_operations) == (0.5, 1)


def test_a_tail_loads_its_other_operand():
    (operator,) = fuse(build(residual)).operators
    assert (operator.op.tail_operations, operator.op.tail_tensors) == (2, ("x",))


def test_a_transpose_before_siblings_is_done_once():
    (operator,) = fuse(build(turned)).operators
    assert operator.op.is_input_turned
    assert operator.tensors == ("x", "a.b", "b.b", "a", "b")


@pytest.mark.parametrize("add", [read_twice])
def test_what_others_read_too_is_stored(add):
    assert kinds(fuse(build(add))) == ["matmul", "elementwise", "elementwise"]


def test_siblings_lie_near_each_other():
    assert kinds(fuse(build(far_apart))) == ["matmul", "matmul", "matmul"]
    assert kinds(fuse(build(normalised), ("siblings",))) == [["matmul", "matmul"], "rms_norm"]


@pytest.mark.parametrize("name", am.workloads())
def test_no_rule_raises_the_most_that_is_alive(name):
    trace = am.workload(name)
    unjoined = max(fuse(trace, ("tails", "turns")).live_bytes)
    assert max(fuse(trace, ("siblings",)).live_bytes) <= max(trace.live_bytes)
    assert max(fuse(trace).live_bytes) <= unjoined <= max(trace.live_bytes)


def test_rules_can_be_left_out():
    assert kinds(fuse(build(turned), ("siblings",))) == ["permute", ["matmul", "matmul"]]
    assert fuse(build(turned), ()) == build(turned)


@pytest.mark.parametrize("name", am.workloads())
def test_nothing_is_lost(name):
    trace = am.workload(name)
    fused = fuse(trace, RULES)
    assert fused.flop == pytest.approx(trace.flop)
    assert fused.n_parameters == trace.n_parameters
    for role in ("weight", "table", "kv_cache"):
        assert fused.role_bytes(role) == trace.role_bytes(role)
    for before in (trace, fused):
        made: dict[str, int] = {}
        for idx, operator in enumerate(before.operators):
            assert len(operator.op.operands()) == len(operator.tensors)
            for operand, tensor in zip(operator.op.operands(), operator.tensors, strict=True):
                if operand.is_output:
                    made.setdefault(tensor, idx)
                assert before.tensors[tensor].first_idx <= idx <= before.tensors[tensor].last_idx
    order = {operator.name: idx for idx, operator in enumerate(fused.operators)}
    assert len(order) == len(fused.operators)
