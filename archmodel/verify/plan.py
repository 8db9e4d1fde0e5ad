"""What is to be run on a simulator, and what was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from archmodel.verify.bench import PATIENCE, Point, Simulation
from archmodel.verify.contract import Unit
from archmodel.verify.toolchain import Simulator


@dataclass(frozen=True, slots=True)
class Plan:
    """One simulation that is to be run.

    Parameters
    ----------
    unit, build, simulator
        What is played, and on what.
    n_points
        How many points.
    patience
        How many times the cycles of the model a point may take; longer is taken for a hang.
    """

    unit: Unit
    build: str
    simulator: Simulator
    n_points: int
    patience: int = PATIENCE

    @property
    def name(self) -> str:
        """Short name: ``verilator-dpe-small``."""
        return f"{self.simulator.name}-{self.unit.name}-{self.build}"


class Played(NamedTuple):
    """A plan that was run: its points and what the simulation of them gave."""

    plan: Plan
    points: list[Point]
    simulation: Simulation
