"""What a benchmark measures: times of alternatives, taken side by side, and figures with their targets."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Figure:
    """One measured number, and how it compares with something measured in the same run.

    Parameters
    ----------
    name, value, unit
        What was measured.
    ratio, against
        How many times faster than ``against``.
    at_least, at_most, ratio_at_least
        What the value and the ratio should be.
    """

    name: str
    value: float
    unit: str
    ratio: float | None = None
    against: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    ratio_at_least: float | None = None

    @property
    def target(self) -> str:
        """Say what the figure should be, and whether it is."""
        checks = []
        if self.at_least is not None:
            checks.append((f">= {self.at_least:g}", self.value >= self.at_least))
        if self.at_most is not None:
            checks.append((f"<= {self.at_most:g}", self.value <= self.at_most))
        if self.ratio_at_least is not None:
            is_met = self.ratio is not None and self.ratio >= self.ratio_at_least
            checks.append((f">= {self.ratio_at_least:g} x {self.against}", is_met))
        return ", ".join(f"{text} {'met' if is_met else 'MISSED'}" for text, is_met in checks)


def interleave(alternatives: Mapping[str, Callable[[], object]], n_rounds: int = 9) -> dict[str, NDArray[np.float64]]:
    """Time every alternative once per round, A B C A B C …, so that what slows the machine slows them all [s].

    A round before the first warms caches and is not counted.
    """
    seconds = {name: np.empty(n_rounds + 1) for name in alternatives}
    for round_idx in range(n_rounds + 1):
        for name, call in alternatives.items():
            start_s = time.perf_counter()
            call()
            seconds[name][round_idx] = time.perf_counter() - start_s
    return {name: times[1:] for name, times in seconds.items()}
