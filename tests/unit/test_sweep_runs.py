"""Sweeps as they run: the same tables whoever evaluates, and whatever happens meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import archmodel as am
from archmodel.sweep.evaluate import Evaluator
from archmodel.sweep.load import load_sweep

GIVEN = {
    "title": "small",
    "machine": "mtia_2i",
    "workloads": [{"workload": "recommendation/mtia_lc1", "label": "ranking", "settings": {"batch": 256}}],
    "axes": {
        "clock": {"low": "1 GHz", "high": "2 GHz", "n": 5},
        "sram.capacity": ["64 MiB", "128 MiB", "256 MiB"],
        "memory": {
            "set": ["dram.technology", "dram.bandwidth"],
            "values": {"slow": ["LPDDR5", "204.8 GB/s"], "fast": ["HBM3E", "1.2 TB/s"]},
        },
        "workload.batch": [256, 512],
    },
    "objectives": {"throughput": "max", "area": "min"},
}  # 60 points, 4 parts


def parts_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*/part-*.parquet"))}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    am.sweep(GIVEN, folder)
    return folder


def test_what_the_sweep_sets_is_not_listed_as_assumed(undisturbed, tmp_path):
    asked = {**GIVEN, "set": {"dram.access": "64 B"}, "economy": {"fleet.utilisation": 0.5, "fleet.pue": 1.2}}
    as_shipped = am.api.open_sweep(undisturbed).run["assumed"]
    as_set = am.sweep(asked, tmp_path, points=1).run["assumed"]
    assert set(as_shipped["machine"]) - set(as_set["machine"]) == {"dram.access"}
    assert set(as_shipped["economy"]) - set(as_set["economy"]) == {"fleet.utilisation"}
    assert [len(as_set[about]) for about in as_set] == [len(as_shipped[about]) - 1 for about in as_set]


def test_points_are_what_machines_one_by_one_give(undisturbed):
    rows = list(am.api.open_sweep(undisturbed).query("select * from points order by point").rows())
    assert len(rows) == 60
    for row in rows[::7]:
        machine = am.machine("mtia_2i", {
            "clock": f"{row['clock_hz']} Hz", "sram.capacity": f"{row['sram_capacity_bytes']} B",
            "dram.technology": row["dram_technology"], "dram.bandwidth": f"{row['dram_bandwidth_bytes_per_s']} B/s",
        })  # fmt: skip
        result = am.evaluate(machine, am.workload("recommendation/mtia_lc1", batch=row["batch"]))
        assert row["ranking_latency_s"] == row["latency_s"] == result.latency_s
        assert row["throughput"] == result.throughput
        assert row["ranking_bound"] == result.bound


def test_a_run_says_with_what_it_began(undisturbed):
    run = am.api.open_sweep(undisturbed).run
    assert list(run["versions"]) == ["archmodel", "duckdb", "numba", "numpy"]
    assert run["asked"]["archmodel"] == run["versions"]["archmodel"] == version("archmodel")
    assert run["asked"]["seed"] == 0
    assert len(run["sha256"]) == len(run["asked"]["machine"]["sha256"]) == 64


def test_the_front_is_what_no_point_beats(undisturbed):
    found = am.api.open_sweep(undisturbed)
    points = [(row["throughput"], -row["silicon_mm2"], row["point"]) for row in found.query("from points").rows()]
    beaten = {
        b for fast, small, b in points
        if any(f >= fast and s >= small and (f, s) != (fast, small) for f, s, _ in points)
    }  # fmt: skip
    assert {row["point"] for row in found.front().rows()} == {idx for _, _, idx in points} - beaten


def test_operators_of_the_front_are_kept_on_request(tmp_path):
    found = am.sweep(GIVEN, tmp_path, has_operators=True)
    sums = found.query("select point, sum(latency_s) as latency_s from operators group by 1").rows()
    latency_s = {row["point"]: row["latency_s"] for row in found.front().rows()}
    job_s = 1e-6  # of the machine: starting the step is of no operator
    assert {row["point"]: pytest.approx(row["latency_s"] + job_s, rel=1e-9) for row in sums} == latency_s


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_tables_do_not_depend_on_who_evaluates(undisturbed, tmp_path, executor):
    am.sweep(GIVEN, tmp_path, executor=executor, workers=2)
    assert parts_of(tmp_path) == parts_of(undisturbed)


def test_only_what_is_missing_is_evaluated(undisturbed, tmp_path, monkeypatch):
    am.sweep(GIVEN, tmp_path)
    for idx in (1, 3):
        (tmp_path / "points" / f"part-{idx:05}.parquet").unlink()
    evaluated = []
    evaluate = Evaluator.evaluate
    monkeypatch.setattr(
        Evaluator, "evaluate", lambda self, points: evaluated.append(len(points)) or evaluate(self, points)
    )
    said = []
    am.sweep(GIVEN, tmp_path, workers=1, say=said.append)
    assert evaluated == [16, 12]
    assert said == ["32 of 60 points are there from an earlier run"]
    assert parts_of(tmp_path) == parts_of(undisturbed)


def test_a_corrupt_part_is_named_and_made_again(undisturbed, tmp_path):
    am.sweep(GIVEN, tmp_path)
    path = tmp_path / "points" / "part-00002.parquet"
    path.write_bytes(path.read_bytes()[:-3])
    said = []
    am.sweep(GIVEN, tmp_path, say=said.append)
    assert said[0] == (
        f"{path} is corrupt (its checksum is another one): kept as part-00002.parquet.corrupt, and made again"
    )
    assert path.with_name("part-00002.parquet.corrupt").exists()
    assert parts_of(tmp_path) == parts_of(undisturbed)


KILLED = """\
import os, random, signal, sys, time
from pathlib import Path
from archmodel.sweep.load import load_sweep
from archmodel.sweep.run import run_sweep

sweep, whole, killed, n_kills = load_sweep(eval(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
run_sweep(sweep, Path(sys.argv[5]), n_workers=1)  # compiles and imports

def start(folder):
    child = os.fork()
    if not child:
        run_sweep(sweep, folder, n_workers=1)
        os._exit(0)
    return child

def wait(child, n_parts, folder):  # or until it has ended
    ended = os.WEXITED | os.WNOHANG | os.WNOWAIT
    while len(list(folder.glob("points/part-*.parquet"))) < n_parts and os.waitid(os.P_PID, child, ended) is None:
        time.sleep(0.001)

start_s = time.perf_counter()
child = start(whole)
wait(child, 1, whole)
first_s = time.perf_counter() - start_s
os.waitpid(child, 0)
part_s = (time.perf_counter() - start_s - first_s) / 23
draw = random.Random(7)
for idx in range(n_kills):
    n_before = len(list(killed.glob("points/part-*.parquet")))
    child = start(killed)
    if idx % 2:
        time.sleep(draw.uniform(0, first_s))
    else:
        wait(child, n_before + 1, killed)
        time.sleep(draw.uniform(0, part_s))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print(*(f"{path.name}={path.stat().st_mtime_ns}" for path in killed.glob("points/part-*.parquet")), flush=True)
"""


def test_twenty_kills_lose_nothing_and_repeat_nothing(tmp_path):
    """kill -9 of a process that sweeps, at random moments; what is finished is neither lost nor made again."""
    given = GIVEN | {"axes": GIVEN["axes"] | {"pe.rows": list(range(1, 14))}}  # 780 points, 24 parts
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, repr(given), whole, killed, "20", tmp_path / "first"],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    seen = [dict(part.split("=") for part in line.split()) for line in done.stdout.splitlines()]
    assert len(seen) == 20
    n_unfinished = sum(0 < len(parts) < 24 for parts in seen)
    assert n_unfinished >= 6, "kills came before a sweep began, or after it was over"
    for before, after in pairwise(seen):
        assert before.items() <= after.items()
    am.sweep(given, killed)
    assert all((killed / "points" / name).stat().st_mtime_ns == int(time) for name, time in seen[-1].items())
    finished = [line for line in (killed / "log.jsonl").read_text().splitlines() if '"part"' in line]
    n_made = Counter(json.loads(line)["part"] for line in finished)
    assert max(n_made.values()) == 1
    assert parts_of(killed) == parts_of(whole)


def test_a_part_that_cannot_be_written_ends_the_sweep_and_the_rest_stays(undisturbed, tmp_path, monkeypatch):
    written = executors_of_writes(monkeypatch, fails_at=2)
    with pytest.raises(am.InputError, match=r"cannot be written: No space left on device; parts that are finished are"):
        am.sweep(GIVEN, tmp_path, workers=1)
    assert len(parts_of(tmp_path)) == 2
    written.undo()
    said = []
    am.sweep(GIVEN, tmp_path, say=said.append)
    assert said == ["32 of 60 points are there from an earlier run"]
    assert parts_of(tmp_path) == parts_of(undisturbed)


def executors_of_writes(monkeypatch, fails_at):
    from archmodel.results import store

    publish, n = store._publish, [0]

    def full(draft, path):
        if path.suffix == ".parquet":
            n[0] += 1
            if n[0] > fails_at:
                raise OSError(28, "No space left on device")
        publish(draft, path)

    monkeypatch.setattr(store, "_publish", full)
    return monkeypatch


def test_points_without_an_answer_are_rows(tmp_path):
    axes = {
        "sram.capacity": ["64 MiB", "100 GB"], "dram.capacity": ["64 GB", "128 GB"],
        "workload.dtype": ["fp16", "fp8"],
    }  # fmt: skip
    said = []
    found = am.sweep(GIVEN | {"axes": axes}, tmp_path, say=said.append)
    rows = list(found.query("select * from points order by point").rows())
    ok, no = "ok", "unsupported"
    assert [row["status"] for row in rows] == [ok, no, ok, no, no, no, ok, no]
    assert rows[1]["message"].startswith("ranking: mtia_2i")
    assert rows[4]["message"] == "sram.capacity: larger than dram.capacity; swapped?"
    assert rows[4]["latency_s"] is None
    assert rows[4]["die_mm2"] is None
    assert said == ["5 of 8 points have no answer; why is in column 'message'"]


def test_an_empty_front_says_why(tmp_path):
    said = []
    found = am.sweep(GIVEN | {"where": ["silicon_mm2 <= 1 mm2"]}, tmp_path, say=said.append)
    assert len(found.front()) == 0
    assert said == ["the front is empty: none of the 60 points with an answer meets every condition"]


def test_an_objective_without_values_leaves_the_front_empty(tmp_path):
    """No matrix work in a workload means no utilisation: NaN, which must not win."""
    said = []
    sweep = GIVEN | {"objectives": {"ranking_utilisation": "max"}}
    evaluate = Evaluator.evaluate

    def without(self, points):
        return evaluate(self, points) | {"ranking_utilisation": np.full(len(points), np.nan)}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Evaluator, "evaluate", without)
        found = am.sweep(sweep, tmp_path, say=said.append)
    assert len(found.front()) == 0
    assert said == ["the front is empty: an objective has no value at any point that meets the conditions"]


def test_stages_have_neither_energy_nor_cost():
    """As in `archmodel cost`: work is counted of all stages, and time of one chip."""
    decode = {"workload": "llm/llama3.1-8b", "label": "decode", "settings": {"phase": "decode"}}
    given = GIVEN | {"machine": "h100_sxm", "workloads": [decode], "axes": {"workload.pp": [1, 2]}}
    table = Evaluator(load_sweep(given)).evaluate(np.array([[0], [1]]))
    for name in ("decode_step_j", "decode_j_per_item", "decode_usd_per_million_items", "decode_items_per_s_per_mw"):
        assert np.isnan(table[name]).tolist() == [False, True]
    for name in ("decode_latency_s", "decode_throughput", "perf_per_usd"):
        assert np.isfinite(table[name]).all()


def test_a_base_machine_without_an_answer_is_told(tmp_path):
    parts = [
        {"workload": "llm/llama3.1-8b", "label": phase, "settings": {"phase": phase, "dtype": "fp8"}}
        for phase in ("prefill", "decode")
    ]
    given = GIVEN | {"machine": "mtia_v1", "workloads": parts, "axes": {"clock": ["1 GHz"]}}
    with pytest.raises(am.UnsupportedError, match=r"^prefill on base machine mtia_v1 is not supported\n"):
        am.sweep(given, tmp_path)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"executor": "thread"}, "1 error in executor\n  unknown executor 'thread'; did you mean 'threads'?"),
        ({"scheduler": "tcp://127.0.0.1:1"},
         "1 error in executor\n  --scheduler: a scheduler is of executor 'dask', not 'threads'"),
        ({"search": "nsga"}, "1 error in search\n  unknown search 'nsga'; did you mean 'nsga2'?"),
        ({"search": "enumerate", "evaluations": 5},
         "1 error in sweep\n  --evaluations: 5 of 60 points are no enumeration; leave it out, or take another "
         "search"),
        ({"search": "enumerate", "points": 5},
         "1 error in sweep\n  --points: 5 of 60 points are no enumeration; leave it out, or take another search"),
        ({"points": 0},
         "1 error in sweep description\n  --points: points: 0 is not a count; allowed: whole numbers from 1 to 1e12"),
        ({"model": "roofine"},
         "1 error in sweep description\n  --model: model: unknown model 'roofine'; did you mean 'roofline'?"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_run_is_told(tmp_path, asked, expected):
    with pytest.raises(am.InputError) as caught:
        am.sweep(GIVEN, tmp_path, **asked)
    assert str(caught.value) == expected


def test_a_sample_is_part_of_the_space(undisturbed, tmp_path):
    found = am.sweep(GIVEN, tmp_path, points=20, seed=5)
    everything = {row["point"]: row for row in am.api.open_sweep(undisturbed).query("from points").rows()}
    rows = list(found.query("from points").rows())
    assert len(rows) == 20
    assert all(everything[row["point"]] == row for row in rows)


def test_points_of_a_mix_are_relative_to_the_base_machine():
    mix = GIVEN | {
        "workloads": [
            {"workload": "recommendation/mtia_lc1", "label": "ranking", "weight": 3},
            {"workload": "llm/llama3.1-8b", "label": "decode", "settings": {"phase": "decode"}},
        ],
        "axes": {"clock": ["1.35 GHz", "2.7 GHz"]},
    }
    table = Evaluator(load_sweep(mix)).evaluate(np.array([[0], [1]]))
    for name in ("speedup", "latency_ratio", "energy_ratio"):
        assert table[name][0] == pytest.approx(1.0, rel=1e-12)
    ratios = [table[f"{name}_latency_s"][1] / table[f"{name}_latency_s"][0] for name in ("ranking", "decode")]
    assert table["latency_ratio"][1] == pytest.approx(0.75 * ratios[0] + 0.25 * ratios[1], rel=1e-12)
    assert table["speedup"][1] == pytest.approx(1 / table["latency_ratio"][1], rel=1e-12)
    power_w = [table[f"{name}_step_j"][0] / table[f"{name}_latency_s"][0] for name in ("ranking", "decode")]
    assert table["power_w"][0] == pytest.approx(0.75 * power_w[0] + 0.25 * power_w[1], rel=1e-12)
