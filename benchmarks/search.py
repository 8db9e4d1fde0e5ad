"""What searches find of a real space: hypervolume against that of the enumerated front, and of points at random."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from timing import Figure, interleave

from archmodel.sweep.baseline import draw_baseline
from archmodel.sweep.conditions import sum_violations
from archmodel.sweep.evaluate import Evaluator
from archmodel.sweep.load import Sweep, load_sweep, preset_paths
from archmodel.sweep.pareto import choose_reference, find_front, measure_hypervolume, trace_hypervolume
from archmodel.sweep.progress import as_minimised
from archmodel.sweep.search import Batch, Evaluate, Floats, Points, find_search, join

N_EVALUATIONS = 2000
N_TPE = 200
SEEDS = range(5)
UNSEEN = "timing.dma.width"  # an axis that roofline does not see: half of the points would be copies
PART = 5000
N_STEPS = 20  # of a trace
WHOLE = "of the enumerated"
OVERHEAD = "ms per evaluation"


def load_space() -> Sweep:
    """Load ``mtia_next`` with the axes that roofline sees: 54,432 points."""
    given: dict[str, Any] = yaml.safe_load(preset_paths()["mtia_next"].read_text(encoding="utf-8"))
    del given["axes"][UNSEEN], given["points"]
    return load_sweep(given)


def enumerate_space(sweep: Sweep) -> tuple[Floats, Floats]:
    """Evaluate every point: objectives, to be minimised, and by how much conditions are broken, by number."""
    evaluator, ids = Evaluator(sweep), np.arange(sweep.space.n_points)
    tables = [evaluator.evaluate(sweep.space.points(part)) for part in np.split(ids, range(PART, len(ids), PART))]
    objectives = np.concatenate([as_minimised(sweep.objectives, table) for table in tables])
    return objectives, np.concatenate([sum_violations(sweep.conditions, table) for table in tables])


def look_up(sweep: Sweep, objectives: Floats, violation: Floats) -> Evaluate:
    """Answer from what was enumerated."""

    def evaluate(points: Points) -> tuple[Floats, Floats]:
        ids = sweep.space.ids(points)
        return objectives[ids], violation[ids]

    return evaluate


def measure() -> list[Figure]:
    """Run NSGA-II with several seeds; the least of them counts."""
    sweep = load_space()
    start_s = time.perf_counter()
    objectives, violation = enumerate_space(sweep)
    enumerated_s = time.perf_counter() - start_s
    evaluate, n_values, is_feasible = look_up(sweep, objectives, violation), sweep.space.n_values, violation == 0
    traces: list[Mapping[str, Any]] = []
    elapsed_s = []
    for seed in SEEDS:
        start_s = time.perf_counter()
        found = join(list(find_search("nsga2")(n_values, evaluate, N_EVALUATIONS, seed, None)))
        elapsed_s.append(time.perf_counter() - start_s)
        baseline = draw_baseline(n_values, evaluate, found, seed)
        reference = choose_reference(baseline.objectives, baseline.is_feasible)
        assert reference is not None
        whole = measure_hypervolume(objectives[is_feasible], reference)
        traces.append(
            {name: trace(batch, reference) / whole for name, batch in (("nsga2", found), ("random", baseline))}
        )
    print_traces(sweep, objectives, is_feasible, traces)
    return [
        Figure("search_space_enumerated", enumerated_s, "s"),
        Figure("search_front_of_1e6", time_front(), "s"),
        Figure("search_nsga2_overhead", 1e3 * float(np.median(elapsed_s)) / N_EVALUATIONS, OVERHEAD),
        Figure("search_tpe_overhead", time_tpe(n_values, evaluate), OVERHEAD),
        *(least_of(traces, "nsga2", n) for n in (500, 1000)),
        Figure("search_nsga2_hypervolume", share_of(traces, "nsga2", N_EVALUATIONS), WHOLE, at_least=0.95),
        least_of(traces, "random", N_EVALUATIONS),
    ]


def time_front() -> float:
    """Find the front of a million points with three objectives [s]; the median of three times."""
    objectives = np.random.default_rng(0).random((1_000_000, 3))
    return float(np.median(interleave({"front": lambda: find_front(objectives)}, n_rounds=3)["front"]))


def time_tpe(n_values: tuple[int, ...], evaluate: Evaluate) -> float:
    """Ask TPE for points and tell it of them [ms per evaluation]."""
    start_s = time.perf_counter()
    for _ in find_search("tpe")(n_values, evaluate, N_TPE, 0, None):
        pass
    return 1e3 * (time.perf_counter() - start_s) / N_TPE


def share_of(traces: list[Mapping[str, Any]], search: str, n_evaluations: int) -> float:
    """Give the least share of the enumerated hypervolume after so many evaluations, over the seeds."""
    return min(float(run[search][N_STEPS * n_evaluations // N_EVALUATIONS - 1]) for run in traces)


def least_of(traces: list[Mapping[str, Any]], search: str, n_evaluations: int) -> Figure:
    return Figure(f"search_{search}_hypervolume_{n_evaluations}", share_of(traces, search, n_evaluations), WHOLE)


def trace(batch: Batch, reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the hypervolume after each twentieth of the evaluations."""
    return trace_hypervolume(batch.objectives, batch.is_feasible, reference, N_STEPS)[1]


def print_traces(
    sweep: Sweep, objectives: NDArray[np.float64], is_feasible: NDArray[np.bool_], traces: list[Mapping[str, Any]]
) -> None:
    """Print how the hypervolume grows, as a share of that of the enumerated front."""
    n_front = int(find_front(objectives, is_feasible).sum())
    print(f"{sweep.space.n_points} points, {is_feasible.mean():.0%} feasible, {n_front} on the front")
    print("share of the enumerated hypervolume, least and most of the seeds")
    print(f"{'evaluations':>12}{'nsga2':>18}{'random':>18}")
    for step in (0, 1, 2, 4, 9, 14, N_STEPS - 1):
        cells = [[run[name][step] for run in traces] for name in ("nsga2", "random")]
        text = "".join(f"{min(values):>10.4f}-{max(values):.4f}" for values in cells)
        print(f"{N_EVALUATIONS * (step + 1) // N_STEPS:>12}{text}")


if __name__ == "__main__":
    for figure in measure():
        print(f"{figure.name:30}{figure.value:>10.3g} {figure.unit:24}{figure.target}")
