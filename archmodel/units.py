"""Physical quantities: text with a unit in, SI floats out, and back.

Inside archmodel every physical number is a plain float in SI units (bytes for data) and its name ends in the unit
(``latency_s``, ``clock_hz``). Text carries a unit always. GB is 10⁹ bytes, GiB 2³⁰ bytes; b is a bit and B a byte.

`Quantity` is the annotation that ties a field to its unit::

    clock_hz: Annotated[float, Quantity("frequency")]
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

_SI = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_IEC = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}
_SMALL = {"": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "n": 1e-9, "p": 1e-12}


def _data(suffix: str = "") -> dict[str, float]:
    prefixes = {key: value for key, value in (_SI | _IEC).items() if key != "K"}
    byte_units = {f"{prefix}B{suffix}": scale for prefix, scale in prefixes.items()}
    bit_units = {f"{prefix}b{suffix}": scale / 8 for prefix, scale in prefixes.items()}
    return byte_units | bit_units


def _scaled(symbol: str, scales: dict[str, float]) -> dict[str, float]:
    return {f"{prefix}{symbol}": scale for prefix, scale in scales.items()}


def _pick(names: str, table: dict[str, float]) -> dict[str, float]:
    return {name: table[name] for name in names.split()}


# Dimension → {unit: factor to SI}. The order is the order in which error messages list what is allowed.
UNITS: dict[str, dict[str, float]] = {
    "frequency": _pick("Hz kHz MHz GHz", _scaled("Hz", _SI)),
    "time": _pick("s ms us µs ns ps", _scaled("s", _SMALL)),
    "capacity": _pick("B kB KiB MB MiB GB GiB TB TiB kb Mb Gb", _data()),
    "bandwidth": _pick("B/s kB/s MB/s GB/s GiB/s TB/s TiB/s Mb/s Gb/s Tb/s", _data("/s")),
    "rate": _pick("FLOP/s GFLOP/s TFLOP/s PFLOP/s", _scaled("FLOP/s", _SI)) | _pick("TOP/s", _scaled("OP/s", _SI)),
    "power": _pick("mW W kW MW", {"mW": 1e-3} | _scaled("W", _SI)),
    "energy": _pick("pJ nJ uJ µJ mJ J kJ", _scaled("J", _SMALL) | _scaled("J", _SI)),
    "area": {"um2": 1e-6, "mm2": 1.0, "mm²": 1.0},
    "bytes per cycle": {"B/cycle": 1.0},
    "cycles": {"cycles": 1.0, "cycle": 1.0},
    "voltage": {"mV": 1e-3, "V": 1.0},
    "length": {"um": 1e-3, "mm": 1.0},
    "energy per byte": {"pJ/b": 8e-12, "pJ/B": 1e-12},
    "energy per byte and length": {"pJ/b/mm": 8e-12, "pJ/B/mm": 1e-12},
    "area per byte": {"mm2/MB": 1e-6, "mm2/MiB": 2.0**-20},
    "area per bandwidth": {"mm2/(GB/s)": 1e-9},
    "power per area": {"mW/mm2": 1e-3, "W/mm2": 1.0},
    "power per area and frequency": {"mW/mm2/GHz": 1e-12, "W/mm2/GHz": 1e-9},
    "density": {"/cm2": 1e-2, "/mm2": 1.0},
    "money": {"USD": 1.0, "kUSD": 1e3, "MUSD": 1e6, "GUSD": 1e9},
    "price per byte": {"USD/GB": 1e-9, "USD/GiB": 2.0**-30},
    "price per area": {"USD/mm2": 1.0},
    "price per power": {"USD/W": 1.0, "USD/kW": 1e-3},
    "price per energy": {"USD/MWh": 1 / 3.6e9, "USD/kWh": 1 / 3.6e6},
    "duration": {"years": 1.0, "year": 1.0},
}
_NOUN = {
    "capacity": "a capacity",
    "area": "an area",
    "energy": "an energy",
    "bytes per cycle": "a width in bytes per cycle",
    "cycles": "a number of cycles",
    "energy per byte": "an energy per byte",
    "energy per byte and length": "an energy per byte and length",
    "area per byte": "an area per byte",
    "area per bandwidth": "an area per bandwidth",
    "money": "an amount of money",
    "duration": "a duration in years",
}
_EXAMPLE = {
    "frequency": "1.35 GHz", "time": "6 us", "capacity": "64 GB", "bandwidth": "204.8 GB/s", "rate": "177 TFLOP/s",
    "power": "85 W", "energy": "5 pJ", "area": "421 mm2", "bytes per cycle": "2048 B/cycle", "cycles": "32 cycles",
    "voltage": "0.75 V", "length": "26 mm", "energy per byte": "4 pJ/b", "energy per byte and length": "0.08 pJ/b/mm",
    "area per byte": "0.6 mm2/MiB", "area per bandwidth": "0.2 mm2/(GB/s)", "power per area": "20 mW/mm2",
    "power per area and frequency": "20 mW/mm2/GHz", "density": "0.1 /cm2", "money": "9346 USD",
    "price per byte": "12 USD/GB", "price per area": "0.2 USD/mm2", "price per power": "15 USD/W",
    "price per energy": "0.06 USD/kWh", "duration": "5.5 years",
}  # fmt: skip
# Dimension → lowest and highest value in SI, and how messages say it. Generous: they are there to catch slips of the
# keyboard, and to keep every quotient of quantities finite.
_LIMITS: dict[str, tuple[float, float, str]] = {
    "frequency": (1.0, 1e12, "1 Hz to 1 THz"),
    "time": (0.0, 3600.0, "0 to 3600 s"),
    "capacity": (1.0, 1e18, "1 B to 1 EB"),
    "bandwidth": (1.0, 1e18, "1 B/s to 1 EB/s"),
    "rate": (1.0, 1e21, "1 FLOP/s to 1000 EFLOP/s"),
    "power": (1e-3, 1e9, "1 mW to 1 GW"),
    "energy": (1e-18, 1e9, "0.000001 pJ to 1 GJ"),
    "area": (1e-9, 1e6, "0.001 um2 to 1000000 mm2"),
    "bytes per cycle": (1e-3, 1e9, "0.001 to 1000000000 B/cycle"),
    "cycles": (0.0, 1e6, "0 to 1000000 cycles"),
    "voltage": (1e-3, 1e3, "1 mV to 1000 V"),
    "length": (1e-3, 1e4, "1 um to 10000 mm"),
    "energy per byte": (0.0, 1e-6, "0 to 1000000 pJ/B"),
    "energy per byte and length": (0.0, 1e-6, "0 to 1000000 pJ/B/mm"),
    "area per byte": (0.0, 1.0, "0 to 1000000 mm2/MB"),
    "area per bandwidth": (0.0, 1e-3, "0 to 1000000 mm2/(GB/s)"),
    "power per area": (0.0, 1e4, "0 to 10000 W/mm2"),
    "power per area and frequency": (0.0, 1e-5, "0 to 10000 W/mm2/GHz"),
    "density": (0.0, 1e4, "0 to 10000 /mm2"),
    "money": (0.0, 1e15, "0 to 1000000 GUSD"),
    "price per byte": (0.0, 1.0, "0 to 1000000000 USD/GB"),
    "price per area": (0.0, 1e6, "0 to 1000000 USD/mm2"),
    "price per power": (0.0, 1e6, "0 to 1000000 USD/W"),
    "price per energy": (0.0, 1.0, "0 to 3600000 USD/kWh"),
    "duration": (1e-2, 1e4, "0.01 to 10000 years"),
}
_TEXT = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*?)\s*")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A physical dimension, used as annotation of a dataclass field.

    Parameters
    ----------
    dimension
        A key of `UNITS`, e.g. ``"bandwidth"``.
    """

    dimension: str

    def parse(self, text: object) -> float:
        """Turn ``"204.8 GB/s"`` into ``2.048e11``.

        Raises
        ------
        ValueError
            With the sentence that belongs behind ``file:line:column: field:``.
        """
        noun = _NOUN.get(self.dimension, f"a {self.dimension}")
        example = _EXAMPLE[self.dimension]
        allowed = ", ".join(UNITS[self.dimension])
        if isinstance(text, bool) or not isinstance(text, str | int | float):
            raise ValueError(f"{_shown(text)} is not {noun}; write a number with a unit, e.g. '{example}'")  # noqa: TRY004
        match = _TEXT.fullmatch(str(text))
        if match is None:
            raise ValueError(f"{_shown(text)} is not {noun}; write a number with a unit, e.g. '{example}'")
        number, unit = float(match[1]), match[2]
        if not unit:
            raise ValueError(f"{_shown(text)} needs a unit, e.g. '{example}'")
        if unit not in UNITS[self.dimension]:
            raise ValueError(f"{_shown(text)} is not {noun}; units allowed: {allowed}")
        value = number * UNITS[self.dimension][unit]
        low, high, limits = _LIMITS[self.dimension]
        if not low <= value <= high:
            raise ValueError(f"{_shown(text)} is not allowed; allowed: {limits}")
        return value

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(self.parse)


def _shown(given: object) -> str:
    """Quote what was given, the beginning of it if it is long."""
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:40]}…"


def format_si(value: float, unit: str, digits: int = 3) -> str:
    """Show an SI value with the prefix that keeps one to three digits before the point: ``205 GB/s``."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}"
    table = {
        "p": 1e-12,
        "n": 1e-9,
        "µ": 1e-6,
        "m": 1e-3,
        "": 1.0,
        "k": 1e3,
        "M": 1e6,
        "G": 1e9,
        "T": 1e12,
        "P": 1e15,
        "E": 1e18,
    }
    prefix = ""
    for name, scale in table.items():
        if abs(value) >= scale * (1 - 0.5 * 10.0**-digits):
            prefix = name
    rounded = float(f"{value / table[prefix]:.{digits}g}")
    return f"{rounded:g} {prefix}{unit}"


def format_number(value: float, digits: int = 4) -> str:
    """Show a number to some digits, thousands apart: ``11,360``."""
    return f"{float(f'{value:.{digits}g}'):,.15g}"


def format_count(n: int, noun: str) -> str:
    """Count things, thousands apart: ``1 operator``, ``2,000 operators``."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def format_bytes(value: float) -> str:
    """Show a capacity with the prefix, decimal or binary, that needs fewer digits: ``256 MiB``, ``128 GB``."""
    if not math.isfinite(value):
        return f"{value:g} B"
    exact: list[tuple[str, str]] = []
    for step, prefixes in ((1000.0, ("", "k", "M", "G", "T", "P")), (1024.0, ("", "Ki", "Mi", "Gi", "Ti", "Pi"))):
        power = max((i for i in range(len(prefixes)) if value >= step**i), default=0)
        exact.append((f"{value / step**power:.12g}", prefixes[power]))
        if power and value < 1e4 * step ** (power - 1):  # 1464 KiB, not 1.43 MiB
            exact.append((f"{value / step ** (power - 1):.12g}", prefixes[power - 1]))
    digits, prefix = min(exact, key=lambda each: len(each[0]))
    return f"{float(digits):.4g} {prefix}B"


# Of columns; longer ones before their endings.
_UNIT_OF_ENDING = {
    "flop_per_s": "FLOP/s", "bytes_per_s": "B/s", "bytes_per_cycle": "B/cycle", "bytes": "B", "cycles": "cycles",
    "hz": "Hz", "s": "s", "j": "J", "w": "W", "mm2": "mm2", "usd": "USD",
}  # fmt: skip


def unit_of(column: str) -> str:
    """Read the unit of a column off the end of its name: ``clock_hz`` has Hz; nothing if it is a plain number."""
    for ending, unit in _UNIT_OF_ENDING.items():
        if column == ending or column.endswith(f"_{ending}"):
            rest = column.removesuffix(ending).removesuffix("_")
            return "" if rest.endswith("_per") or rest == "per" else unit
    return ""


# Longer ones before their endings: ``_usd_per_w`` before ``_w``.
_SUFFIXES = (
    "_mm2_per_bytes_per_s", "_bytes_per_s", "_bytes_per_cycle", "_flop_per_s", "_j_per_byte_mm", "_j_per_byte",
    "_mm2_per_byte", "_w_per_mm2_hz", "_w_per_mm2", "_usd_per_byte", "_usd_per_mm2", "_usd_per_w", "_usd_per_j",
    "_per_mm2", "_bytes", "_cycles", "_hz", "_s", "_w", "_j", "_v", "_mm2", "_mm", "_usd", "_years", "_frac",
)  # fmt: skip


def yaml_key(field: str) -> str:
    """Name a field as files do: without its unit, which the value carries (``clock_hz`` → ``clock``)."""
    for suffix in _SUFFIXES:
        if field.endswith(suffix):
            return field.removesuffix(suffix)
    return field


@dataclass(frozen=True, slots=True)
class Number:
    """A number without a unit, used as annotation of a dataclass field.

    Parameters
    ----------
    noun
        What the message calls it, e.g. ``"a fraction"``.
    low, high
        Inclusive limits.
    integer
        Whether only whole numbers are allowed.
    """

    noun: str
    low: float
    high: float = 1e30
    integer: bool = False

    def parse(self, given: object) -> float | int:
        """Check one number.

        Raises
        ------
        ValueError
            With the sentence that belongs behind ``file:line:column: field:``.
        """
        limits = f"from {_plain(self.low)} to {_plain(self.high)}"
        wrong = f"{_shown(given)} is not {self.noun}; allowed: {'whole ' if self.integer else ''}numbers {limits}"
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise ValueError(wrong)  # noqa: TRY004
        if not self.low <= given <= self.high or (self.integer and given != int(given)):
            raise ValueError(wrong)
        return int(given) if self.integer else float(given)

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(self.parse)


def _plain(limit: float) -> str:
    return f"{limit:.12g}".replace("e+", "e")


@dataclass(frozen=True, slots=True)
class YesNo:
    """Annotation of a field that is true or false; 1 and ``'yes'`` are neither."""

    def parse(self, given: object) -> bool:
        """Check one value; `ValueError` with what is allowed otherwise."""
        if not isinstance(given, bool):
            raise ValueError(f"{_shown(given)} is neither true nor false")  # noqa: TRY004
        return given

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(self.parse)


# People give counts up to 10¹²; dims of operators are products of several, and products of dims stay finite in turn.
COUNT = Number("a count", 1, integer=True)
GIVEN_COUNT = Number("a count", 1, 1e12, integer=True)
GIVEN_COUNT_OR_ZERO = Number("a count or zero", 0, 1e12, integer=True)
FRACTION = Number("a fraction", 0.0, 1.0)
POSITIVE = Number("a positive number", 1e-9)
