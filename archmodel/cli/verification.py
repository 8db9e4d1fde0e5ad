"""Printing of a verification."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archmodel.cli.show import note, print_json, print_table
from archmodel.results import ResultTable
from archmodel.verify.fragment import missing_estimates, say_interval
from archmodel.verify.kernels import by_cause
from archmodel.verify.run import Verification

_KERNEL = {"unit": "unit", "simulator": "simulator", "kernel": "kernel"}


def print_verification(found: Verification, *, is_json: bool) -> None:
    """Print what a verification found; every table as JSON, or the main ones for people."""
    tables = {name: list(getattr(found, name).rows()) for name in ("points", "kernels", "ledger", "speeds", "fits")}
    if is_json:
        print_json({name: rows for name, rows in tables.items() if rows or name == "points"} | {"faults": found.faults})
        return
    _print("Model against RTL", found.summary, {
        "unit": "unit", "simulator": "simulator", "builds": "builds", "points": "points", "exact": "exact",
        "worst_error_frac": "largest error", "rtl_cycles": "cycles", "faults": "differences",
    }, n_keys=2)  # fmt: skip
    _print("Kernels [cycles]", found.kernels, {
        **_KERNEL, "model": "model is", "points": "points", "model_cycles": "model", "rtl_cycles": "RTL",
        "error_frac": "error", "worst_error_frac": "largest of a point",
    }, n_keys=4)  # fmt: skip
    title = "Stalls of all engines [cycles]; largest difference of one engine in parts of the cycles of its point"
    _print(title, by_cause(found.ledger), {
        **_KERNEL, "cause": "waits for", "model_cycles": "model", "rtl_cycles": "RTL",
        "worst_error_frac": "largest difference",
    }, n_keys=4)  # fmt: skip
    _print("Speed [cycles/s]", found.speeds, {
        **_KERNEL, "mode": "model is", "build": "build", "rtl_cycles": "cycles",
        "simulator_cycles_per_s": "simulator", "model_cycles_per_s": "model", "ratio": "times as fast",
    }, n_keys=4)  # fmt: skip
    fits = ResultTable.from_rows([_say_fit(row) for row in found.fits.rows()])
    _print("Estimates", fits, {
        "unit": "unit", "build": "build", "parameter": "parameter", "value": "estimate", "interval": "95 % interval",
        "exact": "exact", "points": "points", "rms_cycles": "miss [cycles]", "machine": "value of a machine",
    }, n_keys=3)  # fmt: skip
    unexplained = [row for row in found.fits.rows() if row["points"] and not row["is_explained"]]
    if unexplained:
        note("note: 'no such law': the points are not explained by a pipeline with these parameters")
    beyond = "; ".join(dict.fromkeys(row["searched"] for row in unexplained if row["searched"]))
    if beyond:
        note(f"note: one that explains them may lie beyond what is searched ({beyond})")


def note_fragment(found: Verification, path: Path) -> None:
    """Say how a machine takes in what was estimated, and what there is not, and why.

    Parameters
    ----------
    found
        What a verification found, estimates among it.
    path
        Where the fragment of a machine is, if there is any.
    """
    units = list({one.plan.unit.name: one.plan.unit for one in found.played}.values())
    missing = missing_estimates(found.fits, units)
    for text in missing:
        note(f"note: nothing for {path.name} from {text}")
    if len(missing) < len(units):
        note(f"note: a machine takes the estimates in with: extends: [MACHINE, {path}]")


def _print(title: str, table: ResultTable, headings: dict[str, str], n_keys: int) -> None:
    if len(table):
        blank = "" if title == "Model against RTL" else "\n"
        print(blank, end="", flush=True)
        print_table(title, list(table.rows()), headings, n_keys=n_keys)


def _say_fit(row: dict[str, Any]) -> dict[str, Any]:
    """Say an estimate in words: where several explain the points alike, the interval alone."""
    return {
        **row, "value": "" if row["value"] is None else row["value"], "interval": say_interval(row),
        "machine": row["machine"] or "",
    }  # fmt: skip
