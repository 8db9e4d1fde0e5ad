"""Fusion: operators of a compiled step that become one, so that what is between them stays in local memory.

Three rules (``docs/methods/fusion.md``):

tails
    Elementwise operators behind a product, a convolution, a normalisation or another elementwise operator, when
    nobody else reads what is between.
siblings
    Products of one input with several weights are one product with all their columns, where they lie near each other:
    nothing but operators on rows between them.
turns
    A transpose that only one such product reads is done by the layout unit while the product loads its input; one
    behind a product, while it stores its result.

A step that the host launches operator by operator is not fused.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from archmodel.workload.fused import Fused
from archmodel.workload.operators.elementwise import Elementwise
from archmodel.workload.operators.layout import Permute, Transpose
from archmodel.workload.operators.linear import Linear
from archmodel.workload.operators.matmul import BatchedMatmul, Matmul
from archmodel.workload.types import Operand, Operator, OperatorKind, Tensor, Trace

Rule = Literal["tails", "siblings", "turns"]
RULES: tuple[Rule, ...] = get_args(Rule)
HEADS = (
    "matmul", "linear", "batched_matmul", "conv2d", "conv3d", "elementwise", "softmax", "layer_norm", "rms_norm",
    "group_norm",
)  # fmt: skip
"""Kinds that take others behind them: their rows or blocks are in local memory when they are done."""
ON_ROWS = ("elementwise", "softmax", "layer_norm", "rms_norm", "group_norm")
"""Kinds that may lie between siblings. They free no more than they make, so results of siblings that are done early
keep no memory that would be free by then."""


@dataclass
class _Group:
    """Operators that become one, by their places in the trace."""

    heads: list[int]
    turn_before: int | None = None
    tails: list[int] = field(default_factory=list)
    turn_behind: int | None = None
    # What leaves, so far.
    outputs: list[str] = field(default_factory=list)

    @property
    def members(self) -> list[int]:
        listed = [self.turn_before, *self.heads, *self.tails, self.turn_behind]
        return [idx for idx in listed if idx is not None]

    @property
    def position(self) -> int:
        """Siblings are done when the first is due, as none needs anything else; others when the last is."""
        return self.heads[0] if len(self.heads) > 1 else max(self.members)


def fuse(trace: Trace, rules: Collection[Rule] = RULES) -> Trace:
    """Join operators of a trace.

    Parameters
    ----------
    trace
        Of one step; alternatives that are asked about one by one stay as they are.
    rules
        Those that apply.

    Returns
    -------
    Trace
        With `Fused` operators in the place of those that are joined; each has the name of its first head. Work and
        weights are the same, tensors between members are gone.
    """
    if trace.is_alternatives or not rules:
        return trace
    groups = _find_groups(trace, rules)
    position = {idx: group.position for group in groups for idx in group.members}
    order = sorted(range(len(trace.operators)), key=lambda idx: (position.get(idx, idx), idx))
    by_first = {min(group.members): group for group in groups}
    place: dict[int, int] = {}
    operators: list[Operator] = []
    for idx in order:
        if idx in by_first:
            place |= dict.fromkeys(by_first[idx].members, len(operators))
            operators.append(_join(trace, by_first[idx]))
        elif idx not in position:
            place[idx] = len(operators)
            operators.append(trace.operators[idx])
    return replace(trace, operators=tuple(operators), tensors=_keep(trace, operators, place))


def _keep(trace: Trace, operators: Sequence[Operator], place: dict[int, int]) -> dict[str, Tensor]:
    """Drop tensors that are inside now; say of the others anew from which operator to which they live."""
    uses: dict[str, list[int]] = defaultdict(list)
    for idx, operator in enumerate(operators):
        for name in operator.tensors:
            uses[name].append(idx)
    kept = {}
    used = {name for operator in trace.operators for name in operator.tensors}
    for name, tensor in trace.tensors.items():
        if name in uses or name not in used:
            ends = [place.get(idx, len(operators) - 1) for idx in (tensor.first_idx, tensor.last_idx)]
            first_idx, last_idx = min([ends[0], *uses[name]]), max([ends[1], *uses[name]])
            is_same = (first_idx, last_idx) == (tensor.first_idx, tensor.last_idx)
            kept[name] = tensor if is_same else replace(tensor, first_idx=first_idx, last_idx=last_idx)
    return kept


def _find_groups(trace: Trace, rules: Collection[Rule]) -> list[_Group]:
    """Find what is joined: siblings first, then what lies before and behind them."""
    readers: dict[str, list[int]] = defaultdict(list)
    writers: dict[str, list[int]] = defaultdict(list)
    for idx, operator in enumerate(trace.operators):
        for operand, name in zip(operator.op.operands(), operator.tensors, strict=True):
            (writers if operand.is_output else readers)[name].append(idx)
    taken: set[int] = set()
    groups = []
    for idx, operator in enumerate(trace.operators):
        if idx in taken or operator.op.kind not in HEADS:
            continue
        heads = _siblings(trace, idx, readers, taken) if "siblings" in rules else [idx]
        outputs = [trace.operators[head].tensors[-1] for head in heads]
        group = _Group(heads, outputs=outputs)
        if "turns" in rules:
            group.turn_before = _turn_before(trace, group, readers, writers, taken)
        if "tails" in rules:
            _add_tails(trace, group, readers, taken)
        if "turns" in rules:
            _add_turn_behind(trace, group, readers, taken)
        if len(group.members) > 1:
            groups.append(group)
            taken |= set(group.members)
    return groups


def _as_product(op: OperatorKind) -> Matmul | Linear | None:
    """Give an operator back if it is one product with a weight, whose columns may stand beside those of another."""
    if isinstance(op, Matmul) or (isinstance(op, Linear) and not op.is_quantised and op.activation == "none"):
        return op
    return None


def _siblings(trace: Trace, idx: int, readers: dict[str, list[int]], taken: set[int]) -> list[int]:
    """Find the products of the same input behind one that are of the same kind and repeated as often; and that one."""
    operator, found = trace.operators[idx], [idx]
    product = _as_product(operator.op)
    if product is None:
        return found
    weight = trace.tensors[operator.tensors[1]]
    for other_idx in dict.fromkeys(readers[operator.tensors[0]]):
        other = trace.operators[other_idx]
        other_product = _as_product(other.op)
        if other_idx <= idx or other_idx in taken or other_product is None:
            continue
        if any(between.op.kind not in ON_ROWS for between in trace.operators[found[-1] + 1 : other_idx]):
            break
        other_weight = trace.tensors[other.tensors[1]]
        alike = other.tensors[0] == operator.tensors[0] and (other.count, other.dtype) == (
            operator.count,
            operator.dtype,
        )
        same_weight = (other_weight.role, other_weight.dtype) == (weight.role, weight.dtype)
        if alike and same_weight and replace(other_product, n=1) == replace(product, n=1):
            found.append(other_idx)
    return found


def _between(trace: Trace, name: str, readers: dict[str, list[int]], inside: list[int]) -> bool:
    """Whether a tensor may stay inside: an activation that only members read, and that some do."""
    tensor = trace.tensors[name]
    free = tensor.role == "activation" and tensor.level is None
    return free and bool(readers[name]) and set(readers[name]) <= set(inside)


def _turn_before(
    trace: Trace, group: _Group, readers: dict[str, list[int]], writers: dict[str, list[int]], taken: set[int]
) -> int | None:
    """Find the transpose of the input of products, if these alone read it."""
    head = trace.operators[group.heads[0]]
    if not isinstance(head.op, Matmul | Linear) or not _between(trace, head.tensors[0], readers, group.heads):
        return None
    makers = writers[head.tensors[0]]
    if len(makers) != 1 or makers[0] in taken or makers[0] > group.heads[0]:
        return None
    maker = trace.operators[makers[0]]
    is_turn = isinstance(maker.op, Permute | Transpose) and maker.count == head.count
    return makers[0] if is_turn else None


def _add_tails(trace: Trace, group: _Group, readers: dict[str, list[int]], taken: set[int]) -> None:
    """Take in elementwise operators behind, one after another."""
    head = trace.operators[group.heads[0]]
    count, n_results = head.count, head.op.operands()[-1].n_elements
    is_growing = True
    while is_growing:
        is_growing = False
        for name in group.outputs:
            if len(set(readers[name])) != 1:
                continue
            idx = readers[name][0]
            tail = trace.operators[idx]
            if idx in taken or not isinstance(tail.op, Elementwise) or tail.count != count:
                continue
            inner = [given for given in tail.tensors[:-1] if given in group.outputs]
            outer = [given for given in tail.tensors[:-1] if given not in group.outputs]
            is_alone = len(group.heads) == 1 and trace.operators[idx].op.operands()[-1].n_elements == n_results
            if (outer and not is_alone) or not all(_between(trace, given, readers, [idx]) for given in inner):
                continue
            if idx < max(group.heads) and len(group.heads) == 1:
                continue
            group.tails.append(idx)
            kept = [given for given in group.outputs if given not in inner]
            group.outputs = [*kept, tail.tensors[-1]]
            is_growing = True
            break


def _add_turn_behind(trace: Trace, group: _Group, readers: dict[str, list[int]], taken: set[int]) -> None:
    """Take in a transpose of the only result of a product."""
    head = trace.operators[group.heads[0]]
    if not isinstance(head.op, Matmul | BatchedMatmul | Linear) or len(group.outputs) > 1:
        return
    followers = readers[group.outputs[0]]
    if len(followers) != 1 or followers[0] in taken or not _between(trace, group.outputs[0], readers, followers):
        return
    follower = trace.operators[followers[0]]
    if isinstance(follower.op, Permute | Transpose) and follower.count == head.count:
        group.turn_behind = followers[0]
        group.outputs = [follower.tensors[-1]]


def _join(trace: Trace, group: _Group) -> Operator:
    """Make one operator of a group."""
    members = [trace.operators[idx] for idx in group.members]
    heads, tails = ([trace.operators[idx] for idx in idxs] for idxs in (group.heads, group.tails))
    head, first = heads[0].op, heads[0].tensors
    products = [product for sibling in heads if (product := _as_product(sibling.op))]
    if len(products) > 1:
        head = replace(products[0], n=sum(product.n for product in products))
    bound = [pair for member in members for pair in zip(member.op.operands(), member.tensors, strict=True)]
    made = {name for operand, name in bound if operand.is_output}
    inputs = {name: operand for operand, name in bound if not operand.is_output and name not in made}
    outputs = {name: operand for operand, name in bound if operand.is_output and name in group.outputs}
    n_results = sum(sibling.op.operands()[-1].n_elements for sibling in heads)
    operations = sum(tail.op.work().simd_flop for tail in tails) / n_results
    loaded = [name for tail in tails for name in tail.tensors[:-1] if name not in made]
    if group.turn_before is not None:
        first = (trace.operators[group.turn_before].tensors[0], *first[1:])
    fused = Fused(
        head=head,
        members=tuple(member.op for member in members),
        names=tuple(member.name for member in members),
        listed=_name_apart([*inputs.values(), *outputs.values()]),
        head_tensors=(*first[:-1], group.outputs[-1]),
        tail_operations=math.ceil(operations - 1e-9),
        tail_functions=tuple(_function(tail.op, n_results) for tail in tails),
        tail_tensors=tuple(dict.fromkeys(loaded)),
        stored_frac=sum(operand.n_elements for operand in outputs.values()) / n_results,
        is_input_turned=group.turn_before is not None,
        is_output_turned=group.turn_behind is not None,
    )
    return replace(heads[0], op=fused, tensors=(*inputs, *outputs))


def _function(tail: OperatorKind, n_results: int) -> tuple[str, float]:
    """Name the function of a tail, and the elements that it works on per result of the head."""
    assert isinstance(tail, Elementwise)
    return tail.function, tail.n / n_results


def _name_apart(operands: Sequence[Operand]) -> tuple[Operand, ...]:
    """Give operands of several members names of their own."""
    names = [operand.name for operand in operands]
    return tuple(
        replace(operand, name=f"{operand.name}{names[:idx].count(operand.name) + 1}")
        if operand.name in names[:idx]
        else operand
        for idx, operand in enumerate(operands)
    )
