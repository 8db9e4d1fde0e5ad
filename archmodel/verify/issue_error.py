"""How far compact programs of a PE are off, which know the mean of what its core takes, and where that core matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from archmodel.kernels.matmul_shape import INPUT, OUTPUT, WEIGHT
from archmodel.results import ResultTable
from archmodel.verify.bench import Point, draw_points, load_law
from archmodel.verify.command_words import Product
from archmodel.verify.contract import find_unit
from archmodel.verify.core_effect import CORES, PARAMETERS, QUANTISE

LIMITED = 0.05
"""A core limits a point if half the time to issue would save a larger part of its cycles."""
MODELS = ("grid", "by_command")
"""One mean to issue for all commands of a program, as a machine file has it; a mean for each of its commands."""
_N_SHORT, _N_ANY, _N_OF_BUILD = 14, 10, 20


def quick_points(core: str) -> list[Point]:
    """Draw points on a PE whose engines wait for its core: short products, and whatever the block draws.

    Parameters
    ----------
    core
        One of `CORES`.
    """
    unit = find_unit("pe")
    law, parameters = load_law(unit.folder), {**CORES[core], **PARAMETERS}
    points = []
    for index in range(_N_SHORT + _N_ANY):
        rng = np.random.default_rng([list(CORES).index(core), index])
        if index < _N_SHORT:
            timing, n_buffered = law.pe_timing(parameters, 1, 1), int(rng.integers(2, 4))
            stimulus = law.product_stimulus(rng, parameters, _draw_short(rng), timing, n_buffered)
        else:
            stimulus = law.draw(rng, parameters)
        expected = law.expect(parameters, stimulus)
        points.append(Point(unit.name, core, index, [index], parameters, stimulus, expected))
    return points


def _draw_short(rng: np.random.Generator) -> Product:
    """Draw a product of tiles of 8 × 8 × 8, which a core issues as fast as the engines run them, or slower."""
    stationary = int(rng.choice([OUTPUT, WEIGHT, INPUT]))
    n_m, n_n, n_k = (int(n) for n in rng.integers(1, 5, 3))
    k = 8 * n_k if stationary == OUTPUT else 8
    return Product(8 * n_m, 8 * n_n, k, stationary, 8, 8, 8, stationary != INPUT, QUANTISE)


def saved_frac(point: Point) -> float:
    """Part of the cycles of a point that half the time to issue its commands would save.

    Parameters
    ----------
    point
        Of a PE with a core.
    """
    law = load_law(find_unit("pe").folder)
    whole, half = (law.run_compact(point.parameters, point.stimulus, True, scale) for scale in (1.0, 0.5))
    return float(1 - half / whole)


def issue_points() -> list[Point]:
    """Draw the points that are compared: `quick_points` of all cores, and points of the builds that have a core."""
    unit = find_unit("pe")
    builds = [name for name, parameters in unit.contract.builds.items() if parameters["CORE"]]
    quick = [point for core in CORES for point in quick_points(core)]
    return quick + [point for build in builds for point in draw_points(unit, build, _N_OF_BUILD)]


def issue_errors(points: Sequence[Point], scale: float = 1.0) -> ResultTable:
    """Compare compact programs with hardware, of which the law of the block is the measure: a row per kernel and group.

    ``group`` is ``core`` (points that a core of one context limits), ``engines`` (other points of such cores) or
    ``contexts`` (programs on two contexts). ``points``; for each of `MODELS` the error of the sum of their cycles and
    the largest of a point, ``MODEL_frac`` and ``MODEL_worst_frac``.

    Parameters
    ----------
    points
        Of a PE with a core, as of `issue_points`.
    scale
        Factor on every time to issue, to see what a wrong one would do.
    """
    groups: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        groups.setdefault((point.expected["kernel"], _group_of(point)), []).append(point)
    return ResultTable.from_rows([_row(*key, groups[key], scale) for key in sorted(groups)])


def _group_of(point: Point) -> str:
    if "contexts" in point.stimulus["code"]:
        return "contexts"
    return "core" if saved_frac(point) > LIMITED else "engines"


def _row(kernel: str, group: str, points: Sequence[Point], scale: float) -> Mapping[str, object]:
    row: dict[str, object] = {"kernel": kernel, "group": group, "points": len(points)}
    hardware = np.array([point.expected["cycles"] for point in points])
    for model, cycles in zip(MODELS, np.array([_cycles(point, scale) for point in points]).T, strict=True):
        errors = cycles / hardware - 1
        row |= {
            f"{model}_frac": float(cycles.sum() / hardware.sum() - 1),
            f"{model}_worst_frac": float(errors[np.abs(errors).argmax()]),
        }
    return row


def _cycles(point: Point, scale: float) -> list[int]:
    """Cycles by each of `MODELS`."""
    law = load_law(find_unit("pe").folder)
    return [law.run_compact(point.parameters, point.stimulus, model == "by_command", scale) for model in MODELS]
