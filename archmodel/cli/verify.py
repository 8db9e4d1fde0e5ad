"""``archmodel verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

import archmodel as am
from archmodel.cli.options import AsJson, WholeNumber
from archmodel.cli.progress import show_progress
from archmodel.cli.show import note, print_json, print_table
from archmodel.errors import Fault, InputError
from archmodel.verify.new_unit import make_unit


def verify(
    *units: str,
    sim: Literal["verilator", "icarus", "all"] = "all",
    points: WholeNumber = None,
    seed: int = 1,
    waves: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    output: Path = Path("results/verify"),
    new: Annotated[Path | None, Parameter(show_default=False)] = None,
    json: AsJson = False,
) -> int:
    """Hold the timing laws against hardware blocks, cycle by cycle, in a simulator.

    Exit code 1 when model and hardware differ.

    Parameters
    ----------
    units
        Shipped blocks, or folders of your own; all shipped blocks by default.
    sim
        Simulator; by default all that are installed ('archmodel doctor').
    points
        Points per block and simulator; by default as its contract says.
    seed
        From which stimuli and stalls are drawn.
    waves
        Trace all signals; waves of what fails are kept anyway.
    output
        Folder for table, page, figure, JUnit file, logs and waves.
    new
        Make the folder of a new block with all that a block needs, and verify nothing.
    json
        Print JSON: a row per point.
    """
    if new is not None:
        print("\n".join(str(path) for path in make_unit(new)))
        note(f"note: verify it with: archmodel verify {new}")
        return 0
    if points is not None and points < 1:
        raise InputError("command line", [Fault("--points", f"{points} is not allowed; allowed: whole numbers from 1")])
    with show_progress("simulation") as tell:
        found = am.verify_blocks(
            units, simulators=() if sim == "all" else (sim,), n_points=points, seed=seed, is_waves=waves,
            output=output, tell=tell,
        )  # fmt: skip
    if json:
        print_json({"points": list(found.points.rows()), "faults": found.faults})
    else:
        headings = {
            "unit": "unit", "simulator": "simulator", "builds": "builds", "points": "points", "exact": "exact",
            "worst_error_frac": "largest error", "rtl_cycles": "cycles", "faults": "differences",
        }  # fmt: skip
        print_table("Model against RTL", list(found.summary.rows()), headings, n_keys=2)
    for name, faults in found.faults.items():
        for text in faults[:3]:
            note(f"{name}: {text}")
    note(f"note: every point, logs and waves are in {output}")
    return 1 if found.faults else 0
