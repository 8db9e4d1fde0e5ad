"""Traces of lone operators: one shape or a table of them, every operand where the caller says, else in DRAM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
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
    cls = operator_kind(kind)
    operators: list[Operator] = []
    tensors: dict[str, Tensor] = {}
    faults: list[Fault] = []
    for idx, shape in enumerate(shapes):
        where = f"row {idx + 1}" if len(shapes) > 1 else ""
        given = dict(shape)
        own_dtype = check_dtype(str(given.pop("dtype", None) or dtype))
        found = _check_dims(cls, given, where)
        if found:
            faults.extend(found)
            continue
        op = cls(**given)
        operands = op.operands()
        faults.extend(_check_place(place, [operand.name for operand in operands], where) if idx == 0 else [])
        name = f"{kind}{idx}"
        for operand in operands:
            tensors[f"{name}.{operand.name}"] = Tensor(
                f"{name}.{operand.name}", operand.shape, operand.dtype or own_dtype, operand.role, 1, idx, idx,
                place.get(operand.name, None if operand.role == "table" else "dram"),
            )  # fmt: skip
        operators.append(Operator(name, op, own_dtype, tuple(f"{name}.{operand.name}" for operand in operands), 1))
    if not shapes:
        faults.append(Fault("", "no shapes given; give at least one row of dims"))
    if faults:
        raise InputError(f"operator {kind}", faults)
    n_operators = float(len(operators))
    return Trace(
        kind, kind, "operator", dtype, {}, tuple(operators), tensors, n_operators, "operator", is_alternatives=True
    )


def _check_dims(cls: type[OperatorKind], given: Mapping[str, Any], where: str) -> list[Fault]:
    known = {field.name: field for field in fields(cls)}
    faults = [Fault(where, f"unknown dim {name!r}; {suggest(name, known)}") for name in given if name not in known]
    for name, field in known.items():
        if name not in given and field.default is MISSING:
            faults.append(Fault(where, f"dim {name!r} is missing; {cls.kind} needs {', '.join(_required(cls))}"))
    return faults


def _required(cls: type[OperatorKind]) -> list[str]:
    return [field.name for field in fields(cls) if field.default is MISSING]


def _check_place(place: Mapping[str, Level], operands: Sequence[str], where: str) -> list[Fault]:
    levels = get_args(Level)
    faults = [
        Fault(where, f"no operand {name!r} to place; {suggest(name, operands)}")
        for name in place
        if name not in operands
    ]
    faults += [
        Fault(where, f"cannot place {name!r} in {level!r}; allowed: {', '.join(levels)}")
        for name, level in place.items()
        if level not in levels
    ]
    return faults


def parse_dims(kind: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """Convert dims given as text (flags, CSV cells) to the types of the kind's fields.

    Raises
    ------
    InputError
        Naming every dim whose text does not convert.
    """
    cls = operator_kind(kind)
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    faults = []
    for name, text in texts.items():
        if name not in hints:
            values[name] = text
            continue
        try:
            values[name] = _convert(hints[name], text)
        except ValueError:
            faults.append(Fault(f"--{name.replace('_', '-')}", f"{text!r} is not {_noun(hints[name])}"))
    if faults:
        raise InputError(f"operator {kind}", faults)
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
