"""What auto-increment and a second context do to small matrix products on a PE, in hardware and in the cycle model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from archmodel.kernels.matmul_shape import INPUT, OUTPUT, WEIGHT
from archmodel.kernels.program import ISSUE, MATRIX
from archmodel.lowering.program import UNITS, CommandTable, Grid
from archmodel.lowering.run import run_table
from archmodel.results import ResultTable
from archmodel.verify.bench import Point, load_law
from archmodel.verify.command_words import Product
from archmodel.verify.contract import find_unit

CORES: dict[str, dict[str, int]] = {
    "plain": {"AUTO": 0, "CONTEXTS": 1},
    "two contexts": {"AUTO": 0, "CONTEXTS": 2},
    "auto-increment": {"AUTO": 1, "CONTEXTS": 1},
    "both": {"AUTO": 1, "CONTEXTS": 2},
}
"""Cores that are compared."""
PARAMETERS = {
    "CORE": 1, "SLOTS": 16, "DECODE": 0, "LOAD": 1, "MULTIPLY": 2, "DIVIDE": 1, "QUEUE": 4, "TOKENS": 3, "N_TILES": 1,
    "ROWS": 4, "DEPTH": 8, "COLS": 4, "GAP": 0, "LATENCY": 2, "BEATS": 64, "SIMD": 2, "WIDTH": 8, "FRAGMENT": 8,
    "OUTSTANDING": 8, "REQUEST": 1, "FABRIC": 4, "VLEN": 64, "DLEN": 32, "CHAIN": 2, "VECTOR_LOAD": 3, "ADDRESS": 12,
}  # fmt: skip
"""A PE whose engines are quick enough to wait for its core."""
QUANTISE = ((2, 0, 8),)
PRODUCTS = (
    Product(32, 32, 32, OUTPUT, 8, 8, 8, True, QUANTISE),
    Product(32, 32, 8, OUTPUT, 8, 8, 8, True, QUANTISE),
    Product(32, 32, 8, WEIGHT, 8, 8, 8, True, QUANTISE),
    Product(16, 16, 8, INPUT, 8, 8, 8, False, QUANTISE),
)
"""Small products, tile by tile of 8 × 8."""
_STATIONARY = ("output", "weight", "input")


def effect_points(core: str) -> list[Point]:
    """Points that play all products on a core.

    Parameters
    ----------
    core
        One of `CORES`.
    """
    unit = find_unit("pe")
    law, parameters = load_law(unit.folder), {**CORES[core], **PARAMETERS}
    points = []
    for index, product in enumerate(PRODUCTS):
        rng = np.random.default_rng(index)
        timing = law.pe_timing(parameters, 1, 1)
        stimulus = law.product_stimulus(rng, parameters, product, timing, n_buffered=2)
        expected = law.expect(parameters, stimulus)
        points.append(Point(unit.name, core, index, [index], parameters, stimulus, expected))
    return points


def hardware_utilisation(measured: Mapping[str, Any]) -> float:
    """Part of the cycles in which the matrix engine is at work.

    Parameters
    ----------
    measured
        Cycles and events of a point: of the hardware, or of its law, which are the same.
    """
    name = UNITS[MATRIX]
    spans = zip(measured["events"][f"{name}_start"], measured["events"][f"{name}_end"], strict=True)
    return float(sum(end - start for start, end in spans) / measured["cycles"])


def model_utilisation(stimulus: Mapping[str, Any], queue_depth: int) -> float:
    """Compute the same for the program as the cycle model has it: every command takes the core's mean to issue.

    Parameters
    ----------
    stimulus
        Of a point.
    queue_depth
        Commands that wait in front of a unit.
    """
    run = run_table(CommandTable(*(np.array(part) for part in stimulus["compact"])), Grid(), "grid", queue_depth)
    return float(run.busy_cycles[0, MATRIX] / (run.cycles + stimulus["launch"] + 1))


def core_effects() -> ResultTable:
    """Compare the cores: a row per product and core.

    ``product``, ``stationary``, ``core``, ``issue_cycles`` per command, and the utilisation of the matrix engine:
    ``hardware_frac`` and ``model_frac``.
    """
    rows: list[dict[str, object]] = []
    for core in CORES:
        for point, product in zip(effect_points(core), PRODUCTS, strict=True):
            rows.append(
                {
                    "product": f"{product.m} × {product.n} × {product.k}",
                    "stationary": _STATIONARY[product.stationary],
                    "core": core,
                    "issue_cycles": int(point.stimulus["compact"][0][0][ISSUE]),
                    "hardware_frac": hardware_utilisation(point.expected),
                    "model_frac": model_utilisation(point.stimulus, PARAMETERS["QUEUE"]),
                }
            )
    return ResultTable.from_rows(rows)
