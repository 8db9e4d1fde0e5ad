"""Traces of lone operators: one shape or a table of them, every operand where the caller says, else in DRAM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, replace
from typing import Any, get_args, get_type_hints

from archmodel.dtypes import check_dtype
from archmodel.errors import Fault, InputError, suggest
from archmodel.workload.operators import operator_kind
from archmodel.workload.types import Level, Operator, OperatorKind, Tensor, Trace


def operators_trace(kind: str, shapes: Sequence[Mapping[str, Any]], dtype: str, place: Mapping[str, Level]) -> Trace:
    """Build a trace of independent operators of one kind.

    Parameters
    ----------
    kind
        Name of the operator kind.
    shapes
        Dims of each operator; an optional key ``dtype`` overrides ``dtype``.
    dtype
        Number format of arithmetic and operands.
    place
        Memory by operand name; operands not named are in DRAM, tables as far as they fit.

    Raises
    ------
    InputError
        When the kind, a dtype, a dim or a place is wrong.
    """
    operator_kind(kind), check_dtype(dtype)
    operators: list[Operator] = []
    tensors: dict[str, Tensor] = {}
    faults: list[Fault] = []
    operand_names: dict[str, None] = {}
    for idx, shape in enumerate(shapes):
        try:
            op, own_dtype = make_operator(kind, shape, dtype)
        except InputError as error:
            faults += [Fault(f"row {idx + 1}", str(f)) if len(shapes) > 1 else f for f in error.faults]
            continue
        operands = op.operands()
        operand_names |= dict.fromkeys(operand.name for operand in operands)
        name = f"{kind}{idx}"
        for operand in operands:
            tensors[f"{name}.{operand.name}"] = Tensor(
                f"{name}.{operand.name}", operand.shape, operand.dtype or own_dtype, operand.role, 1, idx, idx,
                place.get(operand.name, None if operand.role == "table" else "dram"),
            )  # fmt: skip
        operators.append(Operator(name, op, own_dtype, tuple(f"{name}.{operand.name}" for operand in operands), 1))
    faults += _check_place(place, list(operand_names)) if operators else []
    if not shapes:
        faults.append(Fault("", "no shapes given; give at least one row of dims"))
    if faults:
        raise InputError(f"operator {kind}", faults)
    n_operators = float(len(operators))
    return Trace(
        kind, kind, "operator", dtype, {}, tuple(operators), tensors, n_operators, "operator", is_alternatives=True
    )


def select(trace: Trace, idxs: Sequence[int]) -> Trace:
    """Keep some operators of a trace of independent ones."""
    operators = tuple(trace.operators[idx] for idx in idxs)
    tensors = {name: trace.tensors[name] for operator in operators for name in operator.tensors}
    return replace(trace, operators=operators, tensors=tensors, items=float(len(operators)))


def make_operator(kind: str, dims: Mapping[str, Any], dtype: str) -> tuple[OperatorKind, str]:
    """Build one operator; returns it and its number format: what stands under the key ``dtype``, else ``dtype``.

    Raises
    ------
    InputError
        With every fault, located by the name of the dim where there is one.
    """
    cls = operator_kind(kind)
    given = {name: value for name, value in dims.items() if name != "dtype"}
    own_dtype = str(dims.get("dtype") or dtype)
    faults, op = _check_names(cls, given), None
    if not faults:
        try:
            op = cls(**given)
        except InputError as error:
            faults += error.faults
    try:
        check_dtype(own_dtype)
    except InputError as error:
        faults += error.faults
    if faults or op is None:
        raise InputError(f"operator {kind}", faults)
    return op, own_dtype


def _check_names(cls: type[OperatorKind], given: Mapping[str, Any]) -> list[Fault]:
    known = {field.name: field for field in fields(cls)}
    faults = [Fault("", f"unknown dim {name!r}; {suggest(name, known)}") for name in given if name not in known]
    for name, field in known.items():
        if name not in given and field.default is MISSING:
            faults.append(Fault("", f"dim {name!r} is missing; {cls.kind} needs {', '.join(_required(cls))}"))
    return faults


def _required(cls: type[OperatorKind]) -> list[str]:
    return [field.name for field in fields(cls) if field.default is MISSING]


def _check_place(place: Mapping[str, Level], operands: Sequence[str]) -> list[Fault]:
    levels = get_args(Level)
    faults = [
        Fault("", f"no operand {name!r} to place; {suggest(name, operands)}") for name in place if name not in operands
    ]
    faults += [
        Fault("", f"cannot place {name!r} in {level!r}; allowed: {', '.join(levels)}")
        for name, level in place.items()
        if level not in levels
    ]
    return faults


def parse_dims(kind: str, texts: Mapping[str, str], dtype: str) -> dict[str, Any]:
    """Convert dims given as text (flags, CSV cells) to the types of the kind's fields, and check them.

    Raises
    ------
    InputError
        With every fault, located by the name of the dim where there is one.
    """
    hints = get_type_hints(operator_kind(kind))
    values: dict[str, Any] = {}
    faults = []
    for name, text in texts.items():
        try:
            values[name] = _convert(hints.get(name, str), text)
        except ValueError:
            faults.append(Fault(name, f"{text!r} is not {_noun(hints[name])}"))
    if faults:
        raise InputError(f"operator {kind}", faults)
    make_operator(kind, values, dtype)
    return values


def _convert(hint: Any, text: str) -> Any:
    base = get_args(hint)[0] if hasattr(hint, "__metadata__") else hint
    if base is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError(text)
        return text.lower() == "true"
    if base in (int, float):
        return base(text)
    return text


def _noun(hint: Any) -> str:
    base = get_args(hint)[0] if hasattr(hint, "__metadata__") else hint
    return {bool: "true or false", int: "a whole number", float: "a number"}.get(base, "text")
