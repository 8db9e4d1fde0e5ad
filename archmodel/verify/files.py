"""What a verification writes: tables, a page, a JUnit file, timelines and a fragment of a machine."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from archmodel.report.errors import as_points, plot_errors
from archmodel.report.figure import write_file
from archmodel.results import ResultTable
from archmodel.verify.contract import describe_point
from archmodel.verify.fragment import FILE as FRAGMENT
from archmodel.verify.fragment import say_interval, write_fragment
from archmodel.verify.run import Verification
from archmodel.verify.timelines import write_timelines

TIMELINES = "timelines"
_N_SHOWN = 20  # differences on the page; the JUnit file has all


def write_files(verification: Verification, folder: Path) -> None:
    """Write what was found into a folder.

    ``points.csv``, ``report.md``, ``junit.xml``; if there are points, ``cycles.svg``; of kernels ``ledger.csv``
    and, in ``timelines``, a chart and trace events each; of estimates ``fit.yaml``.
    """
    subject = "verification"
    timelines = write_timelines(verification.played, folder / TIMELINES)
    write_file(subject, folder / "points.csv", to_csv(verification.points).encode())
    write_file(subject, folder / "report.md", to_markdown(verification, timelines).encode())
    write_file(subject, folder / "junit.xml", to_junit(verification))
    if len(verification.points):
        plot_errors(as_points(verification.points), folder / "cycles.svg", reference="RTL")
    if len(verification.ledger):
        write_file(subject, folder / "ledger.csv", verification.ledger.to_csv().encode())
    if len(verification.fits):
        units = {one.plan.unit.name: one.plan.unit for one in verification.played}
        write_fragment(verification.fits, list(units.values()), folder / FRAGMENT)


def to_csv(points: ResultTable) -> str:
    """Write the points as CSV, mappings on one line."""
    rows = [
        {name: describe_point(value) if isinstance(value, Mapping) else value for name, value in row.items()}
        for row in points.rows()
    ]
    return ResultTable.from_rows(rows).to_csv()


def to_markdown(verification: Verification, timelines: Sequence[str] = ()) -> str:
    """Write a page: what was compared, and the first differences.

    Parameters
    ----------
    verification
        What was found.
    timelines
        Names of the timelines beside the page.
    """
    lines = [
        "# Model against RTL",
        "",
        "Cycles of the timing laws against cycles counted by the hardware blocks.",
        "",
        *_table(_SUMMARY, verification.summary),
    ]
    if verification.faults:
        shown = [f"- {text}" for faults in verification.faults.values() for text in faults]
        lines += ["", "## Differences", "", *shown[:_N_SHOWN]]
        lines += [f"- … {len(shown) - _N_SHOWN} more in junit.xml"] if len(shown) > _N_SHOWN else []
    for title, columns, table in (
        ("Kernels", _KERNELS, verification.kernels), ("Stalls", _LEDGER, verification.ledger),
        ("Speed", _SPEED, verification.speeds), ("Estimates", _FITS, verification.fits),
    ):  # fmt: skip
        lines += ["", f"## {title}", "", *_table(columns, table)] if len(table) else []
    if timelines:
        lines += ["", "## Timelines", "", "Of the point of each kernel at which model and RTL differ most.", ""]
        for name in timelines:
            trace = f"[trace events]({TIMELINES}/{name}.json.gz)"
            lines += [f"- {name}: [chart]({TIMELINES}/{name}.svg), {trace} for ui.perfetto.dev"]
    lines += ["", "`points.csv` has every point with its seed.", ""]
    return "\n".join(lines)


_SUMMARY = {
    "unit": "unit", "simulator": "simulator", "builds": "builds", "points": "points", "exact": "exact",
    "worst_error_frac": "largest error", "rtl_cycles": "cycles simulated", "faults": "differences",
}  # fmt: skip
_CYCLES = {
    "model_cycles": "model [cycles]", "rtl_cycles": "RTL [cycles]", "error_frac": "error",
    "worst_error_frac": "largest error of a point",
}  # fmt: skip
_KERNEL = {"unit": "unit", "simulator": "simulator", "kernel": "kernel"}
_KERNELS = {**_KERNEL, "model": "model", "points": "points", **_CYCLES}
_LEDGER = {**_KERNEL, "engine": "engine", "cause": "waits for", **_CYCLES}
_SPEED = {
    **_KERNEL, "build": "build", "rtl_cycles": "cycles", "mode": "model",
    "simulator_cycles_per_s": "simulator [cycles/s]", "model_cycles_per_s": "model [cycles/s]",
    "ratio": "model against simulator",
}  # fmt: skip
_FITS = {
    "unit": "unit", "build": "build", "parameter": "parameter", "value": "estimate", "interval": "95 % interval",
    "points": "points", "exact": "exact", "rms_cycles": "miss [cycles]", "machine": "value of a machine",
}  # fmt: skip


def _table(columns: Mapping[str, str], table: ResultTable) -> Iterator[str]:
    """Write some columns of a table, shares in per cent."""
    yield f"| {' | '.join(columns.values())} |"
    yield f"| {' | '.join('---' for _ in columns)} |"
    for row in table.rows():
        cells = {**row, "interval": say_interval(row)} if "low" in row else row
        yield f"| {' | '.join(_say(name, cells[name]) for name in columns)} |"


def _say(name: str, value: Any) -> str:
    if name.endswith("_frac"):
        return f"{100 * value:.2f} %"
    if name == "ratio":
        return f"{value:,.0f} x"
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return "–" if value is None else str(value)


def to_junit(verification: Verification) -> bytes:
    """Write JUnit XML: a suite per unit, a case per simulation; errors of kernels are properties of their suite."""
    root = ET.Element("testsuites")
    for unit, rows in _by_unit(list(verification.simulations.rows())):
        n_failed = sum(1 for row in rows if row["faults"])
        suite = ET.SubElement(root, "testsuite", name=unit, tests=str(len(rows)), failures=str(n_failed))
        _add_properties(suite, unit, verification)
        for row in rows:
            name = f"{row['simulator']}-{unit}-{row['build']}"
            seconds = f"{row['build_s'] + row['simulation_s']:.3f}"
            case = ET.SubElement(suite, "testcase", classname=f"rtl.{unit}", name=name, time=seconds)
            if name in verification.faults:
                faults = verification.faults[name]
                ET.SubElement(case, "failure", message=faults[0]).text = "\n".join(faults)
        for name in [name for name in verification.faults if name.endswith(f"-{unit}-coverage")]:
            case = ET.SubElement(suite, "testcase", classname=f"rtl.{unit}", name=name)
            faults = verification.faults[name]
            ET.SubElement(case, "failure", message=faults[0]).text = "\n".join(faults)
    ET.indent(root)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{ET.tostring(root, encoding='unicode')}\n".encode()


def _add_properties(suite: ET.Element, unit: str, verification: Verification) -> None:
    """Say the largest errors of cycles and of stalls, kernel by kernel."""
    said = [
        (f"{row['simulator']} {row['kernel']} {row['model']} worst_error_frac", row["worst_error_frac"])
        for row in verification.kernels.rows() if row["unit"] == unit
    ]  # fmt: skip
    said += [
        (f"{row['simulator']} {row['kernel']} {row['engine']} {row['cause']} worst_error_frac", row["worst_error_frac"])
        for row in verification.ledger.rows() if row["unit"] == unit
    ]  # fmt: skip
    if said:
        properties = ET.SubElement(suite, "properties")
        for name, value in said:
            ET.SubElement(properties, "property", name=name, value=f"{value:.6f}")


def _by_unit(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for unit in dict.fromkeys(row["unit"] for row in rows):
        yield unit, [row for row in rows if row["unit"] == unit]
