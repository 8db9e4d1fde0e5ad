"""Printing: JSON to stdout, tables to stdout for people, notes to stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from archmodel.results import Result
from archmodel.units import format_si

_UNITS = (
    ("_flop_per_s", "FLOP/s"),
    ("_bytes_per_s", "B/s"),
    ("_s", "s"),
    ("_j", "J"),
    ("_w", "W"),
    ("_hz", "Hz"),
    ("_bytes", "B"),
    ("_flop", "FLOP"),
)


def print_json(value: object) -> None:
    """Print JSON; NaN and infinity are not JSON and raise."""
    json.dump(value, sys.stdout, indent=1, allow_nan=False, default=str)
    sys.stdout.write("\n")


def print_table(title: str, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
    """Print a table.

    Parameters
    ----------
    title
        Above the table.
    rows
        Values; physical ones are shown with the unit their column name ends in.
    columns
        Column name → heading.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold", title_style="bold")
    for name, heading in columns.items():
        is_number = any(isinstance(row.get(name), int | float) for row in rows)
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=is_number, overflow="fold")
    for row in rows:
        table.add_row(*(show_value(name, row.get(name), row) for name in columns))
    console = Console()
    if not console.is_terminal:  # a pipe or a file has no width to wrap at
        console = Console(width=200)
    console.print(table, markup=False, highlight=False)


def show_value(name: str, value: Any, row: Mapping[str, Any]) -> str:
    """Render one value; the column name says its unit, and ``throughput`` has its unit beside it."""
    if value is None:
        return "–"
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if name == "throughput":
        unit = row["throughput_unit"]
        return format_si(value, unit) if unit in ("FLOP/s", "B/s") else f"{value:,.4g} {unit}"
    if name == "utilisation" or name.endswith("_frac"):
        return f"{100 * value:.1f} %"
    for ending, unit in _UNITS:
        if name.endswith(ending) or name == ending[1:]:
            return format_si(value, unit)
    if isinstance(value, tuple):
        return " ".join(f"{part:,}" for part in value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def note(text: str) -> None:
    """Print a remark for people."""
    print(text, file=sys.stderr)


def print_result(result: Result, n_operators: int = 12) -> None:
    """Print one result: totals, what binds, the slowest operators, warnings."""
    total = result.total()
    run = ", ".join(f"{key} {value}" for key, value in result.run.items() if value is not None)
    print_table(
        f"{result.workload} {result.phase} on {result.machine} ({result.model}; {run})",
        [total],
        {
            "latency_s": "latency", "lower_s": "lower bound", "upper_s": "upper bound", "throughput": "throughput",
            "utilisation": "of matrix peak", "bound": "bound by", "launch_s": "launching", "energy_j": "energy",
        },
    )  # fmt: skip
    binding = sorted(result.bound_s.items(), key=lambda item: -item[1])
    shares = ", ".join(f"{name} {100 * time / result.latency_s:.0f} %" for name, time in binding if time > 0)
    print(f"\nTime by what binds: {shares}\n")
    rows = sorted(result.operators.rows(), key=lambda row: -row["latency_s"])
    print_table(
        f"Slowest {min(n_operators, len(rows))} of {len(rows)} operators",
        [{**row, "share_frac": row["latency_s"] / result.latency_s} for row in rows[:n_operators]],
        {
            "operator": "operator", "kind": "kind", "count": "count", "latency_s": "latency", "share_frac": "share",
            "lower_s": "lower bound", "upper_s": "upper bound", "bound": "bound by", "throughput": "throughput",
        },
    )  # fmt: skip
    for warning in result.warnings:
        note(f"note: {warning}")
