"""Printing: JSON to stdout, tables to stdout for people, notes to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archmodel.cli.table import Row, render_table, show_number
from archmodel.report.figure import data_path
from archmodel.results import Result
from archmodel.units import format_count


def print_json(value: object) -> None:
    """Print JSON, whole or not at all; NaN and infinity are not JSON and raise."""
    text = json.dumps(value, indent=1, allow_nan=False, default=str)
    sys.stdout.write(f"{text}\n")


def print_table(title: str, rows: Sequence[Row], columns: Mapping[str, str], n_keys: int = 1) -> None:
    """Print a table to standard output; parameters as in `render_table`."""
    from rich.console import Console

    sys.stdout.write(render_table(Console(), title, rows, columns, n_keys))


def say_run(model: str, run: Mapping[str, Any]) -> str:
    """Say the model, the run settings that have a value, and what was overridden."""
    parts = [f"{key} {value}" for key, value in run.items() if value is not None and key != "set"]
    parts += [f"{path}={text}" for path, text in (run.get("set") or {}).items()]
    return f"{model}; {', '.join(parts)}"


def note(text: str) -> None:
    """Print a remark for people."""
    print(text, file=sys.stderr)


def say_written(figure: Path) -> None:
    """Note which files a figure is in."""
    note(f"wrote {figure} and {data_path(figure)}")


def print_notes(rows: Sequence[Row], is_json: bool) -> int:
    """Note which rows have no answer and what to know about the others; returns the exit code, 2 without any answer."""
    for row in rows:
        if row["status"] != "ok":
            note(f"not supported: {row['message']}")
    if not is_json:
        for warning in dict.fromkeys(text for row in rows for text in row.get("warnings") or ()):
            note(f"note: {warning}")
    return 0 if any(row["status"] == "ok" for row in rows) else 2


def _say_chips(result: Result) -> str:
    """Say what several chips do together, and each of them."""
    chips = result.chips
    who = f"{chips['n_chips']} chips, {format_count(chips['dp'], 'replica')}"
    if chips["pp"] > 1:
        who += f" of {chips['pp']} stages ({chips['n_micro']} at work at a time)"
    share = show_number(chips["throughput_per_chip"])
    exchanges = f"{100 * chips['exchange_s'] / result.latency_s:.0f} % of the latency is exchanges"
    return f"{who}: throughput and energy of all, {share} {result.throughput_unit} per chip; {exchanges}"


def name_operator(row: Mapping[str, Any]) -> str:
    """Name an operator, and count what is fused with it."""
    n_others = len(row.get("fused") or ()) - 1
    return f"{row['operator']} +{n_others}" if n_others > 0 else str(row["operator"])


def print_result(result: Result, n_operators: int = 12) -> None:
    """Print one result: totals, what binds, the slowest operators, warnings."""
    print_table(
        f"{result.workload} {result.phase} on {result.machine} ({say_run(result.model, result.run)})",
        [result.total()],
        {
            "latency_s": "latency", "lower_s": "lower bound", "upper_s": "upper bound", "throughput": "throughput",
            "utilisation": "of matrix peak", "bound": "bound by", "launch_s": "launching", "energy_j": "energy",
        },
        n_keys=0,
    )  # fmt: skip
    if result.chips:
        print(f"\n{_say_chips(result)}")
    binding = sorted(result.bound_s.items(), key=lambda item: -item[1])
    shares = ", ".join(f"{name} {100 * time / result.latency_s:.0f} %" for name, time in binding if time > 0)
    print(f"\nTime by what binds: {shares}\n")
    rows = sorted(result.operators.rows(), key=lambda row: -row["latency_s"])
    print_table(
        f"Slowest {min(n_operators, len(rows))} of {format_count(len(rows), 'operator')}",
        [
            {**row, "share_frac": row["latency_s"] / result.latency_s, "operator": name_operator(row)}
            for row in rows[:n_operators]
        ],
        {
            "operator": "operator", "kind": "kind", "count": "count", "latency_s": "latency", "share_frac": "share",
            "lower_s": "lower bound", "upper_s": "upper bound", "bound": "bound by", "throughput": "throughput",
        },
    )  # fmt: skip
    if any(len(row.get("fused") or ()) > 1 for row in rows[:n_operators]):
        note("note: +n stands for n operators that are fused with the one named; --json has their names")
    for warning in result.warnings:
        note(f"note: {warning}")
    n_assumed = len(result.provenance.get("assumed", ()))
    note(f"note: {n_assumed} values of {result.machine} are assumed ('archmodel machines show NAME --sources')")
