"""Executors: who evaluates the parts of a sweep. All are given the same parts and give the same tables."""

from __future__ import annotations

import importlib
import logging
import os
import pickle
import signal
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing import resource_tracker
from typing import Any, Literal, Protocol, get_args

from archmodel.errors import ArchmodelError, Fault, InputError, UnknownNameError
from archmodel.sweep.evaluate import Evaluator, Table
from archmodel.sweep.load import Sweep
from archmodel.sweep.space import Points

ExecutorName = Literal["threads", "processes", "dask"]
Work = tuple[int, Points]
Done = tuple[int, Table]
CONNECT_S = 10.0
"""For which a scheduler may take to answer [s]."""
_AHEAD = 2  # parts per worker that are under way: none waits, and few are lost when a sweep is stopped


class Executor(Protocol):
    """What every executor offers."""

    def map(self, work: Iterable[Work]) -> Generator[Done, None, None]:
        """Evaluate parts; gives them as they finish, in any order."""
        ...


@contextmanager
def open_executor(
    name: str, sweep: Sweep, n_workers: int | None = None, scheduler: str | None = None
) -> Iterator[Executor]:
    """Start the workers of a sweep, and end them with the block.

    Parameters
    ----------
    name
        ``threads`` of this process (kernels run without the GIL), ``processes`` of this machine through joblib (or of
        another backend that `joblib.parallel_config` has chosen), or ``dask``.
    sweep
        What they evaluate.
    n_workers
        How many; as many as there are processors if not given. A scheduler has its own.
    scheduler
        Address of a Dask scheduler, ``tcp://host:port``; a cluster on this machine is started if not given.

    Raises
    ------
    InputError
        When there is no such executor, or no scheduler at the address.
    ArchmodelError
        When Dask is not installed.
    """
    if name not in get_args(ExecutorName):
        raise UnknownNameError("executor", name, get_args(ExecutorName))
    if scheduler is not None and name != "dask":
        text = f"a scheduler is of executor 'dask', not {name!r}"
        raise InputError("executor", [Fault("--scheduler", text)])
    n = n_workers or len(os.sched_getaffinity(0))
    if name == "threads":
        evaluator = Evaluator(sweep)
        _ = evaluator.base, evaluator.machines  # once, before every thread needs them
        with ThreadPoolExecutor(n, "archmodel") as pool:
            yield _Threads(evaluator, pool, n)
        return
    frozen = pickle.dumps(sweep)
    # What workers would compile at the same time, they read: kernels are kept on disk, and the cache is not for many.
    Evaluator(sweep).evaluate(sweep.space.points(sweep.space.sample(1, 0)))
    if name == "processes":
        yield _Processes(frozen, n)
        return
    with _open_client(n, scheduler) as client:
        yield _Dask(frozen, client)


class _Threads:
    def __init__(self, evaluator: Evaluator, pool: ThreadPoolExecutor, n_workers: int) -> None:
        self.evaluator, self.pool, self.n_workers = evaluator, pool, n_workers

    def map(self, work: Iterable[Work]) -> Generator[Done, None, None]:
        def submit(idx: int, points: Points) -> Future[Done]:
            return self.pool.submit(lambda: (idx, self.evaluator.evaluate(points)))

        left, running = iter(work), set[Future[Done]]()
        try:
            while True:
                while len(running) < _AHEAD * self.n_workers and (part := next(left, None)) is not None:
                    running.add(submit(*part))
                if not running:
                    return
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
        finally:
            for future in running:
                future.cancel()


class _Processes:
    def __init__(self, frozen: bytes, n_workers: int) -> None:
        self.frozen, self.n_workers = frozen, n_workers

    def map(self, work: Iterable[Work]) -> Generator[Done, None, None]:
        from joblib import Parallel, delayed
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        parallel = Parallel(
            n_jobs=self.n_workers,
            return_as="generator_unordered",
            batch_size=1,
            pre_dispatch=_AHEAD * self.n_workers,
        )
        try:
            yield from parallel(delayed(evaluate_part)(self.frozen, idx, points) for idx, points in work)
        except TerminatedWorkerError as error:
            text = "a worker process has ended before its time (out of memory?); the same command goes on"
            raise ArchmodelError(text) from error


class _Dask:
    def __init__(self, frozen: bytes, client: Any) -> None:
        self.frozen, self.client = frozen, client

    def map(self, work: Iterable[Work]) -> Generator[Done, None, None]:
        def submit(part: Work) -> Any:
            return self.client.submit(evaluate_part, self.frozen, *part, pure=False)

        left, dask = iter(work), _distributed()
        n_ahead = _AHEAD * max(1, sum(self.client.nthreads().values()))
        futures = dask.as_completed([submit(part) for _, part in zip(range(n_ahead), left, strict=False)])
        for future in futures:  # what a lost worker had under way, the scheduler gives to another one
            try:
                done = future.result()
            except (dask.KilledWorker, CancelledError) as error:
                text = (
                    f"the cluster gave a part up: {error}; look for what ends workers (memory?) or the scheduler, and "
                    "give the same command to go on"
                )
                raise ArchmodelError(text) from error
            yield done
            if (part := next(left, None)) is not None:
                futures.add(submit(part))


@contextmanager
def _open_client(n_workers: int, scheduler: str | None) -> Iterator[Any]:
    dask, disabled = _distributed(), logging.root.manager.disable
    try:
        if scheduler is None:
            with _interrupts_held():
                # Any free port: the one that a scheduler takes otherwise may be that of another sweep.
                cluster = dask.LocalCluster(n_workers=n_workers, threads_per_worker=1, dashboard_address="127.0.0.1:0")
            with cluster, dask.Client(cluster) as client, _silent_when_ended(client):
                yield client
        else:
            with _connect(dask, scheduler) as client, _silent_when_ended():
                yield client
    finally:
        logging.disable(disabled)


def _connect(dask: Any, scheduler: str) -> Any:
    try:
        return dask.Client(scheduler, timeout=CONNECT_S)
    except (OSError, ValueError) as error:
        text = f"{scheduler!r} is no scheduler that answers: {error}; start one with 'dask scheduler'"
        raise InputError("executor", [Fault("--scheduler", text)]) from None


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold interrupts back until the end of the block, and for good from the processes that are started in it.

    A terminal interrupts all processes of a command. Workers are ended by the one that has started them: what they had
    to say to an interrupt would only hide what it says.
    """
    resource_tracker.ensure_running()  # or multiprocessing starts it first, and lets interrupts through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _silent_when_ended(client: Any = None) -> Iterator[None]:
    """Log nothing more when the block is interrupted: that connections break and parts are lost is then meant to be.

    Nor do workers that end with the block, which ``client`` reaches.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        logging.disable(logging.CRITICAL)
        if client is not None:
            client.run(logging.disable, logging.CRITICAL, on_error="ignore")
        raise


def _distributed() -> Any:
    try:
        return importlib.import_module("distributed")
    except ImportError as error:
        text = "executor 'dask' needs distributed; run: pip install 'archmodel[cluster]'"
        raise ArchmodelError(text) from error


def evaluate_part(frozen: bytes, idx: int, points: Points) -> Done:
    """Evaluate a part in another process.

    Parameters
    ----------
    frozen
        The sweep, pickled.
    idx
        Which part.
    points
        (N, axes), its points.
    """
    return idx, _thaw(frozen).evaluate(points)


@lru_cache(maxsize=2)
def _thaw(frozen: bytes) -> Evaluator:
    sweep: Sweep = pickle.loads(frozen)
    return Evaluator(sweep)
