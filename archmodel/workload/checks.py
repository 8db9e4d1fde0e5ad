"""Check the dims of an operator: the annotation of a field is its check, `Rule` is a condition between several fields.

Every kind ends in the same two lines::

    def __post_init__(self) -> None:
        check_dims(self)

A field annotated `archmodel.workload.types.Count` is then a whole number from 1, a ``Literal`` one of its choices, a
``bool`` a bool. All faults of one operator are raised at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache, partial
from numbers import Integral
from typing import Annotated, Any, Literal, cast, get_args, get_origin, get_type_hints

from archmodel.errors import Fault, InputError, suggest
from archmodel.units import Number
from archmodel.workload.types import OperatorKind

CountOrZero = Annotated[int, Number("a count", 0, integer=True)]


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition between dims.

    Parameters
    ----------
    dims
        The dims it speaks of, the one to blame first. It is not asked when one of them is at fault already.
    holds
        Takes the operator.
    text
        What is wrong and what is allowed; ``{op.NAME}`` stands for a dim or property.
    """

    dims: tuple[str, ...]
    holds: Callable[[Any], bool]
    text: str


def check_dims(op: OperatorKind, *rules: Rule) -> None:
    """Check every field of an operator against its annotation, then the rules; whole floats become ints.

    Raises
    ------
    InputError
        With every fault, located by the name of the dim.
    """
    cls: type = type(op)
    faults = []
    for name, parse in _parsers(cls):
        given = getattr(op, name)
        try:
            value = parse(given)
        except ValueError as error:
            faults.append(Fault(name, str(error)))
        else:
            object.__setattr__(op, name, value)
    wrong = {fault.where for fault in faults}
    asked = (rule for rule in rules if wrong.isdisjoint(rule.dims))
    faults += [Fault(rule.dims[0], rule.text.format(op=op)) for rule in asked if not rule.holds(op)]
    if faults:
        raise InputError(f"operator {op.kind}", faults)


@cache
def _parsers(cls: type) -> tuple[tuple[str, Callable[[object], Any]], ...]:
    """Pair every field of a kind with the function that checks it; once per kind, since reading annotations is slow."""
    hints = get_type_hints(cls, include_extras=True)
    return tuple((field.name, _parser(field.name, hints[field.name])) for field in fields(cls))


def _parser(name: str, hint: Any) -> Callable[[object], Any]:
    if get_origin(hint) is Literal:
        return partial(_parse_choice, get_args(hint))
    if hint is bool:
        return _parse_bool
    for check in getattr(hint, "__metadata__", ()):
        if isinstance(check, Number):
            return partial(parse_number, check)
        if hasattr(check, "parse"):
            return cast(Callable[[object], Any], check.parse)
    raise TypeError(f"dim {name!r}: annotate it Count, CountOrZero, bool, a Literal or with a Number, not {hint}")


def parse_number(check: Number, given: object) -> float | int:
    """Check a number; integers of NumPy are integers too."""
    return check.parse(int(given) if isinstance(given, Integral) and not isinstance(given, bool) else given)


def _parse_choice(allowed: tuple[str, ...], given: object) -> object:
    if given not in allowed:
        raise ValueError(f"{given!r} is not known; {suggest(str(given), allowed)}")
    return given


def _parse_bool(given: object) -> bool:
    if not isinstance(given, bool):
        raise ValueError(f"{given!r} is neither True nor False")  # noqa: TRY004
    return given
