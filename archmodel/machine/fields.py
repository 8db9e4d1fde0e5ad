"""What a value of a machine description may be: a number with its unit, checked as it is read."""

from __future__ import annotations

from typing import Annotated

from archmodel.units import FRACTION, GIVEN_COUNT, GIVEN_COUNT_OR_ZERO, POSITIVE, Number, Quantity, YesNo

Count = Annotated[int, GIVEN_COUNT]
CountOrZero = Annotated[int, GIVEN_COUNT_OR_ZERO]
Fraction = Annotated[float, FRACTION]
Efficiency = Annotated[float, Number("an efficiency", 0.001, 1.0)]
Overhead = Annotated[float, Number("an overhead", 0.0, 0.99)]
Positive = Annotated[float, POSITIVE]
Hertz = Annotated[float, Quantity("frequency")]
Seconds = Annotated[float, Quantity("time")]
Bytes = Annotated[float, Quantity("capacity")]
BytesPerSecond = Annotated[float, Quantity("bandwidth")]
BytesPerCycle = Annotated[float, Quantity("bytes per cycle")]
Cycles = Annotated[float, Quantity("cycles")]
Flag = Annotated[bool, YesNo()]
FlopPerSecond = Annotated[float, Quantity("rate")]
Watts = Annotated[float, Quantity("power")]
SquareMillimetres = Annotated[float, Quantity("area")]
Joules = Annotated[float, Quantity("energy")]
Volts = Annotated[float, Quantity("voltage")]
Millimetres = Annotated[float, Quantity("length")]
