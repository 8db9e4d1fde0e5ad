"""Operators with their operands where they are: what of their programs is decided before a machine is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from archmodel.dtypes import dtype_bytes
from archmodel.workload.fused import Fused
from archmodel.workload.types import OperatorKind, Role, Tensor, Trace


@dataclass(frozen=True, slots=True)
class Place:
    """An operand of an operator where it is: its tensor's dtype and role, and whether it is in DRAM."""

    dtype: str
    role: Role
    is_far: bool

    @property
    def element_bytes(self) -> float:
        """Bytes per element."""
        return dtype_bytes(self.dtype)


@dataclass(frozen=True, slots=True)
class Tail:
    """What is fused behind an operator, per result of it.

    Parameters
    ----------
    operations
        SIMD operations.
    functions
        The same for vector cores: functions, with the elements that each works on.
    operands
        What is loaded besides, an element of each.
    stored_frac
        Elements that are stored.
    is_turned
        Results are transposed before they are stored.
    """

    operations: int = 0
    functions: tuple[tuple[str, float], ...] = ()
    operands: tuple[Place, ...] = ()
    stored_frac: float = 1.0
    is_turned: bool = False


NO_TAIL = Tail()


@dataclass(frozen=True, slots=True)
class PlacedOperator:
    """An operator with its operands where they are: of a site, what machines decide only by where tensors are.

    Parameters
    ----------
    op, dtype, places, tail, is_input_turned
        As in `Site`.
    write_frac
        Share of the bytes between it and DRAM that it writes, each operand moved once.
    has_products
        It has work for the matrix engine.
    """

    op: OperatorKind
    dtype: str
    places: tuple[Place, ...]
    tail: Tail
    is_input_turned: bool
    write_frac: float
    has_products: bool


def place_operator(trace: Trace, idx: int, is_spilled: bool, is_resident: bool) -> PlacedOperator:
    """Place the operands of an operator.

    Parameters
    ----------
    trace, idx
        The operator.
    is_spilled, is_resident
        Activations are in DRAM; weights are in SRAM.
    """
    op, dtype = trace.operators[idx].op, trace.operators[idx].dtype
    places = _locate(trace, trace.operators[idx].tensors, is_spilled, is_resident)
    moved_bytes = {True: 0.0, False: 0.0}
    for operand, place in zip(op.operands(), places, strict=True):
        if place.is_far:
            moved_bytes[operand.is_output] += operand.n_touched * place.element_bytes
    write_frac = moved_bytes[True] / max(1.0, sum(moved_bytes.values()))
    has_products = op.work().matrix_flop > 0
    if not isinstance(op, Fused):
        return PlacedOperator(op, dtype, places, NO_TAIL, False, write_frac, has_products)
    heads, tails = (_locate(trace, names, is_spilled, is_resident) for names in (op.head_tensors, op.tail_tensors))
    tail = Tail(op.tail_operations, op.tail_functions, tails, op.stored_frac, op.is_output_turned)
    return PlacedOperator(op.principal, dtype, heads, tail, op.is_input_turned, write_frac, has_products)


def count_live(trace: Trace, idx: int) -> float:
    """Bytes of activations that SRAM must hold for an operator to have its own there [B]."""
    return trace.live_bytes[idx] if trace.is_alternatives else max(trace.live_bytes)


def count_cache(
    trace: Trace, capacity_bytes: Any, lls_bytes: Any, operand_bytes: float, is_spilled: bool, is_resident: bool
) -> Any:
    """Bytes of SRAM that hold neither activations nor weights: they are cache [B].

    Parameters
    ----------
    trace
        The step.
    capacity_bytes, lls_bytes
        Of the SRAM, and set aside for activations; of a machine or of many [B].
    operand_bytes
        Of operands that the caller put there [B].
    is_spilled, is_resident
        Activations are in DRAM; weights are in SRAM.
    """
    used = 0.0 if is_spilled else lls_bytes
    used = used + (trace.role_bytes("weight") if is_resident else 0.0)
    return np.maximum(0.0, capacity_bytes - (used + operand_bytes))


def _locate(trace: Trace, names: tuple[str, ...], is_spilled: bool, is_resident: bool) -> tuple[Place, ...]:
    tensors = (trace.tensors[name] for name in names)
    return tuple(Place(each.dtype, each.role, _is_far(each, is_spilled, is_resident)) for each in tensors)


def _is_far(tensor: Tensor, is_spilled: bool, is_resident: bool) -> bool:
    """Whether a tensor is in DRAM: as placement says; activations when their buffer does not fit what is set aside."""
    if tensor.level is not None:
        return tensor.level == "dram"
    if tensor.role == "weight":
        return not is_resident
    return tensor.role in ("kv_cache", "table") or is_spilled
