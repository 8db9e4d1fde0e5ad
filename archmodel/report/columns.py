"""Columns of numbers as figures and pages show them: names, units, and scales with few digits before the point."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from archmodel.report.wording import show_unit
from archmodel.units import format_number

_LOG_FROM = 30.0  # largest over smallest value of an axis, from which it is logarithmic
_PREFIXES = {-12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"}
_WITH_PREFIX = re.compile(r"(s|Hz|B/s|B|FLOP/s|FLOP|J|W)(/(?!cycle).*)?")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class Scale:
    """How values of an axis are written.

    Parameters
    ----------
    factor
        One of what the axis counts, in the unit of the data.
    unit
        Its name: ``GB/s``, ``10⁶ sample/s``.
    """

    factor: float
    unit: str

    def show(self, value: float) -> str:
        """Write a value with its unit, to four digits."""
        unit = "" if self.unit == "1" else f" × {self.unit}" if self.unit.startswith("10") else f" {self.unit}"
        return f"{format_number(value / self.factor)}{unit}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of points that holds numbers.

    Parameters
    ----------
    name
        Of the column.
    title
        What people read: of an objective, its name in the sweep.
    unit
        Of the values; empty for plain numbers.
    goal
        ``min`` or ``max`` where one way is better.
    """

    name: str
    title: str
    unit: str
    goal: str | None

    @property
    def sign(self) -> int:
        """Factor that makes less better; 1, too, where neither way is."""
        return -1 if self.goal == "max" else 1

    @property
    def better(self) -> str:
        """What the name of an axis says of it, if one way is better."""
        return {"max": ", more is better", "min": ", less is better"}.get(self.goal or "", "")

    def scale(self, values: Iterable[float]) -> Scale:
        """Choose how these values are written."""
        if not self.unit and (self.name.endswith("utilisation") or self.name.endswith("_frac")):
            return Scale(0.01, "%")
        return scale_of(values, self.unit)

    def label(self, values: Iterable[float]) -> str:
        """Name an axis that shows these values."""
        return f"{self.title} [{self.scale(values).unit}]{self.better}"


def scale_of(values: Iterable[float], unit: str) -> Scale:
    """Choose how values are written, so that the largest has few digits before the point.

    Parameters
    ----------
    values
        In the unit.
    unit
        ``B/s`` becomes ``GB/s``; units that take no prefix get a power of ten: ``10⁶ sample/s``.
    """
    shown = show_unit(unit) or "1"
    finite = [abs(value) for value in values if math.isfinite(value)]
    top = max(finite, default=0.0)
    if not top:
        return Scale(1.0, shown)
    exponent = 3 * math.floor(math.log10(top * (1 + 1e-9)) / 3)
    if _WITH_PREFIX.fullmatch(unit):
        exponent = min(max(exponent, min(_PREFIXES)), max(_PREFIXES))
        return Scale(10.0**exponent, _PREFIXES[exponent] + shown)
    if 1e-2 <= top < 1e5:
        return Scale(1.0, shown)
    power = f"10{str(exponent).translate(_SUPERSCRIPTS)}"
    return Scale(10.0**exponent, power if shown == "1" else f"{power} {shown}")


def is_logarithmic(values: Iterable[float]) -> bool:
    """Tell whether an axis of these values is to be logarithmic: all are positive, and far apart."""
    finite = [value for value in values if math.isfinite(value)]
    return min(finite, default=0.0) > 0 and max(finite) / min(finite) > _LOG_FROM
