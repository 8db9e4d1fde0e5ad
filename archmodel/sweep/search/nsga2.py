"""NSGA-II of pymoo: points bred from the best so far, whole generations evaluated at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from archmodel.sweep.search import Batch, Evaluate, Points, count_points, draw_unseen, register_search, require

POPULATION = 60
N_BREEDINGS = 10  # attempts to breed points that are new; what is still missing is drawn at random


@register_search("nsga2")
def breed_points(
    n_values: Sequence[int], evaluate: Evaluate, n_evaluations: int, seed: int, folder: Path | None
) -> Iterator[Batch]:
    """Evaluate generation after generation, the first of them drawn as `random` does.

    Parameters
    ----------
    n_values, evaluate, n_evaluations, seed, folder
        As `Search` says; no journal is kept: with points that are evaluated already it runs again in seconds.

    Sources
    -------
    K. Deb et al., A fast and elitist multiobjective genetic algorithm: NSGA-II, IEEE Trans. Evolutionary Computation
    6(2), 2002; J. Blank, K. Deb, pymoo: Multi-objective optimization in Python, IEEE Access 8, 2020.
    """
    n_left = min(n_evaluations, count_points(n_values))
    generator, seen = np.random.default_rng(seed), set[bytes]()
    points = draw_unseen(generator, n_values, min(POPULATION, n_left), seen)
    algorithm: Any = None
    while len(points):
        batch = Batch(points, *evaluate(points))
        yield batch
        n_left -= len(points)
        if algorithm is None:
            algorithm = _start(n_values, batch, seed)
        else:
            algorithm.tell(infills=_grade(batch))
        points = _breed(algorithm, generator, n_values, min(POPULATION, n_left), seen)


def _start(n_values: Sequence[int], first: Batch, seed: int) -> Any:
    """Set the algorithm up with a first generation."""
    require("pymoo", "nsga2")
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.problem import Problem
    from pymoo.core.termination import NoTermination
    from pymoo.operators.crossover.sbx import SBX
    from pymoo.operators.mutation.pm import PM
    from pymoo.operators.repair.rounding import RoundingRepair

    upper = np.asarray(n_values) - 1
    problem = Problem(n_var=len(n_values), n_obj=first.objectives.shape[1], n_ieq_constr=1, xl=0, xu=upper, vtype=int)
    algorithm = NSGA2(
        pop_size=POPULATION,
        crossover=SBX(prob=1.0, eta=3.0, vtype=float, repair=RoundingRepair()),
        mutation=PM(prob=1.0, eta=3.0, vtype=float, repair=RoundingRepair()),
    )
    algorithm.setup(problem, termination=NoTermination(), seed=seed, verbose=False)
    algorithm.ask()  # its own first generation, which is not used
    algorithm.tell(infills=_grade(first))
    return algorithm


def _grade(batch: Batch) -> Any:
    """Tell pymoo what points gave: objectives, and how far they are from being feasible."""
    from pymoo.core.population import Population

    graded = Population.new("X", batch.points)
    graded.set("F", np.where(batch.has_answer[:, None], batch.objectives, np.inf))
    graded.set("G", batch.grade.reshape(-1, 1))
    graded.apply(lambda individual: individual.evaluated.update(("F", "G", "H")))
    return graded


def _breed(
    algorithm: Any, generator: np.random.Generator, n_values: Sequence[int], n_wanted: int, seen: set[bytes]
) -> Points:
    """Breed points that have not been seen; what does not come about so is drawn at random."""
    bred: list[Points] = []
    for _ in range(N_BREEDINGS):
        offspring = algorithm.ask() if len(bred) < n_wanted else None
        for point in () if offspring is None else offspring.get("X").astype(np.int64):
            key = point.tobytes()
            if key not in seen and len(bred) < n_wanted:
                seen.add(key)
                bred.append(point)
    drawn = draw_unseen(generator, n_values, n_wanted - len(bred), seen)
    return np.concatenate([np.array(bred, np.int64).reshape(len(bred), len(n_values)), drawn])
