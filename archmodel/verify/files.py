"""What a verification writes: a table, a page and a JUnit file."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from archmodel.report.figure import write_file
from archmodel.report.verification import plot_verification
from archmodel.results import ResultTable
from archmodel.verify.contract import describe_point
from archmodel.verify.run import Verification

_N_SHOWN = 20  # differences on the page; the JUnit file has all


def write_files(verification: Verification, folder: Path) -> None:
    """Write ``points.csv``, ``report.md``, ``junit.xml`` and, if there are points, the figure ``cycles.svg``."""
    subject = "verification"
    write_file(subject, folder / "points.csv", to_csv(verification.points).encode())
    write_file(subject, folder / "report.md", to_markdown(verification).encode())
    write_file(subject, folder / "junit.xml", to_junit(verification))
    if len(verification.points):
        plot_verification(verification.points, folder / "cycles.svg")


def to_csv(points: ResultTable) -> str:
    """Write the points as CSV, parameters on one line."""
    rows = [{**row, "parameters": describe_point(row["parameters"])} for row in points.rows()]
    return ResultTable.from_rows(rows).to_csv()


def to_markdown(verification: Verification) -> str:
    """Write a page: what was compared, and the first differences."""
    lines = [
        "# Model against RTL",
        "",
        "Cycles of the timing laws against cycles counted by the hardware blocks.",
        "",
        "| unit | simulator | builds | points | exact | largest error | cycles simulated | differences |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_summary_line(row) for row in verification.summary.rows()),
    ]
    if verification.faults:
        shown = [f"- {text}" for faults in verification.faults.values() for text in faults]
        lines += ["", "## Differences", "", *shown[:_N_SHOWN]]
        lines += [f"- … {len(shown) - _N_SHOWN} more in junit.xml"] if len(shown) > _N_SHOWN else []
    lines += ["", "`points.csv` has every point with its seed.", ""]
    return "\n".join(lines)


def _summary_line(row: Mapping[str, Any]) -> str:
    error = f"{100 * row['worst_error_frac']:.2f} %"
    names = ("unit", "simulator", "builds", "points", "exact")
    cells = [*(str(row[name]) for name in names), error, str(row["rtl_cycles"]), str(row["faults"])]
    return f"| {' | '.join(cells)} |"


def to_junit(verification: Verification) -> bytes:
    """Write JUnit XML: a suite per unit, a case per simulation."""
    root = ET.Element("testsuites")
    for unit, rows in _by_unit(list(verification.simulations.rows())):
        n_failed = sum(1 for row in rows if row["faults"])
        suite = ET.SubElement(root, "testsuite", name=unit, tests=str(len(rows)), failures=str(n_failed))
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


def _by_unit(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for unit in dict.fromkeys(row["unit"] for row in rows):
        yield unit, [row for row in rows if row["unit"] == unit]
