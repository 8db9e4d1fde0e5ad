"""``archmodel verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

import archmodel as am
from archmodel.cli.options import AsJson, WholeNumber
from archmodel.cli.progress import ended_by_sigterm, show_progress
from archmodel.cli.show import note
from archmodel.cli.verification import note_fragment, print_verification
from archmodel.errors import Fault, InputError
from archmodel.verify.fragment import FILE as FRAGMENT
from archmodel.verify.new_unit import make_unit


def verify(
    *units: str,
    sim: Literal["verilator", "icarus", "all"] = "all",
    points: WholeNumber = None,
    seed: int = 1,
    waves: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    fit: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    output: Annotated[Path, Parameter(name=["--output", "-o"])] = Path("results/verify"),
    new: Annotated[Path | None, Parameter(show_default=False)] = None,
    json: AsJson = False,
) -> int:
    """Hold the timing laws against hardware blocks, cycle by cycle, in a simulator.

    Exit code 1 when model and hardware differ, or a pipeline that is to be estimated is none.

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
    fit
        Estimate latency, interval and depth of blocks whose contract has 'fit', and write 'fit.yaml' for a machine.
    output
        Folder for tables, page, figures, timelines, JUnit file, logs and waves.
    new
        Make the folder of a new block with all that a block needs, and verify nothing.
    json
        Print JSON: points, kernels, ledger, speeds and fits, a row each, and faults; tables without rows are left out.
    """
    if new is not None:
        print("\n".join(str(path) for path in make_unit(new)))
        note(f"note: verify it with: archmodel verify {new}")
        return 0
    if points is not None and points < 1:
        raise InputError("command line", [Fault("--points", f"{points} is not allowed; allowed: whole numbers from 1")])
    with ended_by_sigterm(), show_progress("simulation") as tell:
        found = am.verify_blocks(
            units, simulators=() if sim == "all" else (sim,), n_points=points, seed=seed, is_waves=waves,
            is_fitted=fit, output=output, tell=tell,
        )  # fmt: skip
    print_verification(found, is_json=json)
    for name, faults in found.faults.items():
        for text in faults[:3]:
            note(f"{name}: {text}")
    note(f"note: every point, logs and waves are in {output}")
    if fit:
        note_fragment(found, output / FRAGMENT)
    return 1 if found.faults or not all(row["is_explained"] for row in found.fits.rows()) else 0
