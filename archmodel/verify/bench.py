"""Draw points, ask the model what happens at each, and have a simulator play them."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import traceback
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import numpy as np

from archmodel.errors import Fault, InputError
from archmodel.verify.contract import Unit, common_folder
from archmodel.verify.simulate import ICARUS_ARGS, VERILATOR_ARGS
from archmodel.verify.toolchain import MAKE_VARIABLES, Simulator, simulation_environment

SEED = 1
PATIENCE = 2
_BAD_TAGS = ("failure", "error", "skipped")  # of JUnit
LONGEST_S = 600  # for which a simulation may run, its build included; hardware that loops within a cycle never ends
_running: set[int] = set()  # process groups of simulations


@dataclass(frozen=True, slots=True)
class Point:
    """One point: parameters of the build, the stimulus drawn from its seed, and what the model expects.

    ``expected`` has ``cycles`` (int) and ``events`` (name → list of cycles); where the contract names counters, also
    ``counters`` (name → cycles, without those that are 0).
    """

    unit: str
    build: str
    index: int
    seed: list[int]
    parameters: Mapping[str, int]
    stimulus: Mapping[str, Any] = field(repr=False)
    expected: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Simulation:
    """What one simulation of a build gave.

    ``points`` has a row per point: cycles, checksum, events, counters, bins. ``faults`` are the differences the
    scoreboard found, or why there are no rows.
    """

    unit: Unit
    build: str
    simulator: str
    folder: Path
    points: list[dict[str, Any]]
    faults: list[str]
    build_seconds: float
    seconds: float
    simulated_cycles: int

    @property
    def rtl_cycles(self) -> list[int]:
        """Cycles that the hardware counted, point by point."""
        return [row["cycles"] for row in self.points]


@cache
def load_law(folder: Path) -> ModuleType:
    """Import ``law.py`` of a block: ``draw(rng, parameters)`` and ``expect(parameters, stimulus)``."""
    path = folder / "law.py"
    spec = importlib.util.spec_from_file_location(f"law_of_{folder.name}", path)
    assert spec is not None  # the contract's loader has seen the file
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with blaming(path):
        spec.loader.exec_module(module)
    missing = [name for name in ("draw", "expect") if not callable(getattr(module, name, None))]
    if missing:
        raise InputError("law", [Fault(str(path), f"has no function {name!r}") for name in missing])
    return module


@contextmanager
def blaming(path: Path) -> Iterator[None]:
    """Turn whatever a file of the block raises into an error that names the file and the line."""
    try:
        yield
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        where = f"{path}:{lines[-1]}" if lines else str(path)
        text = f"raises {type(error).__name__}: {error}; --debug shows where"
        raise InputError("law", [Fault(where, text)]) from error


def count_points(unit: Unit, simulator: str, n_points: int | None = None) -> dict[str, int]:
    """Spread the points of a simulator evenly over its builds: build → points.

    Parameters
    ----------
    unit, simulator
        What is played, and on what.
    n_points
        Points in all; as the contract says by default.
    """
    builds = unit.builds_of(simulator)
    total = unit.contract.points.get(simulator, 0) if n_points is None else n_points
    shares = {name: (total + len(builds) - 1 - i) // len(builds) for i, name in enumerate(builds)}
    return {name: n for name, n in shares.items() if n > 0}


def draw_points(unit: Unit, build: str, n_points: int, seed: int = SEED) -> list[Point]:
    """Draw the points of a build; the first ones are the same for every number of points.

    Raises
    ------
    InputError
        When ``law.py`` raises, or does not expect what the contract names.
    """
    law, parameters = load_law(unit.folder), unit.contract.builds[build]
    points = []
    for index in range(n_points):
        seeds = [seed, zlib.crc32(f"{unit.name}/{build}".encode()), index]
        with blaming(unit.folder / "law.py"):
            stimulus = law.draw(np.random.default_rng(seeds), parameters)
            expected = law.expect(parameters, stimulus)
            json.dumps([stimulus, expected])  # as the simulator gets them
        _check_expected(unit, expected)
        points.append(Point(unit.name, build, index, seeds, parameters, stimulus, expected))
    return points


def _check_expected(unit: Unit, expected: Any) -> None:
    """Refuse a law that leaves an event out: what nothing is expected of would not be compared."""
    given = expected if isinstance(expected, dict) else {}
    differing = set(unit.contract.events) ^ set(given.get("events", ()))
    differing |= set(given.get("counters", ())) - set(unit.contract.counters)
    if unit.contract.counters and "counters" not in given:
        differing |= {"counters"}
    if "models" in given:
        differing |= set(unit.contract.models_tolerance_frac) - set(given["models"])
    if differing or not isinstance(given.get("cycles"), int):
        named = ", ".join(sorted(differing)) or "cycles"
        text = (
            "expect() has to give 'cycles', 'events' with the names in contract.yaml, 'counters' with some of its names"
            f" where it has any, and in 'models' all that have a tolerance; look at: {named}"
        )
        raise InputError("law", [Fault(str(unit.folder / "law.py"), text)])


def simulate(
    unit: Unit, build: str, simulator: Simulator, points: Sequence[Point], folder: Path, *, is_waves: bool = False,
    seed: int = SEED, is_drawn: bool = False, stops_at_fault: bool = False, patience: int = PATIENCE,
) -> Simulation:  # fmt: skip
    """Build a bench, unless it is in the cache, and play points on it.

    Parameters
    ----------
    unit, build, simulator, points
        What is played, and on what.
    folder
        Where the job, its log, its results and its waves go.
    is_waves
        Whether all signals are traced.
    seed
        Handed to cocotb; the stimuli are drawn already.
    is_drawn
        Whether the signals that the contract lists under ``waveform`` are read in every cycle, for a picture.
    stops_at_fault
        Whether the points behind one that differs are left out.
    patience
        How many times the cycles of the model a point may take.
    """
    folder = folder / f"{unit.name}-{build}-{simulator.name}"
    folder.mkdir(parents=True, exist_ok=True)
    measured = folder / "measured.json"
    for stale in (measured, folder / "results.xml"):
        stale.unlink(missing_ok=True)
    job = {
        "unit": unit.name, "top": unit.top, "simulator": simulator.name, "parameters": dict(points[0].parameters),
        "sources": [str(path) for path in _sources(unit)],
        "uncovered": _uncovered(unit),
        "events": list(unit.contract.events), "counters": list(unit.contract.counters),
        "waveform": list(unit.contract.waveform) if is_drawn else [], "is_waves": is_waves, "seed": seed,
        "stops_at_fault": stops_at_fault, "patience": patience,
        "python_path": [str(unit.folder), str(common_folder())], "test_module": f"tb_{unit.name}",
        "folder": str(folder), "measured": str(measured), "runtime_dir": str(_runtime_folder(simulator, is_waves)),
        "build_dir": str(_build_folder(unit, points[0], simulator, is_waves)),
        "points": [
            {
                "index": point.index, "seed": point.seed, "stimulus": point.stimulus, "expected": point.expected,
                "tolerances": asdict(unit.contract.tolerances_of(point.expected.get("kernel"))),
            }
            for point in points
        ],
    }  # fmt: skip
    path = folder / "job.json"
    path.write_text(json.dumps(job), encoding="utf-8")
    with (folder / "log.txt").open("w") as log:
        _run_to_end(path, simulator, log)
    return _read(unit, build, simulator.name, folder, len(points))


def _run_to_end(job: Path, simulator: Simulator, log: IO[str]) -> None:
    """Run a job in a process group of its own, and end all of it when it takes too long."""
    # By its path: the process then imports nothing of the package.
    command = [sys.executable, str(Path(__file__).with_name("simulate.py")), str(job)]
    process = subprocess.Popen(
        command, env=simulation_environment(simulator), stdout=log, stderr=subprocess.STDOUT, cwd=job.parent,
        start_new_session=True,
    )  # fmt: skip
    _running.add(process.pid)
    try:
        process.wait(LONGEST_S)
    except subprocess.TimeoutExpired:
        log.write(f"\nError: not over after {LONGEST_S} s; ended\n")
    finally:
        _end(process.pid)
        process.wait()
        _running.discard(process.pid)


def _end(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def end_simulations() -> None:
    """End all simulations that are running; those that wait for them go on at once."""
    for group in tuple(_running):
        _end(group)


def _read(unit: Unit, build: str, simulator: str, folder: Path, n_points: int) -> Simulation:
    """Collect what a simulation left; a simulator may exit with 0 although its test failed, so the files decide."""
    report: dict[str, Any] = {"points": [], "faults": [], "simulated_cycles": 0, "seconds": 0.0}
    if (folder / "measured.json").is_file():
        report = json.loads((folder / "measured.json").read_text(encoding="utf-8"))
    faults = list(report["faults"])
    if not faults and not (len(report["points"]) == n_points and _has_passed(folder / "results.xml")):
        lines = (folder / "log.txt").read_text(encoding="utf-8", errors="replace").splitlines()
        errors = [line.strip() for line in lines if "rror" in line][-5:] or lines[-5:]
        played = f"played {len(report['points'])} of {n_points} points"
        faults = [f"{unit.name} {build} on {simulator} {played}; see {folder / 'log.txt'}", *errors]
    took = folder / "build.json"
    build_seconds = json.loads(took.read_text(encoding="utf-8"))["seconds"] if took.is_file() else 0.0
    return Simulation(
        unit, build, simulator, folder, report["points"], faults, build_seconds, report["seconds"],
        report["simulated_cycles"],
    )  # fmt: skip


def _has_passed(results: Path) -> bool:
    if not results.is_file():
        return False
    root = ET.parse(results).getroot()
    n_cases, n_bad = (sum(1 for tag in tags for _ in root.iter(tag)) for tags in (("testcase",), _BAD_TAGS))
    return n_cases > 0 and n_bad == 0


def _sources(unit: Unit) -> list[Path]:
    *common, top = unit.bench_sources
    return [*common, *unit.rtl_sources, top]


def _uncovered(unit: Unit) -> list[str]:
    """List the sources whose coverage is judged with the blocks that they belong to."""
    return [str(path) for path in unit.rtl_sources if path not in unit.own_sources]


def _build_folder(unit: Unit, point: Point, simulator: Simulator, is_waves: bool) -> Path:
    """Folder of a build, named by a hash of all that goes into it."""
    is_verilator = simulator.name == "verilator"  # which alone counts lines
    args, uncovered = ((*VERILATOR_ARGS, MAKE_VARIABLES), _uncovered(unit)) if is_verilator else (ICARUS_ARGS, [])
    text = json.dumps([
        simulator.name, simulator.detail, version("cocotb"), args, point.parameters, is_waves, unit.top, uncovered,
    ])  # fmt: skip
    digest = hashlib.sha256(text.encode())
    for path in _sources(unit):
        digest.update(str(path).encode() + path.read_bytes())  # coverage names sources by their paths
    return cache_folder() / f"{unit.name}-{simulator.name}-{digest.hexdigest()[:16]}"


def _runtime_folder(simulator: Simulator, is_waves: bool) -> Path:
    return cache_folder() / f"runtime-{simulator.name}-{simulator.detail}-{'waves' if is_waves else 'plain'}"


def cache_folder() -> Path:
    """Folder of builds: ``ARCHMODEL_RTL_CACHE``, else ``archmodel/rtl`` in the user's cache folder."""
    given = os.environ.get("ARCHMODEL_RTL_CACHE")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(given) if given else home / "archmodel" / "rtl"
