"""Conditions of a sweep: comparisons of columns and quantities, ``die_mm2 <= 858 mm2``, with their units checked."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archmodel.errors import suggest
from archmodel.units import UNITS, Quantity, unit_of

Floats = NDArray[np.float64]
Dimension = tuple[tuple[str, int], ...] | str
"""Powers of the base units, sorted by their name; or ``text``, ``truth``."""

_PLAIN: Dimension = ()
_POWERS: dict[str, Mapping[str, int]] = {  # of the units of columns
    "FLOP/s": {"FLOP": 1, "s": -1},
    "B/s": {"B": 1, "s": -1},
    "B/cycle": {"B": 1, "cycle": -1},
    "B": {"B": 1},
    "cycles": {"cycle": 1},
    "Hz": {"s": -1},
    "s": {"s": 1},
    "J": {"J": 1},
    "W": {"J": 1, "s": -1},
    "mm2": {"mm2": 1},
    "USD": {"USD": 1},
}
_UNIT_OF = {
    "frequency": "Hz", "time": "s", "capacity": "B", "bandwidth": "B/s", "rate": "FLOP/s", "power": "W",
    "energy": "J", "area": "mm2", "bytes per cycle": "B/cycle", "cycles": "cycles", "money": "USD",
}  # fmt: skip
_DIMENSION_OF = {unit: dimension for dimension in _UNIT_OF for unit in UNITS[dimension]}
_UNITS = "|".join(re.escape(unit) for unit in sorted(_DIMENSION_OF, key=len, reverse=True))
_QUANTITY = re.compile(rf"(?<![\w.])((?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*({_UNITS})(?![\w/²])")
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.LtE: operator.le, ast.Lt: operator.lt, ast.GtE: operator.ge, ast.Gt: operator.gt, ast.Eq: operator.eq,
    ast.NotEq: lambda left, right: (left < right) | (left > right),  # NaN differs from nothing
}  # fmt: skip
_LEAST = float(np.finfo(np.float64).eps)  # by which a limit is broken that must not be reached, but is
_SHAPE = "write a comparison of columns and quantities, e.g. 'die_mm2 <= 858 mm2'"


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison that points of a sweep must meet.

    Parameters
    ----------
    text
        As the file writes it.
    """

    text: str

    def check(self, names: Collection[str], text_names: Collection[str] = ()) -> None:
        """Check names and units.

        Parameters
        ----------
        names, text_names
            Columns that there will be; those of text among them.

        Raises
        ------
        ValueError
            With the sentence that belongs behind ``where: CONDITION:``.
        """
        tree, quantities = _parse(self.text)
        found = _dimension(tree, {name: "text" if name in text_names else dimension_of(name) for name in names}
                           | {key: dimension for key, (_, dimension) in quantities.items()})  # fmt: skip
        if found != "truth":
            raise ValueError(f"is no comparison; {_SHAPE}")

    def holds(self, columns: Mapping[str, Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Evaluate on columns; false where a value is missing."""
        tree, quantities = _parse(self.text)
        with np.errstate(invalid="ignore", divide="ignore"):
            values = {**columns, **{key: value for key, (value, _) in quantities.items()}}
            return np.asarray(_value(tree, values), dtype=np.bool_)

    def violation(self, columns: Mapping[str, Any]) -> Floats:
        """Say by how much rows break the condition: 0 where it holds, infinite where a value is missing.

        Model
        -----
        Of ``a <= limit`` it is ``(a − limit) / |limit|``, and the excess itself if the limit is 0; the limit is the
        side without columns, else the right one. Comparisons that are joined by ``and`` add up, of those joined by
        ``or`` the least counts. What is not a matter of more or less (text, ``!=``) is broken by 1.
        """
        tree, quantities = _parse(self.text)
        values = {**columns, **{key: value for key, (value, _) in quantities.items()}}
        with np.errstate(invalid="ignore", divide="ignore"):
            excess = np.asarray(_excess(tree, values), np.float64)
        broken = np.where(np.isnan(excess), np.inf, np.maximum(excess, _LEAST))
        return np.where(self.holds(columns), 0.0, broken)


def sum_violations(conditions: Sequence[Condition], table: Mapping[str, Any]) -> Floats:
    """Say by how much points break the conditions: 0 where they are feasible, infinite where that is not known (N,).

    Parameters
    ----------
    conditions
        Of a sweep.
    table
        Its points, with columns ``status`` and ``is_feasible``.
    """
    total = np.zeros(len(table["is_feasible"]))
    for condition in conditions:
        total += condition.violation(table)
    return np.where(table["is_feasible"], 0.0, np.where(table["status"] == "ok", total, np.inf))


def dimension_of(column: str) -> Dimension:
    """Read the dimension of a column off the end of its name."""
    return tuple(sorted(_POWERS.get(unit_of(column), {}).items()))


def _parse(text: str) -> tuple[ast.expr, dict[str, tuple[float, Dimension]]]:
    """Parse a condition; its quantities are replaced by names."""
    quantities: dict[str, tuple[float, Dimension]] = {}

    def name_it(match: re.Match[str]) -> str:
        dimension = _DIMENSION_OF[match[2]]
        key = f"_quantity{len(quantities)}"
        powers = tuple(sorted(_POWERS[_UNIT_OF[dimension]].items()))
        quantities[key] = (Quantity(dimension).parse(match[0]), powers)
        return f" {key} "

    named = _QUANTITY.sub(name_it, text).strip()
    try:
        return ast.parse(named, mode="eval").body, quantities
    except (SyntaxError, ValueError, RecursionError):
        raise ValueError(f"cannot be read; {_SHAPE}") from None


def _dimension(node: ast.expr, names: Mapping[str, Dimension]) -> Dimension:
    """Give the dimension of an expression, or raise `ValueError` that says why it has none."""
    if isinstance(node, ast.Name):
        if node.id not in names:
            known = [name for name in names if not name.startswith("_quantity")]
            raise ValueError(f"there is no column {node.id!r}; {suggest(node.id, known)}")
        return names[node.id]
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
        return "text" if isinstance(node.value, str) else _PLAIN
    if isinstance(node, ast.BoolOp):
        parts = [_dimension(part, names) for part in node.values]
        if any(part != "truth" for part in parts):
            raise ValueError(f"'and' and 'or' join comparisons; {_SHAPE}")
        return "truth"
    if isinstance(node, ast.Compare) and all(type(op) in _COMPARE for op in node.ops):
        sides = [_dimension(side, names) for side in (node.left, *node.comparators)]
        for side in sides[1:]:
            _require_same(sides[0], side, "compared")
        return "truth"
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        left, right = _dimension(node.left, names), _dimension(node.right, names)
        if isinstance(left, str) or isinstance(right, str):
            raise ValueError("text and comparisons have no place in arithmetic")
        if isinstance(node.op, ast.Add | ast.Sub):
            _require_same(left, right, "added")
            return left
        sign, powers = (1 if isinstance(node.op, ast.Mult) else -1), dict(left)
        for base, power in right:
            powers[base] = powers.get(base, 0) + sign * power
        return tuple(sorted((base, power) for base, power in powers.items() if power))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _dimension(node.operand, names)
    raise ValueError(f"cannot be read; {_SHAPE}")


def _require_same(left: Dimension, right: Dimension, verb: str) -> None:
    if left == right:
        return
    if left == _PLAIN or right == _PLAIN:
        raise ValueError(f"a number without a unit stands beside {_say(left or right)}; give it one, e.g. '858 mm2'")
    raise ValueError(f"{_say(left)} and {_say(right)} cannot be {verb}")


def _say(dimension: Dimension) -> str:
    if isinstance(dimension, str):
        return {"text": "text", "truth": "a comparison"}[dimension]
    named = {tuple(sorted(powers.items())): unit for unit, powers in _POWERS.items()}
    if dimension in named:
        return f"a value in {named[dimension]}"
    return "a value in " + "·".join(base if power == 1 else f"{base}^{power}" for base, power in dimension)


def _value(node: ast.expr, values: Mapping[str, Any]) -> Any:
    """Evaluate a checked expression."""
    if isinstance(node, ast.Name):
        return values[node.id]
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.BoolOp):
        combine = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        return combine.reduce([np.asarray(_value(part, values)) for part in node.values])
    if isinstance(node, ast.Compare):
        sides = [_value(side, values) for side in (node.left, *node.comparators)]
        pairs = zip(node.ops, sides, sides[1:], strict=False)
        return np.logical_and.reduce([np.asarray(_COMPARE[type(op)](left, right)) for op, left, right in pairs])
    if isinstance(node, ast.BinOp):
        return _ARITHMETIC[type(node.op)](_value(node.left, values), _value(node.right, values))
    assert isinstance(node, ast.UnaryOp)
    return -_value(node.operand, values)


def _excess(node: ast.expr, values: Mapping[str, Any]) -> Any:
    """Say by how much a checked comparison is missed, relative to its limit; NaN where a value is missing."""
    if isinstance(node, ast.BoolOp):
        combine = np.add if isinstance(node.op, ast.And) else np.fmin
        return combine.reduce([np.asarray(_excess(part, values)) for part in node.values])
    assert isinstance(node, ast.Compare)
    nodes = [node.left, *node.comparators]
    return sum(_excess_of(op, left, right, values) for op, left, right in zip(node.ops, nodes, nodes[1:], strict=False))


def _excess_of(op: ast.cmpop, left: ast.expr, right: ast.expr, values: Mapping[str, Any]) -> Any:
    """Say by how much the comparison of two sides is missed."""
    sides = _value(left, values), _value(right, values)
    if any(np.asarray(side).dtype.kind in "OU" for side in sides):
        return np.where(_COMPARE[type(op)](*sides), 0.0, 1.0)
    above = sides[0] - sides[1]
    if isinstance(op, ast.NotEq):
        return np.where(np.isnan(above), np.nan, above == 0)
    limit = sides[0] if _has_column(right) and not _has_column(left) else sides[1]
    excess = np.abs(above) if isinstance(op, ast.Eq) else -above if isinstance(op, ast.GtE | ast.Gt) else above
    return np.maximum(excess, 0.0) / np.where(limit == 0, 1.0, np.abs(limit))


def _has_column(node: ast.expr) -> bool:
    return any(isinstance(each, ast.Name) and not each.id.startswith("_quantity") for each in ast.walk(node))
