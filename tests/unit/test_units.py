"""Text with a unit in, SI floats out, and back."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archmodel.units import (
    COUNT,
    FRACTION,
    POSITIVE,
    UNITS,
    Number,
    Quantity,
    YesNo,
    format_bytes,
    format_count,
    format_si,
    yaml_key,
)


def whole(message):
    return f"^{re.escape(message)}$"


PARSED = {
    ("frequency", "1.35 GHz"): 1.35e9,
    ("frequency", "800MHz"): 8e8,
    ("time", "5.75 us"): 5.75e-6,
    ("time", "5.75 µs"): 5.75e-6,
    ("time", "3 ms"): 3e-3,
    ("capacity", "64 GB"): 64e9,
    ("capacity", "64 GiB"): 64 * 2**30,
    ("capacity", "1 kB"): 1e3,
    ("capacity", "1 KiB"): 1024,
    ("capacity", "16 Gb"): 2e9,
    ("capacity", "16 GB"): 16e9,
    ("bandwidth", "204.8 GB/s"): 204.8e9,
    ("bandwidth", "1 TiB/s"): 2**40,
    ("bandwidth", "800 Gb/s"): 100e9,
    ("bandwidth", "800 GB/s"): 800e9,
    ("rate", "177 TFLOP/s"): 177e12,
    ("rate", "354 TOP/s"): 354e12,
    ("rate", "1 PFLOP/s"): 1e15,
    ("power", "85 W"): 85,
    ("power", "1.5 kW"): 1500,
    ("energy", "5 pJ"): 5e-12,
    ("area", "421 mm2"): 421,
    ("area", "421 mm²"): 421,
    ("bytes per cycle", "2048 B/cycle"): 2048,
    ("bytes per cycle", " 2.048e3  B/cycle "): 2048,
    ("cycles", "32 cycles"): 32,
    ("cycles", "1 cycle"): 1,
    ("area", "18 um2"): 18e-6,
    ("voltage", "850 mV"): 0.85,
    ("length", "26 mm"): 26,
    ("energy per byte", "4 pJ/b"): 32e-12,
    ("energy per byte", "4 pJ/B"): 4e-12,
    ("energy per byte and length", "0.08 pJ/b/mm"): 0.64e-12,
    ("area per byte", "0.64 mm2/MiB"): 0.64 / 2**20,
    ("area per bandwidth", "0.2 mm2/(GB/s)"): 0.2e-9,
    ("power per area", "20 mW/mm2"): 0.02,
    ("power per area and frequency", "20 mW/mm2/GHz"): 2e-11,
    ("density", "0.1 /cm2"): 1e-3,
    ("money", "5.9 MUSD"): 5.9e6,
    ("price per byte", "12 USD/GB"): 12e-9,
    ("price per area", "0.2 USD/mm2"): 0.2,
    ("price per power", "15 USD/W"): 15,
    ("price per energy", "0.06 USD/kWh"): 0.06 / 3.6e6,
    ("duration", "5.5 years"): 5.5,
}


@pytest.mark.parametrize(("dimension", "text"), PARSED)
def test_text_becomes_si(dimension, text):
    assert Quantity(dimension).parse(text) == pytest.approx(PARSED[dimension, text], rel=1e-12)


def test_every_dimension_is_tried():
    assert {dimension for dimension, _ in PARSED} == set(UNITS)


REFUSED = {
    ("frequency", "1.35 Gz"): "'1.35 Gz' is not a frequency; units allowed: Hz, kHz, MHz, GHz",
    ("frequency", "1.35 ghz"): "'1.35 ghz' is not a frequency; units allowed: Hz, kHz, MHz, GHz",
    ("frequency", "GHz"): "'GHz' is not a frequency; write a number with a unit, e.g. '1.35 GHz'",
    ("frequency", None): "None is not a frequency; write a number with a unit, e.g. '1.35 GHz'",
    ("time", "0.5"): "'0.5' needs a unit, e.g. '6 us'",
    ("capacity", 64): "64 needs a unit, e.g. '64 GB'",
    (
        "capacity",
        "64 GB/s",
    ): "'64 GB/s' is not a capacity; units allowed: B, kB, KiB, MB, MiB, GB, GiB, TB, TiB, kb, Mb, Gb",
    ("area", "1 cm2"): "'1 cm2' is not an area; units allowed: um2, mm2, mm²",
    ("energy", "5 W"): "'5 W' is not an energy; units allowed: pJ, nJ, uJ, µJ, mJ, J, kJ",
    ("cycles", "32"): "'32' needs a unit, e.g. '32 cycles'",
    ("cycles", "-1 cycles"): "'-1 cycles' is not allowed; allowed: 0 to 1000000 cycles",
    ("cycles", "5 ns"): "'5 ns' is not a number of cycles; units allowed: cycles, cycle",
    ("bytes per cycle", "64 B"): "'64 B' is not a width in bytes per cycle; units allowed: B/cycle",
    ("money", "12 EUR"): "'12 EUR' is not an amount of money; units allowed: USD, kUSD, MUSD, GUSD",
    ("duration", "5"): "'5' needs a unit, e.g. '5.5 years'",
    ("power", "-85 W"): "'-85 W' is not allowed; allowed: 1 mW to 1 GW",
    ("power", "0 W"): "'0 W' is not allowed; allowed: 1 mW to 1 GW",
    ("power", "1e999 W"): "'1e999 W' is not allowed; allowed: 1 mW to 1 GW",
    ("power", "nan W"): "'nan W' is not a power; write a number with a unit, e.g. '85 W'",
}


@pytest.mark.parametrize(("dimension", "text"), REFUSED)
def test_wrong_text_is_refused_with_what_is_allowed(dimension, text):
    with pytest.raises(ValueError, match=whole(REFUSED[dimension, text])):
        Quantity(dimension).parse(text)


def test_zero_is_allowed_where_it_has_a_meaning():
    quantity = Quantity("time")
    assert quantity.parse("0 us") == 0
    with pytest.raises(ValueError, match=r"^'-1 us' is not allowed; allowed: 0 to 3600 s$"):
        quantity.parse("-1 us")


def test_what_is_long_is_quoted_in_part():
    text = "1" + 100 * "0" + " GHz"
    with pytest.raises(ValueError, match=whole(f"'1{38 * '0'}… is not allowed; allowed: 1 Hz to 1 THz")):
        Quantity("frequency").parse(text)


@pytest.mark.parametrize("given", ["yes", 1, 0, None])
def test_only_true_and_false_are_truth_values(given):
    with pytest.raises(ValueError, match=whole(f"{given!r} is neither true nor false")):
        YesNo().parse(given)


def test_giga_is_decimal_gibi_is_binary_and_a_byte_is_eight_bits():
    capacity, bandwidth = Quantity("capacity"), Quantity("bandwidth")
    assert capacity.parse("1 GiB") / capacity.parse("1 GB") == 2**30 / 1e9
    assert capacity.parse("8 Gb") == capacity.parse("1 GB")
    assert bandwidth.parse("8 Gb/s") == bandwidth.parse("1 GB/s")


FORMATTED = [
    (1.35e9, "Hz", "1.35 GHz"),
    (204.8e9, "B/s", "205 GB/s"),
    (5.75e-6, "s", "5.75 µs"),
    (999.6e9, "B/s", "1 TB/s"),
    (999.4e9, "B/s", "999 GB/s"),
    (1.0, "W", "1 W"),
    (0.0, "s", "0 s"),
    (-2e-3, "s", "-2 ms"),
    (5e-12, "J", "5 pJ"),
    (2.5e15, "FLOP/s", "2.5 PFLOP/s"),
    (1.07e21, "B", "1070 EB"),
    (math.inf, "s", "inf s"),
]


@pytest.mark.parametrize(("value", "unit", "text"), FORMATTED)
def test_si_value_is_shown_with_one_to_three_digits(value, unit, text):
    assert format_si(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (100, "100 B"), (2**18, "256 KiB"), (1464 * 2**10, "1464 KiB"), (2**28, "256 MiB"), (128e9, "128 GB"),
     (1.5 * 2**30, "1.5 GiB"), (24e6, "24 MB"), (52704 * 2**10, "51.47 MiB"), (float("inf"), "inf B")],
)  # fmt: skip
def test_a_capacity_has_the_prefix_that_needs_fewer_digits(value, text):
    assert format_bytes(value) == text


def test_more_digits_when_asked_for():
    assert format_si(204.8e9, "B/s", digits=4) == "204.8 GB/s"


def test_one_thing_is_no_plural():
    assert [format_count(n, "operator") for n in (0, 1, 2000)] == ["0 operators", "1 operator", "2,000 operators"]


@given(
    number=st.floats(1, 1e3),
    case=st.sampled_from([(dimension, unit) for dimension, units in UNITS.items() for unit in units]),
)
def test_every_unit_scales_the_number_by_its_factor(number, case):
    dimension, unit = case
    assert Quantity(dimension).parse(f"{number!r} {unit}") == number * UNITS[dimension][unit]


# Units and ranges whose every prefix a file may use too.
SHOWN = {
    "frequency": ("Hz", 1, 9e11),
    "time": ("s", 1e-12, 900),
    "capacity": ("B", 1, 9e14),
    "bandwidth": ("B/s", 1, 9e14),
    "power": ("W", 1e-3, 9e8),
}


@given(data=st.data(), dimension=st.sampled_from(sorted(SHOWN)))
def test_what_is_shown_can_be_read_again(data, dimension):
    unit, low, high = SHOWN[dimension]
    value = data.draw(st.floats(low, high))
    shown = format_si(value, unit)
    assert len(shown.split()[0]) <= 4
    assert Quantity(dimension).parse(shown) == pytest.approx(value, rel=0.005)


NUMBERS = [
    (COUNT, 0, "0 is not a count; allowed: whole numbers from 1 to 1e30"),
    (COUNT, 1.5, "1.5 is not a count; allowed: whole numbers from 1 to 1e30"),
    (COUNT, True, "True is not a count; allowed: whole numbers from 1 to 1e30"),
    (COUNT, "4", "'4' is not a count; allowed: whole numbers from 1 to 1e30"),
    (COUNT, math.inf, "inf is not a count; allowed: whole numbers from 1 to 1e30"),
    (FRACTION, 1.01, "1.01 is not a fraction; allowed: numbers from 0 to 1"),
    (FRACTION, -0.1, "-0.1 is not a fraction; allowed: numbers from 0 to 1"),
    (FRACTION, math.nan, "nan is not a fraction; allowed: numbers from 0 to 1"),
    (POSITIVE, 0, "0 is not a positive number; allowed: numbers from 1e-09 to 1e30"),
    (COUNT, 10**400, f"1{39 * '0'}… is not a count; allowed: whole numbers from 1 to 1e30"),
    (Number("a share", 0.0, 0.5), 0.6, "0.6 is not a share; allowed: numbers from 0 to 0.5"),
]


@pytest.mark.parametrize(("number", "value", "text"), NUMBERS)
def test_a_number_out_of_its_range_is_refused(number, value, text):
    with pytest.raises(ValueError, match=whole(text)):
        number.parse(value)


def test_a_count_is_an_int_and_a_fraction_a_float():
    assert [type(COUNT.parse(8.0)), type(FRACTION.parse(1)), type(POSITIVE.parse(3))] == [int, float, float]


KEYS = {
    "clock_hz": "clock",
    "capacity_bytes": "capacity",
    "bandwidth_bytes_per_s": "bandwidth",
    "width_bytes_per_cycle": "width",
    "matrix_flop_per_s": "matrix",
    "efficiency_frac": "efficiency",
    "job_s": "job",
    "tdp_w": "tdp",
    "die_mm2": "die",
    "building_usd_per_w": "building",
    "defects_per_mm2": "defects",
    "sram_mm2_per_byte": "sram",
    "link_mm2_per_bytes_per_s": "link",
    "wire_j_per_byte_mm": "wire",
    "n_tiles": "n_tiles",
    "sources": "sources",
}


@pytest.mark.parametrize("field", KEYS)
def test_a_file_leaves_the_unit_out_of_the_key(field):
    assert yaml_key(field) == KEYS[field]
