"""Successive fidelity: a fast model prunes, a slower one refines, the slowest confirms the front.

What a cheap model is for is the order of points, not their figures. A point stays if the cheap model has it so near to
its front that the next one may put it there; some of those that go are evaluated all the same, as controls.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archmodel.errors import Fault, InputError
from archmodel.models import find_model
from archmodel.sweep.pareto import find_front

MARGIN_FRAC = 0.2
"""A point stays if it would be on the front with every objective better by this."""

MOST_CONTROLS = 16
"""Points that go and are evaluated by the next model all the same; at most a quarter of those that stay."""

MOST_POINTS = {"roofline": 100_000, "analytic": 2000, "wave": 500, "detailed": 200, "cycle": 200, "cycle:grid": 24}
"""Points that a model gets at most, unless asked otherwise; `OTHER_MOST_POINTS` for models that are not listed."""

OTHER_MOST_POINTS = 500

Evaluate = Callable[["Rung", NDArray[np.int64]], tuple[NDArray[np.float64], NDArray[np.bool_]]]
"""Of points, by number: objectives (N, K) to be minimised, NaN where one failed, and which are feasible (N,)."""


@dataclass(frozen=True, slots=True)
class Rung:
    """A model that is given the points that a cheaper one has left.

    Parameters
    ----------
    model, mode
        As in `archmodel.models.find_model`.
    most_points
        How many points it gets at most.
    """

    model: str
    mode: str | None
    most_points: int

    @property
    def name(self) -> str:
        """Model and mode."""
        return f"{self.model}:{self.mode}" if self.mode else self.model


@dataclass(frozen=True, slots=True)
class Climbed:
    """What a rung was given and has found.

    Parameters
    ----------
    rung
        Which model.
    points
        (N,), numbers of the points that it got.
    objectives, is_feasible
        What it says of them, (N, K) to be minimised, and (N,).
    is_front
        (N,), which points no other one beats.
    distance
        (N,), how far a point is from the front, see `measure_distance`.
    kept, controls
        Numbers of the points that stay, and of those that go and are evaluated all the same; all, and none, at the end.
    elapsed_s
        For how long it has run [s].
    """

    rung: Rung
    points: NDArray[np.int64]
    objectives: NDArray[np.float64]
    is_feasible: NDArray[np.bool_]
    is_front: NDArray[np.bool_]
    distance: NDArray[np.float64]
    kept: NDArray[np.int64]
    controls: NDArray[np.int64]
    elapsed_s: float


def read_rungs(text: str) -> tuple[Rung, ...]:
    """Read rungs, cheapest first: ``roofline,analytic:500,cycle:grid:24``, a model, its mode, points at most.

    Raises
    ------
    InputError
        When there are fewer than two, or one is no model.
    """
    faults, rungs = [], []
    names = [each.strip() for each in text.split(",")]
    for name in names:
        words = name.split(":")
        limit = words.pop() if len(words) > 1 and words[-1].isdecimal() else None
        model, mode = words[0], ":".join(words[1:]) or None
        try:
            find_model(model, mode)
        except InputError as error:
            faults += [Fault("--fidelity", f"{name!r}: {fault}") for fault in error.faults]
            continue
        if limit is not None and not int(limit):
            faults.append(Fault("--fidelity", f"{name!r}: no points are too few; give 1 or more"))
        usual = MOST_POINTS.get(":".join(words), MOST_POINTS.get(model, OTHER_MOST_POINTS))
        rungs.append(Rung(model, mode, usual if limit is None else int(limit)))
    for name in sorted({each.name for each in rungs if [other.name for other in rungs].count(each.name) > 1}):
        faults.append(Fault("--fidelity", f"{name!r} is there twice; once is enough"))
    if len(names) < 2:
        faults.append(Fault("--fidelity", f"{text!r} is one model; give two or more, e.g. roofline,analytic"))
    if faults:
        raise InputError("fidelity", faults)
    return tuple(rungs)


def climb(
    rungs: Sequence[Rung], points: NDArray[np.int64], evaluate: Evaluate, seed: int, margin_frac: float = MARGIN_FRAC
) -> list[Climbed]:
    """Evaluate points rung by rung.

    Parameters
    ----------
    rungs
        Cheapest first.
    points
        (N,), numbers of the points that the first rung gets.
    evaluate
        What evaluates points at a rung.
    seed
        From which controls are drawn.
    margin_frac
        See `choose_points`.
    """
    generator = np.random.default_rng(seed)
    climbed = []
    for idx, rung in enumerate(rungs):
        start_s = time.perf_counter()
        objectives, is_feasible = evaluate(rung, points)
        distance = measure_distance(objectives, is_feasible)
        kept, controls = np.arange(len(points)), np.array([], np.int64)
        if idx + 1 < len(rungs):
            kept = choose_points(objectives, distance, rungs[idx + 1].most_points, margin_frac)
            dropped = np.setdiff1d(np.flatnonzero(np.isfinite(distance)), kept)
            n_controls = min(MOST_CONTROLS, len(kept) // 4, len(dropped))
            controls = np.sort(generator.choice(dropped, n_controls, replace=False)) if n_controls else controls
        is_front = find_front(objectives, is_feasible)
        elapsed_s = time.perf_counter() - start_s
        climbed.append(
            Climbed(
                rung, points, objectives, is_feasible, is_front, distance, points[kept], points[controls], elapsed_s
            )
        )
        points = points[np.union1d(kept, controls)]
    return climbed


def measure_distance(objectives: NDArray[np.float64], is_feasible: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Measure how far points are from the front (N,): 0 on it, NaN for what is not feasible or has no answer.

    Parameters
    ----------
    objectives
        (N, K), to be minimised; the negative of what is to be maximised.
    is_feasible
        (N,), which points count.

    Model
    -----
    ``max over q of the front, min over objectives k of ln(p_k / q_k)`` (``ln(q_k / p_k)`` where more is better): by
    that factor all objectives of p have to become better until nothing dominates it.

    Sources
    -------
    E. Zitzler et al., Performance assessment of multiobjective optimizers, IEEE Trans. Evolutionary Computation 7(2),
    2003 (the ε indicator).
    """
    counts = np.isfinite(objectives).all(axis=1) & is_feasible
    costs = _as_costs(objectives[counts])
    distance = np.zeros(len(costs))
    for corner in np.unique(costs[find_front(costs)], axis=0):
        np.maximum(distance, (costs - corner).min(axis=1), out=distance)
    of_all = np.full(len(objectives), np.nan)
    of_all[counts] = distance
    return of_all


def choose_points(
    objectives: NDArray[np.float64], distance: NDArray[np.float64], most_points: int, margin_frac: float
) -> NDArray[np.int64]:
    """Choose the points that stay, by index: those within a margin of the front, or the nearest if they are too many.

    If even the front has too many, points of it are chosen that are far apart.

    Parameters
    ----------
    objectives
        (N, K), to be minimised.
    distance
        (N,), see `measure_distance`.
    most_points
        How many may stay.
    margin_frac
        By how much every objective of a point may have to become better for it to stay.
    """
    near = np.flatnonzero(distance <= math.log1p(margin_frac))
    if len(near) <= most_points:
        return near
    front = near[distance[near] == 0]
    if len(front) > most_points:
        return np.sort(front[_spread_out(_as_costs(objectives[front]), most_points)])
    return np.sort(near[np.argsort(distance[near], kind="stable")[:most_points]])


def _as_costs(objectives: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take logarithms, such that the same difference is the same factor, and less is better."""
    return np.asarray(np.sign(objectives) * np.log(np.maximum(np.abs(objectives), np.finfo(np.float64).tiny)))


def _spread_out(costs: NDArray[np.float64], n_wanted: int) -> NDArray[np.int64]:
    """Choose points that are far apart: each is the farthest from those before it, the first is best in the first."""
    spans = np.ptp(costs, axis=0)
    scaled = costs / np.where(spans > 0, spans, 1.0)
    chosen = [int(np.argmin(scaled[:, 0]))]
    nearest = np.full(len(scaled), np.inf)
    while len(chosen) < n_wanted:
        nearest = np.minimum(nearest, np.square(scaled - scaled[chosen[-1]]).sum(axis=1))
        nearest[chosen[-1]] = -1.0
        chosen.append(int(np.argmax(nearest)))
    return np.array(chosen, np.int64)


def report(climbed: Sequence[Climbed], names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Say of each rung what it was given, what it has left, and how often it was right.

    Parameters
    ----------
    climbed
        By `climb`.
    names
        Of the objectives.

    Returns
    -------
    dict
        Columns, a row per rung: ``model``; numbers of points ``n_points``, ``n_answers``, ``n_feasible``, ``n_front``,
        ``n_kept``, ``n_controls``, and ``n_controls_on_front``, of the next rung; ``final_front_frac``, the share of
        the last front that is on the front of this rung; ``margin_needed_frac``, the largest margin that a point on
        the front of the next rung has needed to stay; ``rank_correlation_NAME`` with the next rung (Spearman).
    """
    last = climbed[-1]
    final = last.points[last.is_front]
    rows = [_report_rung(here, here if here is last else climbed[idx + 1], final, names)
            for idx, here in enumerate(climbed)]  # fmt: skip
    return {name: np.array([row[name] for row in rows], np.object_ if name == "model" else None) for name in rows[0]}


def _report_rung(here: Climbed, above: Climbed, final: NDArray[np.int64], names: Sequence[str]) -> dict[str, Any]:
    is_last = here is above
    next_front = above.points[above.is_front]
    is_next_front = np.isin(here.points, next_front)
    _, mine, theirs = np.intersect1d(here.points, above.points, return_indices=True)
    correlations = [
        math.nan if is_last else correlate_ranks(here.objectives[mine, k], above.objectives[theirs, k])
        for k in range(len(names))
    ]
    return {
        "model": here.rung.name,
        "n_points": len(here.points),
        "n_answers": int(np.isfinite(here.objectives).all(axis=1).sum()),
        "n_feasible": int(np.isfinite(here.distance).sum()),
        "n_front": int(here.is_front.sum()),
        "n_kept": len(here.kept),
        "n_controls": len(here.controls),
        "n_controls_on_front": int(np.isin(here.controls, next_front).sum()),
        "final_front_frac": float(np.isin(final, here.points[here.is_front]).mean()) if len(final) else math.nan,
        "margin_needed_frac": float(np.expm1(here.distance[is_next_front].max()))
        if len(next_front) and not is_last
        else math.nan,
        **{f"rank_correlation_{name}": value for name, value in zip(names, correlations, strict=True)},
    }


def correlate_ranks(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Correlate the ranks of two figures of the same points (Spearman); NaN where one of them does not vary.

    Parameters
    ----------
    first, second
        (N,) each; points for which one is missing do not count.
    """
    has_both = np.isfinite(first) & np.isfinite(second)
    mine, theirs = (_ranks(each[has_both]) for each in (first, second))
    if not has_both.any() or not np.ptp(mine) or not np.ptp(theirs):
        return math.nan
    return float(np.corrcoef(mine, theirs)[0, 1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank values; equal ones share the mean of their ranks."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[group], np.float64)
