"""TPE of Optuna: points where models of good and bad ones differ most; for models that cost seconds per point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from archmodel.sweep.search import Batch, Evaluate, Points, count_points, draw_unseen, keys_of, register_search, require

N_STARTUP = 24  # drawn as `random` does, before there is anything to model
BATCH = 4  # asked before one of them is evaluated
N_ATTEMPTS = 8  # to be asked for a point that is new; then one is drawn at random
JOURNAL = "tpe.journal"


@register_search("tpe")
def ask_for_points(
    n_values: Sequence[int], evaluate: Evaluate, n_evaluations: int, seed: int, folder: Path | None
) -> Iterator[Batch]:
    """Evaluate what the tree-structured Parzen estimator asks for, a few points at a time.

    Every question has a seed of its own, so that what is asked next depends on what was told before, not on when the
    search was started: after an interruption it goes on as it would have.

    Parameters
    ----------
    n_values, evaluate, n_evaluations, seed, folder
        As `Search` says. The journal ``tpe.journal`` has what was told; a search that finds one goes on from there.

    Sources
    -------
    J. Bergstra et al., Algorithms for hyper-parameter optimization, NIPS 2011; Y. Ozaki et al., Multiobjective
    tree-structured Parzen estimator, JAIR 73, 2022; T. Akiba et al., Optuna, KDD 2019.
    """
    optuna = require("optuna", "tpe")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    estimator = _Estimator(optuna, n_values, seed)
    journal = _Journal(optuna, folder / JOURNAL, f"axes {tuple(n_values)}, seed {seed}, graded") if folder else None
    n_evaluations = min(n_evaluations, count_points(n_values))
    known = journal.read() if journal else []
    # Whole batches only: the points of one that was cut off are asked for again, and are the same.
    n_whole = len(known) - (len(known) - N_STARTUP) % BATCH if len(known) >= N_STARTUP else 0
    while estimator.n_told < n_whole:
        yield estimator.tell(known[estimator.n_told :][: BATCH if estimator.n_told else N_STARTUP])
    while estimator.n_told < n_evaluations:
        points = estimator.ask(min(BATCH if estimator.n_told else N_STARTUP, n_evaluations - estimator.n_told))
        trials = _make_trials(optuna, Batch(points, *evaluate(points)), n_values)
        if journal:
            journal.write(trials[max(len(known) - estimator.n_told, 0) :])
        yield estimator.tell(trials)


class _Estimator:
    """What was told, and what to ask next."""

    def __init__(self, optuna: Any, n_values: Sequence[int], seed: int) -> None:
        self.optuna, self.n_values, self.seed = optuna, n_values, seed
        self.seen: set[bytes] = set()
        self.study: Any = None

    @property
    def n_told(self) -> int:
        """Points that were told."""
        return len(self.seen)

    def tell(self, trials: list[Any]) -> Batch:
        """Tell what points gave."""
        batch = _read_trials(trials, self.n_values)
        if self.study is None:
            directions = ["minimize"] * batch.objectives.shape[1]
            self.study = self.optuna.create_study(directions=directions)
        self.study.add_trials(trials)
        self.seen.update(keys_of(batch.points))
        return batch

    def ask(self, n_wanted: int) -> Points:
        """Ask for points that are new."""
        seen = set(self.seen)
        if self.study is None:
            return draw_unseen(np.random.default_rng(self.seed), self.n_values, n_wanted, seen)
        points, asked = [], []
        for idx in range(self.n_told, self.n_told + n_wanted):
            point, trials = self._ask_once(idx, seen)
            points.append(point)
            asked += trials
        for trial in asked:  # they stood for points without an answer yet; the answers come as trials of their own
            self.study.tell(trial, state=self.optuna.trial.TrialState.FAIL)
        return np.array(points)

    def _ask_once(self, idx: int, seen: set[bytes]) -> tuple[Any, list[Any]]:
        """Ask for one point; gives the trials that were opened for it, too."""
        opened = []
        for attempt in range(N_ATTEMPTS):
            state = np.random.SeedSequence((self.seed, idx, attempt)).generate_state(1)
            self.study.sampler = self.optuna.samplers.TPESampler(
                n_startup_trials=1, multivariate=True, constant_liar=True, seed=int(state[0])
            )
            trial = self.study.ask(_distributions(self.optuna, self.n_values))
            opened.append(trial)
            point = _point_of(trial.params)
            if point.tobytes() not in seen:
                seen.add(point.tobytes())
                return point, opened
        return draw_unseen(np.random.default_rng((self.seed, idx)), self.n_values, 1, seen)[0], opened


class _Journal:
    """What was told, on disk. A results folder has one sweep at a time: a lock that is found is a dead one's."""

    def __init__(self, optuna: Any, path: Path, name: str) -> None:
        self.optuna, self.path, self.name = optuna, path, name
        path.with_name(path.name + ".lock").unlink(missing_ok=True)
        if path.exists():
            written = path.read_bytes()
            whole = written[: written.rfind(b"\n") + 1]  # a line that was cut off by the end of a process is none
            if whole != written:
                with path.open("r+b") as file:
                    file.truncate(len(whole))
        journal = optuna.storages.journal
        self.storage = optuna.storages.JournalStorage(journal.JournalFileBackend(str(path)))
        self.study: Any = None

    def read(self) -> list[Any]:
        """Read the trials of this search; none if it is new."""
        names = self.optuna.study.get_all_study_names(self.storage)
        if self.name not in names:
            return []
        self.study = self.optuna.load_study(study_name=self.name, storage=self.storage)
        trials: list[Any] = self.study.trials
        return trials

    def write(self, trials: list[Any]) -> None:
        """Add trials."""
        if self.study is None and trials:
            directions = ["minimize"] * int(trials[0].user_attrs["n_objectives"])
            self.study = self.optuna.create_study(study_name=self.name, storage=self.storage, directions=directions)
        for trial in trials:
            self.study.add_trial(trial)


def _distributions(optuna: Any, n_values: Sequence[int]) -> dict[str, Any]:
    return {f"{axis:03}": optuna.distributions.IntDistribution(0, n - 1) for axis, n in enumerate(n_values)}


def _point_of(params: dict[str, int]) -> Any:
    return np.array([params[name] for name in sorted(params)], np.int64)


def _make_trials(optuna: Any, batch: Batch, n_values: Sequence[int]) -> list[Any]:
    """Make a trial of each point; one that failed has no values and counts as worse than an infeasible one."""
    distributions = _distributions(optuna, n_values)
    state = optuna.trial.TrialState
    return [
        optuna.trial.create_trial(
            state=state.COMPLETE if is_answered else state.PRUNED,
            params=dict(zip(distributions, point.tolist(), strict=True)),
            distributions=distributions,
            values=values.tolist() if is_answered else None,
            constraints={"grade": grade},
            user_attrs={"n_objectives": len(values), "violation": violation},
        )
        for point, values, is_answered, violation, grade in zip(
            batch.points,
            batch.objectives,
            batch.has_answer,
            batch.violation.tolist(),
            batch.grade.tolist(),
            strict=True,
        )
    ]


def _read_trials(trials: list[Any], n_values: Sequence[int]) -> Batch:
    points = np.array([_point_of(trial.params) for trial in trials]).reshape(len(trials), len(n_values))
    missing = [float("nan")] * int(trials[0].user_attrs["n_objectives"])
    objectives = np.array([trial.values or missing for trial in trials], np.float64)
    return Batch(points, objectives, np.array([trial.user_attrs["violation"] for trial in trials], np.float64))
