"""Timing laws against hardware blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from archmodel.errors import Fault, InputError

if TYPE_CHECKING:
    from archmodel.results.timeline import Timeline
    from archmodel.verify.run import Verification


def verify_blocks(
    units: Sequence[str] = (),
    *,
    simulators: Sequence[str] = (),
    n_points: int | None = None,
    seed: int = 1,
    is_waves: bool = False,
    is_fitted: bool = False,
    output: str | Path = "results/verify",
    tell: Callable[[int, int, str], None] | None = None,
) -> Verification:
    """Hold the timing laws against hardware blocks, cycle by cycle, in a simulator.

    Parameters
    ----------
    units
        Shipped blocks by name, others by folder; all shipped ones if empty.
    simulators
        ``"verilator"``, ``"icarus"``; all that can be used if empty.
    n_points
        Points per block and simulator; ``None``: as the contracts say.
    seed
        From which stimuli and stalls are drawn.
    is_waves
        Whether all signals are traced.
    is_fitted
        Whether latency, interval and depth are estimated, of blocks whose contract has ``fit``; ``fit.yaml`` then has
        those that a machine has.
    output
        Folder for ``points.csv``, ``report.md``, ``junit.xml``, ``cycles.svg``, and a folder per simulation.
    tell
        Told how many simulations are over, how many there are, and the name of the last one.

    Returns
    -------
    Verification
        A row per point, a row per simulation, and every difference; a row per parameter that was estimated.

    Raises
    ------
    UnknownNameError, InputError
        When a block is unknown, its contract wrong, or there is nothing of it to estimate.
    UnsupportedError
        When a simulator that was named, or every one, is missing; says how to get it.
    """
    from archmodel.report.figure import make_folder
    from archmodel.verify.contract import find_unit, unit_names
    from archmodel.verify.files import write_files
    from archmodel.verify.fit import FIT_PATIENCE, fit_units
    from archmodel.verify.fragment import FILE, check_fits
    from archmodel.verify.run import choose_simulators, plan_simulations, verify

    chosen, found = choose_simulators(simulators), [find_unit(name) for name in units or unit_names()]
    if is_fitted:
        found = found if units else [unit for unit in found if unit.contract.fit]
        check_fits(found)
    plans = plan_simulations(found, chosen, n_points)
    if is_fitted:  # the law need not know how long the hardware takes
        plans = [replace(plan, patience=FIT_PATIENCE) for plan in plans]
    if seed < 0:
        raise InputError("seed", [Fault("", f"{seed} is not allowed; allowed: whole numbers from 0")])
    folder = make_folder("verification", Path(output).resolve())
    if is_fitted:  # what an earlier run has told is not what this one does
        (folder / FILE).unlink(missing_ok=True)
    verification = verify(plans, folder, seed=seed, is_waves=is_waves, tell=tell)
    if is_fitted:
        verification = replace(verification, fits=fit_units(verification.played))
    write_files(verification, folder)
    said = {"--sim": next(iter(simulators), None), "--points": n_points, "--seed": seed, "--output": output}
    command = ["archmodel", "verify", *units, *(["--fit"] if is_fitted else [])]
    _keep(verification, folder, [*command, *(str(x) for pair in said.items() if pair[1] is not None for x in pair)])
    return verification


def _keep(verification: Verification, folder: Path, command: Sequence[str]) -> None:
    """Keep tables of what was found, for queries and for a report."""
    from importlib.metadata import version

    from archmodel.results.keep import VERIFY, keep_tables
    from archmodel.results.types import ResultTable

    names = ("points", "simulations", "kernels", "ledger", "speeds", "fits")
    faults = [{"simulation": name, "fault": text} for name, texts in verification.faults.items() for text in texts]
    tables = {name: getattr(verification, name) for name in names} | {"faults": ResultTable.from_rows(faults)}
    run = {"command": list(command), "versions": {name: version(name) for name in ("archmodel", "duckdb", "numpy")}}
    keep_tables(folder, VERIFY, run, tables)


def follow_kernel(unit: str, kernel: str) -> Timeline:
    """Play a kernel on a block in a simulator, and follow its units beside what the model expects of them.

    Parameters
    ----------
    unit
        A shipped block by name, another one by folder.
    kernel
        Of those that its points run; the longest among the first points of the first build is played.

    Returns
    -------
    Timeline
        For `archmodel.report.plot_commands`.

    Raises
    ------
    UnknownNameError, InputError
        When there is no such block, or none of its points runs the kernel, or any.
    UnsupportedError
        When the simulator is missing.
    """
    from archmodel.verify.timelines import follow_kernel as follow

    return follow(unit, kernel)
