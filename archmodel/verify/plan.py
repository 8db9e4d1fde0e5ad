"""What is to be run on a simulator, and what was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from archmodel.verify.bench import Point, Simulation
from archmodel.verify.contract import Unit
from archmodel.verify.toolchain import Simulator


@dataclass(frozen=True, slots=True)
class Plan:
    """One simulation that is to be run: a build of a block, a simulator, and how many points."""

    unit: Unit
    build: str
    simulator: Simulator
    n_points: int

    @property
    def name(self) -> str:
        """Short name: ``verilator-dpe-small``."""
        return f"{self.simulator.name}-{self.unit.name}-{self.build}"


class Played(NamedTuple):
    """A plan that was run: its points and what the simulation of them gave."""

    plan: Plan
    points: list[Point]
    simulation: Simulation
