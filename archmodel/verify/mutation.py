"""Seed faults into hardware blocks and laws and see whether the checks find them.

``python -m archmodel.verify.mutation [UNIT ...] [--output FILE]``; the faults are in the ``faults.yaml`` of each block.
A fault in the hardware is found when a point played on Icarus differs from the model; a fault in a law when what it
expects differs from what the sound hardware did.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

from archmodel.errors import ArchmodelError, Fault, InputError
from archmodel.inputs import SCHEMA, build, read_yaml
from archmodel.verify.bench import Point, Simulation, count_points, draw_points, simulate
from archmodel.verify.contract import Contract, Unit, describe_point, find_unit, stub_folder, unit_names
from archmodel.verify.run import choose_simulators
from archmodel.verify.toolchain import Simulator

FILE = "faults.yaml"
LONGEST_S = 300


@dataclass(frozen=True, slots=True)
class SeededFault:
    """A fault: in ``file``, the text ``find``, which occurs once, becomes ``replace``.

    The file is one of the block (RTL), or of the block or ``archmodel/kernels`` (law).
    """

    __pydantic_config__: ClassVar = SCHEMA
    name: str
    file: str
    find: str
    replace: str

    def apply(self, path: Path) -> str:
        """Text of a file with the fault in it.

        Raises
        ------
        InputError
            When there is no such file, or the text to be replaced does not occur exactly once in it.
        """
        if not path.is_file():
            raise InputError("seeded fault", [Fault(str(path), f"{self.name!r}: no such file")])
        text = path.read_text(encoding="utf-8")
        n = text.count(self.find)
        if n != 1:
            raise InputError(
                "seeded fault", [Fault(str(path), f"{self.name!r}: found {n} times; it has to occur once")]
            )
        return text.replace(self.find, self.replace)


@dataclass(frozen=True, slots=True)
class FaultFile:
    """What ``faults.yaml`` says: faults in the hardware, and faults in the kernels of the laws."""

    __pydantic_config__: ClassVar = SCHEMA
    rtl: tuple[SeededFault, ...]
    law: tuple[SeededFault, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a fault: where it was, and the first difference that gave it away (empty: it was not found)."""

    unit: str
    kind: str
    name: str
    file: str
    evidence: str


def read_faults(unit: Unit) -> FaultFile:
    """Read the faults of a block."""
    return build(FaultFile, read_yaml(unit.folder / FILE, f"seeded faults of {unit.name}"))


def law_file(unit: Unit, fault: SeededFault, kernels: Path) -> Path:
    """Find the file of a fault of the law: the block's own, else the kernel of that name in a folder of kernels."""
    own = unit.folder / fault.file
    return own if own.is_file() else kernels / fault.file


Played = dict[str, tuple[list[Point], Simulation]]


def play_sound(unit: Unit, icarus: Simulator, folder: Path) -> Played:
    """Play the block as it is on Icarus: build → its points and what they gave."""
    drawn = {name: draw_points(unit, name, n) for name, n in count_points(unit, "icarus").items()}
    return {name: (points, simulate(unit, name, icarus, points, folder / "sound")) for name, points in drawn.items()}


def try_faults(
    unit: Unit, sound: Played, pool: ThreadPoolExecutor, folder: Path, n_of_each: int | None = None
) -> Iterator[Outcome]:
    """Try the faults of a block.

    Parameters
    ----------
    unit
        The block.
    sound
        What it did without faults, as of `play_sound`.
    pool
        In which faults are tried side by side.
    folder
        For the simulations.
    n_of_each
        How many faults of the hardware and of the law to try, from the first; ``None``: all.

    Raises
    ------
    InputError
        When the sound block fails, was not played or has no faults, or a fault cannot be applied, built or evaluated.
    """
    (icarus,) = choose_simulators(["icarus"])
    faults = read_faults(unit)
    if not sound or not faults.rtl + faults.law:
        raise InputError("mutation run", [Fault(unit.name, "needs builds that Icarus runs, and faults to try")])
    if any(simulation.faults for _, simulation in sound.values()):
        raise InputError("mutation run", [Fault(unit.name, "the sound block fails; mend that first")])
    measured = folder / f"{unit.name}-sound.json"
    points = {name: drawn for name, (drawn, _) in sound.items()}
    (seed,) = {drawn[0].seed[0] for drawn in points.values()}
    rows = {name: simulation.points for name, (_, simulation) in sound.items()}
    measured.write_text(json.dumps({"seed": seed, "rows": rows}), encoding="utf-8")
    of_rtl = pool.map(partial(_try_rtl, unit, icarus, points, folder), faults.rtl[:n_of_each])
    of_law = pool.map(partial(_try_law, unit, measured), faults.law[:n_of_each])
    yield from of_rtl
    yield from of_law


def _try_rtl(
    unit: Unit, icarus: Simulator, points: dict[str, list[Point]], folder: Path, fault: SeededFault
) -> Outcome:
    with tempfile.TemporaryDirectory(dir=folder) as own:
        path = (unit.folder / fault.file).resolve()
        faulty = Path(own) / path.name
        faulty.write_text(fault.apply(path), encoding="utf-8")
        sources = tuple(str(faulty if source == path else source) for source in unit.rtl_sources)
        changed = replace(unit, contract=replace(unit.contract, sources=sources))
        evidence = ""
        for name, drawn in points.items():
            simulation = simulate(changed, name, icarus, drawn, Path(own), stops_at_fault=True)
            if simulation.faults and not (simulation.folder / "results.xml").is_file():
                text = f"{fault.name!r}: does not build or run: {' | '.join(simulation.faults)}"
                raise InputError("seeded fault", [Fault(str(path), text)])
            if simulation.faults:
                evidence = simulation.faults[0]
                break
    return Outcome(unit.name, "rtl", fault.name, fault.file, evidence)


def _try_law(unit: Unit, sound: Path, fault: SeededFault) -> Outcome:
    """Compare in a process of its own, which imports a copy of the package, or of the block, with the fault in it."""
    with tempfile.TemporaryDirectory() as own:
        package, block = Path(own) / "archmodel", unit.folder
        shutil.copytree(
            str(files("archmodel")), package, ignore=shutil.ignore_patterns("__pycache__", "_data", "presets")
        )
        target, stubs = law_file(unit, fault, package / "kernels"), Path(own) / "rtl_stubs"
        stubs.mkdir()
        for other in stub_folder().iterdir():  # sources that blocks share, images of kernels that some laws run
            if other != unit.folder:
                (stubs / other.name).symlink_to(other)
        if target.parent == unit.folder:  # a law that is the block's own
            block = Path(shutil.copytree(unit.folder, stubs / unit.name))
            target = block / fault.file
        else:
            (stubs / unit.name).symlink_to(unit.folder)
        target.write_text(fault.apply(target), encoding="utf-8")
        env = {**os.environ, "PYTHONPATH": own, "NUMBA_DISABLE_JIT": "1", "NUMBA_CACHE_DIR": own}
        command = [sys.executable, "-m", "archmodel.verify.mutation", "--compare", str(sound), str(block)]
        try:
            done = subprocess.run(
                command, env=env, cwd=own, capture_output=True, text=True, check=False, timeout=LONGEST_S
            )
        except subprocess.TimeoutExpired:
            return Outcome(unit.name, "law", fault.name, fault.file, f"no answer within {LONGEST_S} s")
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        text = f"{fault.name!r}: the law has no answer, which proves nothing; seed one that gives other cycles: {why}"
        raise InputError("seeded fault", [Fault(fault.file, text)])
    return Outcome(unit.name, "law", fault.name, fault.file, done.stdout.strip())


def compare(folder: str, sound: Path) -> str:
    """Find the first difference between what the laws expect and what hardware did; empty if there is none."""
    unit = find_unit(folder)
    measured = json.loads(sound.read_text(encoding="utf-8"))
    for name, rows in measured["rows"].items():
        for point, row in zip(draw_points(unit, name, len(rows), measured["seed"]), rows, strict=True):
            difference = _first_difference(unit.contract, point.expected, row)
            if difference:
                where = f"{unit.name} {describe_point(point.parameters)}, point {point.index} (seed {point.seed})"
                return f"{where}: {difference}"
    return ""


def _first_difference(contract: Contract, expected: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """Say where a law and hardware differ by more than the contract allows."""
    tolerances = contract.tolerances_of(expected.get("kernel"))
    rtl, models = row["cycles"], expected.get("models", {})
    allowed = {"law": tolerances.cycles_tolerance_frac, **(tolerances.models_tolerance_frac if models else {})}
    for name, cycles in {"law": expected["cycles"], **models}.items():
        if abs(cycles - rtl) > allowed.get(name, math.inf) * rtl:
            return f"cycles: model {cycles}, RTL {rtl}"
    for event, cycles in expected["events"].items():
        if cycles is None:  # the law leaves it open
            continue
        measured = row["events"][event]
        apart = [abs(a - b) for a, b in zip(cycles, measured, strict=False) if a is not None]
        if len(cycles) != len(measured) or max(apart, default=0) > tolerances.cycles_tolerance_frac * rtl:
            return f"event {event!r} differs"
    if tolerances.counters_tolerance_frac is None:
        return ""
    wanted, got = expected.get("counters", {}), row["counters"]
    most = tolerances.counters_tolerance_frac * expected["cycles"]
    for counter in sorted({*wanted, *got}):
        if abs(wanted.get(counter, 0) - got.get(counter, 0)) > most:
            return f"counter {counter!r} differs"
    return ""


def write_page(outcomes: Sequence[Outcome], path: Path) -> None:
    """Write the list of faults and what gave them away as a page of the documentation."""
    found = sum(1 for outcome in outcomes if outcome.evidence)
    lines = [
        "# Seeded faults",
        "",
        f"{found} of {len(outcomes)} faults are found. `make mutation` seeds them one at a time and renews this page.",
        "A fault in the hardware (`rtl`) is found when a point differs from the model, a fault in a law when the law",
        "differs from the sound hardware. The last column is the first difference.",
        "",
        "| unit | kind | fault | file | first difference |",
        "| --- | --- | --- | --- | --- |",
    ]
    for outcome in outcomes:
        evidence = outcome.evidence.replace("|", "\\|") or "**not found**"
        evidence = evidence.removeprefix(f"{outcome.unit} ")
        lines.append(f"| {outcome.unit} | {outcome.kind} | {outcome.name} | `{outcome.file}` | {evidence} |")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; returns 1 when a fault was not found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("units", nargs="*", help="blocks; all by default")
    parser.add_argument("--output", type=Path, help="page to write")
    parser.add_argument("--compare", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.compare:
        print(compare(given.units[0], given.compare))
        return 0
    outcomes = []
    with ThreadPoolExecutor(os.cpu_count()) as pool, tempfile.TemporaryDirectory() as folder:
        (icarus,) = choose_simulators(["icarus"])
        for unit in map(find_unit, given.units or unit_names()):
            sound = play_sound(unit, icarus, Path(folder))
            for outcome in try_faults(unit, sound, pool, Path(folder)):
                print(
                    f"{outcome.unit:18} {outcome.kind:4} {outcome.name}: {outcome.evidence or 'NOT FOUND'}", flush=True
                )
                outcomes.append(outcome)
    missed = [outcome for outcome in outcomes if not outcome.evidence]
    print(f"{len(outcomes) - len(missed)} of {len(outcomes)} faults found")
    if given.output:
        write_page(outcomes, given.output)
    return 1 if missed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ArchmodelError as error:
        sys.exit(str(error))
