"""Write estimates as a fragment of a machine file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from archmodel.errors import Fault, InputError
from archmodel.machine.load import whole_value
from archmodel.report.figure import write_file
from archmodel.results import ResultTable
from archmodel.verify.contract import FILE as CONTRACT
from archmodel.verify.contract import Unit

FILE = "fit.yaml"


def check_fits(units: Sequence[Unit]) -> None:
    """Refuse blocks without a pipeline to estimate, and two whose estimates are the same value of a machine.

    Raises
    ------
    InputError
        With all of them.
    """
    faults, taken = [], dict[str, str]()
    for unit in units:
        fit = unit.contract.fit
        if fit is None:
            text = "has no 'fit'; name the ends of a pipeline, e.g. fit: {entry: in, exit: out}"
            faults.append(Fault(str(unit.folder / CONTRACT), text))
            continue
        for path in filter(None, (fit.latency, fit.interval, fit.depth)):
            if path in taken:
                faults.append(Fault(unit.name, f"estimates {path}, as {taken[path]} does; fit one after the other"))
            taken[path] = unit.name
    if faults:
        raise InputError("fit", faults)


def write_fragment(fits: ResultTable, units: Sequence[Unit], path: Path) -> list[str]:
    """Write the estimates that a machine has a value for; returns the paths of these.

    Parameters
    ----------
    fits
        From `archmodel.verify.fit.fit_units`.
    units
        Their blocks; the contract of each says which build the machine has.
    path
        File to write; removed if there is nothing to write, so that no older one stays.
    """
    leaves = {row["machine"]: _leaf(row) for unit in units for row in _told(fits, unit)}
    if not leaves:
        path.unlink(missing_ok=True)
        return []
    head = "# Estimated by archmodel verify --fit. A machine takes it in with: extends: [MACHINE, fit.yaml]\n"
    write_file("fit", path, (head + "".join(_lines(leaves))).encode())
    return list(leaves)


def _told(fits: ResultTable, unit: Unit) -> list[dict[str, Any]]:
    """Give the estimates of a block that go into a machine."""
    build = chosen_build(unit)
    rows = [row for row in fits.rows() if (row["unit"], row["build"]) == (unit.name, build)]
    return [row for row in rows if row["machine"] and row["value"] is not None]


def missing_estimates(fits: ResultTable, units: Sequence[Unit]) -> list[str]:
    """Say of each block that gives a machine nothing which build that is about, and why.

    Parameters
    ----------
    fits, units
        As for `write_fragment`.
    """
    said = []
    for unit in units:
        build = chosen_build(unit)
        rows = [row for row in fits.rows() if (row["unit"], row["build"]) == (unit.name, build)]
        named = [row for row in rows if row["machine"]]
        if not rows:
            why = "which a machine has, was not played"
        elif not named:
            why = "'fit' in the contract names no value of a machine"
        else:
            why = "; ".join(f"{row['machine']}: {say_interval(row)}" for row in named)
        if not _told(fits, unit):
            said.append(f"{unit.name}, build {build}: {why}")
    return said


def chosen_build(unit: Unit) -> str:
    """Name the build that a machine has."""
    fit = unit.contract.fit
    return (fit.build if fit else None) or next(iter(unit.contract.builds))


def say_interval(row: Mapping[str, Any]) -> str:
    """Say in which interval a parameter lies, ``3 to 5`` or ``at least 3``, or why in none."""
    low, high = row["low"], row["high"]
    if not row["points"]:
        return "no words went through"
    if low is None:
        return f"no such law with {row['searched']}" if row["searched"] else "no such law"
    return f"at least {low}" if high is None else f"{low} to {high}"


def _leaf(row: Mapping[str, Any]) -> str:
    points = f"{row['points']} points, {row['exact']} of them exact"
    source = f"measured on RTL of {row['unit']}, build {row['build']}, {points}; 95 % interval {say_interval(row)}"
    value = whole_value(row["machine"], row["value"])
    return f'{{value: {value}, kind: measured, source: "{source}"}}'


def _lines(leaves: Mapping[str, str], depth: int = 0) -> Iterator[str]:
    """Write leaves below their groups, each group once."""
    groups: dict[str, dict[str, str]] = {}
    for dotted, leaf in leaves.items():
        head, _, rest = dotted.partition(".")
        groups.setdefault(head, {})[rest] = leaf
    for head, below in groups.items():
        if "" in below:
            yield f"{'  ' * depth}{head}: {below['']}\n"
        else:
            yield f"{'  ' * depth}{head}:\n"
            yield from _lines(below, depth + 1)
