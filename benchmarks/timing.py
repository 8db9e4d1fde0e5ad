"""Time alternatives against each other, and say what came out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Figure:
    """One measured number; ``ratio`` compares it ``against`` something measured in the same run."""

    name: str
    value: float
    unit: str
    ratio: float | None = None
    against: str | None = None
    target: str = ""
    is_met: bool = True


def interleave(alternatives: Mapping[str, Callable[[], object]], n_rounds: int = 9) -> dict[str, NDArray[np.float64]]:
    """Time every alternative once per round, A B C A B C …, so that whatever slows the machine slows them all [s]."""
    seconds = {name: np.empty(n_rounds) for name in alternatives}
    for round_idx in range(n_rounds):
        for name, call in alternatives.items():
            start_s = time.perf_counter()
            call()
            seconds[name][round_idx] = time.perf_counter() - start_s
    return seconds
