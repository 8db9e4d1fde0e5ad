"""Tables for people: no value is cut at any width, numbers are written one way."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

import archmodel as am
from archmodel.cli.table import render_table, show_number, show_value

WIDTHS = [20, 60, 80, 120, 200]
COLUMNS = {
    "machine": "machine", "latency_s": "latency", "lower_s": "lower bound", "upper_s": "upper bound",
    "throughput": "throughput", "utilisation": "of matrix peak", "bound": "bound by", "energy_j": "energy",
}  # fmt: skip


def render(width: int, rows, columns=COLUMNS, n_keys: int = 1) -> str:
    console = Console(width=width, force_terminal=True, file=io.StringIO())
    return re.sub(r"\x1b\[[0-9;]*m", "", render_table(console, "title", rows, columns, n_keys))


@pytest.fixture(scope="module")
def rows():
    trace = am.workload("llm/llama3.1-8b", phase="prefill")
    return list(am.evaluate_batch([am.machine(name) for name in ("mtia_2i", "h100_sxm", "tpu_v5e")], trace).rows())


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("n_keys", [0, 1, 3])
def test_every_value_and_heading_appears_whole(rows, width, n_keys):
    lines = render(width, rows, n_keys=n_keys).splitlines()
    words = {word for line in lines for word in re.split(r"\s{2,}", line.strip())}
    expected = {show_value(name, row[name], row) for row in rows for name in COLUMNS} | set(COLUMNS.values())
    assert expected - words == set()


@pytest.mark.parametrize("width", WIDTHS[1:])
def test_no_line_is_wider_than_the_terminal(rows, width):
    assert max(map(len, render(width, rows).splitlines())) <= width


def test_a_table_that_fits_is_one_table():
    rows = [{"name": "a", "x_s": 1e-3}, {"name": "bb", "x_s": None}]
    assert render(80, rows, {"name": "name", "x_s": "x"}) == "title\nname     x\na     1 ms\nbb       –\n"


def test_a_wider_one_continues_below_with_its_names():
    rows = [{"name": "a", "x_s": 1e-3, "y_s": 2e-3}]
    columns = {"name": "name", "x_s": "x", "y_s": "y"}
    assert render(10, rows, columns) == "title\nname     x\na     1 ms\n\nname     y\na     2 ms\n"


def test_where_not_one_column_fits_each_row_is_a_block():
    rows = [{"name": "a", "note": "far too long"}, {"name": "b", "note": "short"}]
    shown = render(12, rows, {"name": "name", "note": "note"})
    assert shown == "title\nname  a\nnote  far too long\n\nname  b\nnote  short\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [(11358.3, "11,360"), (0.16571, "0.1657"), (813_110.0, "813,100"), (1.9e9, "1,900,000,000"), (74.0, "74")],
)
def test_numbers_have_four_digits_and_thousands_apart(value, text):
    assert show_number(value) == text


def test_a_unit_that_is_divided_by_is_not_shown_as_the_unit():
    names = ("perf_per_w", "perf_per_mm2", "perf_per_usd")
    assert [show_value(name, 0.003509, {}) for name in names] == ["0.003509"] * 3
    assert [show_value(name, 2, {}) for name in ("die_mm2", "chip_usd")] == ["2 mm²", "2 USD"]


def test_widths_have_their_unit():
    assert show_value("sram_width_bytes_per_cycle", 4096.0, {}) == "4,096 B/cycle"


def test_throughput_has_its_unit():
    assert show_value("throughput", 11358.3, {"throughput_unit": "token/s"}) == "11,360 token/s"
    assert show_value("throughput", 1.7e14, {"throughput_unit": "FLOP/s"}) == "170 TFLOP/s"
