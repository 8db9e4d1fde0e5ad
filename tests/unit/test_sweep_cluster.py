"""Sweeps on a cluster: a Dask scheduler and two worker processes on this machine, one of which is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import pytest

import archmodel as am
from archmodel.sweep import executors

distributed = pytest.importorskip("distributed", reason="no distributed; run: pip install 'archmodel[cluster]'")

GIVEN = {
    "title": "small",
    "machine": "mtia_2i",
    "workloads": [{"workload": "recommendation/mtia_lc1", "label": "ranking"}],
    "axes": {"clock": {"low": "1 GHz", "high": "2 GHz", "n": 21}, "pe.rows": list(range(1, 17))},
    "objectives": {"throughput": "max", "area": "min"},
}  # 336 points, 21 parts


@contextmanager
def started(*command):
    process = subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def cluster(tmp_path):
    file = tmp_path / "scheduler.json"
    with ExitStack() as stack:
        stack.enter_context(started(
            "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
            "--scheduler-file", str(file),
        ))  # fmt: skip
        worker = ("distributed.cli.dask_worker", "--scheduler-file", str(file), "--nthreads", "1", "--no-nanny",
                  "--no-dashboard", "--local-directory", str(tmp_path))  # fmt: skip
        workers = [stack.enter_context(started(*worker)) for _ in range(2)]
        from distributed import Client

        until = time.monotonic() + 60
        while not file.exists() and time.monotonic() < until:
            time.sleep(0.05)
        with Client(scheduler_file=str(file)) as client:
            client.wait_for_workers(2, timeout=60)
            address = client.scheduler.address
        yield address, workers


def test_a_lost_worker_costs_no_point(cluster, tmp_path):
    address, workers = cluster
    lost = []

    def tell(progress):
        if progress.n_done > 60 and not lost:
            lost.append(workers[0].pid)
            os.kill(workers[0].pid, signal.SIGKILL)

    am.sweep(GIVEN, tmp_path / "cluster", executor="dask", scheduler=address, tell=tell)
    am.sweep(GIVEN, tmp_path / "threads")
    assert lost
    tables = [
        {path.name: path.read_bytes() for path in (tmp_path / name).glob("*/part-*.parquet")}
        for name in ("cluster", "threads")
    ]
    assert len(tables[0]) > 20
    assert tables[0] == tables[1]


WORKER = SimpleNamespace(address="tcp://10.0.0.2:1")


@pytest.mark.parametrize("error", [distributed.KilledWorker("part", WORKER, 3), CancelledError("part")])
def test_a_part_that_the_cluster_gives_up_is_told(monkeypatch, error):
    """Injected: the scheduler gives up when a part has ended several workers, or when it ends itself."""

    class Future:
        def result(self):
            raise error

    class Client:
        def nthreads(self):
            return {}

        def submit(self, *_arguments, **_options):
            return Future()

    class Dask:
        KilledWorker = distributed.KilledWorker
        as_completed = list

    monkeypatch.setattr(executors, "_distributed", Dask)
    with pytest.raises(
        am.ArchmodelError,
        match=r"^the cluster gave a part up: .*part.*; look for what ends workers \(memory\?\) or "
        r"the scheduler, and give the same command to go on$",
    ):
        next(executors._Dask(b"", Client()).map([(0, [])]))


def test_a_scheduler_that_does_not_answer_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(executors, "CONNECT_S", 0.5)
    with pytest.raises(am.InputError, match=r"--scheduler: 'tcp://127\.0\.0\.1:9' is no scheduler that answers: .*"):
        am.sweep(GIVEN, tmp_path, executor="dask", scheduler="tcp://127.0.0.1:9")


def test_two_clusters_of_one_computer_do_not_disturb_each_other():
    """A warning that something is in use would be an error here."""
    with executors._open_client(1, None) as one, executors._open_client(1, None) as other:
        assert one.scheduler.address != other.scheduler.address
