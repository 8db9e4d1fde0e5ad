"""Verify blocks: draw, play and compare all builds of some blocks on some simulators, several at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from archmodel.errors import Fault, InputError, UnsupportedError
from archmodel.results import ResultTable
from archmodel.verify.bench import SEED, Point, Simulation, count_points, draw_points, end_simulations, simulate
from archmodel.verify.contract import Unit
from archmodel.verify.kernels import kernel_table, ledger_table, speed_table
from archmodel.verify.plan import Plan, Played
from archmodel.verify.toolchain import SIMULATORS, Simulator, find_simulator

_PAUSE_S = 0.05  # between looks at simulations that are being ended


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found.

    Parameters
    ----------
    points
        A row per point: unit, simulator, build, point, seed, parameters, model_cycles, rtl_cycles, error_frac; of
        hardware that runs kernels also kernel, and in models the cycles of each mode of the model.
    simulations
        A row per simulation: unit, simulator, build, points, faults, build_s, simulation_s, simulated_cycles.
    faults
        Every difference between model and hardware, every simulation that did not end, by simulation; and coverage
        goals that were missed, by simulator and unit.
    played
        Stimuli, and every event that was measured.
    kernels, ledger, speeds
        Of hardware that runs kernels: cycles of each model, stalls by cause on both sides, and speed
        (`archmodel.verify.kernels`).
    fits
        Estimated pipelines (`archmodel.verify.fit.fit_units`), where they were asked for.
    """

    points: ResultTable
    simulations: ResultTable
    faults: dict[str, list[str]] = field(default_factory=dict)
    played: Sequence[Played] = field(default=(), repr=False)
    kernels: ResultTable = field(default_factory=lambda: ResultTable({}))
    ledger: ResultTable = field(default_factory=lambda: ResultTable({}))
    speeds: ResultTable = field(default_factory=lambda: ResultTable({}))
    fits: ResultTable = field(default_factory=lambda: ResultTable({}))

    @property
    def summary(self) -> ResultTable:
        """A row per unit and simulator: builds, points, exact, worst_error_frac, rtl_cycles, faults."""
        rows: dict[tuple[str, str], dict[str, Any]] = {}
        for simulation in self.simulations.rows():
            key = (simulation["unit"], simulation["simulator"])
            new = {"unit": key[0], "simulator": key[1], "builds": 0, "points": 0, "exact": 0, "worst_error_frac": 0.0}
            row = rows.setdefault(key, {**new, "rtl_cycles": 0, "faults": 0})
            row["builds"] += 1
            row["faults"] += simulation["faults"]
        for point in self.points.rows():
            row = rows[point["unit"], point["simulator"]]
            row["points"] += 1
            row["exact"] += point["model_cycles"] == point["rtl_cycles"]
            row["worst_error_frac"] = max(row["worst_error_frac"], abs(point["error_frac"]))
            row["rtl_cycles"] += point["rtl_cycles"]
        return ResultTable.from_rows(list(rows.values()))


def choose_simulators(names: Sequence[str]) -> list[Simulator]:
    """Find the simulators of these names, or all that can be used when there are none.

    Raises
    ------
    UnsupportedError
        When one that was named, or every one, cannot be used; says how to get it.
    """
    found = [find_simulator(name) for name in names or SIMULATORS]
    usable = [simulator for simulator in found if simulator.is_usable]
    missing = [f"{simulator.name}: {simulator.detail}" for simulator in found if not simulator.is_usable]
    if missing and (names or not usable):
        raise UnsupportedError("simulation of hardware blocks", missing)
    return usable


def plan_simulations(units: Sequence[Unit], simulators: Sequence[Simulator], n_points: int | None = None) -> list[Plan]:
    """List what is to be run, simulator by simulator; ``n_points`` per block and simulator, else the contract's.

    Raises
    ------
    InputError
        When two blocks have one name, or there is nothing to run.
    """
    folders = {unit.folder: unit for unit in units}
    names = [unit.name for unit in folders.values()]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        where = " and ".join(str(folder) for folder in folders if folder.name == twice)
        raise InputError("units", [Fault("", f"{where} have one name; verify them one after the other")])
    plans = [
        Plan(unit, build, simulator, n)
        for simulator in simulators
        for unit in folders.values()
        for build, n in count_points(unit, simulator.name, n_points).items()
    ]
    if not plans:
        asked = ", ".join(simulator.name for simulator in simulators)
        text = f"{', '.join(names)}: nothing to play on {asked}; look at 'points' and 'icarus' in the contract"
        raise InputError("units", [Fault("", text)])
    return plans


def run_plan(plan: Plan, folder: Path, *, seed: int = SEED, is_waves: bool = False) -> tuple[list[Point], Simulation]:
    """Draw the points of a plan, play them, and keep waves when something differs.

    Waves of a failure come from a second run, as tracing makes a simulation several times slower: ``dump.fst``
    (Icarus) or ``dump.vcd`` (Verilator) in the folder of the simulation.
    """
    points = draw_points(plan.unit, plan.build, plan.n_points, seed)
    play = partial(
        simulate, plan.unit, plan.build, plan.simulator, points, folder, seed=seed, patience=plan.patience
    )  # fmt: skip
    simulation = play(is_waves=is_waves)
    if simulation.faults and simulation.points and not is_waves:
        return points, play(is_waves=True)
    return points, simulation


def coverage_faults(unit: Unit, simulations: Sequence[Simulation]) -> list[str]:
    """Compare the coverage bins that the simulations of a block on one simulator hit with those of its contract."""
    hit = {name for simulation in simulations for row in simulation.points for name in row["bins"]}
    known, simulator = set(unit.contract.coverage), simulations[0].simulator
    wanted = known - set(unit.contract.not_on_icarus if simulator == "icarus" else ())
    where = f"{unit.name} on {simulator}: coverage bin"
    return [f"{where} {name!r} is never hit" for name in sorted(wanted - hit)] + [
        f"{where} {name!r} is not in the contract" for name in sorted(hit - known)
    ]


class SimulationPool:
    """Runs plans side by side, as many as there are cores; results are asked for by plan.

    Parameters
    ----------
    folder
        Where each simulation gets a folder of its own.
    seed
        From which all stimuli are drawn.
    is_waves
        Whether all signals are traced.
    """

    def __init__(self, folder: Path, *, seed: int = SEED, is_waves: bool = False) -> None:
        self._folder, self._seed, self._is_waves = folder, seed, is_waves
        self._pool = ThreadPoolExecutor(os.cpu_count())
        self._futures: dict[str, Future[tuple[list[Point], Simulation]]] = {}

    def start(self, plan: Plan) -> Future[tuple[list[Point], Simulation]]:
        """Start a plan, unless it has been started."""
        if plan.name not in self._futures:
            self._futures[plan.name] = self._pool.submit(
                run_plan, plan, self._folder, seed=self._seed, is_waves=self._is_waves
            )
        return self._futures[plan.name]

    def close(self, *, is_cut_short: bool = False) -> None:
        """Drop what has not begun and wait for the rest, or end it, too."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        while is_cut_short and not all(future.done() for future in self._futures.values()):
            end_simulations()  # again: one that was about to begin has begun
            time.sleep(_PAUSE_S)
        self._pool.shutdown()


def verify(
    plans: Sequence[Plan], folder: Path, *, seed: int = SEED, is_waves: bool = False,
    tell: Callable[[int, int, str], None] | None = None,
) -> Verification:  # fmt: skip
    """Run plans and compare model and hardware at every point.

    Parameters
    ----------
    plans
        What to run.
    folder
        For logs, results and waves.
    seed, is_waves
        As in `SimulationPool`.
    tell
        Told how many simulations are over, how many there are, and the name of the last one.
    """
    pool = SimulationPool(folder, seed=seed, is_waves=is_waves)
    done: dict[str, tuple[list[Point], Simulation]] = {}
    try:
        futures = {pool.start(plan): plan for plan in plans}
        for future in as_completed(futures):
            done[futures[future].name] = future.result()
            if tell:
                tell(len(done), len(plans), futures[future].name)
    except BaseException:  # whoever interrupts does not want to wait for simulators
        pool.close(is_cut_short=True)
        raise
    pool.close()
    results = [Played(plan, *done[plan.name]) for plan in plans]
    faults = {plan.name: simulation.faults for plan, _, simulation in results if simulation.faults}
    return Verification(
        ResultTable.from_rows([row for result in results for row in point_rows(*result)]),
        ResultTable.from_rows([_simulation_row(plan, simulation) for plan, _, simulation in results]),
        faults | _missed_goals([(plan, simulation) for plan, _, simulation in results]),
        results, kernel_table(results), ledger_table(results), speed_table(results),
    )  # fmt: skip


def _missed_goals(results: Sequence[tuple[Plan, Simulation]]) -> dict[str, list[str]]:
    """Check coverage where all points of a contract were played; fewer points need not reach its goals."""
    found: dict[str, list[str]] = {}
    groups: dict[tuple[str, str], list[tuple[Plan, Simulation]]] = {}
    for plan, simulation in results:
        groups.setdefault((plan.simulator.name, plan.unit.name), []).append((plan, simulation))
    for (simulator, name), group in groups.items():
        unit = group[0][0].unit
        if sum(plan.n_points for plan, _ in group) >= unit.contract.points.get(simulator, 0):
            faults = coverage_faults(unit, [simulation for _, simulation in group])
            found |= {f"{simulator}-{name}-coverage": faults} if faults else {}
    return found


def point_rows(plan: Plan, points: Sequence[Point], simulation: Simulation) -> Iterator[dict[str, object]]:
    """Compare the cycles of each point that was measured; a row each."""
    for point, measured in zip(points, simulation.points, strict=False):
        model, rtl = point.expected["cycles"], measured["cycles"]
        yield {
            "unit": plan.unit.name, "simulator": plan.simulator.name, "build": plan.build, "point": point.index,
            "seed": "-".join(str(part) for part in point.seed), "parameters": dict(point.parameters),
            "model_cycles": model, "rtl_cycles": rtl, "error_frac": model / rtl - 1 if rtl else float(model > 0),
            **{name: point.expected[name] for name in ("kernel", "models") if name in point.expected},
        }  # fmt: skip


def _simulation_row(plan: Plan, simulation: Simulation) -> dict[str, object]:
    return {
        "unit": plan.unit.name, "simulator": plan.simulator.name, "build": plan.build,
        "points": len(simulation.points), "faults": len(simulation.faults), "build_s": simulation.build_seconds,
        "simulation_s": simulation.seconds, "simulated_cycles": simulation.simulated_cycles,
    }  # fmt: skip
