"""``archmodel workloads``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from cyclopts import App

import archmodel as am
from archmodel.cli.options import AsJson
from archmodel.cli.show import print_json, print_table
from archmodel.cli.table import show_number
from archmodel.units import format_si
from archmodel.workload.builders import find_builder
from archmodel.workload.load import PublishedFigure, WorkloadFile, read_workload

workloads = App(name="workloads", help="List the workloads, or show one with its settings.", help_format="plaintext")


@workloads.default
def list_workloads(*, json: AsJson = False) -> None:
    """List the shipped workloads: parameters, arithmetic of one step at the defaults, published figures.

    Parameters
    ----------
    json
        Print JSON: one row per workload and phase.
    """
    rows = []
    for name in am.workloads():
        file = read_workload(name)[1]
        published = [asdict(figure) for figure in file.published]
        rows += [{**row, **_about(file), "published": published} for row in _rows(name, file)]
    if json:
        print_json(rows)
        return
    headings = {
        "name": "workload", "phase": "phase", "n_parameters": "parameters", "table_bytes": "tables",
        "step_flop": "FLOP per step", "yields": "yields",
    }  # fmt: skip
    title = "Workloads at their default settings; 'archmodel workloads show NAME' has more"
    print_table(title, rows, headings, n_keys=2)


@workloads.command
def show(name: str, /, *, json: AsJson = False) -> None:
    """Show one workload: settings with defaults, hyper-parameters, published figures beside those computed.

    Parameters
    ----------
    name
        Name or path of a .yaml file.
    json
        Print JSON.
    """
    label, file, _ = read_workload(name)
    rows = _rows(name, file)
    published = [_compare(name, figure) for figure in file.published]
    if json:
        settings = {"settings": dict(file.defaults), "model": dict(file.model)}
        print_json({"name": label, **_about(file), "phases": rows, **settings, "published": published})
        return
    phases = {"phase": "phase", "step_flop": "FLOP per step", "n_operators": "operators", "yields": "yields"}
    print_table(f"{file.title} ({label}), built by {file.builder}", rows, phases)
    print(f"\nSource: {' '.join(file.source.split())}\n")
    _print_pairs("Settings and their defaults", "setting", {"phase": rows[0]["phase"], **file.defaults})
    _print_pairs("Hyper-parameters", "name", file.model)
    columns = ("what", "settings", "published", "computed", "deviation", "source")
    print_table("Held against published figures", [_show(row) for row in published], {name: name for name in columns})
    for text in file.notes:
        print(f"\nNote: {text}")


def _about(file: WorkloadFile) -> dict[str, Any]:
    return {"title": file.title, "source": file.source, "builder": file.builder, "notes": list(file.notes)}


def _rows(name: str, file: WorkloadFile) -> list[dict[str, Any]]:
    """Describe one step of each phase."""
    rows = []
    for phase in find_builder(file.builder).phases:
        trace = am.workload(name, phase=phase)
        rows.append(
            {
                "name": trace.name,
                "phase": phase,
                "settings": {key: value for key, value in trace.run.items() if value is not None},
                "n_operators": len(trace.operators),
                "n_parameters": trace.n_parameters,
                "table_bytes": trace.role_bytes("table") or None,
                "step_flop": trace.flop,
                "matrix_flop": trace.matrix_flop,
                "items": trace.items,
                "item": trace.item,
                "yields": f"{show_number(trace.items)} {trace.item}",
            }
        )
    return rows


def _compare(name: str, figure: PublishedFigure) -> dict[str, Any]:
    """Put a published figure beside what the trace has."""
    computed = figure.measure(am.workload(name, **figure.settings))
    return {
        "what": figure.what,
        "settings": dict(figure.settings),
        "published": figure.value,
        "published_high": figure.high,
        "computed": computed,
        "deviation_frac": figure.deviation(computed),
        "tolerance_frac": figure.tolerance,
        "source": figure.source,
        "note": figure.note,
    }


def _show(row: dict[str, Any]) -> dict[str, str]:
    """Render one published figure beside the computed one."""
    said = {name: _say(row[name]) for name in ("what", "settings", "source")}
    for name in ("published", "published_high", "computed"):
        value = row[name] or 0.0
        said[name] = format_si(value, "FLOP", 4) if row["what"].endswith("flop") else f"{value:,.0f}"
    if row["published_high"]:
        said["published"] += f" to {said['published_high']}"
    return said | {"deviation": f"{100 * row['deviation_frac']:+.2f} %"}


def _print_pairs(title: str, noun: str, values: Mapping[str, Any]) -> None:
    rows = [{"name": name, "value": _say(value)} for name, value in values.items()]
    print_table(title, rows, {"name": noun, "value": "value"})
    print()


def _say(value: Any) -> str:
    """Render a setting or a group of them."""
    if isinstance(value, Mapping):
        return " ".join(f"{key}={part}" for key, part in value.items()) or "defaults"
    return "–" if value is None else str(value)
