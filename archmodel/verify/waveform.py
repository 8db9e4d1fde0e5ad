"""Draw the waveform in the README of blocks: ``python -m archmodel.verify.waveform [UNIT ...]``.

The first point of the first build that Icarus runs is played, and the signals that the contract lists are read in every
cycle.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from archmodel.errors import ArchmodelError, Fault, InputError
from archmodel.report.waveform import plot_waveform
from archmodel.verify.bench import draw_points, simulate
from archmodel.verify.contract import FILE, describe_point, find_unit, unit_names
from archmodel.verify.run import choose_simulators

SHOWN = 32  # cycles; where nothing happens in so many, as many from the first in which something does


def main(names: Sequence[str]) -> int:
    """Draw the waveforms of some blocks, or of all."""
    (icarus,) = choose_simulators(["icarus"])
    for name in names or unit_names():
        unit = find_unit(name)
        missing = [key for key in ("icarus", "waveform") if not getattr(unit.contract, key)]
        if missing:
            raise InputError("waveform", [Fault(f"{name}/{FILE}", f"{key}: empty; needed here") for key in missing])
        build = unit.contract.icarus[0]
        points = draw_points(unit, build, 1)
        with tempfile.TemporaryDirectory() as folder:
            simulation = simulate(unit, build, icarus, points, Path(folder), is_drawn=True)
        if not simulation.points:
            raise InputError("waveform", [Fault(name, text) for text in simulation.faults])
        remark = f"{describe_point(points[0].parameters)}."
        rows = simulation.points[0]["waveform"]
        begins = next((i for i, row in enumerate(rows) if row != rows[0]), 0)
        n_shown = SHOWN if begins < SHOWN else begins + SHOWN
        plot_waveform(unit.name, remark, rows, unit.folder / "waveform.svg", n_shown)
        print(unit.folder / "waveform.svg")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ArchmodelError as error:
        sys.exit(str(error))
