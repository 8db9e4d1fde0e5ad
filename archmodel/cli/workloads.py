"""``archmodel workloads``."""

from __future__ import annotations

from typing import Any

import archmodel as am
from archmodel.cli.options import AsJson
from archmodel.cli.show import print_json, print_table
from archmodel.workload.builders import find_builder
from archmodel.workload.load import load_workload, read_workload


def workloads(*, json: AsJson = False) -> None:
    """List the shipped workloads: parameters, arithmetic of one step at the defaults, published figures.

    Parameters
    ----------
    json
        Print JSON: one row per workload.
    """
    rows = [row for name in am.workloads() for row in _rows(name)]
    if json:
        print_json(rows)
        return
    headings = {
        "name": "workload", "phase": "phase", "n_parameters": "parameters", "table_bytes": "tables",
        "step_flop": "per step", "items": "items", "item": "item", "settings": "settings",
    }  # fmt: skip
    print_table("Workloads at their default settings", [{**row, "settings": _short(row)} for row in rows], headings)


def _rows(name: str) -> list[dict[str, Any]]:
    _, file, _ = read_workload(name)
    rows = []
    for phase in find_builder(file.builder).phases:
        trace = load_workload(name, phase=phase)
        rows.append(
            {
                "name": name,
                "title": file.title,
                "phase": phase,
                "settings": {key: value for key, value in trace.run.items() if value is not None},
                "n_operators": len(trace.operators),
                "n_parameters": trace.n_parameters,
                "table_bytes": trace.role_bytes("table") or None,
                "step_flop": trace.flop,
                "matrix_flop": trace.matrix_flop,
                "items": trace.items,
                "item": trace.item,
                "source": file.source,
                "published": [
                    {"what": f.what, "value": f.value, "tolerance": f.tolerance, "source": f.source, "note": f.note}
                    for f in file.published
                ],
                "notes": list(trace.notes),
            }
        )
    return rows


def _short(row: dict[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in row["settings"].items())
