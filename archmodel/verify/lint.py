"""Lint hardware blocks with Verilator: blocks with every warning on, benches for what is left open or cut off."""

from __future__ import annotations

import subprocess
from pathlib import Path

from archmodel.verify.contract import Unit
from archmodel.verify.toolchain import Simulator, simulation_environment

BENCH_CHECKS = ("-Wno-lint", "-Wno-style", "-Wwarn-PINMISSING", "-Wwarn-WIDTHTRUNC", "-Wwarn-WIDTHEXPAND")


def lint(unit: Unit, verilator: Simulator) -> str:
    """Lint the sources of a block, and those with its bench, at the parameters of each build; returns what was said.

    Parameters
    ----------
    unit
        Whose top module has the name of the unit, and the parameters of its bench that it declares.
    verilator
        The simulator, found.
    """
    said = []
    sources = [str(path) for path in unit.rtl_sources]
    text = "".join(Path(path).read_text(encoding="utf-8") for path in sources)
    for build, parameters in unit.contract.builds.items():
        given = [
            f"-G{name}={value}" for name, value in parameters.items() if f" {name} " in text or f" {name}," in text
        ]
        all_given = [f"-G{name}={value}" for name, value in parameters.items()]
        for top, checks, arguments in (
            (unit.name, ("-Wall",), [*given, *sources]),
            (unit.top, BENCH_CHECKS, [*all_given, *sources, *map(str, unit.bench_sources)]),
        ):
            done = subprocess.run(
                ["verilator", "--lint-only", *checks, "--top-module", top, *arguments],
                env=simulation_environment(verilator), capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode or done.stderr:
                said.append(f"{top} {build}: {done.stderr.strip()}")
    return "\n".join(said)
